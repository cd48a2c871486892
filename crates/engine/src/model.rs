//! What the pipeline asks of a model family.

use kinora_diffusion::{Sampler, Schedule};
use kinora_tensor::Tensor;
use serde::Serialize;

use crate::error::Result;
use crate::framing::Canvas;
use crate::prompt::Knowledge;
use crate::recipe::Effective;
use crate::request::Dtype;
use crate::size::Size;

/// What a model can do and how it is run by default.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub about: String,
    /// SHA-256 over the checksums of its files.
    pub hash: String,
    /// Bytes of its weights.
    pub weight_bytes: u64,
    /// Shortest clip in seconds.
    pub shortest_seconds: f64,
    /// Longest clip in seconds.
    pub longest_seconds: f64,
    /// Frames per second that it makes.
    pub fps: u32,
    /// Whether it can be told to make another number of frames per second.
    pub fps_is_free: bool,
    /// A clip has `1 + frame_stride k` frames.
    pub frame_stride: u32,
    /// Sizes that it paints, the default first.
    pub sizes: Vec<Size>,
    /// It paints every size whose sides are multiples of this, not only `sizes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_step: Option<u32>,
    /// Which of a clip's frames it can be given.
    pub pictures: Pictures,
    /// Most words of a prompt.
    pub max_words: usize,
    /// How it is sampled.
    pub defaults: Defaults,
}

impl ModelInfo {
    /// What it can paint.
    pub(crate) fn canvas(&self) -> Canvas<'_> {
        match self.size_step {
            Some(step) => Canvas::Grid {
                step,
                usual: self.sizes[0],
            },
            None => Canvas::Buckets(&self.sizes),
        }
    }
}

/// Which frames of a clip a model can be given and keeps as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pictures {
    /// None: it makes clips from text alone.
    None,
    /// The first.
    First,
    /// Any: it also ends with a picture, loops, and goes on from another clip.
    Any,
}

/// How a model is sampled unless the request says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Defaults {
    /// Denoising steps.
    pub steps: u32,
    /// Denoising steps of a draft.
    pub draft_steps: u32,
    /// Timesteps that take the place of the steps, of models that were distilled into them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timesteps: Option<&'static [f64]>,
    /// Guidance scale.
    pub guidance: f64,
    /// Noise levels between which guidance works.
    pub guidance_interval: (f64, f64),
    /// Shift of the schedule towards noise.
    pub shift: f64,
    /// Guidance scale of the expert for low noise, of models that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance_2: Option<f64>,
    /// Length in tokens that a prompt is padded to, of models that pad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_tokens: Option<u32>,
    /// Noise level that the decoder is told, of decoders that are told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_timestep: Option<f64>,
    /// Share of noise in the decoder's input, of decoders that are told its level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_noise_scale: Option<f64>,
    /// Noise that each step adds to a given picture, of models that add some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_noise_scale: Option<f64>,
}

/// What is asked of the sampling.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Denoising steps; timesteps win.
    pub steps: u32,
    /// Shift towards noise in place of the model's own.
    pub shift: Option<f64>,
    /// The timesteps, from at most 1000 down, in place of the model's own schedule.
    pub timesteps: Option<&'a [f64]>,
}

impl Asked<'_> {
    /// For models that have one schedule.
    ///
    /// # Errors
    /// [`crate::Error::Value`] when timesteps are asked for.
    pub fn refuse_timesteps(&self, model: &str) -> Result<()> {
        self.timesteps.map_or(Ok(()), |timesteps| {
            Err(crate::Error::Value {
                name: "--timesteps",
                value: format!("{timesteps:?}"),
                hint: format!("{model} has no use for it"),
            })
        })
    }
}

/// How a clip is sampled.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// The method.
    pub sampler: Sampler,
    /// The noise levels.
    pub schedule: Schedule,
    /// Their shift towards noise.
    pub shift: f64,
}

/// One thing that the model reads from a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// What it is about, such as `time`.
    pub slot: String,
    /// What it says, such as `dawn`.
    pub value: String,
    /// How sure the model is, 0 to 1.
    pub probability: f64,
}

/// One line of a memory plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What the memory is for.
    pub name: &'static str,
    /// How much, at most.
    pub bytes: u64,
}

/// What a model knows without its weights.
pub trait Family: Send + Sync {
    /// What it can do.
    fn info(&self) -> &ModelInfo;
    /// What it knows of words; `None` for a model whose world was not measured.
    fn knowledge(&self) -> Option<&Knowledge>;
    /// What the user should know of the files.
    fn notes(&self) -> &[String] {
        &[]
    }
    /// How many words of its own counting a text has.
    fn count_words(&self, text: &str) -> usize;
    /// How latents of this shape are sampled.
    ///
    /// # Errors
    /// [`crate::Error::Value`] for timesteps that the model has no use for or that do not fall.
    fn sampling(&self, asked: &Asked, latents: [usize; 4]) -> Result<Sampling>;
    /// Shape of the latents `[t, h, w, c]` of `frames` frames of `size`, one of its sizes.
    fn latent_shape(&self, size: Size, frames: u32) -> [usize; 4];
    /// Memory that is kept from the beginning of a run to its end, such as weights.
    fn resident_memory(&self, _clip: &Effective) -> Vec<Part> {
        Vec::new()
    }
    /// Memory of encoding the prompts, given back before denoising.
    fn text_memory(&self, _clip: &Effective) -> Vec<Part> {
        Vec::new()
    }
    /// Memory of encoding a given picture, given back before denoising.
    fn picture_memory(&self, _clip: &Effective) -> Vec<Part> {
        Vec::new()
    }
    /// Memory of denoising latents of this shape.
    fn denoise_memory(&self, clip: &Effective, latents: [usize; 4]) -> Vec<Part>;
    /// Memory of decoding, which does not depend on the clip's length unless it is decoded in tiles
    /// ([`Effective::tiles`]).
    fn decode_memory(&self, clip: &Effective) -> Vec<Part>;
    /// Whether it can decode pictures of `size` in tiles, which takes less memory.
    fn has_tiles(&self, _size: Size) -> bool {
        false
    }
    /// Reads the weights, or opens their files.
    ///
    /// # Errors
    /// [`crate::Error::Model`] for a damaged or incomplete file.
    fn load(&self, dtype: Dtype) -> Result<Box<dyn VideoModel>>;
}

/// A model with its weights.
pub trait VideoModel: Send + Sync {
    /// What it reads from a prompt, surest first.
    fn read(&self, text: &str) -> Vec<Reading>;
    /// Prepares a clip's prompt and what it must not show (empty: nothing in particular). Latent
    /// frames at the positions `held` are given, and so without noise.
    ///
    /// # Errors
    /// [`crate::Error::Model`] where weights that are read now turn out damaged.
    fn denoiser<'a>(&'a self, clip: &Effective, held: &[usize]) -> Result<Box<dyn Denoiser + 'a>>;
    /// Encodes `1 + stride k` frames F32 `[t, h, w, 3]` in [-1, 1] of one of its sizes to latents
    /// `[1 + k, h, w, c]`. Only asked of models that can be given [`ModelInfo::pictures`].
    ///
    /// # Errors
    /// [`crate::Error::Model`] where the encoder's weights turn out damaged.
    fn encode(&self, _frames: &Tensor) -> Result<Tensor> {
        let message = "a model that makes clips from text alone was asked to encode";
        Err(crate::Error::Internal {
            message: message.into(),
        })
    }
    /// Starts decoding a clip.
    ///
    /// # Errors
    /// [`crate::Error::Model`] where the decoder's weights turn out damaged.
    fn decoder<'a>(&'a self, clip: &Effective) -> Result<Box<dyn FrameStream + 'a>>;
    /// The frames `[m, height, width, 3]` that one latent frame `[1, h, w, c]` shows by itself,
    /// where a look costs much less than a step.
    fn glance(&self, latents: &Tensor) -> Option<Tensor>;
}

/// A model with its prompts.
pub trait Denoiser {
    /// Prepares for noise levels from `sigma` down; called before the first step, and again before
    /// every other one. A model with several experts reads the one that is needed, and gives back the
    /// one that is not.
    ///
    /// # Errors
    /// [`crate::Error::Model`] where weights that are read now turn out damaged.
    fn enter(&self, _sigma: f64) -> Result<()> {
        Ok(())
    }

    /// The velocity towards the prompt, or towards what is not wanted.
    ///
    /// # Shapes
    /// `latents` and the result F32 `[t, h, w, c]`; `sigma` in (0, 1].
    fn velocity(&self, latents: &Tensor, sigma: f64, towards: Towards) -> Tensor;

    /// Whether this clip is guided at all.
    fn is_guided(&self) -> bool {
        true
    }

    /// Whether a second expert, for low noise, works at this noise level.
    fn is_low_noise(&self, _sigma: f64) -> bool {
        false
    }
}

/// Which text a velocity follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// The prompt.
    Prompt,
    /// The negative prompt, or nothing.
    Negative,
}

/// A clip being decoded.
///
/// A decoder may look ahead, so that most frames are ready only when the last latents are there: they
/// are handed over a few at a time all the same.
pub trait FrameStream {
    /// Takes the next latent frames `[n, h, w, c]`; `is_last` when none follow. Nothing is decoded yet.
    fn feed(&mut self, latents: &Tensor, is_last: bool);

    /// Works until frames are ready; `None` when that takes more latents, or the clip is over.
    ///
    /// # Shapes
    /// F32 `[m, height, width, 3]` in [-1, 1], which need not be clamped; `m` may be 0, so that the
    /// caller can stop in the middle of long work.
    fn next_frames(&mut self) -> Option<Tensor>;
}
