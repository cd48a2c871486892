//! The VAE: pixels to latents and back.
//!
//! Reference: `AutoencoderKLLTXVideo`, diffusers `models/autoencoders/autoencoder_kl_ltx.py`.
//!
//! # Streaming
//! A frame of the decoder sees frames on both sides, and the layers together see some twenty latent
//! frames each way, more than most clips have. So a clip is not cut: every convolution keeps the two
//! frames before the next one and answers a frame late, and a shortcut waits with it. What comes out
//! is what a decoder of the whole clip computes, to the last bit where sums run in one order, and
//! memory does not grow with the clip.
//!
//! Dimension key: t frames, h rows, w columns, c channels; maps are `[t, h, w, c]`.

mod blocks;
mod decoder;
mod encoder;
mod fold;
mod memory;
mod stream;
mod time;

pub use decoder::{DecodeOptions, Decoder};
pub use encoder::Encoder;
pub use stream::Stream;

use kinora_nn::{Weights, WeightsError};
use kinora_tensor::{DType, Tensor};

use super::vae_config::VaeConfig;
use crate::Tiling;

/// Tiles as the reference cuts them where it is told to.
///
/// Reference: `AutoencoderKLLTXVideo.__init__`.
pub const TILING: Tiling = Tiling {
    size: [512; 2],
    stride: [448; 2],
};

/// Mean and spread of each latent channel, by which latents are unit normal.
struct Scaling {
    mean: Tensor,
    /// What normalised latents are multiplied with.
    factor: Tensor,
}

impl Scaling {
    fn load(weights: &Weights, config: &VaeConfig) -> Result<Self, WeightsError> {
        let channels = config.latent_channels;
        let read =
            |name| Ok::<_, WeightsError>(weights.tensor(name, [channels])?.to_dtype(DType::F32));
        Ok(Self {
            mean: read("latents_mean")?,
            factor: read("latents_std")?.scale(1.0 / config.scaling_factor),
        })
    }

    fn denormalise(&self, latents: &Tensor) -> Tensor {
        latents.mul(&self.factor).add(&self.mean)
    }

    fn normalise(&self, latents: &Tensor) -> Tensor {
        let inverse: Vec<f32> = self.factor.as_f32().iter().map(|x| 1.0 / x).collect();
        let inverse = Tensor::from_f32(&inverse, self.factor.shape());
        latents.sub(&self.mean).mul(&inverse)
    }
}
