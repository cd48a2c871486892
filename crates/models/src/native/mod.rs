//! kinora-1, the model of this project: a word-level text encoder, a diffusion transformer over
//! all spacetime tokens of a clip, and a codec that decodes causally, frame group by frame group.
//!
//! Reference: the mirror in `PyTorch`, in `oracle/native`, which wrote the parity fixtures.

mod camera;
mod codec;
mod config;
mod directions;
mod text;
mod transformer;

pub use camera::{CameraPath, View};
pub use codec::{Decoder, Encoder, LATENT_STRIDE, PIXEL_STRIDE, Stream, latent_frames};
pub use config::{CodecConfig, Config, ConfigError, SlotConfig, TextConfig, TransformerConfig};
pub use directions::Directions;
pub use text::{TextEncoder, TextStates, Word};
pub use transformer::{Conditioning, Prediction, Transformer};
