//! What a single file without a `config.json` holds, told from its tensors under their original names.

use kinora_nn::WeightFile;
use serde_json::json;

use super::presets::{PRESETS, VAE_PRESETS, VaePreset};
use crate::describe::{blocks, rows_and_columns, with_values};

/// Width of a head of every published transformer; shapes do not tell it.
const HEAD_DIM: usize = 128;
/// Latents under a token of every published transformer.
const PATCH_AREA: usize = 4;

/// Why a file is none of this family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// There are no tensors of this family.
    #[error("the file holds no {part} of Wan: there is no tensor `{tensor}` as one has it")]
    Other {
        /// `transformer` or `VAE`.
        part: &'static str,
        /// The tensor that tells.
        tensor: &'static str,
    },
    /// A transformer that begins with a picture by channels of its own.
    #[error(
        "a transformer of Wan that takes {inputs} channels and gives {outputs} begins with a picture, \
         which Kinora runs of TI2V-5B only"
    )]
    ImageToVideo {
        /// Channels of the input.
        inputs: usize,
        /// Channels of the velocity.
        outputs: usize,
    },
    /// A transformer whose heads cannot be told.
    #[error("a transformer of Wan is {hidden_size} wide, which no number of heads of 128 is")]
    Heads {
        /// Width of the stream.
        hidden_size: usize,
    },
    /// Latents of no published VAE.
    #[error("a {part} of Wan with {channels} latent channels; the published VAEs have 16 and 48")]
    Latents {
        /// `transformer` or `VAE`.
        part: &'static str,
        /// Channels of a latent.
        channels: usize,
    },
}

/// A part of a single file.
#[derive(Debug)]
pub struct Detected {
    /// Its `config.json`, as diffusers' converter would write it.
    pub config: String,
    /// The VAE that it is, or whose latents it denoises.
    pub vae: &'static VaePreset,
}

/// The transformer of a file. One expert of a pair looks like the 14B of 2.1.
///
/// # Errors
/// When the file holds no transformer of this family, or one that Kinora does not run.
pub fn transformer_of(file: &WeightFile) -> Result<Detected, DetectError> {
    let part = "transformer";
    let columns = |tensor| {
        let found = rows_and_columns(file, tensor);
        found.ok_or(DetectError::Other { part, tensor })
    };
    let [hidden_size, inputs] = columns("patch_embedding.weight")?;
    let own = "blocks.0.self_attn.norm_q.weight";
    if file.shape(own) != Some(&[hidden_size]) {
        return Err(DetectError::Other { part, tensor: own });
    }
    let [ffn_dim, _] = columns("blocks.0.ffn.0.weight")?;
    let [_, text_dim] = columns("text_embedding.0.weight")?;
    let [_, freq_dim] = columns("time_embedding.0.weight")?;
    let outputs = columns("head.head.weight")?[0] / PATCH_AREA;
    if inputs != outputs {
        return Err(DetectError::ImageToVideo { inputs, outputs });
    }
    if hidden_size % HEAD_DIM != 0 {
        return Err(DetectError::Heads { hidden_size });
    }
    let vae = vae_with(part, inputs)?;
    let layers = blocks(file, |block| {
        format!("blocks.{block}.self_attn.norm_q.weight")
    });
    let config = with_values(
        PRESETS[0].transformer,
        [
            ("num_attention_heads", json!(hidden_size / HEAD_DIM)),
            ("in_channels", json!(inputs)),
            ("out_channels", json!(outputs)),
            ("text_dim", json!(text_dim)),
            ("freq_dim", json!(freq_dim)),
            ("ffn_dim", json!(ffn_dim)),
            ("num_layers", json!(layers)),
        ],
    );
    Ok(Detected { config, vae })
}

/// The VAE of a file.
///
/// # Errors
/// When the file holds no VAE of this family, or one whose latents no published VAE has.
pub fn vae_of(file: &WeightFile) -> Result<Detected, DetectError> {
    let part = "VAE";
    let columns = |tensor| {
        let found = rows_and_columns(file, tensor);
        found.ok_or(DetectError::Other { part, tensor })
    };
    let [coarsest, channels] = columns("decoder.conv1.weight")?;
    let own = "decoder.middle.0.residual.0.gamma";
    if file.shape(own) != Some(&[coarsest, 1, 1, 1]) {
        return Err(DetectError::Other { part, tensor: own });
    }
    let [finest, _] = columns("encoder.conv1.weight")?;
    let vae = vae_with(part, channels)?;
    let published = vae.config().expect("a preset");
    let decoder_base = coarsest / published.dim_mult.last().copied().unwrap_or(1);
    let config = with_values(
        vae.config,
        [
            ("base_dim", json!(finest)),
            (
                "decoder_base_dim",
                json!((decoder_base != finest).then_some(decoder_base)),
            ),
        ],
    );
    Ok(Detected { config, vae })
}

/// The published VAE of these latents, whose mean and spread no file of weights holds.
fn vae_with(part: &'static str, channels: usize) -> Result<&'static VaePreset, DetectError> {
    let same = |vae: &&VaePreset| vae.config().is_ok_and(|config| config.z_dim == channels);
    let found = VAE_PRESETS.iter().find(same);
    found.ok_or(DetectError::Latents { part, channels })
}
