//! The VAE's configuration, as `config.json` beside the published weights holds it.

use serde::Deserialize;

use super::config::{ConfigError, check_sizes, expect, parse, unsupported};

/// Shape of the VAE, of 2.1 or of 2.2 (`is_residual`).
///
/// Reference: `AutoencoderKLWan`, diffusers `models/autoencoders/autoencoder_kl_wan.py`, also for the
/// values of missing keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeConfig {
    /// Width of the encoder's first level.
    pub base_dim: usize,
    /// Width of the decoder's last level; the encoder's when absent.
    pub decoder_base_dim: Option<usize>,
    /// Channels of a latent.
    pub z_dim: usize,
    /// Factors of the widths of all levels, from fine to coarse.
    pub dim_mult: Vec<usize>,
    /// Residual blocks of an encoder's level; the decoder's have one more.
    pub num_res_blocks: usize,
    /// Scales with attention besides the coarsest; none is known.
    pub attn_scales: Vec<f64>,
    /// Whether time is halved too, on the way from each level to the next.
    pub temperal_downsample: Vec<bool>,
    /// Mean of each latent channel.
    pub latents_mean: Vec<f32>,
    /// Spread of each latent channel.
    pub latents_std: Vec<f32>,
    /// Whether levels have shortcuts around them, as in 2.2.
    pub is_residual: bool,
    /// Channels that the encoder takes, after patches became channels.
    pub in_channels: usize,
    /// Channels that the decoder gives, before channels become patches.
    pub out_channels: usize,
    /// Side of a patch of pixels that becomes channels.
    pub patch_size: Option<usize>,
    /// Frames that a latent stands for.
    pub scale_factor_temporal: Option<usize>,
    /// Pixels that a latent spans in each direction.
    pub scale_factor_spatial: Option<usize>,
}

/// Statistics of the VAE of 2.1, the defaults of the reference class.
const MEAN: [f32; 16] = [
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
    -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
];
const STD: [f32; 16] = [
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
    1.6382, 1.1253, 2.8251, 1.9160,
];

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            base_dim: 96,
            decoder_base_dim: None,
            z_dim: 16,
            dim_mult: vec![1, 2, 4, 4],
            num_res_blocks: 2,
            attn_scales: Vec::new(),
            temperal_downsample: vec![false, true, true],
            latents_mean: MEAN.to_vec(),
            latents_std: STD.to_vec(),
            is_residual: false,
            in_channels: 3,
            out_channels: 3,
            patch_size: None,
            scale_factor_temporal: Some(4),
            scale_factor_spatial: Some(8),
        }
    }
}

impl VaeConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// When it does not parse, holds an unknown key, or its numbers do not fit each other.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(json)?;
        let sizes = [
            ("base_dim", config.base_dim),
            ("decoder_base_dim", config.decoder_width()),
            ("z_dim", config.z_dim),
            ("num_res_blocks", config.num_res_blocks),
            ("in_channels", config.in_channels),
            ("out_channels", config.out_channels),
            ("patch_size", config.patch()),
            ("dim_mult", config.dim_mult.len()),
        ];
        check_sizes(&sizes)?;
        for &factor in &config.dim_mult {
            let widest = config.base_dim.max(config.decoder_width());
            check_sizes(&[("dim_mult", factor), ("dim_mult", widest * factor)])?;
        }
        if !config.attn_scales.is_empty() {
            return Err(unsupported(
                "attn_scales",
                format!("{:?}", config.attn_scales),
            ));
        }
        config.check_lengths()?;
        config.check_scales()?;
        config.check_shortcuts()?;
        Ok(config)
    }

    fn check_lengths(&self) -> Result<(), ConfigError> {
        let levels = self.dim_mult.len();
        let (mean, std) = (self.latents_mean.len(), self.latents_std.len());
        expect(
            "temperal_downsample has entries",
            self.temperal_downsample.len(),
            levels - 1,
        )?;
        expect("latents_mean has entries", mean, self.z_dim)?;
        expect("latents_std has entries", std, self.z_dim)?;
        if let Some(std) = self.latents_std.iter().find(|std| **std <= 0.0) {
            return Err(unsupported("latents_std", std));
        }
        let all = [
            ("latents_mean", &self.latents_mean),
            ("latents_std", &self.latents_std),
        ];
        for (key, values) in all {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(unsupported(key, value));
            }
        }
        Ok(())
    }

    fn check_scales(&self) -> Result<(), ConfigError> {
        if self.dim_mult.len() > 8 {
            return Err(unsupported(
                "dim_mult",
                format!("{} levels", self.dim_mult.len()),
            ));
        }
        let halvings = self
            .temperal_downsample
            .iter()
            .filter(|down| **down)
            .count();
        let frames = self.scale_factor_temporal.unwrap_or(4);
        expect("scale_factor_temporal is", frames, 1 << halvings)?;
        let side = self.patch() << (self.dim_mult.len() - 1);
        expect("scale_factor_spatial is", self.pixel_stride(), side)?;
        let area = self.patch().pow(2);
        for (key, channels) in [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
        ] {
            if channels % area != 0 {
                return Err(unsupported(key, channels));
            }
        }
        Ok(())
    }

    /// Shortcuts repeat or average whole channels.
    fn check_shortcuts(&self) -> Result<(), ConfigError> {
        if !self.is_residual {
            return Ok(());
        }
        let factor = |down: Option<&bool>| down.map_or(1, |down| if *down { 8 } else { 4 });
        let widths = self.widths(self.base_dim);
        let downs = widths.windows(2).enumerate().all(|(level, pair)| {
            pair[0] * factor(self.temperal_downsample.get(level)) % pair[1] == 0
        });
        let ups = self.decoder_levels();
        let mut ups = ups.iter().zip(self.temperal_downsample.iter().rev());
        let ups = ups.all(|((input, output), up)| output * factor(Some(up)) % input == 0);
        if downs && ups {
            Ok(())
        } else {
            Err(unsupported("dim_mult", format!("{:?}", self.dim_mult)))
        }
    }

    /// Widths of the encoder: of its first layer and of each level's result.
    pub(super) fn widths(&self, base: usize) -> Vec<usize> {
        let factors = std::iter::once(1).chain(self.dim_mult.iter().copied());
        factors.map(|factor| base * factor).collect()
    }

    /// Channels that each level of the decoder takes and its blocks give, from the coarsest on. In
    /// 2.1 the way to the next level halves them.
    pub(super) fn decoder_levels(&self) -> Vec<(usize, usize)> {
        let widths = || {
            self.dim_mult
                .iter()
                .rev()
                .map(|factor| self.decoder_width() * factor)
        };
        let inputs = widths().take(1).chain(widths());
        let levels = inputs.zip(widths()).enumerate();
        levels
            .map(|(level, (input, output))| {
                let halved = level > 0 && !self.is_residual;
                (if halved { input / 2 } else { input }, output)
            })
            .collect()
    }

    /// Width of the decoder's last level.
    pub(super) fn decoder_width(&self) -> usize {
        self.decoder_base_dim.unwrap_or(self.base_dim)
    }

    /// Side of a patch of pixels that becomes channels; 1 when none does.
    pub(super) fn patch(&self) -> usize {
        self.patch_size.unwrap_or(1)
    }

    /// Frames that every latent frame but the first stands for; that stands for one.
    pub fn latent_stride(&self) -> usize {
        self.scale_factor_temporal.unwrap_or(4)
    }

    /// Pixels that a latent spans in each direction.
    pub fn pixel_stride(&self) -> usize {
        self.scale_factor_spatial.unwrap_or(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_vae(json: &str, message: &str) {
        let error = VaeConfig::from_json(json).expect_err("a refusal");
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn missing_keys_take_the_defaults_of_the_class() {
        let config = VaeConfig::from_json(r#"{"_class_name": "AutoencoderKLWan"}"#).unwrap();
        assert_eq!(config, VaeConfig::default());
    }

    #[test]
    fn what_would_compute_otherwise_is_refused() {
        check_vae(r#"{"attn_scales": [0.5]}"#, "`attn_scales` is [0.5]");
        check_vae(r#"{"shift": 1}"#, "unknown field `shift`");
        check_vae(r#"{"dim_mult": []}"#, "`dim_mult` is 0");
        let one = r#"{"z_dim": 1, "latents_mean": [1e39], "latents_std": [1]}"#;
        check_vae(one, "`latents_mean` is inf");
        let one = r#"{"z_dim": 1, "latents_mean": [0], "latents_std": [0]}"#;
        check_vae(one, "`latents_std` is 0");
    }

    #[test]
    fn numbers_fit_each_other() {
        check_vae(
            r#"{"z_dim": 4}"#,
            "latents_mean has entries 16, the other keys ask for 4",
        );
        check_vae(
            r#"{"temperal_downsample": [true]}"#,
            "temperal_downsample has entries 1",
        );
        check_vae(
            r#"{"patch_size": 2}"#,
            "scale_factor_spatial is 8, the other keys ask for 16",
        );
        check_vae(
            r#"{"scale_factor_temporal": 8}"#,
            "scale_factor_temporal is 8",
        );
        let odd = r#"{"is_residual": true, "dim_mult": [1, 7, 7, 7]}"#;
        check_vae(odd, "`dim_mult` is [1, 7, 7, 7]");
    }
}
