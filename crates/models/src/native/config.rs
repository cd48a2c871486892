//! The configuration of the native model, as `config.json` beside its weights holds it.

use serde::{Deserialize, Serialize};

/// Everything that decides the shapes of kinora-1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the model.
    pub name: String,
    /// The codec.
    pub codec: CodecConfig,
    /// The text encoder.
    pub text: TextConfig,
    /// The diffusion transformer.
    pub transformer: TransformerConfig,
    /// Longest clip in seconds that the weights were trained on.
    #[serde(default = "longest_seconds")]
    pub longest_seconds: u32,
}

/// Of weights that do not say.
const fn longest_seconds() -> u32 {
    4
}

/// Shape of the codec: channels and blocks of each level, in the order data meets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecConfig {
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Channels of the encoder's three levels.
    pub encoder_channels: [usize; 3],
    /// Memory blocks of each level.
    pub encoder_blocks: [usize; 3],
    /// Channels of the decoder's four levels.
    pub decoder_channels: [usize; 4],
    /// Memory blocks of each level.
    pub decoder_blocks: [usize; 4],
    /// Frames of the pixel patch that the first and last layers handle.
    pub patch_frames: usize,
    /// Side of that patch.
    pub patch_size: usize,
}

/// Shape of the text encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Width of the states.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_layers: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of the word table; row 0 is the unknown word.
    pub vocab_size: usize,
    /// Rows of the table of hashed character n-grams; row 0 pads.
    pub num_ngrams: usize,
    /// N-grams kept of each word.
    pub ngrams_per_word: usize,
    /// Rows of the table of units; row 0 is "no unit".
    pub num_units: usize,
    /// Longest prompt in words.
    pub max_tokens: usize,
    /// What a prompt can say, one entry a slot.
    pub slots: Vec<SlotConfig>,
}

/// One thing a prompt can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotConfig {
    /// Name of the slot, such as `time`.
    pub name: String,
    /// Names of its values. Class 0 is "not said", class k is value k - 1.
    pub values: Vec<String>,
}

impl SlotConfig {
    /// Number of classes: the values and "not said".
    pub fn num_classes(&self) -> usize {
        self.values.len() + 1
    }
}

impl TextConfig {
    /// Number of classes of all slots together.
    pub fn num_classes(&self) -> usize {
        self.slots.iter().map(SlotConfig::num_classes).sum()
    }
}

/// Shape of the diffusion transformer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Width of the stream.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_layers: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub ffn_size: usize,
    /// Latents a token spans in height and width.
    pub patch_size: usize,
    /// Neighbours on each side that a token's patch is painted from, too.
    #[serde(default)]
    pub patch_reach: usize,
    /// Frames a second of the training film.
    pub fps: usize,
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or not these fields.
    #[error("config.json of the native model does not parse: {0}")]
    Parse(#[from] serde_json::Error),
    /// A width that heads do not divide.
    #[error("{part}.hidden_size {hidden_size} is not a multiple of head_dim {head_dim}")]
    Heads {
        /// `text` or `transformer`.
        part: &'static str,
        /// The width.
        hidden_size: usize,
        /// The head.
        head_dim: usize,
    },
    /// More neighbours than a patch can be painted from.
    #[error("transformer.patch_reach is at most {MOST_REACH}, not {0}")]
    Reach(usize),
}

/// Most neighbours on a side.
const MOST_REACH: usize = 2;

impl Config {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// When it does not parse, holds an unknown key, or its numbers do not fit each other.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_str(json)?;
        let widths = [
            ("text", config.text.hidden_size, config.text.head_dim),
            (
                "transformer",
                config.transformer.hidden_size,
                config.transformer.head_dim,
            ),
        ];
        for (part, hidden_size, head_dim) in widths {
            if head_dim == 0 || hidden_size % head_dim != 0 {
                return Err(ConfigError::Heads {
                    part,
                    hidden_size,
                    head_dim,
                });
            }
        }
        match config.transformer.patch_reach {
            0..=MOST_REACH => Ok(config),
            reach => Err(ConfigError::Reach(reach)),
        }
    }

    /// Width of a transformer token: the latents under one patch.
    pub fn token_size(&self) -> usize {
        self.codec.latent_channels * self.transformer.patch_size.pow(2)
    }
}
