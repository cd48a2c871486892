//! The parts of a model: one forward of the transformer, the decoding of one clip, the encoding of one
//! prompt.

use std::hint::black_box;

use kinora_models::ltx::pipeline::{DECODE_NOISE_SCALE, DECODE_TIMESTEP, FPS};
use kinora_models::native::{TextEncoder, TextStates, Word};
use kinora_models::{ltx, native, t5, wan};
use kinora_nn::{WeightFile, Weights};
use kinora_tensor::{Tensor, release_buffers};
use serde::Serialize;

use super::presets::{Model, Preset, published};
use super::{Machine, Times, peak_memory_bytes};
use crate::error::Result;
use crate::model::{self, FrameStream};
use crate::native::Decoding;
use crate::noise::Gaussian;
use crate::open;
use crate::plan::{Plan, available_bytes};
use crate::request::Dtype;
use crate::size::Size;

/// Halfway between noise and clip.
const SIGMA: f32 = 0.5;
/// The same as the published models count it, from 0 to 1000.
const TIMESTEP: f32 = 500.0;

/// A part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The diffusion transformer: one forward, without guidance.
    Dit,
    /// The decoder: one clip, latent frame by latent frame as the engine decodes.
    Vae,
    /// The text encoder: one prompt.
    Text,
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The part.
    pub part: Part,
    /// The model.
    pub preset: &'static Preset,
    /// Width and height of the clip; those of the preset when absent.
    pub size: Option<Size>,
    /// Frames of the clip; those of the preset when absent.
    pub frames: Option<u32>,
    /// Precision of the weights. Only the transformer's are held in eight bits.
    pub dtype: Dtype,
    /// How often, above 0.
    pub runs: usize,
}

/// A part of a model, timed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartReport {
    /// The part.
    pub part: Part,
    /// The model.
    pub preset: &'static str,
    /// Width and height of the clip.
    pub size: Size,
    /// Frames of the clip.
    pub frames: u32,
    /// Shape of its latents `[t, h, w, c]`.
    pub latents: [usize; 4],
    /// Tokens of the prompt.
    pub text_tokens: usize,
    /// What computes.
    #[serde(flatten)]
    pub machine: Machine,
    /// How often it was timed.
    pub runs: usize,
    /// How long it took.
    #[serde(flatten)]
    pub times: Times,
    /// The largest memory of the process, weights included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Times a part of a model. Its weights are random numbers of the published shapes, made in memory in
/// their precision.
///
/// # Errors
/// [`crate::Error::Value`] for a clip that the model does not make, [`crate::Error::Memory`] where the
/// weights do not fit, [`crate::Error::UnknownModel`] for kinora-1 in a build without it,
/// [`crate::Error::Processor`] for a `KINORA_CPU` that this machine lacks.
///
/// # Panics
/// When there are no runs.
pub fn part(wish: &Wish) -> Result<PartReport> {
    let preset = wish.preset;
    let size = wish.size.unwrap_or(preset.size);
    let frames = wish.frames.unwrap_or(preset.frames);
    let model = preset.model()?;
    let latents = model.latents(size, frames)?;
    let dtype = match wish.part {
        Part::Dit => wish.dtype,
        Part::Vae | Part::Text => wish.dtype.whole(),
    };
    plan(model.weights(wish.part), dtype).check(available_bytes())?;
    let machine = Machine::measure(dtype)?;
    let file = WeightFile::random(preset.name);
    let bench = Bench {
        machine,
        runs: wish.runs,
        weights: file.weights(dtype.into()),
        latents,
        text_tokens: preset.text_tokens,
    };
    let times = match wish.part {
        Part::Dit => bench.dit(&model),
        Part::Vae => bench.vae(&model, frames),
        Part::Text => bench.text(&model),
    }?;
    Ok(PartReport {
        part: wish.part,
        preset: preset.name,
        size,
        frames,
        latents,
        text_tokens: preset.text_tokens,
        machine,
        runs: wish.runs,
        times,
        peak_memory_bytes: peak_memory_bytes(),
    })
}

/// The memory of so many weights; what is computed with them is small beside it.
fn plan(weights: u64, dtype: Dtype) -> Plan {
    Plan {
        resident: vec![model::Part {
            name: "weights",
            bytes: weights * dtype.size_bytes(),
        }],
        picture: Vec::new(),
        text: Vec::new(),
        denoise: Vec::new(),
        decode: Vec::new(),
    }
}

struct Bench<'a> {
    machine: Machine,
    runs: usize,
    weights: Weights<'a>,
    latents: [usize; 4],
    text_tokens: usize,
}

impl Bench<'_> {
    fn time(&self, mut run: impl FnMut() -> Tensor) -> Times {
        self.machine.time(self.runs, || drop(black_box(run())))
    }

    fn dit(&self, model: &Model) -> Result<Times> {
        let (weights, latents) = (&self.weights, random(&self.latents));
        let [t, h, w, _] = self.latents;
        Ok(match model {
            Model::Native(config) => {
                let dit = published(native::Transformer::load(weights, config))?;
                let text = TextStates {
                    states: Some(random(&[self.text_tokens, config.text.hidden_size])),
                    belief: random(&[1, config.text.num_classes()]),
                    attention: Vec::new(),
                };
                let text = dit.condition(&text);
                self.time(|| dit.forward(&latents, &vec![SIGMA; t], &text))
            }
            Model::Ltx {
                transformer, vae, ..
            } => {
                let dit = published(ltx::Transformer::load(weights, transformer))?;
                let states = random(&[self.text_tokens, transformer.caption_channels]);
                let text = dit.condition(&states, &vec![true; self.text_tokens]);
                let ratio = [vae.temporal_ratio(), vae.spatial_ratio()];
                let rule = ltx::pipeline::Pipeline::Text.time_rule();
                let positions = dit.positions([t, h, w], ratio, rule, FPS as f32);
                self.time(|| dit.forward(&latents, &[TIMESTEP], &text, &positions))
            }
            Model::Wan { transformer, .. } => {
                let dit = published(wan::Transformer::load(weights, transformer))?;
                let states = random(&[self.text_tokens, transformer.text_dim]);
                let text = dit.condition(&states, self.text_tokens);
                self.time(|| dit.forward(&latents, &[TIMESTEP], &text))
            }
        })
    }

    fn vae(&self, model: &Model, frames: u32) -> Result<Times> {
        // As the engine loads them.
        let (weights, latents) = (&self.weights.packed(), random(&self.latents));
        Ok(match model {
            Model::Native(config) => {
                let decoder = published(native::Decoder::load(weights, &config.codec))?;
                self.decoding(&latents, frames as usize, || Decoding::new(&decoder))
            }
            Model::Ltx { vae, .. } => {
                let decoder = published(ltx::Decoder::load(weights, vae))?;
                let options = ltx::DecodeOptions {
                    timestep: DECODE_TIMESTEP,
                    noise_scale: DECODE_NOISE_SCALE,
                    tiling: None,
                };
                self.decoding(&latents, frames as usize, || {
                    open::ltx_stream(&decoder, options, 1)
                })
            }
            Model::Wan { vae, .. } => {
                let decoder = published(wan::Decoder::load(weights, vae))?;
                self.decoding(&latents, frames as usize, || decoder.stream())
            }
        })
    }

    /// Times a decoder of latents `[t, h, w, c]`, whose frames are dropped as they come.
    fn decoding<S: FrameStream>(
        &self,
        latents: &Tensor,
        frames: usize,
        start: impl Fn() -> S,
    ) -> Times {
        let groups = self.latents[0];
        release_buffers();
        self.machine.time(self.runs, || {
            let mut stream = start();
            let decode = |group| {
                stream.feed(&latents.slice(group..group + 1), group + 1 == groups);
                let frames = std::iter::from_fn(|| stream.next_frames());
                frames
                    .map(|frames| black_box(frames).shape()[0])
                    .sum::<usize>()
            };
            let decoded: usize = (0..groups).map(decode).sum();
            assert_eq!(decoded, frames, "every frame was decoded");
        })
    }

    fn text(&self, model: &Model) -> Result<Times> {
        Ok(match model {
            Model::Native(config) => {
                let encoder = published(TextEncoder::load(&self.weights, &config.text))?;
                let words: Vec<Word> = (0..self.text_tokens)
                    .map(|i| Word {
                        id: i as u32 + 1,
                        ngrams: vec![i as u32 + 1; config.text.ngrams_per_word],
                        number: None,
                        unit: 0,
                    })
                    .collect();
                self.time(|| encoder.encode(&words).belief)
            }
            Model::Ltx { text, .. } | Model::Wan { text, .. } => {
                let encoder = published(t5::Encoder::load(&self.weights, text))?;
                let ids: Vec<u32> = (0..self.text_tokens as u32).collect();
                self.time(|| encoder.encode(&ids))
            }
        })
    }
}

/// Standard normal numbers.
fn random(dims: &[usize]) -> Tensor {
    let mut gaussian = Gaussian::new(1);
    Tensor::from_fn(dims, |_| gaussian.next())
}
