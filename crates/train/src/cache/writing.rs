//! Renders film at half size, encodes it, and writes shards.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use half::f16;
use kinora_filmset::program::Aspect;
use kinora_models::native::{Encoder, LATENT_STRIDE, latent_frames};
use kinora_nn::tokenizer::WordTokenizer;
use kinora_tensor::{Tensor, parallel_map, threads};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Serialize;

use super::{FORMAT, Subject};
use crate::data::{Example, Film, Said, Source};
use crate::files::replace;

/// Pixels of a half-size frame under a latent.
const STRIDE: usize = 16;
/// The number that the first clip of a cache is drawn with: far from those that are looked at.
const FIRST_SEED: u64 = 10_000_000;
/// Ways to say what a clip shows, beside its caption. A caption of forty words is a clip's own: with one
/// alone a model can learn which clip it belongs to instead of what it says.
const PHRASINGS: usize = 3;

/// What to write.
pub struct Arguments {
    /// Where clips come from.
    pub source: Source,
    /// Part of a shard's name.
    pub aspect: String,
    /// The cache.
    pub folder: PathBuf,
    /// Clips in all.
    pub count: u64,
    /// Clips of a shard.
    pub shard: u64,
}

/// What a shard knows of a clip: [`super::Header`], and what the oracle's text encoder reads.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    said: Said<'a>,
    #[serde(flatten)]
    subject: Option<Subject>,
    phrasings: Vec<String>,
}

/// Writes the shards that are not there yet; calls `done` with the path of each.
///
/// # Errors
/// When a file cannot be written; shards that are there stay whole.
pub fn write(
    arguments: &Arguments,
    encoder: &Encoder,
    tokenizer: &WordTokenizer,
    mut done: impl FnMut(&Path),
) -> Result<()> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let frames = arguments.source.frames();
    for number in 0..arguments.count.div_ceil(arguments.shard) {
        let name = format!("{}-{frames}-{number:05}.safetensors", arguments.aspect);
        let path = folder.join(name);
        if !path.exists() {
            let first = first_seed(&arguments.source) + number * arguments.shard;
            let seeds = first..first + arguments.shard;
            let bytes = shard(&arguments.source, seeds, encoder, tokenizer)?;
            replace(&path, &bytes)?;
        }
        done(&path);
    }
    Ok(())
}

/// The number that the first clip of this shape and length is drawn with. Each has its own: the same
/// programs in all of them would be fewer scenes to learn from.
fn first_seed(source: &Source) -> u64 {
    let aspect = source.recipe.aspect.map_or(0, |aspect| aspect as u64);
    (u64::from(source.frames()) << 40) + (aspect << 36) + FIRST_SEED
}

fn shard(
    source: &Source,
    seeds: std::ops::Range<u64>,
    encoder: &Encoder,
    tokenizer: &WordTokenizer,
) -> Result<Vec<u8>> {
    let examples: Vec<Example> = seeds.map(|seed| source.draw(seed)).collect();
    let (mut latents, mut cover) = (Vec::new(), Vec::new());
    let mut dims = [0; 4];
    for examples in examples.chunks(threads()) {
        let films = parallel_map(examples.len(), |i| film(&examples[i]));
        for (example, (film, masks)) in examples.iter().zip(films) {
            let encoded = encoder.encode(&film);
            dims = encoded.dims();
            latents.extend(encoded.to_vec().into_iter().map(f16::from_f32));
            let size = half(example.program.aspect);
            cover.extend(covered(&masks, size).into_iter().map(f16::from_f32));
        }
    }
    let headers: Vec<Written> = examples
        .iter()
        .map(|example| Written {
            said: example.said(tokenizer),
            subject: example.program.subjects.first().map(|subject| Subject {
                kind: subject.kind,
                color: subject.color,
            }),
            phrasings: source.phrasings(example, PHRASINGS),
        })
        .collect();
    let bytes =
        |values: &[f16]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let (latents, cover) = (bytes(&latents), bytes(&cover));
    let [t, h, w, c] = dims;
    let view = |dims: Vec<usize>, data| TensorView::new(Dtype::F16, dims, data);
    let n = examples.len();
    let views = [
        ("latents", view(vec![n, t, h, w, c], &latents)?),
        ("cover", view(vec![n, t, h, w], &cover)?),
    ];
    let metadata = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("headers".to_owned(), serde_json::to_string(&headers)?),
    ]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// The size that clips are encoded at.
fn half(aspect: Aspect) -> (u32, u32) {
    let (width, height) = aspect.size();
    (width / 2, height / 2)
}

/// Half-size frames F32 `[t, h, w, 3]` in [-1, 1], and for each pixel of each whether a subject covers it.
pub(crate) fn film(example: &Example) -> (Tensor, Vec<bool>) {
    let (film, masks) = Film::render(example, half(example.program.aspect));
    (film.tensor(), masks)
}

/// The share of each latent's pixels that subjects cover. The first latent frame stands for the first
/// frame alone, the others for eight each.
fn covered(masks: &[bool], (width, height): (u32, u32)) -> Vec<f32> {
    let (width, height) = (width as usize, height as usize);
    let (rows, columns) = (height / STRIDE, width / STRIDE);
    let frames = masks.len() / (width * height);
    let mut counts = vec![0_u32; latent_frames(frames) * rows * columns];
    for (i, _) in masks.iter().enumerate().filter(|(_, on)| **on) {
        let (frame, y, x) = (i / width / height, i / width % height, i % width);
        let latent = frame.div_ceil(LATENT_STRIDE);
        let weight = if frame == 0 { LATENT_STRIDE as u32 } else { 1 };
        if y < rows * STRIDE && x < columns * STRIDE {
            counts[(latent * rows + y / STRIDE) * columns + x / STRIDE] += weight;
        }
    }
    let all = (LATENT_STRIDE * STRIDE * STRIDE) as f32;
    counts.into_iter().map(|count| count as f32 / all).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kinora_filmset::script::Split;

    use super::*;

    #[test]
    fn caches_of_a_million_clips_share_no_scene_between_lengths_and_shapes() {
        let aspects = [
            Aspect::Wide,
            Aspect::Tall,
            Aspect::Square,
            Aspect::Classic,
            Aspect::Portrait,
        ];
        let lengths = [1, 9, 25, 97, 193, 481];
        let sources = lengths.iter().flat_map(|&frames| {
            aspects.map(|aspect| Source::new(frames, Some(aspect), Split::Train))
        });
        let firsts: BTreeSet<u64> = sources.map(|source| first_seed(&source)).collect();
        assert_eq!(firsts.len(), aspects.len() * lengths.len());
        let firsts: Vec<u64> = firsts.into_iter().collect();
        assert!(firsts.windows(2).all(|pair| pair[1] - pair[0] > 1_000_000));
    }
}
