//! What the pipeline asks of a model family.

use kinora_tensor::Tensor;
use serde::Serialize;

use crate::prompt::Knowledge;
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
    /// Sizes that it paints, the default first.
    pub sizes: Vec<Size>,
    /// Most words of a prompt.
    pub max_words: usize,
    /// How it is sampled.
    pub defaults: Defaults,
}

/// How a model is sampled unless the request says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Defaults {
    /// Denoising steps.
    pub steps: u32,
    /// Denoising steps of a draft.
    pub draft_steps: u32,
    /// Guidance scale.
    pub guidance: f64,
    /// Noise levels between which guidance works.
    pub guidance_interval: (f64, f64),
    /// Shift of the schedule towards noise.
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
    /// What it knows of words.
    fn knowledge(&self) -> &Knowledge;
    /// How many words of its own counting a text has.
    fn count_words(&self, text: &str) -> usize;
    /// Shape of the latents `[t, h, w, c]` of `frames` frames of `size`, one of its sizes.
    fn latent_shape(&self, size: Size, frames: u32) -> [usize; 4];
    /// Memory of denoising latents of this shape beside the weights.
    fn denoise_memory(&self, latents: [usize; 4]) -> Vec<Part>;
    /// Memory of decoding one group of frames of `size`; does not depend on the clip's length.
    fn decode_memory(&self, size: Size) -> Vec<Part>;
    /// Reads the weights.
    ///
    /// # Errors
    /// [`crate::Error::Model`] for a damaged or incomplete file.
    fn load(&self) -> crate::Result<Box<dyn VideoModel>>;
}

/// A model with its weights.
pub trait VideoModel: Send + Sync {
    /// What it reads from a prompt, surest first.
    fn read(&self, text: &str) -> Vec<Reading>;
    /// Prepares a prompt and what it must not show (empty: nothing in particular).
    fn denoiser<'a>(&'a self, prompt: &str, negative: &str) -> Box<dyn Denoiser + 'a>;
    /// Starts decoding a clip.
    ///
    /// # Errors
    /// [`crate::Error::Model`] where the decoder's weights turn out damaged.
    fn decoder<'a>(&'a self) -> crate::Result<Box<dyn FrameStream + 'a>>;
}

/// A model with its prompts.
pub trait Denoiser {
    /// The velocity towards the prompt, or towards what is not wanted.
    ///
    /// # Shapes
    /// `latents` and the result F32 `[t, h, w, c]`; `sigma` in (0, 1].
    fn velocity(&self, latents: &Tensor, sigma: f64, towards: Towards) -> Tensor;
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
pub trait FrameStream {
    /// Decodes the next latent frames `[n, h, w, c]` to frames F32 `[m, height, width, 3]` in
    /// [-1, 1], which need not be clamped.
    fn push(&mut self, latents: &Tensor) -> Tensor;
}
