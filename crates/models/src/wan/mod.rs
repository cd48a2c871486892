//! Wan 2.1 and 2.2: a diffusion transformer over all spacetime tokens of a clip with
//! cross-attention to UMT5's states, and a causal VAE that decodes latent frame by latent frame.
//!
//! Reference: the original repositories Wan-Video/Wan2.1 and Wan-Video/Wan2.2, and diffusers 0.42
//! (`transformer_wan.py`, `autoencoder_kl_wan.py`, `pipelines/wan`), which wrote the parity fixtures
//! (`oracle/open_models/wan.py`).

mod attention;
mod config;
mod detect;
mod keys;
mod presets;
mod transformer;
mod vae;
mod vae_config;

pub use config::{ConfigError, TransformerConfig};
pub use detect::{DetectError, Detected, transformer_of, vae_of};
pub use keys::{FROM_DIFFUSERS, VAE_FROM_DIFFUSERS};
pub use presets::{BOUNDARY_RATIO, PRESETS, Preset, VAE_PRESETS, VaePreset, expands_timesteps};
pub use transformer::{Conditioning, Transformer};
pub use vae::{DECODER_KEYS, Decoder, ENCODER_KEYS, Encoder, Stream, TILING};
pub use vae_config::VaeConfig;

/// Timesteps of the training schedule.
const TRAINING_TIMESTEPS: f64 = 1000.0;

/// The timestep that the model was trained to see at a noise level: a whole number, as the
/// reference's `UniPC` scheduler casts it.
pub fn timestep(sigma: f64) -> f32 {
    (sigma * TRAINING_TIMESTEPS).trunc() as f32
}

/// Whether a step belongs to the high-noise expert of a pair; `timestep` as from [`timestep`].
///
/// Reference: `WanPipeline.__call__`, `t >= boundary_ratio * num_train_timesteps`.
pub fn is_high_noise(timestep: f32, boundary_ratio: f64) -> bool {
    f64::from(timestep) >= boundary_ratio * TRAINING_TIMESTEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timesteps_are_cut_not_rounded() {
        let sigmas = [0.999_999, 0.875, 0.8749, 0.6, 0.0];
        let whole = sigmas.map(|sigma| timestep(sigma).to_string());
        assert_eq!(whole, ["999", "875", "874", "600", "0"]);
    }

    #[test]
    fn the_boundary_belongs_to_high_noise() {
        assert!(is_high_noise(999.0, 0.875) && is_high_noise(875.0, 0.875));
        assert!(!is_high_noise(874.0, 0.875));
        assert!(is_high_noise(900.0, 0.9) && !is_high_noise(899.0, 0.9));
    }
}
