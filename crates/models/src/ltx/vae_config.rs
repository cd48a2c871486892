//! The configuration of the VAE, as diffusers' `config.json` holds it.

mod check;

use serde::{Deserialize, Serialize};

use super::config::{ConfigError, read};

const CLASS: &str = "AutoencoderKLLTXVideo";

/// How a level of the encoder halves its maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DownsampleType {
    /// A convolution of stride 2 over time and space.
    Conv,
    /// Space to channels.
    Spatial,
    /// Time to channels.
    Temporal,
    /// Both to channels.
    Spatiotemporal,
}

impl DownsampleType {
    /// Frames and pixels (in each direction) that become one.
    pub(super) fn stride(self) -> [usize; 2] {
        match self {
            Self::Conv | Self::Spatiotemporal => [2, 2],
            Self::Spatial => [1, 2],
            Self::Temporal => [2, 1],
        }
    }
}

/// Everything that decides the shapes of the VAE. Lists follow the encoder's direction, those of
/// the decoder too: its first level is the last entry.
///
/// Reference: `AutoencoderKLLTXVideo.__init__`, whose defaults stand for missing keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaeConfig {
    /// Channels of a picture.
    pub in_channels: usize,
    /// The same, of the result.
    pub out_channels: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Channels of the encoder's levels.
    pub block_out_channels: Vec<usize>,
    /// Class of each level: `LTXVideoDownBlock3D` or, from 0.9.5, `LTXVideo095DownBlock3D`.
    pub down_block_types: Vec<String>,
    /// Channels of the decoder's levels.
    pub decoder_block_out_channels: Vec<usize>,
    /// Blocks of each level of the encoder, the middle last.
    pub layers_per_block: Vec<usize>,
    /// Blocks of each level of the decoder, the middle last.
    pub decoder_layers_per_block: Vec<usize>,
    /// Which levels of the encoder halve their maps.
    pub spatio_temporal_scaling: Vec<bool>,
    /// Which levels of the decoder double them.
    pub decoder_spatio_temporal_scaling: Vec<bool>,
    /// Which levels of the decoder add noise, the middle last.
    pub decoder_inject_noise: Vec<bool>,
    /// How each level of the encoder halves its maps.
    pub downsample_type: Vec<DownsampleType>,
    /// Which levels of the decoder add their input to the doubled map.
    pub upsample_residual: Vec<bool>,
    /// By how much doubling divides the channels.
    pub upsample_factor: Vec<usize>,
    /// Whether the decoder is told a noise level.
    pub timestep_conditioning: bool,
    /// Side of a pixel patch.
    pub patch_size: usize,
    /// Frames of a pixel patch.
    pub patch_size_t: usize,
    /// Added to the variance in the norms of shortcuts.
    pub resnet_norm_eps: f32,
    /// Factor of the latents after their mean is taken away.
    pub scaling_factor: f32,
    /// Whether a frame of the encoder sees none after it.
    pub encoder_causal: bool,
    /// Whether a frame of the decoder sees none after it.
    pub decoder_causal: bool,
    /// Pixels of a latent in each direction; computed from the levels when absent.
    pub spatial_compression_ratio: Option<usize>,
    /// Frames of a latent; computed from the levels when absent.
    pub temporal_compression_ratio: Option<usize>,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 128,
            block_out_channels: vec![128, 256, 512, 512],
            down_block_types: vec!["LTXVideoDownBlock3D".to_owned(); 4],
            decoder_block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: vec![4, 3, 3, 3, 4],
            decoder_layers_per_block: vec![4, 3, 3, 3, 4],
            spatio_temporal_scaling: vec![true, true, true, false],
            decoder_spatio_temporal_scaling: vec![true, true, true, false],
            decoder_inject_noise: vec![false; 5],
            downsample_type: vec![DownsampleType::Conv; 4],
            upsample_residual: vec![false; 4],
            upsample_factor: vec![1; 4],
            timestep_conditioning: false,
            patch_size: 4,
            patch_size_t: 1,
            resnet_norm_eps: 1e-6,
            scaling_factor: 1.0,
            encoder_causal: true,
            decoder_causal: false,
            spatial_compression_ratio: None,
            temporal_compression_ratio: None,
        }
    }
}

/// One level of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DownLevel {
    pub inputs: usize,
    pub outputs: usize,
    pub layers: usize,
    pub downsample: Option<DownsampleType>,
    /// Whether a block after downsampling changes the channels (0.9.0), not downsampling itself.
    pub widen_after: bool,
}

/// One level of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UpLevel {
    /// Channels that the reference takes for the level's input: those before it, divided.
    pub inputs: usize,
    pub outputs: usize,
    /// By how much doubling divides the channels.
    pub factor: usize,
    pub layers: usize,
    pub upsample: bool,
    pub residual: bool,
    pub inject_noise: bool,
}

impl UpLevel {
    /// Whether the level begins with a block that changes the channels.
    pub(super) fn has_conv_in(&self) -> bool {
        self.inputs != self.outputs
    }
}

impl VaeConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// When it does not parse, holds an unknown key, or a value that cannot be computed with.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let config: Self = read(CLASS, json)?;
        config.check()?;
        Ok(config)
    }

    /// Whether the encoder is that of 0.9.5 and later.
    pub fn is_095(&self) -> bool {
        self.down_block_types
            .last()
            .is_some_and(|class| class == "LTXVideo095DownBlock3D")
    }

    /// The levels of the encoder, in the order of data.
    pub(super) fn down_levels(&self) -> Vec<DownLevel> {
        let channels = &self.block_out_channels;
        let count = channels.len() - usize::from(self.is_095());
        let level = |i: usize| DownLevel {
            inputs: channels[i],
            outputs: channels[(i + 1).min(channels.len() - 1)],
            layers: self.layers_per_block[i],
            downsample: self.spatio_temporal_scaling[i].then_some(if self.is_095() {
                self.downsample_type[i]
            } else {
                DownsampleType::Conv // the old class knows no other
            }),
            widen_after: !self.is_095(),
        };
        (0..count).map(level).collect()
    }

    /// The levels of the decoder, in the order of data.
    pub(super) fn up_levels(&self) -> Vec<UpLevel> {
        let mut before = self.decoder_channels();
        let level = |i: usize| {
            let factor = self.upsample_factor[i];
            let inputs = before / factor;
            before = self.decoder_block_out_channels[i] / factor;
            UpLevel {
                inputs,
                outputs: before,
                factor,
                layers: self.decoder_layers_per_block[i],
                upsample: self.decoder_spatio_temporal_scaling[i],
                residual: self.upsample_residual[i],
                inject_noise: self.decoder_inject_noise[i],
            }
        };
        (0..self.decoder_block_out_channels.len())
            .rev()
            .map(level)
            .collect()
    }

    /// Channels of the decoder's middle.
    pub(super) fn decoder_channels(&self) -> usize {
        self.decoder_block_out_channels.last().copied().unwrap_or(1)
    }

    /// Pixels of a latent in each direction.
    pub fn spatial_ratio(&self) -> usize {
        let halvings = count(&self.spatio_temporal_scaling);
        self.spatial_compression_ratio
            .unwrap_or(self.patch_size << halvings)
    }

    /// Frames of a latent, the first apart, which stands for one.
    pub fn temporal_ratio(&self) -> usize {
        let halvings = count(&self.spatio_temporal_scaling);
        self.temporal_compression_ratio.unwrap_or(1 << halvings)
    }

    /// Frames and pixels of a latent.
    fn ratios(&self) -> [usize; 2] {
        [self.temporal_ratio(), self.spatial_ratio()]
    }
}

fn count(switches: &[bool]) -> usize {
    switches.iter().filter(|&&on| on).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str, message: &str) {
        let error = VaeConfig::from_json(json).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn missing_keys_have_the_defaults_of_the_reference() {
        let config = VaeConfig::from_json("{}").unwrap();
        assert_eq!(config, VaeConfig::default());
        assert_eq!((config.temporal_ratio(), config.spatial_ratio()), (8, 32));
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        refused("{\"latents\": 5}", "unknown field `latents`");
        refused(
            "{\"_class_name\": \"AutoencoderKLWan\"}",
            "is of AutoencoderKLWan",
        );
        refused("{\"block_out_channels\": []}", "2 to 16 levels");
        refused("{\"block_out_channels\": [0, 1, 2, 3]}", "sizes from 1");
        refused("{\"layers_per_block\": [1, 1]}", "an entry for each level");
        refused(
            "{\"down_block_types\": [\"A\", \"A\", \"A\", \"A\"]}",
            "known class",
        );
        refused("{\"down_block_types\": []}", "known class");
        refused("{\"downsample_type\": [\"wide\"]}", "does not parse");
        refused("{\"upsample_factor\": [1, 1, 1, 0]}", "sizes from 1");
        refused("{\"upsample_factor\": [1, 1, 1, 3]}", "levels do not join");
        refused(
            "{\"spatial_compression_ratio\": 16}",
            "`spatio_temporal_scaling`",
        );
        refused(
            "{\"timestep_conditioning\": true}",
            "cannot be told a timestep",
        );
        refused("{\"patch_size_t\": 2}", "published models have 1");
    }
}
