//! The configuration of the VAE, as diffusers' `config.json` holds it.

use serde::{Deserialize, Serialize};

use super::config::{ConfigError, LARGEST, read, require};

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
    fn is_095(&self) -> bool {
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

    fn check(&self) -> Result<(), ConfigError> {
        self.check_lists()?;
        self.check_sizes()?;
        self.check_encoder()?;
        self.check_decoder()
    }

    fn check_lists(&self) -> Result<(), ConfigError> {
        let levels = self.block_out_channels.len();
        require(
            CLASS,
            "block_out_channels",
            levels,
            (2..=16).contains(&levels),
            "2 to 16 levels are possible",
        )?;
        let downs = levels - usize::from(self.is_095());
        let types = &self.down_block_types;
        let known = types.len() == downs
            && types.iter().all(|t| *t == types[0])
            && matches!(
                &types[0][..],
                "LTXVideoDownBlock3D" | "LTXVideo095DownBlock3D"
            );
        require(
            CLASS,
            "down_block_types",
            types,
            known,
            "each level has the same known class",
        )?;
        let ups = self.decoder_block_out_channels.len();
        require(
            CLASS,
            "decoder_block_out_channels",
            ups,
            (1..=16).contains(&ups),
            "1 to 16 levels are possible",
        )?;
        for (key, length, needed) in [
            ("layers_per_block", self.layers_per_block.len(), downs + 1),
            (
                "spatio_temporal_scaling",
                self.spatio_temporal_scaling.len(),
                downs,
            ),
            ("downsample_type", self.downsample_type.len(), downs),
            (
                "decoder_layers_per_block",
                self.decoder_layers_per_block.len(),
                ups + 1,
            ),
            (
                "decoder_inject_noise",
                self.decoder_inject_noise.len(),
                ups + 1,
            ),
            (
                "decoder_spatio_temporal_scaling",
                self.decoder_spatio_temporal_scaling.len(),
                ups,
            ),
            ("upsample_residual", self.upsample_residual.len(), ups),
            ("upsample_factor", self.upsample_factor.len(), ups),
        ] {
            require(
                CLASS,
                key,
                length,
                length == needed,
                "it has an entry for each level",
            )?;
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), ConfigError> {
        let channels = [
            ("latent_channels", vec![self.latent_channels]),
            ("block_out_channels", self.block_out_channels.clone()),
            (
                "decoder_block_out_channels",
                self.decoder_block_out_channels.clone(),
            ),
            ("upsample_factor", self.upsample_factor.clone()),
        ];
        for (key, values) in channels {
            let fits = values.iter().all(|value| (1..=LARGEST).contains(value));
            require(CLASS, key, values, fits, "sizes from 1 to 65536 are needed")?;
        }
        let layers = [&self.layers_per_block[..], &self.decoder_layers_per_block].concat();
        let fits = layers.iter().all(|&count| count <= LARGEST);
        require(
            CLASS,
            "layers_per_block",
            layers,
            fits,
            "at most 65536 are possible",
        )?;
        for (key, value) in [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
        ] {
            require(CLASS, key, value, value == 3, "pictures have 3 channels")?;
        }
        let patch = self.patch_size;
        require(
            CLASS,
            "patch_size",
            patch,
            (1..=64).contains(&patch),
            "1 to 64 is possible",
        )?;
        let frames = self.patch_size_t;
        require(
            CLASS,
            "patch_size_t",
            frames,
            frames == 1,
            "published models have 1",
        )?;
        let scale = self.scaling_factor;
        require(
            CLASS,
            "scaling_factor",
            scale,
            scale > 0.0 && scale.is_finite(),
            "it is positive",
        )?;
        let eps = self.resnet_norm_eps;
        require(
            CLASS,
            "resnet_norm_eps",
            eps,
            eps >= 0.0 && eps.is_finite(),
            "it is not negative",
        )
    }

    fn check_encoder(&self) -> Result<(), ConfigError> {
        let mut ratio = [1, self.patch_size];
        for level in self.down_levels() {
            let Some(kind) = level.downsample else {
                let fits = level.widen_after || level.inputs == level.outputs;
                require(
                    CLASS,
                    "block_out_channels",
                    level,
                    fits,
                    "nothing changes the channels there",
                )?;
                continue;
            };
            let [time, space] = kind.stride();
            ratio = [ratio[0] * time, ratio[1] * space];
            let folded = time * space * space;
            let fits = match kind {
                DownsampleType::Conv => level.widen_after || level.inputs == level.outputs,
                _ => {
                    !level.widen_after
                        && level.outputs % folded == 0
                        && level.inputs * folded % level.outputs == 0
                }
            };
            require(
                CLASS,
                "downsample_type",
                level,
                fits,
                "the channels do not fold that way",
            )?;
        }
        let fits = ratio == self.ratios();
        require(
            CLASS,
            "spatio_temporal_scaling",
            ratio,
            fits,
            "the ratios are others",
        )
    }

    fn check_decoder(&self) -> Result<(), ConfigError> {
        let doublings = count(&self.decoder_spatio_temporal_scaling);
        let ratio = [1 << doublings, self.patch_size << doublings];
        let fits = ratio == self.ratios();
        require(
            CLASS,
            "decoder_spatio_temporal_scaling",
            ratio,
            fits,
            "the ratios are others",
        )?;
        let mut channels = self.decoder_channels();
        for level in self.up_levels() {
            let told = level.has_conv_in() && self.timestep_conditioning;
            let needs = "a level that changes its channels cannot be told a timestep";
            require(CLASS, "timestep_conditioning", level, !told, needs)?;
            let mut joins = level.outputs > 0;
            if level.has_conv_in() {
                joins &= channels == level.inputs;
                channels = level.outputs;
            }
            joins &= channels
                == if level.upsample {
                    level.outputs * level.factor
                } else {
                    level.outputs
                };
            let needs = "levels do not join";
            require(CLASS, "decoder_block_out_channels", level, joins, needs)?;
            let unfolds = !level.residual || (channels.is_multiple_of(8) && 8 % level.factor == 0);
            let needs = "the channels do not unfold that way";
            require(
                CLASS,
                "upsample_residual",
                level,
                !level.upsample || unfolds,
                needs,
            )?;
            channels = level.outputs;
        }
        Ok(())
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
