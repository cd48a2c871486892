//! The recipe: everything that a clip follows from, stored in its file.

use serde::{Deserialize, Serialize};

use crate::finish::Finish;
use crate::framing::Framing;
use crate::given::GivenHashes;
use crate::model::Asked;
use crate::request::{Dtype, Request, StepCache};
use crate::timing::{Timing, is_zero};

/// Layout of this document.
pub const FORMAT: u32 = 1;

/// What makes a clip again. No clock and no path: the same recipe is the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Layout of this document, so that a later version can tell it apart.
    pub recipe: u32,
    /// The program and its version.
    pub program: String,
    /// Name of the model.
    pub model: String,
    /// Hash of its files.
    pub model_hash: String,
    /// What was asked for.
    pub request: Request,
    /// What that came to.
    pub effective: Effective,
}

/// Every value that decides the clip, after format words and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effective {
    /// The text that the model read.
    pub prompt: String,
    /// What it was told to leave out.
    pub negative: String,
    /// Decides the noise and the grain.
    pub seed: u64,
    /// Length, frame rate and frames, delivered and native.
    pub timing: Timing,
    /// Native size, cut and delivered size.
    pub framing: Framing,
    /// Denoising steps.
    pub steps: u32,
    /// Guidance scale.
    pub guidance: f64,
    /// Noise levels between which guidance worked.
    pub guidance_interval: (f64, f64),
    /// How steps were saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<StepCache>,
    /// The sampler.
    pub sampler: String,
    /// Shift of the schedule.
    pub shift: f64,
    /// Precision of the weights.
    #[serde(default)]
    pub dtype: Dtype,
    /// Timesteps in place of the model's own schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timesteps: Option<Vec<f64>>,
    /// Guidance scale of the expert for low noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_2: Option<f64>,
    /// Length in tokens that the prompt was padded to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_tokens: Option<u32>,
    /// Noise level that the decoder was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_timestep: Option<f64>,
    /// Share of noise that was mixed into the latents before they were decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_noise_scale: Option<f64>,
    /// Noise that each step added to the given picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_noise_scale: Option<f64>,
    /// Whether frames were decoded in tiles, because memory was short.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tiles: bool,
    /// Film stock, grain, vignette.
    pub finish: Finish,
    /// What the clip began or ended with.
    #[serde(default, skip_serializing_if = "GivenHashes::is_none")]
    pub given: GivenHashes,
    /// Frames of the clip that this one goes on from, which are shown first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier_frames: u32,
    /// Whether the noise came from a file and not from the seed; the recipe alone cannot repeat it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noise_from_file: bool,
}

impl Effective {
    /// Delivered frames, those of an extended clip among them.
    pub fn frames(&self) -> u32 {
        self.earlier_frames + self.timing.frames
    }

    /// Whether guidance leads to what the negative prompt names instead of away from it.
    pub(crate) fn leads_to_negative(&self) -> bool {
        let leads = |scale: f64| scale < 1.0;
        leads(self.guidance) || self.guidance_2.is_some_and(leads)
    }

    /// What this asks of the sampling.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            steps: self.steps,
            shift: Some(self.shift),
            timesteps: self.timesteps.as_deref(),
        }
    }
}

impl Recipe {
    /// As JSON, one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers are finite and keys are strings")
    }

    /// Reads the recipe of a clip.
    ///
    /// # Errors
    /// [`crate::Error::Media`] when the file is no MP4 or holds no recipe, [`crate::Error::Array`]
    /// when it holds one of another layout.
    pub fn of_file(path: &std::path::Path) -> crate::Result<Self> {
        parse(path, &kinora_media::read_recipe(path)?)
    }

    /// Reads the recipes of a cut, one for each of its clips; a clip has one.
    ///
    /// # Errors
    /// As [`Recipe::of_file`].
    pub fn all_of_file(path: &std::path::Path) -> crate::Result<Vec<Self>> {
        let json = kinora_media::read_recipe(path)?;
        if json.trim_start().starts_with('[') {
            parse(path, &json)
        } else {
            Ok(vec![parse(path, &json)?])
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &std::path::Path, json: &str) -> crate::Result<T> {
    serde_json::from_str(json).map_err(|error| crate::Error::Array {
        path: path.to_path_buf(),
        reason: format!("its recipe is not one that this version reads: {error}"),
    })
}
