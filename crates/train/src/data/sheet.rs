//! Contact sheets: clips as rows, time as columns.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use kinora_filmset::Stage;

use super::stream::StreamOptions;

/// Pixels between cells.
pub const GAP: usize = 4;

/// What a sheet shows.
#[derive(Debug, Clone)]
pub struct SheetOptions {
    /// Which clips; the size is that of a cell.
    pub clips: StreamOptions,
    /// Frames a clip, spread evenly from the first to the last.
    pub columns: u32,
}

/// An RGB8 picture under construction.
pub struct Sheet {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    /// A picture of one colour.
    pub fn new(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self {
            width,
            height,
            pixels: color.repeat(width * height),
        }
    }

    /// Sets a pixel; nothing happens outside.
    pub fn dot(&mut self, (x, y): (usize, usize), color: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.pixels[at..at + 3].copy_from_slice(&color);
        }
    }

    /// Copies a frame of `width` pixels a row to (x, y), where it fits.
    pub fn paste(&mut self, frame: &[u8], width: usize, (x, y): (usize, usize)) {
        for (row, line) in frame.chunks_exact(width * 3).enumerate() {
            let at = ((y + row) * self.width + x) * 3;
            self.pixels[at..at + line.len()].copy_from_slice(line);
        }
    }

    /// Writes a PNG.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(())
    }
}

/// Renders the sheet into a PNG and writes each row's seed and caption to `captions`.
///
/// # Errors
/// When the picture or the captions cannot be written.
pub fn write_sheet(
    options: &SheetOptions,
    path: &Path,
    captions: &mut impl Write,
) -> io::Result<()> {
    let clips = &options.clips;
    let examples: Vec<_> = (0..clips.count)
        .map(|i| clips.source.draw(clips.seed.wrapping_add(i)))
        .collect();
    let sizes: Vec<_> = examples
        .iter()
        .map(|e| clips.size(e.program.aspect))
        .collect();
    let columns = options.columns.max(1) as usize;
    let cell_width = sizes.iter().map(|size| size.0 as usize).max().unwrap_or(1);
    let height: usize = sizes.iter().map(|size| size.1 as usize + GAP).sum();
    let width = columns * (cell_width + GAP) - GAP;
    let mut sheet = Sheet::new(width, height.max(1), [24; 3]);
    let mut y = 0;
    for (example, &(w, h)) in examples.iter().zip(&sizes) {
        let stage = Stage::new(&example.program, (w, h));
        let mut frame = vec![0; (w * h * 3) as usize];
        let last = example.frames.saturating_sub(1);
        for column in 0..columns {
            let share = column as f32 / (columns - 1).max(1) as f32;
            let i = example.first_frame + (last as f32 * share).round() as u32;
            stage.frame(i, &mut frame);
            sheet.paste(&frame, w as usize, (column * (cell_width + GAP), y));
        }
        y += h as usize + GAP;
        writeln!(captions, "{}: {}", example.seed, example.caption.text)?;
    }
    sheet.write(path)
}
