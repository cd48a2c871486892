//! Key maps of LTX-Video.
//!
//! The transformer's canonical names are those of the original files; diffusers' differ in few
//! places. The original VAE numbers its blocks in one list whose entries mean another thing in each
//! version, so that diffusers' names, which say what a block is, are the canonical ones there.
//!
//! Reference: `convert_ltx_transformer_checkpoint_to_diffusers` and
//! `convert_ltx_vae_checkpoint_to_diffusers`, diffusers `loaders/single_file_utils.py`.

use kinora_nn::Rule;

/// The transformer of a diffusers directory.
pub const FROM_DIFFUSERS: &[Rule] = &[
    Rule::Rename("proj_in.{}", "patchify_proj.{}"),
    Rule::Rename("time_embed.{*}", "adaln_single.{*}"),
    Rule::Rename(
        "transformer_blocks.{}.{}.norm_q.{}",
        "transformer_blocks.{}.{}.q_norm.{}",
    ),
    Rule::Rename(
        "transformer_blocks.{}.{}.norm_k.{}",
        "transformer_blocks.{}.{}.k_norm.{}",
    ),
];

/// The transformer of a file that holds the VAE too.
pub const TRANSFORMER_OF_FILE: &[Rule] = &[
    Rule::Rename("model.diffusion_model.{*}", "{*}"),
    Rule::Ignore("vae.{*}", "read with the VAE"),
];

/// The VAE of a file that holds the transformer too. What is left has its original names: the
/// tables of [`original_vae`] come after.
pub const VAE_OF_FILE: &[Rule] = &[
    Rule::Rename("vae.{*}", "{*}"),
    Rule::Ignore("model.diffusion_model.{*}", "read with the transformer"),
];

/// The tables that turn the names of an original VAE, without the prefix `vae.`, into those that the
/// VAE asks for; `None` when they are that already. `has` says whether there is a tensor.
pub fn original_vae(has: impl Fn(&str) -> bool) -> Option<&'static [&'static [Rule]]> {
    if has("encoder.mid_block.resnets.0.conv1.conv.weight")
        || has("decoder.mid_block.resnets.0.conv1.conv.weight")
    {
        None
    } else if has("encoder.down_blocks.1.conv.conv.weight") {
        Some(VAE_095)
    } else if has("decoder.last_scale_shift_table") {
        Some(VAE_091)
    } else {
        Some(VAE_090)
    }
}

/// The original VAE of 0.9.0.
pub const VAE_090: &[&[Rule]] = &[ENCODER_090, DECODER_090, COMMON];
/// The original VAE of 0.9.1.
pub const VAE_091: &[&[Rule]] = &[ENCODER_090, DECODER_091, COMMON];
/// The original VAE of 0.9.5 to 0.9.8.
pub const VAE_095: &[&[Rule]] = &[ENCODER_095, DECODER_091, COMMON];

/// Names outside the blocks.
const COMMON: &[Rule] = &[
    Rule::Rename(
        "decoder.last_time_embedder.{*}",
        "decoder.time_embedder.{*}",
    ),
    Rule::Rename(
        "decoder.last_scale_shift_table",
        "decoder.scale_shift_table",
    ),
    Rule::Rename("per_channel_statistics.mean-of-means", "latents_mean"),
    Rule::Rename("per_channel_statistics.std-of-means", "latents_std"),
    Rule::Ignore("per_channel_statistics.{}", "not used by the model"),
];

/// Blocks of the encoder of 0.9.0 and 0.9.1.
const ENCODER_090: &[Rule] = &[
    Rule::Rename(
        "encoder.down_blocks.0.res_blocks.{*}",
        "encoder.down_blocks.0.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.0.{*}", "encoder.down_blocks.0.{*}"),
    Rule::Rename(
        "encoder.down_blocks.1.{*}",
        "encoder.down_blocks.0.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.2.conv_shortcut.{}",
        "encoder.down_blocks.0.conv_out.conv_shortcut.conv.{}",
    ),
    Rule::Rename(
        "encoder.down_blocks.2.norm3.norm.{}",
        "encoder.down_blocks.0.conv_out.norm3.{}",
    ),
    Rule::Rename(
        "encoder.down_blocks.2.{*}",
        "encoder.down_blocks.0.conv_out.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.3.res_blocks.{*}",
        "encoder.down_blocks.1.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.3.{*}", "encoder.down_blocks.1.{*}"),
    Rule::Rename(
        "encoder.down_blocks.4.{*}",
        "encoder.down_blocks.1.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.5.conv_shortcut.{}",
        "encoder.down_blocks.1.conv_out.conv_shortcut.conv.{}",
    ),
    Rule::Rename(
        "encoder.down_blocks.5.norm3.norm.{}",
        "encoder.down_blocks.1.conv_out.norm3.{}",
    ),
    Rule::Rename(
        "encoder.down_blocks.5.{*}",
        "encoder.down_blocks.1.conv_out.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.6.res_blocks.{*}",
        "encoder.down_blocks.2.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.6.{*}", "encoder.down_blocks.2.{*}"),
    Rule::Rename(
        "encoder.down_blocks.7.{*}",
        "encoder.down_blocks.2.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.8.res_blocks.{*}",
        "encoder.down_blocks.3.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.8.{*}", "encoder.down_blocks.3.{*}"),
    Rule::Rename(
        "encoder.down_blocks.9.res_blocks.{*}",
        "encoder.mid_block.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.9.{*}", "encoder.mid_block.{*}"),
];

/// Blocks of the encoder from 0.9.5 on.
const ENCODER_095: &[Rule] = &[
    Rule::Rename(
        "encoder.down_blocks.0.res_blocks.{*}",
        "encoder.down_blocks.0.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.0.{*}", "encoder.down_blocks.0.{*}"),
    Rule::Rename(
        "encoder.down_blocks.1.{*}",
        "encoder.down_blocks.0.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.2.res_blocks.{*}",
        "encoder.down_blocks.1.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.2.{*}", "encoder.down_blocks.1.{*}"),
    Rule::Rename(
        "encoder.down_blocks.3.{*}",
        "encoder.down_blocks.1.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.4.res_blocks.{*}",
        "encoder.down_blocks.2.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.4.{*}", "encoder.down_blocks.2.{*}"),
    Rule::Rename(
        "encoder.down_blocks.5.{*}",
        "encoder.down_blocks.2.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.6.res_blocks.{*}",
        "encoder.down_blocks.3.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.6.{*}", "encoder.down_blocks.3.{*}"),
    Rule::Rename(
        "encoder.down_blocks.7.{*}",
        "encoder.down_blocks.3.downsamplers.0.{*}",
    ),
    Rule::Rename(
        "encoder.down_blocks.8.res_blocks.{*}",
        "encoder.mid_block.resnets.{*}",
    ),
    Rule::Rename("encoder.down_blocks.8.{*}", "encoder.mid_block.{*}"),
];

/// Blocks of the decoder of 0.9.0.
const DECODER_090: &[Rule] = &[
    Rule::Rename(
        "decoder.up_blocks.0.res_blocks.{*}",
        "decoder.mid_block.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.0.{*}", "decoder.mid_block.{*}"),
    Rule::Rename(
        "decoder.up_blocks.1.res_blocks.{*}",
        "decoder.up_blocks.0.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.1.{*}", "decoder.up_blocks.0.{*}"),
    Rule::Rename(
        "decoder.up_blocks.2.{*}",
        "decoder.up_blocks.1.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.3.res_blocks.{*}",
        "decoder.up_blocks.1.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.3.{*}", "decoder.up_blocks.1.{*}"),
    Rule::Rename(
        "decoder.up_blocks.4.conv_shortcut.{}",
        "decoder.up_blocks.2.conv_in.conv_shortcut.conv.{}",
    ),
    Rule::Rename(
        "decoder.up_blocks.4.norm3.norm.{}",
        "decoder.up_blocks.2.conv_in.norm3.{}",
    ),
    Rule::Rename("decoder.up_blocks.4.{*}", "decoder.up_blocks.2.conv_in.{*}"),
    Rule::Rename(
        "decoder.up_blocks.5.{*}",
        "decoder.up_blocks.2.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.6.res_blocks.{*}",
        "decoder.up_blocks.2.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.6.{*}", "decoder.up_blocks.2.{*}"),
    Rule::Rename(
        "decoder.up_blocks.7.conv_shortcut.{}",
        "decoder.up_blocks.3.conv_in.conv_shortcut.conv.{}",
    ),
    Rule::Rename(
        "decoder.up_blocks.7.norm3.norm.{}",
        "decoder.up_blocks.3.conv_in.norm3.{}",
    ),
    Rule::Rename("decoder.up_blocks.7.{*}", "decoder.up_blocks.3.conv_in.{*}"),
    Rule::Rename(
        "decoder.up_blocks.8.{*}",
        "decoder.up_blocks.3.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.9.res_blocks.{*}",
        "decoder.up_blocks.3.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.9.{*}", "decoder.up_blocks.3.{*}"),
];

/// Blocks of the decoder from 0.9.1 on.
const DECODER_091: &[Rule] = &[
    Rule::Rename(
        "decoder.up_blocks.0.res_blocks.{*}",
        "decoder.mid_block.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.0.{*}", "decoder.mid_block.{*}"),
    Rule::Rename(
        "decoder.up_blocks.1.{*}",
        "decoder.up_blocks.0.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.2.res_blocks.{*}",
        "decoder.up_blocks.0.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.2.{*}", "decoder.up_blocks.0.{*}"),
    Rule::Rename(
        "decoder.up_blocks.3.{*}",
        "decoder.up_blocks.1.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.4.res_blocks.{*}",
        "decoder.up_blocks.1.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.4.{*}", "decoder.up_blocks.1.{*}"),
    Rule::Rename(
        "decoder.up_blocks.5.{*}",
        "decoder.up_blocks.2.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.6.res_blocks.{*}",
        "decoder.up_blocks.2.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.6.{*}", "decoder.up_blocks.2.{*}"),
    Rule::Rename(
        "decoder.up_blocks.7.{*}",
        "decoder.up_blocks.3.upsamplers.0.{*}",
    ),
    Rule::Rename(
        "decoder.up_blocks.8.res_blocks.{*}",
        "decoder.up_blocks.3.resnets.{*}",
    ),
    Rule::Rename("decoder.up_blocks.8.{*}", "decoder.up_blocks.3.{*}"),
];
