//! LTX-Video 0.9.x: a diffusion transformer over latents of 32 x 32 pixels and 8 frames, and the VAE
//! that makes and reads them.
//!
//! Reference: diffusers 0.42, `models/transformers/transformer_ltx.py`,
//! `models/autoencoders/autoencoder_kl_ltx.py` and `pipelines/ltx/`; arXiv 2501.00103.
//!
//! The transformer's weights have the names of the original files, and diffusers' become them by
//! [`FROM_DIFFUSERS`]. The VAE's have the names of diffusers, because the original numbers the
//! blocks of each version in its own way: see [`keys`].

mod config;
mod detect;
pub mod keys;
pub mod pipeline;
pub mod presets;
mod rope;
mod timestep;
mod transformer;
mod vae;
mod vae_config;

pub use config::{ConfigError, TransformerConfig};
pub use detect::{transformer_of, vae_of};
pub use keys::FROM_DIFFUSERS;
pub use rope::TimeRule;
pub use transformer::{Conditioning, Positions, Transformer};
pub use vae::{DecodeOptions, Decoder, Encoder, Stream, TILING};
pub use vae_config::{DownsampleType, VaeConfig};
