//! T5-v1.1 and UMT5, the text encoders of LTX-Video and Wan: encoder, tokenizer and the cleaning of
//! prompts.
//!
//! Names of weights are those of transformers (`encoder.block.0.layer.0.SelfAttention.q.weight`);
//! other layouts are the tables of [`keys`].

mod clean;
mod config;
mod detect;
mod encoder;
pub mod keys;
mod tokenizer;

pub use clean::clean_wan;
pub use config::{Activation, Config, ConfigError, FeedForward, T5_V1_1_XXL, UMT5_XXL, Variant};
pub use detect::layout;
pub use encoder::{Encoder, bucket, encode_by_block};
pub use tokenizer::{Piece, PieceKind, Tokenizer, TokenizerError};
