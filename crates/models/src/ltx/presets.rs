//! The published variants: the configurations that diffusers' `scripts/convert_ltx_to_diffusers.py`
//! writes, for single files that bring none.
//!
//! Versions 0.9.6 to 0.9.8 have the VAE of 0.9.5; 0.9.7 and 0.9.8 come with either transformer.

/// The transformer of 2 billion parameters: 0.9.0 to 0.9.6, and 0.9.8 2B.
pub const TRANSFORMER_2B: &str = include_str!("presets/transformer-2b.json");
/// The transformer of 13 billion parameters: 0.9.7 and 0.9.8.
pub const TRANSFORMER_13B: &str = include_str!("presets/transformer-13b.json");
/// The VAE of 0.9.0.
pub const VAE_090: &str = include_str!("presets/vae-0.9.0.json");
/// The VAE of 0.9.1.
pub const VAE_091: &str = include_str!("presets/vae-0.9.1.json");
/// The VAE of 0.9.5 and later.
pub const VAE_095: &str = include_str!("presets/vae-0.9.5.json");
/// The scheduler of 0.9.0 and 0.9.1: shifted by the number of tokens, with a terminal.
pub const SCHEDULER_090: &str = include_str!("presets/scheduler-0.9.0.json");
/// The scheduler of 0.9.5 and later: not shifted.
pub const SCHEDULER_095: &str = include_str!("presets/scheduler-0.9.5.json");

#[cfg(test)]
mod tests {
    use super::super::{TransformerConfig, VaeConfig};
    use super::*;

    #[test]
    fn every_preset_parses() {
        for (json, layers, width) in [(TRANSFORMER_2B, 28, 2048), (TRANSFORMER_13B, 48, 4096)] {
            let config = TransformerConfig::from_json(json).unwrap();
            assert_eq!((config.num_layers, config.inner_dim()), (layers, width));
        }
        for (json, told, levels) in [(VAE_090, false, 4), (VAE_091, true, 3), (VAE_095, true, 3)] {
            let config = VaeConfig::from_json(json).unwrap();
            assert_eq!(config.timestep_conditioning, told);
            assert_eq!(config.up_levels().len(), levels);
            assert_eq!((config.temporal_ratio(), config.spatial_ratio()), (8, 32));
        }
    }
}
