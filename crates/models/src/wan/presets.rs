//! The published variants.

use super::config::{ConfigError, TransformerConfig};
use super::vae_config::VaeConfig;

/// Where the two experts of 2.2's pair meet, as a part of all timesteps; see
/// [`is_high_noise`](super::is_high_noise).
///
/// Reference: `boundary_ratio`, diffusers `scripts/convert_wan_to_diffusers.py`.
pub const BOUNDARY_RATIO: f64 = 0.875;

/// A published transformer, or a pair of experts.
#[derive(Debug)]
pub struct Preset {
    /// The name of the variant.
    pub name: &'static str,
    /// The `config.json` that diffusers' converter writes for the transformer.
    pub transformer: &'static str,
    /// The variant's VAE.
    pub vae: &'static VaePreset,
    /// Where the two experts of a pair meet; `None` for one transformer.
    pub boundary_ratio: Option<f64>,
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
    },
    Preset {
        name: "wan2.1-t2v-14b",
        transformer: include_str!("presets/wan2.1-t2v-14b.json"),
        vae: &VAE_PRESETS[0],
        boundary_ratio: None,
    },
    Preset {
        name: "wan2.2-t2v-a14b",
        transformer: include_str!("presets/wan2.2-t2v-a14b.json"),
        vae: &VAE_PRESETS[0],
        boundary_ratio: Some(BOUNDARY_RATIO),
    },
    Preset {
        name: "wan2.2-ti2v-5b",
        transformer: include_str!("presets/wan2.2-ti2v-5b.json"),
        vae: &VAE_PRESETS[1],
        boundary_ratio: None,
    },
];

impl Preset {
    /// The transformer's configuration.
    ///
    /// # Errors
    /// Never for the [`PRESETS`], as a test shows.
    pub fn transformer_config(&self) -> Result<TransformerConfig, ConfigError> {
        TransformerConfig::from_json(self.transformer)
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
}

/// Whether each token of a model with this VAE has a timestep of its own, so that frames given as clean
/// ones stay so: of the published ones that of 5 billion weights.
pub fn expands_timesteps(vae: &VaePreset) -> bool {
    vae.name == VAE_PRESETS[1].name
}
