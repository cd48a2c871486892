//! Shards in memory, and clips drawn from them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use kinora_filmset::script::random::Rng;
use safetensors::{Dtype, SafeTensors};

use super::{FORMAT, Header};

/// Of so many clips of a shard, the last is set aside.
const ASIDE: usize = 50;

/// What clips of a cache are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nearly all: to learn from.
    Training,
    /// One in fifty: never learned from, so that what is measured on it tells learning from knowing by
    /// heart.
    Unseen,
}

/// A clip of the cache.
#[derive(Clone, Copy)]
pub struct Cached<'a> {
    shard: &'a Shard,
    index: usize,
}

/// Clips of one shape.
pub struct Shard {
    /// `[t, h, w, c]` of a clip.
    pub shape: [usize; 4],
    /// What is known of each.
    pub headers: Vec<Header>,
    latents: Vec<f16>,
    cover: Vec<f16>,
}

/// All shards of a folder. Shards that are added later are found by [`Cache::refresh`].
pub struct Cache {
    folder: PathBuf,
    seen: BTreeSet<PathBuf>,
    shards: Vec<Shard>,
}

/// Why a cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a shard of this version.
    #[error(
        "{path} is no shard of the latent cache: {reason}; write it again with `kinora-train cache`"
    )]
    Shard {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing to train on.
    #[error(
        "{folder} holds no clip of {frames} frames or more; write some with `kinora-train cache --frames {frames}`"
    )]
    Empty {
        /// The cache.
        folder: String,
        /// Frames that a batch asks for.
        frames: usize,
    },
}

impl Part {
    /// How many clips of a shard with `clips` are of this part.
    fn count(self, clips: usize) -> usize {
        let unseen = clips / ASIDE;
        match self {
            Self::Training => clips - unseen,
            Self::Unseen => unseen,
        }
    }

    /// Where in a shard the clip `i` of this part is.
    fn index(self, i: usize) -> usize {
        match self {
            Self::Training => i + i / (ASIDE - 1),
            Self::Unseen => i * ASIDE + ASIDE - 1,
        }
    }
}

impl Shard {
    /// Reads a shard from its file.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(path: &Path) -> Result<Self, CacheError> {
        let bytes = fs::read(path).map_err(|source| CacheError::Io {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&bytes).map_err(|reason| CacheError::Shard {
            path: path.display().to_string(),
            reason,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let damaged = |error: safetensors::SafeTensorError| error.to_string();
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let said = metadata.metadata().clone().unwrap_or_default();
        match said.get("format").map(String::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("its format is {other}, not {FORMAT}")),
            None => return Err(format!("it does not say that its format is {FORMAT}")),
        }
        let headers = said.get("headers").ok_or("it has no headers")?;
        let headers: Vec<Header> =
            serde_json::from_str(headers).map_err(|error| format!("its headers: {error}"))?;
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let tensor = |name: &str| {
            let view = file.tensor(name).map_err(damaged)?;
            if view.dtype() != Dtype::F16 {
                return Err(format!("{name} is {:?}, not F16", view.dtype()));
            }
            let values = view.data().as_chunks().0.iter();
            let values: Vec<f16> = values.map(|bytes| f16::from_le_bytes(*bytes)).collect();
            if values.iter().all(|value| value.is_finite()) {
                Ok((view.shape().to_vec(), values))
            } else {
                Err(format!("{name} holds a number that is not finite"))
            }
        };
        let (dims, latents) = tensor("latents")?;
        let (places, cover) = tensor("cover")?;
        let [clips, t, h, w, c] = dims[..] else {
            return Err(format!("its latents are {dims:?}"));
        };
        if clips != headers.len() || places != [clips, t, h, w] || latents.is_empty() {
            let found = headers.len();
            return Err(format!(
                "{found} headers, latents {dims:?}, cover {places:?}"
            ));
        }
        Ok(Self {
            shape: [t, h, w, c],
            headers,
            latents,
            cover,
        })
    }
}

impl Cached<'_> {
    /// What is known of the clip.
    pub fn header(&self) -> &Header {
        &self.shard.headers[self.index]
    }

    /// `[t, h, w, c]`.
    pub fn shape(&self) -> [usize; 4] {
        self.shard.shape
    }

    /// The first `frames` latent frames, `[frames, h, w, c]`: those of the clip's beginning, as the codec
    /// is causal.
    pub fn latents(&self, frames: usize) -> impl Iterator<Item = f32> {
        self.part(&self.shard.latents, frames)
    }

    /// What subjects cover of them, `[frames, h, w]`.
    pub fn cover(&self, frames: usize) -> impl Iterator<Item = f32> {
        self.part(&self.shard.cover, frames)
    }

    fn part<'a>(&self, all: &'a [f16], frames: usize) -> impl Iterator<Item = f32> + use<'a> {
        let size = all.len() / self.shard.headers.len();
        let frame = size / self.shard.shape[0];
        let start = self.index * size;
        all[start..start + frames * frame]
            .iter()
            .map(|x| x.to_f32())
    }
}

impl Cache {
    /// Reads all shards of a folder.
    ///
    /// # Errors
    /// When the folder or a shard cannot be read.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let mut cache = Self {
            folder: folder.to_owned(),
            seen: BTreeSet::new(),
            shards: Vec::new(),
        };
        cache.refresh()?;
        Ok(cache)
    }

    /// Reads the shards that were added.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub fn refresh(&mut self) -> Result<(), CacheError> {
        let failed = |source| CacheError::Io {
            path: self.folder.display().to_string(),
            source,
        };
        let mut paths = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "safetensors")
            {
                paths.insert(path);
            }
        }
        for path in paths {
            if !self.seen.contains(&path) {
                self.shards.push(Shard::read(&path)?);
                self.seen.insert(path);
            }
        }
        Ok(())
    }

    /// How many clips there are.
    pub fn clips(&self) -> usize {
        self.shards.iter().map(|shard| shard.headers.len()).sum()
    }

    /// Draws `count` clips of one shape and part, each with at least `frames` latent frames.
    ///
    /// # Errors
    /// When there is none.
    pub fn draw(
        &self,
        part: Part,
        frames: usize,
        count: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Cached<'_>>, CacheError> {
        let long: Vec<&Shard> = self
            .shards
            .iter()
            .filter(|s| s.shape[0] >= frames)
            .collect();
        let Some(first) = pick(&long, part, rng) else {
            return Err(CacheError::Empty {
                folder: self.folder.display().to_string(),
                frames: frames.saturating_sub(1) * kinora_models::native::LATENT_STRIDE + 1,
            });
        };
        let shape = first.shard.shape;
        let alike = |shard: &&&Shard| shard.shape[1..] == shape[1..];
        let alike: Vec<&Shard> = long.iter().filter(alike).copied().collect();
        Ok((0..count).filter_map(|_| pick(&alike, part, rng)).collect())
    }
}

/// Any clip of a part of some shards, all alike.
fn pick<'a>(shards: &[&'a Shard], part: Part, rng: &mut Rng) -> Option<Cached<'a>> {
    let count = |shard: &Shard| part.count(shard.headers.len());
    let total: usize = shards.iter().map(|shard| count(shard)).sum();
    let mut index = (total > 0).then(|| rng.below(total))?;
    for shard in shards {
        if index < count(shard) {
            let index = part.index(index);
            return Some(Cached { shard, index });
        }
        index -= count(shard);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clip_is_of_one_part() {
        for clips in [1, 49, 50, 120, 250] {
            let of = |part: Part| (0..part.count(clips)).map(move |i| part.index(i));
            let mut indices: Vec<usize> = of(Part::Training).chain(of(Part::Unseen)).collect();
            indices.sort_unstable();
            assert_eq!(indices, (0..clips).collect::<Vec<_>>(), "{clips} clips");
            assert_eq!(of(Part::Unseen).count(), clips / 50);
        }
    }
}
