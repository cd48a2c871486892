//! Layers, weight files and tokenizers that know no model by name.
//!
//! ```text
//! WeightFile ──weights(precision)──► Weights ──at("blocks.0")──► Linear::load, RmsNorm::load, ...
//! WeightFile::finish(): every tensor was read, or an error names those that were not
//! ```

mod layers;
pub mod optim;
mod rope;
mod weights;

pub use layers::{Conv, Conv3d, Embedding, LayerNorm, Linear, RmsNorm, SwiGlu};
pub use rope::{Rope, RopeAxis, frequencies, split_interleaved};
pub use weights::{
    Lora, LoraReport, Rule, TensorName, Value, WeightFile, Weights, WeightsError, hex, is_file_of,
    sha256_hex,
};
pub mod tokenizer;
