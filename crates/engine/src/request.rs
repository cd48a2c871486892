//! What a user asks for, before anything is decided.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::finish::Finish;
use crate::safety::Category;
use crate::size::{Aspect, Resolution, Size};

/// A wish for one clip. What is `None` is read from the prompt's format words ("vertical, two
/// seconds") or else takes the model's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What the clip shows.
    pub prompt: String,
    /// What it must not show.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub negative: String,
    /// Length in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Exact number of frames; wins over `seconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u32>,
    /// Exact size in pixels; wins over `aspect` and `resolution`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Shape of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aspect: Option<Aspect>,
    /// Named resolution of the short side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Frames per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<u32>,
    /// Decides the noise and the grain; random when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Denoising steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Make as many takes, with seeds from `seed` on, and keep the one that shows most of what the
    /// prompt asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_of: Option<u32>,
    /// How strongly the prompt pulls: 1 is no guidance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
    /// Noise levels between which the prompt pulls; outside a step costs half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance_interval: Option<(f64, f64)>,
    /// Tell steps from those before where little changes, instead of computing them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<StepCache>,
    /// Name of a model, or a folder or file that holds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What only some models can be told.
    #[serde(skip_serializing_if = "ModelOptions::is_default")]
    pub options: ModelOptions,
    /// Files beside the model. Never read from a request of the network, never written to a recipe:
    /// the model's hash stands for them.
    #[serde(skip)]
    pub files: ModelFiles,
    /// Categories of the content rules that are told instead of refused, where
    /// [`Category::may_be_told`] lets them be. The operator's, so never read from a request of the
    /// network, never written to a recipe.
    #[serde(skip)]
    pub told: Vec<Category>,
    /// What the clip begins or ends with. Never read from a request of the network, never written
    /// to a recipe, which holds hashes of the contents.
    #[serde(skip)]
    pub given: Given,
    /// End as it begins, so that it can be played in a circle.
    #[serde(rename = "loop", skip_serializing_if = "std::ops::Not::not")]
    pub looped: bool,
    /// Film stock, grain, vignette.
    #[serde(skip_serializing_if = "Finish::is_none")]
    pub finish: Finish,
    /// Fewer steps, coarser encoding: a quick look.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// Refuse instead of ignoring words that the model does not know.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

impl Request {
    /// The first option that gives pictures to begin or end with.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let options = [
            ("--image", self.given.image.is_some()),
            ("--last-image", self.given.last_image.is_some()),
            ("--loop", self.looped),
            ("--extend", self.given.extend.is_some()),
        ];
        let given = options.into_iter().find(|(_, given)| *given);
        given.map(|(name, _)| name)
    }
}

/// Files that a clip begins or ends with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The first picture.
    pub image: Option<PathBuf>,
    /// The last picture.
    pub last_image: Option<PathBuf>,
    /// The clip to go on from: H.264 in MP4.
    pub extend: Option<PathBuf>,
}

/// What only some models can be told; `None` takes the model's published value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelOptions {
    /// Precision of the weights and of the activations that meet them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<Dtype>,
    /// Shift of the schedule towards noise, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<f64>,
    /// Timesteps, from at most 1000 down, in place of the model's own schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timesteps: Option<Vec<f64>>,
    /// Guidance scale of the expert for low noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance_2: Option<f64>,
    /// Length in tokens that a prompt is cut and padded to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_tokens: Option<u32>,
    /// Noise level in [0, 1] that the decoder is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_timestep: Option<f64>,
    /// Share of noise in [0, 1] that is mixed into the latents before they are decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_noise_scale: Option<f64>,
    /// Noise in [0, 1] that each step adds to a given picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_noise_scale: Option<f64>,
}

impl ModelOptions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Files that a model is read from, completed or changed with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelFiles {
    /// Where the model of the request's name lies; without one the name is that of a model inside the
    /// program, or a path itself.
    pub place: Option<PathBuf>,
    /// The expert for low noise, where [`Self::place`] or the model's name is the file of the one for
    /// high noise.
    pub transformer_2: Option<PathBuf>,
    /// The VAE of a file that holds the transformer alone.
    pub vae: Option<PathBuf>,
    /// The text encoder of such a file.
    pub text_encoder: Option<PathBuf>,
    /// The tokenizer of such a file: `tokenizer.json` or `spiece.model`.
    pub tokenizer: Option<PathBuf>,
    /// Folders of models that are here, whose parts complete a file that lacks them.
    pub others: Vec<PathBuf>,
    /// Low-rank adaptations of the transformer, each with its factor.
    pub loras: Vec<(PathBuf, f64)>,
}

impl ModelFiles {
    /// The first option that names a part of a model.
    pub(crate) fn first_part(&self) -> Option<&'static str> {
        let parts = [
            ("--transformer-2", self.transformer_2.is_some()),
            ("--vae", self.vae.is_some()),
            ("--text-encoder", self.text_encoder.is_some()),
            ("--tokenizer", self.tokenizer.is_some()),
        ];
        let given = parts.into_iter().find(|(_, given)| *given);
        given.map(|(name, _)| name)
    }

    /// The first option that names any file.
    pub(crate) fn first(&self) -> Option<&'static str> {
        self.first_part()
            .or((!self.loras.is_empty()).then_some("--lora"))
    }
}

/// How steps are saved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepCache {
    /// [`kinora_diffusion::EasyCache`] with its threshold in [0, 1].
    Easy(f64),
}

impl StepCache {
    /// The threshold that the method was published with.
    const USUAL: f64 = 0.05;
}

impl FromStr for StepCache {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, threshold) = text.split_once(':').unzip();
        if name.unwrap_or(text) != "easy" {
            return Err("known is easy, with a threshold if you like: easy:0.05".into());
        }
        let threshold = threshold.map_or(Ok(Self::USUAL), str::parse);
        threshold
            .map(Self::Easy)
            .map_err(|_| "the threshold is a number, as in easy:0.05".into())
    }
}

/// A precision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Exact, for comparing with a reference.
    F32,
    /// Half the memory; what the published models are run in.
    #[default]
    Bf16,
    /// The transformer's blocks in eight bits, what else there is as with bf16.
    Int8,
}

impl Dtype {
    /// Of parts that are not held in eight bits.
    pub(crate) fn whole(self) -> Self {
        match self {
            Self::Int8 => Self::Bf16,
            other => other,
        }
    }

    /// Bytes of a weight at the most: one of eight bits is read in bf16.
    pub(crate) fn size_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::Int8 => 2,
        }
    }
}

impl FromStr for Dtype {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "int8" => Ok(Self::Int8),
            _ => Err("known are bf16, f32 and int8".into()),
        }
    }
}

impl From<Dtype> for kinora_tensor::Precision {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::Bf16 => Self::Bf16,
            Dtype::Int8 => Self::Int8,
        }
    }
}
