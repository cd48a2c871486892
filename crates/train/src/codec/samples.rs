//! How well averaged weights show film that no codec was trained on.

use std::path::Path;

use anyhow::{Context, Result};
use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;

use crate::data::{Film, GAP, Sheet, Source};
use crate::eval::model::Codec;

/// The number that the first film is drawn with.
const FIRST_SEED: u64 = 7;
const FRAMES: u32 = 17;
/// Subjects of fewer pixels are not measured alone.
const LEAST_SUBJECT: usize = 400;

/// Held-out films, and for each pixel whether it shows a subject.
pub struct Samples(Vec<(Film, Vec<bool>)>);

/// What is measured of them.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Decibels of whole films.
    pub psnr: f64,
    /// Decibels of what subjects cover.
    pub subject_psnr: f64,
    /// The change from pixel to pixel against the truth's.
    pub edges: f64,
}

impl Samples {
    /// Renders `count` films.
    pub fn new(count: usize) -> Self {
        let source = Source::new(FRAMES, Some(Aspect::Wide), Split::HeldOut);
        let film = |i| {
            let example = source.draw(FIRST_SEED + i as u64);
            Film::render(&example, example.program.aspect.size())
        };
        Self((0..count).map(film).collect())
    }

    /// Decodes what a codec makes of the films, measures it, and draws the first and the last frame beside
    /// the true ones into a PNG.
    ///
    /// # Errors
    /// When the picture cannot be written.
    pub fn measure(&self, codec: &Codec, path: &Path) -> Result<Measured> {
        let (width, height) = Aspect::Wide.size();
        let (width, height) = (width as usize, height as usize);
        let rows = self.0.len() * (height + GAP);
        let mut sheet = Sheet::new(4 * (width + GAP) - GAP, rows.max(GAP + 1) - GAP, [24; 3]);
        let mut sums = [Mean::default(), Mean::default(), Mean::default()];
        for (row, (film, mask)) in self.0.iter().enumerate() {
            let pixels = codec.decode(&codec.encode(&film.half_size()));
            let byte = |x: f32| ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
            let decoded = Film {
                frames: pixels.into_iter().map(byte).collect(),
                ..film.clone()
            };
            sums[0].add(psnr(film, &decoded, |_| true));
            if mask.iter().filter(|subject| **subject).count() > LEAST_SUBJECT {
                sums[1].add(psnr(film, &decoded, |pixel| mask[pixel]));
            }
            sums[2].add(edges(&decoded) / edges(film));
            let last = film.frames.len() - film.pixels() * 3;
            let shown = [(film, 0), (film, last), (&decoded, 0), (&decoded, last)];
            for (column, (film, first)) in shown.into_iter().enumerate() {
                let frame = &film.frames[first..first + film.pixels() * 3];
                let at = (column * (width + GAP), row * (height + GAP));
                sheet.paste(frame, width, at);
            }
        }
        sheet
            .write(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let [psnr, subject_psnr, edges] = sums.map(|mean| mean.value());
        Ok(Measured {
            psnr,
            subject_psnr,
            edges,
        })
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    /// 0 of nothing.
    fn value(&self) -> f64 {
        self.sum / self.count.max(1.0)
    }
}

/// Decibels of the pixels that `counts` says.
fn psnr(truth: &Film, decoded: &Film, counts: impl Fn(usize) -> bool) -> f64 {
    let mut mean = Mean::default();
    for (i, (a, b)) in truth.frames.iter().zip(&decoded.frames).enumerate() {
        if counts(i / 3) {
            mean.add((f64::from(*a) - f64::from(*b)).powi(2));
        }
    }
    -10.0 * (mean.value() / 255.0_f64.powi(2)).max(1e-10).log10()
}

/// The mean change from pixel to pixel, down and right.
fn edges(film: &Film) -> f64 {
    let (row, frame) = (film.width * 3, film.pixels() * 3);
    let mut means = [Mean::default(), Mean::default()];
    for pixels in film.frames.chunks_exact(frame) {
        for (i, &value) in pixels.iter().enumerate() {
            let change = |at: usize| f64::from(pixels[at].abs_diff(value));
            if i + row < frame {
                means[0].add(change(i + row));
            }
            if i % row + 3 < row {
                means[1].add(change(i + 3));
            }
        }
    }
    means.iter().map(Mean::value).sum()
}
