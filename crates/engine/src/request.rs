//! What a user asks for, before anything is decided.

use serde::{Deserialize, Serialize};

use crate::finish::Finish;
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
    /// How strongly the prompt pulls: 1 is no guidance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
    /// Name of a model, or a folder that holds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
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
