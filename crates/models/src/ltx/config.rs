//! The configuration of the transformer, as diffusers' `config.json` holds it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Larger numbers in a configuration are a mistake, and would overflow sizes computed from them.
pub(super) const LARGEST: usize = 1 << 16;

/// Everything that decides the shapes of the transformer.
///
/// Reference: `LTXVideoTransformer3DModel.__init__`, whose defaults stand for missing keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Channels of a latent.
    pub in_channels: usize,
    /// Channels of the velocity; those of the latent when absent.
    pub out_channels: Option<usize>,
    /// Side of a patch; every pipeline needs 1.
    pub patch_size: usize,
    /// Frames of a patch; every pipeline needs 1.
    pub patch_size_t: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Width of a head.
    pub attention_head_dim: usize,
    /// Width of the projected text, which is that of the stream.
    pub cross_attention_dim: usize,
    /// Number of blocks.
    pub num_layers: usize,
    /// Activation of the feed-forward layer.
    pub activation_fn: String,
    /// Norm of queries and keys.
    pub qk_norm: String,
    /// Whether the norms of a block have weights.
    pub norm_elementwise_affine: bool,
    /// Added to the mean square in the norms of a block.
    pub norm_eps: f32,
    /// Width of the text encoder's states.
    pub caption_channels: usize,
    /// Whether queries, keys and values have a bias.
    pub attention_bias: bool,
    /// Whether the output of attention has one.
    pub attention_out_bias: bool,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            in_channels: 128,
            out_channels: Some(128),
            patch_size: 1,
            patch_size_t: 1,
            num_attention_heads: 32,
            attention_head_dim: 64,
            cross_attention_dim: 2048,
            num_layers: 28,
            activation_fn: "gelu-approximate".to_owned(),
            qk_norm: "rms_norm_across_heads".to_owned(),
            norm_elementwise_affine: false,
            norm_eps: 1e-6,
            caption_channels: 4096,
            attention_bias: true,
            attention_out_bias: true,
        }
    }
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or not these keys.
    #[error("config.json of {class} does not parse: {source}")]
    Parse {
        /// The class that was expected.
        class: &'static str,
        /// The reader's reason.
        source: serde_json::Error,
    },
    /// The configuration of something else.
    #[error("config.json is of {found}, not of {class}")]
    Class {
        /// The class that was expected.
        class: &'static str,
        /// The class that the file names.
        found: String,
    },
    /// A value that does not fit the others, or that no published model has.
    #[error("config.json of {class}: `{key}` is {value}, {needs}")]
    Value {
        /// The class.
        class: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would fit.
        needs: &'static str,
    },
}

/// Reads a `config.json` of `class`. Keys that begin with `_` are diffusers' bookkeeping.
pub(super) fn read<T: DeserializeOwned>(class: &'static str, json: &str) -> Result<T, ConfigError> {
    let parse = |source| ConfigError::Parse { class, source };
    let keys: Map<String, Value> = serde_json::from_str(json).map_err(parse)?;
    if let Some(found) = keys.get("_class_name").and_then(Value::as_str)
        && found != class
    {
        let found = found.to_owned();
        return Err(ConfigError::Class { class, found });
    }
    let keys: Map<String, Value> = keys
        .into_iter()
        .filter(|(k, _)| !k.starts_with('_'))
        .collect();
    serde_json::from_value(Value::Object(keys)).map_err(parse)
}

/// An error unless `fits`.
pub(super) fn require(
    class: &'static str,
    key: &'static str,
    value: impl std::fmt::Debug,
    fits: bool,
    needs: &'static str,
) -> Result<(), ConfigError> {
    if fits {
        return Ok(());
    }
    let value = format!("{value:?}");
    Err(ConfigError::Value {
        class,
        key,
        value,
        needs,
    })
}

impl TransformerConfig {
    const CLASS: &'static str = "LTXVideoTransformer3DModel";

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// When it does not parse, holds an unknown key, or a value that cannot be computed with.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let config: Self = read(Self::CLASS, json)?;
        config.check()?;
        Ok(config)
    }

    /// Width of the stream.
    pub fn inner_dim(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    fn check(&self) -> Result<(), ConfigError> {
        let check = |key, value: usize, fits, needs| require(Self::CLASS, key, value, fits, needs);
        for (key, value) in [
            ("in_channels", self.in_channels),
            ("num_attention_heads", self.num_attention_heads),
            ("attention_head_dim", self.attention_head_dim),
            ("caption_channels", self.caption_channels),
        ] {
            let fits = (1..=LARGEST).contains(&value);
            check(key, value, fits, "a size from 1 to 65536 is needed")?;
        }
        let layers = self.num_layers;
        check(
            "num_layers",
            layers,
            layers <= LARGEST,
            "at most 65536 are possible",
        )?;
        let inner = self.inner_dim();
        check(
            "num_attention_heads",
            self.num_attention_heads,
            inner <= LARGEST,
            "the stream is at most 65536 wide",
        )?;
        let dim = self.attention_head_dim;
        check(
            "attention_head_dim",
            dim,
            dim.is_multiple_of(2),
            "rotary embedding needs pairs",
        )?;
        let width = self.cross_attention_dim;
        check(
            "cross_attention_dim",
            width,
            width == inner,
            "the projected text is as wide as the stream",
        )?;
        let out = self.out_channels.unwrap_or(self.in_channels);
        check(
            "out_channels",
            out,
            out == self.in_channels,
            "a velocity has the channels of the latents",
        )?;
        check(
            "patch_size",
            self.patch_size,
            self.patch_size == 1,
            "the pipelines work with 1 only",
        )?;
        check(
            "patch_size_t",
            self.patch_size_t,
            self.patch_size_t == 1,
            "the pipelines work with 1 only",
        )?;
        self.check_switches()
    }

    /// Switches of the reference class that no published model turns.
    fn check_switches(&self) -> Result<(), ConfigError> {
        let (class, activation, qk_norm) = (Self::CLASS, &self.activation_fn, &self.qk_norm);
        require(
            class,
            "activation_fn",
            activation,
            activation == "gelu-approximate",
            "known is \"gelu-approximate\"",
        )?;
        require(
            class,
            "qk_norm",
            qk_norm,
            qk_norm == "rms_norm_across_heads",
            "known is \"rms_norm_across_heads\"",
        )?;
        let affine = self.norm_elementwise_affine;
        require(
            class,
            "norm_elementwise_affine",
            affine,
            !affine,
            "published models have false",
        )?;
        require(
            class,
            "attention_bias",
            self.attention_bias,
            self.attention_bias,
            "published models have true",
        )?;
        let bias = self.attention_out_bias;
        require(
            class,
            "attention_out_bias",
            bias,
            bias,
            "published models have true",
        )?;
        let eps = self.norm_eps;
        require(
            class,
            "norm_eps",
            eps,
            eps >= 0.0 && eps.is_finite(),
            "it is not negative",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str, message: &str) {
        let error = TransformerConfig::from_json(json).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn missing_keys_have_the_defaults_of_the_reference() {
        let config = TransformerConfig::from_json("{\"_diffusers_version\": \"0.42.1\"}").unwrap();
        assert_eq!(config, TransformerConfig::default());
        assert_eq!(config.inner_dim(), 2048);
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        refused("{\"rope_theta\": 5}", "unknown field `rope_theta`");
        refused(
            "{\"_class_name\": \"WanTransformer3DModel\"}",
            "is of WanTransformer3DModel",
        );
        refused("{\"num_attention_heads\": 0}", "from 1 to 65536");
        refused(
            "{\"num_attention_heads\": 99999999999999999999}",
            "does not parse",
        );
        refused("{\"attention_head_dim\": 63}", "needs pairs");
        refused("{\"cross_attention_dim\": 4096}", "as wide as the stream");
        refused("{\"qk_norm\": \"layer_norm\"}", "rms_norm_across_heads");
        refused("{\"attention_bias\": false}", "published models have true");
        refused("{\"patch_size\": 2}", "work with 1 only");
        refused("[]", "does not parse");
    }
}
