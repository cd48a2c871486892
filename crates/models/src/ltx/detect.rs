//! What a single file without a `config.json` holds, told from its tensors.

use kinora_nn::WeightFile;
use serde_json::json;

use super::presets::{TRANSFORMER_2B, VAE_090, VAE_091, VAE_095};
use super::vae_config::VaeConfig;
use crate::describe::{blocks, rows_and_columns, with_values};

/// Attention heads of every published transformer; shapes do not tell them.
const HEADS: usize = 32;

/// The configuration of a transformer under its original names, without a prefix; `None` when it is no
/// transformer of LTX-Video, or as wide as no 32 heads can be.
pub fn transformer_of(file: &WeightFile) -> Option<String> {
    let [inner, channels] = rows_and_columns(file, "patchify_proj.weight")?;
    let [_, captions] = rows_and_columns(file, "caption_projection.linear_1.weight")?;
    let layers = blocks(file, |block| {
        format!("transformer_blocks.{block}.scale_shift_table")
    });
    (inner % HEADS == 0 && layers > 0).then(|| {
        with_values(
            TRANSFORMER_2B,
            [
                ("num_layers", json!(layers)),
                ("num_attention_heads", json!(HEADS)),
                ("attention_head_dim", json!(inner / HEADS)),
                ("cross_attention_dim", json!(inner)),
                ("caption_channels", json!(captions)),
                ("in_channels", json!(channels)),
                ("out_channels", json!(channels)),
            ],
        )
    })
}

/// The configuration of a VAE under the names that it asks for; `None` when it is no VAE of LTX-Video.
pub fn vae_of(file: &WeightFile) -> Option<String> {
    let preset = structure(file)?;
    let published = VaeConfig::from_json(preset).expect("a preset");
    let conv = |place: &str, n: usize| format!("{place}.resnets.{n}.conv1.conv.weight");
    let channels = |place: &str| Some(rows_and_columns(file, &conv(place, 0))?[0]);
    let layers = |place: &String| blocks(file, |n| conv(place, n));

    // Places in the order of the configuration's lists, which is the encoder's for both.
    let ups = published.decoder_block_out_channels.len();
    let levels = published.spatio_temporal_scaling.len();
    let mut encoder: Vec<String> = (0..levels)
        .map(|i| format!("encoder.down_blocks.{i}"))
        .collect();
    encoder.push("encoder.mid_block".into());
    let mut decoder: Vec<String> = (0..ups)
        .rev()
        .map(|i| format!("decoder.up_blocks.{i}"))
        .collect();
    decoder.push("decoder.mid_block".into());

    let down_channels: Option<Vec<usize>> = encoder
        .iter()
        .take(published.block_out_channels.len())
        .map(|place| channels(place))
        .collect();
    // A doubling gives eight times the channels for time, height and width, divided by the factor.
    let factor = |place: &String| {
        let conv = format!("{place}.upsamplers.0.conv.conv.weight");
        let [outputs, inputs] = rows_and_columns(file, &conv)?;
        (8 * inputs).checked_div(outputs)
    };
    let factors: Option<Vec<usize>> = decoder.iter().take(ups).map(factor).collect();
    let factors = if published.upsample_residual.contains(&true) {
        factors?
    } else {
        published.upsample_factor
    };
    let up_channels: Option<Vec<usize>> = decoder
        .iter()
        .zip(&factors)
        .map(|(place, factor)| Some(channels(place)? * factor))
        .collect();
    let [_, pixels] = rows_and_columns(file, "encoder.conv_in.conv.weight")?;
    let [_, latents] = rows_and_columns(file, "decoder.conv_in.conv.weight")?;
    let patch = (pixels / published.in_channels).isqrt();
    let layers = |places: &[String]| json!(places.iter().map(layers).collect::<Vec<_>>());
    // Every version halves the patches three times.
    let ratio = published.spatial_compression_ratio.map(|_| patch << 3);
    Some(with_values(
        preset,
        [
            ("latent_channels", json!(latents)),
            ("block_out_channels", json!(down_channels?)),
            ("decoder_block_out_channels", json!(up_channels?)),
            ("upsample_factor", json!(factors)),
            ("layers_per_block", layers(&encoder)),
            ("decoder_layers_per_block", layers(&decoder)),
            ("patch_size", json!(patch)),
            ("spatial_compression_ratio", json!(ratio)),
        ],
    ))
}

/// The published VAE whose kinds of blocks these are.
fn structure(file: &WeightFile) -> Option<&'static str> {
    let has = |name: &str| file.shape(name).is_some();
    if !has("decoder.up_blocks.2.upsamplers.0.conv.conv.weight") || !has("latents_mean") {
        return None;
    }
    Some(
        if has("encoder.down_blocks.3.downsamplers.0.conv.conv.weight") {
            VAE_095
        } else if has("decoder.scale_shift_table") {
            VAE_091
        } else {
            VAE_090
        },
    )
}
