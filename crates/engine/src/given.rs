//! What a clip begins or ends with: pictures, or the clip that it goes on from.
//!
//! Given pictures become latent frames at noise level 0, which stay as they are while the others are
//! denoised around them: image to video, first and last frame, extension and loop are one mechanism.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kinora_media::{ClipReader, MediaError, read_still};
use kinora_nn::hex;
use kinora_tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::{ModelInfo, Pictures};
use crate::picture::fit;
use crate::request::Request;
use crate::size::Size;
use crate::timing::RATES;

/// Latent frames of a clip's end that its continuation sees: the motion, not only the picture.
const TAIL: u32 = 3;
/// The longest clip that is extended: all of it is written once more.
const MOST_EARLIER_SECONDS: f64 = 600.0;

/// The files that a clip began with, by content: a recipe names what it needs, and no path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GivenHashes {
    /// SHA-256 of the first picture's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// SHA-256 of the last picture's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_image: Option<String>,
    /// SHA-256 of the file of the clip that was extended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend: Option<String>,
}

impl GivenHashes {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What the files of a request say about the clip before anything is computed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inspected {
    pub(crate) hashes: GivenHashes,
    /// Size of the first picture, or of the clip that is extended.
    pub(crate) size: Option<Size>,
    /// The clip that is extended: its length in frames, and frames a second.
    pub(crate) clip: Option<(usize, f64)>,
}

impl Inspected {
    /// Reads the heads of the files of a request.
    ///
    /// # Errors
    /// [`Error::Value`] for files that do not go together or that the model has no use for,
    /// [`Error::Media`] for those that cannot be read.
    pub(crate) fn of(request: &Request, info: &ModelInfo) -> Result<Self> {
        let given = &request.given;
        let Some(option) = request.first_given() else {
            return Ok(Self::default());
        };
        check_use(request, option, info)?;
        if given.extend.is_some() && option != "--extend" {
            return Err(refused(
                option,
                "an extension begins where the clip ends".into(),
            ));
        }
        if given.extend.is_some() && request.frames.is_some() {
            return Err(refused(
                "--frames",
                "--seconds says how much is added".into(),
            ));
        }
        if request.looped && given.last_image.is_some() {
            return Err(refused("--last-image", "a loop ends as it begins".into()));
        }
        let hash = |path: &Option<PathBuf>| path.as_deref().map(sha256).transpose();
        let mut inspected = Self {
            hashes: GivenHashes {
                image: hash(&given.image)?,
                last_image: hash(&given.last_image)?,
                extend: hash(&given.extend)?,
            },
            ..Self::default()
        };
        for path in [&given.last_image, &given.image].into_iter().flatten() {
            let still = read_still(path)?;
            inspected.size = Some(Size::new(still.width(), still.height()));
        }
        if let Some(path) = &given.extend {
            let clip = ClipReader::open(path)?;
            let seconds = clip.frames() as f64 / clip.fps();
            if seconds > MOST_EARLIER_SECONDS {
                let hint = format!(
                    "a clip of at most {MOST_EARLIER_SECONDS} seconds can be extended, not of {seconds:.0}"
                );
                return Err(refused("--extend", hint));
            }
            inspected.size = Some(Size::new(clip.width() & !1, clip.height() & !1));
            inspected.clip = Some((clip.frames(), clip.fps()));
        }
        Ok(inspected)
    }

    /// The rate that a continuation has unless it is told: that of the clip, where it is a usual one.
    pub(crate) fn fps(&self) -> Option<u32> {
        let fps = self.clip?.1.round() as u32;
        RATES.contains(&fps).then_some(fps)
    }

    /// How many frames at `fps` the extended clip lasts.
    pub(crate) fn earlier_frames(&self, fps: u32) -> u32 {
        self.clip.map_or(0, |clip| Replay::new(clip, fps).count)
    }

    /// Made frames that only repeat the end of the extended clip.
    pub(crate) fn lead(&self, stride: u32) -> u32 {
        self.clip.map_or(0, |_| 1 + (TAIL - 1) * stride)
    }
}

/// Refuses what the model has no use for.
fn check_use(request: &Request, first: &'static str, info: &ModelInfo) -> Result<()> {
    let (given, name) = (&request.given, &info.name);
    let beyond_first = [
        ("--last-image", given.last_image.is_some()),
        ("--extend", given.extend.is_some()),
        ("--loop", request.looped),
    ];
    match info.pictures {
        Pictures::Any => Ok(()),
        Pictures::First => match beyond_first.into_iter().find(|(_, asked)| *asked) {
            Some((option, _)) => Err(refused(
                option,
                format!("{name} can begin with a picture, no more; kinora-1 can"),
            )),
            None => Ok(()),
        },
        Pictures::None => Err(refused(
            first,
            format!("{name} makes clips from text alone; kinora-1 begins with pictures"),
        )),
    }
}

fn refused(name: &'static str, hint: String) -> Error {
    Error::Value {
        name,
        value: String::new(),
        hint,
    }
}

fn sha256(path: &Path) -> Result<String> {
    let read = |path| -> io::Result<String> {
        let (mut hash, mut file) = (Sha256::new(), File::open(path)?);
        let mut piece = vec![0; 1 << 16];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                bytes => hash.update(&piece[..bytes]),
            }
        }
        Ok(hex(&hash.finalize()))
    };
    read(path).map_err(|source| {
        let path = path.to_path_buf();
        MediaError::Io {
            action: "read",
            path,
            source,
        }
        .into()
    })
}

/// Reads a picture as a frame F32 `[1, h, w, 3]` in [-1, 1], cut to the shape of `size`.
///
/// # Errors
/// [`Error::Media`].
pub(crate) fn picture(path: &Path, size: Size) -> Result<Tensor> {
    let still = read_still(path)?;
    let from = Size::new(still.width(), still.height());
    frame(still.into_rgb(), from, size)
}

/// Reads the end of a clip as `frames` frames F32 `[frames, h, w, 3]`, `fps` a second.
///
/// # Errors
/// [`Error::Media`].
pub(crate) fn tail(path: &Path, size: Size, frames: u32, fps: u32) -> Result<Tensor> {
    let mut clip = ClipReader::open(path)?;
    let from = Size::new(clip.width(), clip.height());
    // The frames back from the last one, in frames of the clip; a short clip begins with a still.
    let back = |i: u32| (f64::from(frames - 1 - i) * clip.fps() / f64::from(fps)).round() as usize;
    let wanted: Vec<usize> = (0..frames).map(back).collect();
    let mut last = VecDeque::new();
    while let Some(rgb) = clip.next_frame()? {
        if last.len() > wanted[0] {
            last.pop_front();
        }
        last.push_back(rgb);
    }
    let Some(end) = last.len().checked_sub(1) else {
        let (path, reason) = (path.to_path_buf(), "it has no pictures".into());
        return Err(MediaError::BadMp4 { path, reason }.into());
    };
    let pictures = wanted
        .into_iter()
        .map(|back| frame(last[end - back.min(end)].clone(), from, size))
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::concat(&pictures.iter().collect::<Vec<_>>(), 0))
}

fn frame(rgb: Vec<u8>, from: Size, to: Size) -> Result<Tensor> {
    let rgb = fit(rgb, from, to)?;
    let shape = [1, to.height as usize, to.width as usize, 3];
    Ok(Tensor::from_fn(&shape, |i| f32::from(rgb[i]) / 127.5 - 1.0))
}

/// Which frames of a clip are shown at another rate: each time the nearest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay {
    frames: usize,
    /// Frames of the clip for a shown one.
    pace: f64,
    /// How many are shown.
    pub(crate) count: u32,
}

impl Replay {
    pub(crate) fn new((frames, from): (usize, f64), fps: u32) -> Self {
        let pace = from / f64::from(fps);
        let count = (frames as f64 / pace).round().max(1.0) as u32;
        Self {
            frames,
            pace,
            count,
        }
    }

    /// How often frame `index` is shown.
    pub(crate) fn showings(&self, index: usize) -> u32 {
        let before = |index: usize| {
            if index >= self.frames {
                return self.count;
            }
            // Shown frame i is frame floor(i pace + 1/2).
            let before = ((index as f64 - 0.5) / self.pace).ceil().max(0.0) as u32;
            before.min(self.count)
        };
        before(index + 1) - before(index)
    }
}

/// Latent frames that stay as they are given.
#[derive(Default)]
pub(crate) struct Held {
    frames: Vec<(usize, Tensor)>,
}

impl Held {
    /// Holds latents `[n, h, w, c]` from frame `at` on.
    pub(crate) fn put(&mut self, at: usize, latents: &Tensor) {
        for i in 0..latents.shape()[0] {
            self.frames.push((at + i, latents.slice(i..i + 1)));
        }
    }

    /// Their positions.
    pub(crate) fn positions(&self) -> Vec<usize> {
        self.frames.iter().map(|(at, _)| *at).collect()
    }

    /// `x` `[t, h, w, c]` with the held frames in place.
    pub(crate) fn place(&self, x: &Tensor) -> Tensor {
        self.replace(x, Tensor::clone)
    }

    /// `x` with zeros in place of the held frames: a velocity that leaves them alone.
    pub(crate) fn rest(&self, x: &Tensor) -> Tensor {
        self.replace(x, |latents| Tensor::zeros(latents.shape(), DType::F32))
    }

    fn replace(&self, x: &Tensor, instead: impl Fn(&Tensor) -> Tensor) -> Tensor {
        if self.frames.is_empty() {
            return x.clone();
        }
        let parts: Vec<Tensor> = (0..x.shape()[0])
            .map(|frame| {
                let held = self.frames.iter().find(|(at, _)| *at == frame);
                held.map_or_else(|| x.slice(frame..frame + 1), |(_, held)| instead(held))
            })
            .collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_shows_the_nearest_frames() {
        for (frames, from, fps) in [
            (96, 24.0, 24),
            (150, 29.97, 24),
            (60, 60.0, 24),
            (10, 12.0, 30),
        ] {
            let replay = Replay::new((frames, from), fps);
            let shown: Vec<usize> = (0..frames)
                .flat_map(|i| std::iter::repeat_n(i, replay.showings(i) as usize))
                .collect();
            assert_eq!(shown.len(), replay.count as usize, "{frames} at {from}");
            for (i, &frame) in shown.iter().enumerate() {
                // The last frame is held to the end of its time.
                let exact = (i as f64 * from / f64::from(fps)).min(frames as f64 - 1.0);
                assert!(
                    (frame as f64 - exact).abs() <= 0.5 + 1e-9,
                    "frame {i} of {fps}"
                );
            }
            let seconds = frames as f64 / from;
            assert!((f64::from(replay.count) / f64::from(fps) - seconds).abs() < 0.03);
        }
    }

    #[test]
    fn held_frames_replace_and_rest() {
        let x = Tensor::full(7.0, &[4, 1, 1, 2], DType::F32);
        let mut held = Held::default();
        assert_eq!(held.place(&x).to_vec(), x.to_vec());
        held.put(0, &Tensor::full(1.0, &[1, 1, 1, 2], DType::F32));
        held.put(3, &Tensor::full(2.0, &[1, 1, 1, 2], DType::F32));
        assert_eq!(held.positions(), [0, 3]);
        assert_eq!(
            held.place(&x).to_vec(),
            [1.0, 1.0, 7.0, 7.0, 7.0, 7.0, 2.0, 2.0]
        );
        assert_eq!(
            held.rest(&x).to_vec(),
            [0.0, 0.0, 7.0, 7.0, 7.0, 7.0, 0.0, 0.0]
        );
    }
}
