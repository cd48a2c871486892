//! The VAE of 2.1 and of 2.2: causal in time, so that it decodes latent frame by latent frame.
//!
//! Every causal convolution keeps the two frames before it, and nothing else is kept: memory does
//! not grow with the clip. The first latent frame stands for one frame, so the layers that double
//! time pass it on as it is.
//!
//! Dimension key: t frames, h rows, w columns, c channels; all maps are channels-last.

mod blocks;
mod decoder;
mod encoder;
mod memory;
mod stream;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use stream::Stream;

use kinora_nn::{Weights, WeightsError};
use kinora_tensor::Tensor;

use super::vae_config::VaeConfig;
use crate::Tiling;

/// Tiles as the reference cuts them where it is told to.
///
/// Reference: `AutoencoderKLWan.enable_tiling`.
pub const TILING: Tiling = Tiling {
    size: [256; 2],
    stride: [192; 2],
};
/// Prefixes of the names that only the encoder reads.
pub const ENCODER_KEYS: &[&str] = &["encoder.", "conv1."];
/// Prefixes of the names that only the decoder reads.
pub const DECODER_KEYS: &[&str] = &["decoder.", "conv2."];

/// Mean and spread of each latent channel, by which latents are unit normal.
struct Statistics {
    mean: Tensor,
    std: Vec<f32>,
}

impl Statistics {
    fn new(config: &VaeConfig) -> Self {
        Self {
            mean: Tensor::from_f32(&config.latents_mean, &[config.z_dim]),
            std: config.latents_std.clone(),
        }
    }

    /// Latents as the decoder takes them.
    fn denormalise(&self, latents: &Tensor) -> Tensor {
        let std = Tensor::from_f32(&self.std, self.mean.shape());
        latents.mul(&std).add(&self.mean)
    }

    /// Latents as the transformer takes them.
    fn normalise(&self, latents: &Tensor) -> Tensor {
        let inverse = Tensor::from_fn(self.mean.shape(), |i| 1.0 / self.std[i]);
        latents.sub(&self.mean).mul(&inverse)
    }
}

/// Where a layer of a level stands in the file. 2.2 counts the blocks of each level; 2.1 and its
/// single files count those of all levels through; in diffusers' layout the layer between levels
/// has a name instead of a number.
struct Place<'a> {
    /// The list of levels.
    levels: Weights<'a>,
    /// The name of that list, and of a level's list of blocks in it.
    list: &'static str,
    /// The name of the layer between levels in diffusers' layout.
    between: &'static str,
    /// Layers of a level, the one to the next among them.
    layers: usize,
    nested: bool,
}

impl<'a> Place<'a> {
    fn new(
        weights: &Weights<'a>,
        list: &'static str,
        between: &'static str,
        layers: usize,
    ) -> Self {
        let levels = weights.at(list);
        let nested = levels.has(&format!("0.{list}.0.residual.0.gamma"));
        Self {
            levels,
            list,
            between,
            layers,
            nested,
        }
    }

    /// A residual block of a level.
    fn block(&self, level: usize, block: usize) -> Weights<'a> {
        if self.nested {
            self.levels.at(level).at(self.list).at(block)
        } else {
            self.levels.at(level * self.layers + block)
        }
    }

    /// The layer from a level to the next.
    fn between(&self, level: usize) -> Weights<'a> {
        let named = self.levels.at(level).at(self.between);
        if named.has("resample.1.weight") {
            named
        } else {
            self.block(level, self.layers - 1)
        }
    }
}

/// Blocks of a level, the first of which changes the width.
fn load_blocks(
    place: &Place,
    level: usize,
    count: usize,
    [input, output]: [usize; 2],
    slots: &mut blocks::Slots,
) -> Result<Vec<blocks::ResidualBlock>, WeightsError> {
    let block = |i: usize| {
        let input = if i == 0 { input } else { output };
        blocks::ResidualBlock::load(&place.block(level, i), input, output, slots)
    };
    (0..count).map(block).collect()
}
