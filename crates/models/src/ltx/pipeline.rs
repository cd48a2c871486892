//! What the two reference pipelines agree and differ on, as plain facts.
//!
//! Tokens are packed frame by frame and row by row, so that latents `[t, h, w, c]` are the packed
//! latents `[t h w, c]` as they lie in memory.

use kinora_tensor::Tensor;

use super::rope::TimeRule;

/// Which of the reference pipelines a model follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipeline {
    /// `LTXPipeline` and `LTXImageToVideoPipeline`: single files of 0.9.0 and 0.9.1.
    Text,
    /// `LTXConditionPipeline`: single files of 0.9.5 and later.
    Condition,
}

impl Pipeline {
    /// By `_class_name` of a directory's `model_index.json`.
    pub fn of_class(class_name: &str) -> Option<Self> {
        match class_name {
            "LTXPipeline" | "LTXImageToVideoPipeline" => Some(Self::Text),
            "LTXConditionPipeline" => Some(Self::Condition),
            _ => None,
        }
    }

    /// The length that a prompt is padded or cut to.
    ///
    /// Reference: `max_sequence_length` of each pipeline's `__call__`.
    pub const fn max_text_tokens(self) -> usize {
        match self {
            Self::Text => 128,
            Self::Condition => 256,
        }
    }

    /// Whether the text encoder leaves padding out of its attention. Either way the transformer
    /// does.
    ///
    /// Reference: `_get_t5_prompt_embeds` of each pipeline.
    pub const fn masks_text_encoder(self) -> bool {
        matches!(self, Self::Condition)
    }

    /// When a latent frame is.
    pub const fn time_rule(self) -> TimeRule {
        match self {
            Self::Text => TimeRule::Scaled,
            Self::Condition => TimeRule::Causal,
        }
    }

    /// Noise that each step adds to latents given by a picture, where the caller says nothing:
    /// see [`noised_condition`].
    ///
    /// Reference: `image_cond_noise_scale`; the documentation recommends 0.025.
    pub const fn image_noise_scale(self) -> f64 {
        match self {
            Self::Text => 0.0,
            Self::Condition => 0.15,
        }
    }
}

/// Steps of either pipeline where the caller says nothing.
pub const STEPS: usize = 50;
/// Guidance of either pipeline where the caller says nothing; distilled models need 1.
pub const GUIDANCE_SCALE: f64 = 3.0;
/// Frames a second of either pipeline where the caller says nothing.
pub const FPS: f64 = 25.0;
/// Width, height and frames of either pipeline where the caller says nothing.
pub const SIZE: [usize; 3] = [704, 512, 161];
/// The noise level that a VAE from 0.9.1 on is told, as the documentation recommends. The pipelines
/// themselves take 0, and for the noise scale then the same.
///
/// Reference: diffusers `docs/source/en/api/pipelines/ltx_video.md`.
pub const DECODE_TIMESTEP: f32 = 0.05;
/// The share of noise mixed into the latents that such a VAE decodes.
pub const DECODE_NOISE_SCALE: f32 = 0.025;

/// Timesteps of distilled models. A last step leads from each to the next, and to 0.
///
/// Reference: diffusers `docs/source/en/api/pipelines/ltx_video.md`, LTX-Video 0.9.7 distilled.
pub const DISTILLED_TIMESTEPS: &[f64] = &[1000.0, 993.0, 987.0, 981.0, 975.0, 909.0, 725.0, 0.03];
/// Timesteps of their second pass over enlarged latents, which begins at the second with
/// [`REFINE_STRENGTH`].
pub const REFINE_TIMESTEPS: &[f64] = &[1000.0, 909.0, 725.0, 421.0, 0.0];
/// `denoise_strength` of that pass.
pub const REFINE_STRENGTH: f64 = 0.999;

/// Latent frames, rows and columns of a clip. `ratio` is frames and pixels of a latent.
///
/// Reference: `prepare_latents` of each pipeline. Frames beyond a multiple of the ratio plus one are
/// not made, nor are pixels beyond a multiple.
///
/// # Panics
/// When there is no frame.
pub fn latent_size(frames: usize, height: usize, width: usize, ratio: [usize; 2]) -> [usize; 3] {
    let [time, space] = ratio;
    [(frames - 1) / time + 1, height / space, width / space]
}

/// Frames that so many latent frames decode to.
pub fn frames_of(latent_frames: usize, temporal_ratio: usize) -> usize {
    (latent_frames - 1) * temporal_ratio + 1
}

/// The timestep of each latent frame when `strengths` of them are given by a picture: 1 is given
/// whole and stays as it is, 0 is made from noise.
///
/// Reference: `LTXConditionPipeline.__call__`; `LTXImageToVideoPipeline` has only 1 and 0, where it
/// is the same.
pub fn frame_timesteps(timestep: f32, strengths: &[f32]) -> Vec<f32> {
    let of = |strength: &f32| timestep.min((1.0 - strength) * 1000.0);
    strengths.iter().map(of).collect()
}

/// Whether a step at `sigma` changes a latent frame given with `strength`.
///
/// Reference: `tokens_to_denoise_mask` in `LTXConditionPipeline.__call__`.
pub fn is_denoised(sigma: f64, strength: f64) -> bool {
    sigma - 1e-6 < 1.0 - strength
}

/// Latents given whole by a picture, as a step at `sigma` sees them: `clean + scale sigma^2 noise`.
///
/// Reference: `add_noise_to_image_conditioning_latents` in `LTXConditionPipeline`.
///
/// # Shapes
/// Any; both alike.
pub fn noised_condition(clean: &Tensor, noise: &Tensor, scale: f64, sigma: f64) -> Tensor {
    clean.combine(1.0, noise, (scale * sigma * sigma) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_latents_and_back() {
        assert_eq!(latent_size(161, 512, 704, [8, 32]), [21, 16, 22]);
        assert_eq!(latent_size(1, 32, 32, [8, 32]), [1, 1, 1]);
        assert_eq!(latent_size(16, 63, 64, [8, 32]), [2, 1, 2]);
        assert_eq!(frames_of(21, 8), 161);
    }

    #[test]
    fn a_picture_holds_its_frame_to_its_strength() {
        assert_eq!(
            frame_timesteps(700.0, &[1.0, 0.5, 0.0]),
            [0.0, 500.0, 700.0]
        );
        assert!(!is_denoised(0.7, 1.0) && !is_denoised(0.7, 0.5) && is_denoised(0.7, 0.0));
        assert!(is_denoised(0.5, 0.5));
    }
}
