//! The published variants, and which of them a file holds.

use kinora_nn::Weights;

use super::config::{ConfigError, TransformerConfig};
use super::vae_config::VaeConfig;

/// More blocks are counted as these.
const MOST_BLOCKS: usize = 1 << 10;

/// A published transformer, or a pair of experts.
#[derive(Debug)]
pub struct Preset {
    /// The name of the variant.
    pub name: &'static str,
    /// The `config.json` that diffusers' converter writes for the transformer.
    pub transformer: &'static str,
    /// The variant's VAE.
    pub vae: &'static VaePreset,
    /// Where the two experts of a pair meet, as a part of all timesteps; see
    /// [`is_high_noise`](super::is_high_noise). `None` for one transformer.
    pub boundary_ratio: Option<f64>,
    /// Whether each token has a timestep of its own, so that frames given as clean ones stay so.
    pub expand_timesteps: bool,
}

/// A published VAE.
#[derive(Debug)]
pub struct VaePreset {
    /// The name of the variant.
    pub name: &'static str,
    /// The `config.json` that diffusers' converter writes.
    pub config: &'static str,
}

/// The published VAEs.
pub const VAE_PRESETS: &[VaePreset] = &[
    VaePreset {
        name: "wan2.1-vae",
        config: include_str!("presets/wan2.1-vae.json"),
    },
    VaePreset {
        name: "wan2.2-vae",
        config: include_str!("presets/wan2.2-vae.json"),
    },
];

/// The published transformers. Those of 2.2's pair have the shapes of 2.1's 14B.
///
/// Reference: diffusers `scripts/convert_wan_to_diffusers.py`.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "wan2.1-t2v-1.3b",
        transformer: include_str!("presets/wan2.1-t2v-1.3b.json"),
        vae: &VAE_PRESETS[0],
        boundary_ratio: None,
        expand_timesteps: false,
    },
    Preset {
        name: "wan2.1-t2v-14b",
        transformer: include_str!("presets/wan2.1-t2v-14b.json"),
        vae: &VAE_PRESETS[0],
        boundary_ratio: None,
        expand_timesteps: false,
    },
    Preset {
        name: "wan2.2-t2v-a14b",
        transformer: include_str!("presets/wan2.2-t2v-a14b.json"),
        vae: &VAE_PRESETS[0],
        boundary_ratio: Some(0.875),
        expand_timesteps: false,
    },
    Preset {
        name: "wan2.2-ti2v-5b",
        transformer: include_str!("presets/wan2.2-ti2v-5b.json"),
        vae: &VAE_PRESETS[1],
        boundary_ratio: None,
        expand_timesteps: true,
    },
];

/// Why a file is no variant that this family knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// There are no tensors of this family.
    #[error("the file holds no {part} of Wan: there is no tensor `{tensor}` as one has it")]
    Other {
        /// `transformer` or `VAE`.
        part: &'static str,
        /// The tensor that tells.
        tensor: &'static str,
    },
    /// A transformer of this family in a size of its own.
    #[error(
        "a transformer of Wan of width {hidden_size} with {in_channels} channels and \
         {num_layers} blocks is no published variant that Kinora knows"
    )]
    Transformer {
        /// Width of the stream.
        hidden_size: usize,
        /// Channels of the input; 36 in image-to-video models, which are not supported.
        in_channels: usize,
        /// Number of blocks.
        num_layers: usize,
    },
    /// A VAE of this family in a size of its own.
    #[error(
        "a VAE of Wan with {z_dim} latent channels and a decoder of width {width} is no published \
         variant"
    )]
    Vae {
        /// Channels of a latent.
        z_dim: usize,
        /// Width of the decoder's first level.
        width: usize,
    },
}

impl Preset {
    /// The transformer's configuration.
    ///
    /// # Errors
    /// Never for the [`PRESETS`], as a test shows.
    pub fn transformer_config(&self) -> Result<TransformerConfig, ConfigError> {
        TransformerConfig::from_json(self.transformer)
    }

    /// The variant of a file, by the shapes of its tensors under their original names. One expert
    /// of 2.2's pair looks like the 14B of 2.1.
    ///
    /// # Errors
    /// When the file holds no transformer of this family, or one of no published size.
    pub fn detect(weights: &Weights) -> Result<&'static Self, DetectError> {
        let other = |tensor| DetectError::Other {
            part: "transformer",
            tensor,
        };
        let first = "patch_embedding.weight";
        let &[hidden_size, in_channels, _, _, _] = weights.shape(first).unwrap_or(&[]) else {
            return Err(other(first));
        };
        let own = "blocks.0.self_attn.norm_q.weight";
        if weights.shape(own) != Some(&[hidden_size]) {
            return Err(other(own));
        }
        let block = |i: &usize| weights.has(&format!("blocks.{i}.self_attn.norm_q.weight"));
        let num_layers = (0..MOST_BLOCKS).take_while(block).count();
        let found = [hidden_size, in_channels, num_layers];
        let same = |preset: &&Self| {
            preset.transformer_config().is_ok_and(|config| {
                [config.hidden_size(), config.in_channels, config.num_layers] == found
            })
        };
        PRESETS.iter().find(same).ok_or(DetectError::Transformer {
            hidden_size,
            in_channels,
            num_layers,
        })
    }
}

impl VaePreset {
    /// The configuration.
    ///
    /// # Errors
    /// Never for the [`VAE_PRESETS`], as a test shows.
    pub fn config(&self) -> Result<VaeConfig, ConfigError> {
        VaeConfig::from_json(self.config)
    }

    /// The variant of a file, by the shapes of its tensors under their original names.
    ///
    /// # Errors
    /// When the file holds no VAE of this family, or one of no published size.
    pub fn detect(weights: &Weights) -> Result<&'static Self, DetectError> {
        let first = "decoder.conv1.weight";
        let own = "decoder.middle.0.residual.0.gamma";
        let &[width, z_dim, 3, 3, 3] = weights.shape(first).unwrap_or(&[]) else {
            return Err(DetectError::Other {
                part: "VAE",
                tensor: first,
            });
        };
        if weights.shape(own) != Some(&[width, 1, 1, 1]) {
            return Err(DetectError::Other {
                part: "VAE",
                tensor: own,
            });
        }
        let same = |preset: &&Self| {
            preset.config().is_ok_and(|config| {
                let coarsest = config.decoder_levels().first().map(|level| level.0);
                (coarsest, config.z_dim) == (Some(width), z_dim)
            })
        };
        VAE_PRESETS
            .iter()
            .find(same)
            .ok_or(DetectError::Vae { z_dim, width })
    }
}
