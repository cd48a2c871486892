//! The configuration of a T5 or UMT5 encoder, as transformers writes it into `config.json`.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// `config.json` of google/t5-v1_1-xxl's encoder, the text encoder of LTX-Video.
pub const T5_V1_1_XXL: &str = include_str!("presets/t5_v1_1_xxl.json");

/// `config.json` of google/umt5-xxl's encoder, the text encoder of Wan.
pub const UMT5_XXL: &str = include_str!("presets/umt5_xxl.json");

/// Which layers have a table of relative positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The first layer's table serves all.
    T5,
    /// Every layer has its own.
    Umt5,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::T5 => "T5",
            Self::Umt5 => "UMT5",
        })
    }
}

/// The function between the matrices of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
    /// The Gaussian error linear unit in its tanh form.
    GeluTanh,
}

/// The form of the feed-forward layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedForward {
    /// `wo(activation(wi_0 x) * wi_1 x)`, else `wo(activation(wi x))`.
    pub gated: bool,
    /// Between the matrices.
    pub activation: Activation,
}

/// Everything that decides the encoder's shapes and arithmetic.
///
/// Reference: `T5Config` and `UMT5Config` of transformers, whose names and defaults these are.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// From `model_type`.
    pub variant: Variant,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of the stream.
    pub d_model: usize,
    /// Width of an attention head.
    pub d_kv: usize,
    /// Width of the feed-forward layers.
    pub d_ff: usize,
    /// Blocks of the encoder.
    pub num_layers: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Rows of a table of relative positions, half of them for keys after the query.
    pub relative_attention_num_buckets: usize,
    /// From this distance on all keys share a bucket.
    pub relative_attention_max_distance: usize,
    /// Added to the mean square in norms.
    pub layer_norm_epsilon: f32,
    /// From `feed_forward_proj`.
    pub feed_forward: FeedForward,
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or a value of another type.
    #[error("config.json of the text encoder does not parse: {0}")]
    Parse(#[from] serde_json::Error),
    /// Another architecture.
    #[error("model_type {found:?} of the text encoder is neither \"t5\" nor \"umt5\"")]
    ModelType {
        /// The value in the file.
        found: Option<String>,
    },
    /// A key that this encoder does not know, so that it might compute something else.
    #[error("config.json of the text encoder has an unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A value that no encoder can have, or one that this encoder does not compute.
    #[error("`{key}` of the text encoder is {found}, {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value in the file.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

/// Keys without a part in encoding: training, the decoder, generation, and files.
const BOOKKEEPING: &[&str] = &[
    "architectures",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "decoder_start_token_id",
    "dropout_rate",
    "dtype",
    "eos_token_id",
    "id2label",
    "initializer_factor",
    "is_encoder_decoder",
    "label2id",
    "n_positions",
    "num_decoder_layers",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pad_token_id",
    "problem_type",
    "return_dict",
    "scalable_attention",
    "scale_decoder_outputs",
    "task_specific_params",
    "tie_word_embeddings",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "use_cache",
];

/// The file's keys that compute; what is missing takes the default of the class.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Raw {
    model_type: Option<String>,
    vocab_size: Option<usize>,
    d_model: Option<usize>,
    d_kv: Option<usize>,
    d_ff: Option<usize>,
    num_layers: Option<usize>,
    num_heads: Option<usize>,
    relative_attention_num_buckets: Option<usize>,
    relative_attention_max_distance: Option<usize>,
    layer_norm_epsilon: Option<f32>,
    feed_forward_proj: Option<String>,
    dense_act_fn: Option<String>,
    is_gated_act: Option<bool>,
    is_decoder: Option<bool>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Config {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// When it does not parse, is of another architecture, holds an unknown key that might change
    /// the computation, or a value that cannot be.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let raw: Raw = serde_json::from_str(json)?;
        let known = |key: &&String| key.starts_with('_') || BOOKKEEPING.contains(&key.as_str());
        if let Some(key) = raw.rest.keys().find(|key| !known(key)) {
            return Err(ConfigError::UnknownKey { key: key.clone() });
        }
        let variant = match raw.model_type.as_deref() {
            Some("t5") => Variant::T5,
            Some("umt5") => Variant::Umt5,
            _ => {
                let found = raw.model_type;
                return Err(ConfigError::ModelType { found });
            }
        };
        // The defaults of `T5Config` and of `UMT5Config`.
        let (vocab_size, d_ff, num_layers, num_heads, projection) = match variant {
            Variant::T5 => (32128, 2048, 6, 8, "relu"),
            Variant::Umt5 => (250_112, 1024, 8, 6, "gated-gelu"),
        };
        let projection = raw.feed_forward_proj.as_deref().unwrap_or(projection);
        let feed_forward = feed_forward(projection)?;
        check_derived(&raw, projection, feed_forward)?;
        let config = Self {
            variant,
            vocab_size: raw.vocab_size.unwrap_or(vocab_size),
            d_model: raw.d_model.unwrap_or(512),
            d_kv: raw.d_kv.unwrap_or(64),
            d_ff: raw.d_ff.unwrap_or(d_ff),
            num_layers: raw.num_layers.unwrap_or(num_layers),
            num_heads: raw.num_heads.unwrap_or(num_heads),
            relative_attention_num_buckets: raw.relative_attention_num_buckets.unwrap_or(32),
            relative_attention_max_distance: raw.relative_attention_max_distance.unwrap_or(128),
            layer_norm_epsilon: raw.layer_norm_epsilon.unwrap_or(1e-6),
            feed_forward,
        };
        config.check_sizes()?;
        Ok(config)
    }

    /// A `config.json` that reads as this.
    pub fn to_json(&self) -> String {
        let activation = match self.feed_forward.activation {
            Activation::Relu => "relu",
            Activation::Silu => "silu",
            Activation::GeluTanh => "gelu_new",
        };
        let gated = if self.feed_forward.gated {
            "gated-"
        } else {
            ""
        };
        json!({
            "model_type": match self.variant {
                Variant::T5 => "t5",
                Variant::Umt5 => "umt5",
            },
            "vocab_size": self.vocab_size,
            "d_model": self.d_model,
            "d_kv": self.d_kv,
            "d_ff": self.d_ff,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "relative_attention_num_buckets": self.relative_attention_num_buckets,
            "relative_attention_max_distance": self.relative_attention_max_distance,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "feed_forward_proj": format!("{gated}{activation}"),
        })
        .to_string()
    }

    /// Width of all heads together, which need not be that of the stream.
    pub fn inner_size(&self) -> usize {
        self.num_heads * self.d_kv
    }

    pub(super) fn check_sizes(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("d_kv", self.d_kv),
            ("d_ff", self.d_ff),
            ("num_layers", self.num_layers),
            ("num_heads", self.num_heads),
            // Below, all heads together.
            ("d_kv", self.num_heads.saturating_mul(self.d_kv)),
        ];
        for (key, size) in sizes {
            check(
                key,
                size,
                (1..1 << 24).contains(&size),
                "not from 1 to 2^24",
            )?;
        }
        let buckets = self.relative_attention_num_buckets;
        let possible = (4..1 << 24).contains(&buckets);
        let key = "relative_attention_num_buckets";
        check(key, buckets, possible, "not from 4 to 2^24")?;
        // Distances below a quarter of the buckets have one each; the logarithm spans the others.
        let far = self.relative_attention_max_distance;
        let possible = far > buckets / 4 && far < 1 << 24;
        let key = "relative_attention_max_distance";
        check(key, far, possible, "not above a quarter of the buckets")?;
        let eps = self.layer_norm_epsilon;
        let possible = eps.is_finite() && eps >= 0.0;
        check("layer_norm_epsilon", eps, possible, "not a small number")
    }
}

fn check(
    key: &'static str,
    found: impl std::fmt::Display + Copy,
    possible: bool,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if possible {
        return Ok(());
    }
    Err(ConfigError::Value {
        key,
        found: found.to_string(),
        expected,
    })
}

/// `gated-` before a gated form, then the name of the activation. `gated-gelu` alone means the tanh
/// form.
fn feed_forward(projection: &str) -> Result<FeedForward, ConfigError> {
    let (gated, name) = match projection.strip_prefix("gated-") {
        Some(name) => (true, name),
        None => (false, projection),
    };
    let activation = match (gated, name) {
        (_, "relu") => Activation::Relu,
        (_, "silu" | "swish") => Activation::Silu,
        (true, "gelu") | (_, "gelu_new" | "gelu_pytorch_tanh") => Activation::GeluTanh,
        _ => {
            return Err(ConfigError::Value {
                key: "feed_forward_proj",
                found: format!("{projection:?}"),
                expected: "known are relu, silu and gelu_new, also after `gated-`, and gated-gelu",
            });
        }
    };
    Ok(FeedForward { gated, activation })
}

/// Newer files repeat what follows from `feed_forward_proj`; encoders built on the repetition would
/// compute something else if it differed.
fn check_derived(raw: &Raw, projection: &str, derived: FeedForward) -> Result<(), ConfigError> {
    if let Some(name) = &raw.dense_act_fn {
        let prefix = if derived.gated { "gated-" } else { "" };
        let same = feed_forward(&format!("{prefix}{name}")).is_ok_and(|other| other == derived)
            // Written by hand: `gelu` is the exact form here, also when gated.
            && (name != "gelu" || projection == "gelu");
        check(
            "dense_act_fn",
            name.as_str(),
            same,
            "not that of feed_forward_proj",
        )?;
    }
    if let Some(gated) = raw.is_gated_act {
        let same = gated == derived.gated;
        check("is_gated_act", gated, same, "not that of feed_forward_proj")?;
    }
    let decoder = raw.is_decoder.unwrap_or(false);
    check("is_decoder", decoder, !decoder, "this is an encoder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, message: &str) {
        let error = Config::from_json(json).expect_err("a config to be refused");
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn published_configs_are_read() {
        let t5 = Config::from_json(T5_V1_1_XXL).expect("the preset");
        assert_eq!((t5.variant, t5.vocab_size), (Variant::T5, 32128));
        let umt5 = Config::from_json(UMT5_XXL).expect("the preset");
        assert_eq!((umt5.variant, umt5.vocab_size), (Variant::Umt5, 256_384));
        for config in [t5, umt5] {
            assert_eq!(
                (config.num_layers, config.num_heads, config.d_kv),
                (24, 64, 64)
            );
            assert_eq!((config.d_model, config.d_ff), (4096, 10240));
            let gelu = Activation::GeluTanh;
            let expected = FeedForward {
                gated: true,
                activation: gelu,
            };
            assert_eq!(config.feed_forward, expected);
        }
    }

    #[test]
    fn missing_keys_take_the_defaults_of_the_class() {
        let t5 = Config::from_json(r#"{"model_type": "t5"}"#).expect("all defaults");
        assert_eq!(
            (t5.vocab_size, t5.d_model, t5.d_ff, t5.num_heads),
            (32128, 512, 2048, 8)
        );
        assert!(!t5.feed_forward.gated);
        let umt5 = Config::from_json(r#"{"model_type": "umt5"}"#).expect("all defaults");
        assert_eq!(
            (umt5.vocab_size, umt5.num_layers, umt5.num_heads),
            (250_112, 8, 6)
        );
        assert!(umt5.feed_forward.gated);
    }

    #[test]
    fn what_would_compute_something_else_is_refused() {
        check(
            "[]",
            "config.json of the text encoder does not parse: invalid type: sequence, expected an object at line 1 column 0",
        );
        check(
            "{}",
            "model_type None of the text encoder is neither \"t5\" nor \"umt5\"",
        );
        check(
            r#"{"model_type": "bert"}"#,
            "model_type Some(\"bert\") of the text encoder is neither \"t5\" nor \"umt5\"",
        );
        check(
            r#"{"model_type": "t5", "quantization_config": {}}"#,
            "config.json of the text encoder has an unknown key `quantization_config`",
        );
        check(
            r#"{"model_type": "t5", "d_model": 0}"#,
            "`d_model` of the text encoder is 0, not from 1 to 2^24",
        );
        check(
            r#"{"model_type": "t5", "relative_attention_max_distance": 8}"#,
            "`relative_attention_max_distance` of the text encoder is 8, not above a quarter of the buckets",
        );
        check(
            r#"{"model_type": "t5", "feed_forward_proj": "gated-gelu", "dense_act_fn": "relu"}"#,
            "`dense_act_fn` of the text encoder is relu, not that of feed_forward_proj",
        );
        check(
            r#"{"model_type": "t5", "is_decoder": true}"#,
            "`is_decoder` of the text encoder is true, this is an encoder",
        );
        check(
            r#"{"model_type": "t5", "feed_forward_proj": "gelu"}"#,
            "`feed_forward_proj` of the text encoder is \"gelu\", known are relu, silu and gelu_new, also after `gated-`, and gated-gelu",
        );
    }
}
