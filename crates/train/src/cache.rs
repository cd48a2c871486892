//! The latent cache: film that was rendered and encoded once.
//!
//! A shard is a safetensors file: `latents` F16 `[n, t, h, w, c]`, `cover` F16 `[n, t, h, w]` (the share
//! of a latent's pixels that subjects cover), and in its metadata the format, the captions and how
//! cameras move. Shards are written whole or not at all and named by shape, frames and number, so that
//! a cache can be completed and read while it grows. `oracle/native/shards.py` is the same in Python.

mod reading;
mod writing;

pub use reading::{Cache, CacheError, Cached, Part, Shard};
pub(crate) use writing::film;
pub use writing::{Arguments, write};

use kinora_filmset::program::{Color, SubjectKind};
use kinora_filmset::script::random::Rng;
use kinora_models::native::CameraPath;
use serde::{Deserialize, Serialize};

/// What shards of this version say of themselves.
const FORMAT: &str = "kinora-cache/1";

/// What is known of a cached clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The number it was drawn with.
    pub seed: u64,
    /// What the text encoder reads.
    pub caption: String,
    /// Other ways to say the same.
    #[serde(default)]
    pub phrasings: Vec<String>,
    /// How the camera moves.
    pub camera: CameraPath,
    /// The first subject, if there is one.
    #[serde(flatten)]
    pub subject: Option<Subject>,
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its kind.
    pub kind: SubjectKind,
    /// Its colour.
    pub color: Color,
}

impl Header {
    /// The caption or another way to say it.
    pub fn said(&self, rng: &mut Rng) -> &str {
        let which = rng.below(1 + self.phrasings.len());
        which
            .checked_sub(1)
            .map_or(&self.caption, |i| &self.phrasings[i])
    }
}
