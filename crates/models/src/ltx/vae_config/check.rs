//! What the numbers of a VAE's configuration must fit.

use super::super::config::{ConfigError, LARGEST, require};
use super::{CLASS, DownsampleType, VaeConfig, count};

impl VaeConfig {
    /// An error unless a VAE of this shape can be computed.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
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
}
