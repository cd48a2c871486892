//! The transformer's configuration, as `config.json` beside the published weights holds it.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest width or count that a configuration may ask for: far above any published model, and
/// products of a few of them stay numbers.
const MOST: usize = 1 << 16;

/// Keys that no layer reads. `clip_output` is written for the VAE of 2.2, whose class has no such
/// parameter and clamps always; `dropout` does nothing outside of training.
const WITHOUT_EFFECT: &[&str] = &["clip_output", "dropout"];

/// Shape of the diffusion transformer.
///
/// Reference: `WanTransformer3DModel`, diffusers `models/transformers/transformer_wan.py`, also for
/// the values of missing keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransformerConfig {
    /// Latents a token spans in time, height and width.
    pub patch_size: [usize; 3],
    /// Heads of each attention.
    pub num_attention_heads: usize,
    /// Width of a head.
    pub attention_head_dim: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the velocity; those of the input when absent.
    pub out_channels: Option<usize>,
    /// Width of the text encoder's states.
    pub text_dim: usize,
    /// Width of the timestep's sinusoids.
    pub freq_dim: usize,
    /// Width of the feed-forward layers.
    pub ffn_dim: usize,
    /// Number of blocks.
    pub num_layers: usize,
    /// Whether a norm with weights precedes the attention to the text.
    pub cross_attn_norm: bool,
    /// The norm of queries and keys; `rms_norm_across_heads` is known.
    pub qk_norm: Option<String>,
    /// Added to variances and mean squares.
    pub eps: f32,
    /// Width of image states, which only models outside of this family's scope take.
    pub image_dim: Option<usize>,
    /// Width of the keys and values of image states.
    pub added_kv_proj_dim: Option<usize>,
    /// Most positions along each axis.
    pub rope_max_seq_len: usize,
    /// Positions of image states.
    pub pos_embed_seq_len: Option<usize>,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            patch_size: [1, 2, 2],
            num_attention_heads: 40,
            attention_head_dim: 128,
            in_channels: 16,
            out_channels: Some(16),
            text_dim: 4096,
            freq_dim: 256,
            ffn_dim: 13824,
            num_layers: 40,
            cross_attn_norm: true,
            qk_norm: Some("rms_norm_across_heads".to_owned()),
            eps: 1e-6,
            image_dim: None,
            added_kv_proj_dim: None,
            rope_max_seq_len: 1024,
            pos_embed_seq_len: None,
        }
    }
}

impl TransformerConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// When it does not parse, holds an unknown key, or asks for what this family does not compute.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let config: Self = parse(json)?;
        let [time, height, width] = config.patch_size;
        let sizes = [
            ("num_attention_heads", config.num_attention_heads),
            ("attention_head_dim", config.attention_head_dim),
            ("in_channels", config.in_channels),
            ("out_channels", config.velocity_channels()),
            ("text_dim", config.text_dim),
            ("freq_dim", config.freq_dim),
            ("ffn_dim", config.ffn_dim),
            ("patch_size", height),
            ("patch_size", width),
            ("rope_max_seq_len", config.rope_max_seq_len),
        ];
        check_sizes(&sizes)?;
        check_sizes(&[("num_attention_heads", config.hidden_size())])?;
        let even = [
            ("attention_head_dim", config.attention_head_dim),
            ("freq_dim", config.freq_dim),
        ];
        for (key, value) in even {
            if value % 2 != 0 {
                return Err(unsupported(key, value));
            }
        }
        if time != 1 {
            return Err(unsupported(
                "patch_size",
                format!("{:?}", config.patch_size),
            ));
        }
        if config.num_layers > MOST {
            return Err(unsupported("num_layers", config.num_layers));
        }
        if config.qk_norm.as_deref() != Some("rms_norm_across_heads") {
            return Err(unsupported("qk_norm", format!("{:?}", config.qk_norm)));
        }
        let of_images = [
            ("image_dim", config.image_dim),
            ("added_kv_proj_dim", config.added_kv_proj_dim),
            ("pos_embed_seq_len", config.pos_embed_seq_len),
        ];
        for (key, value) in of_images {
            if let Some(value) = value {
                return Err(unsupported(key, value));
            }
        }
        Ok(config)
    }

    /// Width of the stream.
    pub fn hidden_size(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Channels of the velocity.
    pub fn velocity_channels(&self) -> usize {
        self.out_channels.unwrap_or(self.in_channels)
    }
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, an unknown key, or a value of another type.
    #[error("the config.json of Wan does not parse: {0}")]
    Parse(#[from] serde_json::Error),
    /// A value that this family does not compute.
    #[error("the config.json of Wan: `{key}` is {value}, which is not supported")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// Numbers that do not fit each other.
    #[error("the config.json of Wan: {what} {found}, the other keys ask for {expected}")]
    Inconsistent {
        /// The key and what it counts.
        what: &'static str,
        /// The number in the file.
        found: usize,
        /// The number that fits.
        expected: usize,
    },
}

/// Parses a config without the keys that have no effect and those that begin with `_`.
pub(super) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, ConfigError> {
    let mut value: Value = serde_json::from_str(json)?;
    if let Value::Object(keys) = &mut value {
        keys.retain(|key, _| !key.starts_with('_') && !WITHOUT_EFFECT.contains(&key.as_str()));
    }
    Ok(serde_json::from_value(value)?)
}

pub(super) fn unsupported(key: &'static str, value: impl Display) -> ConfigError {
    ConfigError::Unsupported {
        key,
        value: format!("{value}"),
    }
}

pub(super) fn check_sizes(sizes: &[(&'static str, usize)]) -> Result<(), ConfigError> {
    match sizes.iter().find(|(_, size)| !(1..=MOST).contains(size)) {
        Some(&(key, size)) => Err(unsupported(key, size)),
        None => Ok(()),
    }
}

pub(super) fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), ConfigError> {
    if found == expected {
        Ok(())
    } else {
        Err(ConfigError::Inconsistent {
            what,
            found,
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_transformer(json: &str, message: &str) {
        let error = TransformerConfig::from_json(json).expect_err("a refusal");
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn missing_keys_take_the_defaults_of_the_class() {
        let config = TransformerConfig::from_json("{}").unwrap();
        assert_eq!(config, TransformerConfig::default());
        assert_eq!(
            (config.hidden_size(), config.velocity_channels()),
            (5120, 16)
        );
    }

    #[test]
    fn an_absent_number_of_outputs_is_that_of_inputs() {
        let config = TransformerConfig::from_json(r#"{"in_channels": 9, "out_channels": null}"#);
        assert_eq!(config.unwrap().velocity_channels(), 9);
    }

    #[test]
    fn what_would_compute_otherwise_is_refused() {
        check_transformer("[", "does not parse");
        check_transformer(r#"{"window_size": 3}"#, "unknown field `window_size`");
        check_transformer(r#"{"image_dim": 1280}"#, "`image_dim` is 1280");
        check_transformer(r#"{"qk_norm": null}"#, "`qk_norm` is None");
        check_transformer(r#"{"patch_size": [2, 2, 2]}"#, "`patch_size` is [2, 2, 2]");
        check_transformer(
            r#"{"attention_head_dim": 15}"#,
            "`attention_head_dim` is 15",
        );
        check_transformer(
            r#"{"num_attention_heads": 0}"#,
            "`num_attention_heads` is 0",
        );
        check_transformer(
            r#"{"num_attention_heads": 9999, "attention_head_dim": 9998}"#,
            "`num_attention_heads` is 99970002",
        );
        check_transformer(r#"{"ffn_dim": 99999999999}"#, "`ffn_dim` is 99999999999");
        check_transformer(
            r#"{"num_layers": 99999999999}"#,
            "`num_layers` is 99999999999",
        );
    }
}
