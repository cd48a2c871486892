//! What the VAE takes, before it is read: weights, and maps while it works.

use super::VaeConfig;
use crate::ltx::vae_config::{DownLevel, UpLevel};

/// Maps of a level that live beside those that its convolutions remember: what a block is given, its
/// norms with their activations, frames that are joined, and what comes out. Measured.
const MAPS: usize = 23;
/// The same of the encoder, which reads a picture.
const ENCODER_MAPS: usize = 20;
/// Waves of a timestep.
const WAVES: usize = 256;

/// Numbers of a convolution over space and time.
fn conv(outputs: usize, inputs: usize) -> usize {
    (27 * inputs + 1) * outputs
}

/// Numbers of a block that is told no timestep.
fn block(outputs: usize, inputs: usize, has_noise: bool) -> usize {
    let shortcut = if inputs == outputs {
        0
    } else {
        2 * inputs + (inputs + 1) * outputs
    };
    let noise = 2 * inputs * usize::from(has_noise);
    conv(outputs, inputs) + conv(outputs, outputs) + shortcut + noise
}

/// Numbers of an embedder of timesteps.
fn embedder(size: usize) -> usize {
    (WAVES + 1 + size + 1) * size
}

impl VaeConfig {
    /// Numbers of the decoder.
    pub fn decoder_weights(&self) -> usize {
        let timed = usize::from(self.timestep_conditioning);
        let resnets = |channels: usize, count: usize, has_noise: bool| {
            let block = block(channels, channels, has_noise) + timed * 4 * channels;
            count * block + timed * embedder(4 * channels)
        };
        let last = |list: &[usize]| list.last().copied().unwrap_or(0);
        let middle = self.decoder_channels();
        let levels = self.up_levels();
        let level = |level: &UpLevel| {
            let widens = usize::from(level.has_conv_in());
            let doubles = usize::from(level.upsample);
            let change = block(level.outputs, level.inputs, level.inject_noise);
            widens * (change + timed * 4 * level.inputs)
                + doubles * conv(8 * level.outputs, level.factor * level.outputs)
                + resnets(level.outputs, level.layers, level.inject_noise)
        };
        let width = levels.last().map_or(middle, |level| level.outputs);
        let has_noise = self.decoder_inject_noise.last() == Some(&true);
        conv(middle, self.latent_channels)
            + resnets(middle, last(&self.decoder_layers_per_block), has_noise)
            + levels.iter().map(level).sum::<usize>()
            + timed * (2 * width + embedder(2 * width) + 1)
            + conv(self.out_channels * self.patch_size.pow(2), width)
    }

    /// Those of them that stay f32: the layers that read a timestep.
    pub fn decoder_exact_weights(&self) -> usize {
        if !self.timestep_conditioning {
            return 0;
        }
        let levels = self.up_levels();
        let width = levels.last().map_or(0, |level| level.outputs);
        let of_levels: usize = levels.iter().map(|level| embedder(4 * level.outputs)).sum();
        embedder(4 * self.decoder_channels()) + of_levels + embedder(2 * width)
    }

    /// Numbers of the decoder's largest convolution, which doubles frames and pixels.
    pub fn decoder_largest(&self) -> usize {
        let doubling = |level: &UpLevel| conv(8 * level.outputs, level.factor * level.outputs);
        self.up_levels().iter().map(doubling).max().unwrap_or(0)
    }

    /// Numbers of the maps while a picture of this height and width is decoded: of every level what
    /// its convolutions remember, and what they work on, whose memory is kept for the next frame.
    pub fn decoder_maps(&self, picture: [usize; 2]) -> usize {
        let latents = picture[0] * picture[1] / self.spatial_ratio().pow(2);
        let layers = self.decoder_layers_per_block.last().copied().unwrap_or(0);
        let mut positions = latents;
        let mut maps = positions * self.decoder_channels() * (remembered(layers) + MAPS);
        for level in self.up_levels() {
            if level.upsample {
                // Time to channels to time, in all eight positions at once.
                maps += positions * 8 * level.outputs * 4;
                positions *= 4;
            }
            maps += positions * level.outputs * (remembered(level.layers) + MAPS);
        }
        maps
    }

    /// Numbers of the maps while one picture of this height and width is encoded: it stands three
    /// times before each convolution.
    pub fn encoder_maps(&self, picture: [usize; 2]) -> usize {
        let positions = picture[0] * picture[1] / self.patch_size.pow(2);
        let mut stride = 1;
        let level = |level: DownLevel| {
            let here = positions / (stride * stride) * level.inputs;
            stride *= level.downsample.map_or(1, |kind| kind.stride()[1]);
            here
        };
        ENCODER_MAPS * self.down_levels().into_iter().map(level).sum::<usize>()
    }
}

/// Maps that so many blocks remember: two frames of each convolution, and what waits to be added.
fn remembered(blocks: usize) -> usize {
    8 * blocks
}
