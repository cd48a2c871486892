//! Names of weights in the layout of diffusers, as those of the original repository.
//!
//! The original names are also those of `ComfyUI`'s single files and of GGUF. Two traps: diffusers
//! counts the norms of a block in the order of their use, so its `norm2` is the original `norm3`; and
//! the decoder of 2.1 counts the blocks of all levels through, see `Level` in `vae/decoder.rs`.

use kinora_nn::Rule;
use kinora_nn::Rule::Rename;

/// The transformer's names.
///
/// Reference: `TRANSFORMER_KEYS_RENAME_DICT`, diffusers `scripts/convert_wan_to_diffusers.py`.
pub const FROM_DIFFUSERS: &[Rule] = &[
    Rename(
        "condition_embedder.time_embedder.linear_1.{}",
        "time_embedding.0.{}",
    ),
    Rename(
        "condition_embedder.time_embedder.linear_2.{}",
        "time_embedding.2.{}",
    ),
    Rename("condition_embedder.time_proj.{}", "time_projection.1.{}"),
    Rename(
        "condition_embedder.text_embedder.linear_1.{}",
        "text_embedding.0.{}",
    ),
    Rename(
        "condition_embedder.text_embedder.linear_2.{}",
        "text_embedding.2.{}",
    ),
    Rename("scale_shift_table", "head.modulation"),
    Rename("proj_out.{}", "head.head.{}"),
    Rename("blocks.{}.scale_shift_table", "blocks.{}.modulation"),
    Rename("blocks.{}.norm2.{}", "blocks.{}.norm3.{}"),
    Rename("blocks.{}.attn1.to_q.{}", "blocks.{}.self_attn.q.{}"),
    Rename("blocks.{}.attn1.to_k.{}", "blocks.{}.self_attn.k.{}"),
    Rename("blocks.{}.attn1.to_v.{}", "blocks.{}.self_attn.v.{}"),
    Rename("blocks.{}.attn1.to_out.0.{}", "blocks.{}.self_attn.o.{}"),
    Rename("blocks.{}.attn1.{*}", "blocks.{}.self_attn.{*}"),
    Rename("blocks.{}.attn2.to_q.{}", "blocks.{}.cross_attn.q.{}"),
    Rename("blocks.{}.attn2.to_k.{}", "blocks.{}.cross_attn.k.{}"),
    Rename("blocks.{}.attn2.to_v.{}", "blocks.{}.cross_attn.v.{}"),
    Rename("blocks.{}.attn2.to_out.0.{}", "blocks.{}.cross_attn.o.{}"),
    Rename("blocks.{}.attn2.{*}", "blocks.{}.cross_attn.{*}"),
    Rename("blocks.{}.ffn.net.0.proj.{}", "blocks.{}.ffn.0.{}"),
    Rename("blocks.{}.ffn.net.2.{}", "blocks.{}.ffn.2.{}"),
];

/// The VAE's names, of 2.1 and 2.2 and any number of blocks a level.
///
/// The layers between levels become `upsampler` and `downsampler` of their level; the original
/// counts them as its last block.
///
/// Reference: `convert_vae` and `convert_vae_22`, diffusers `scripts/convert_wan_to_diffusers.py`.
pub const VAE_FROM_DIFFUSERS: &[Rule] = &[
    Rename("quant_conv.{}", "conv1.{}"),
    Rename("post_quant_conv.{}", "conv2.{}"),
    Rename("{}.conv_in.{}", "{}.conv1.{}"),
    Rename("{}.norm_out.gamma", "{}.head.0.gamma"),
    Rename("{}.conv_out.{}", "{}.head.2.{}"),
    Rename("{}.mid_block.attentions.0.{*}", "{}.middle.1.{*}"),
    Rename(
        "{}.mid_block.resnets.0.norm1.gamma",
        "{}.middle.0.residual.0.gamma",
    ),
    Rename(
        "{}.mid_block.resnets.0.conv1.{}",
        "{}.middle.0.residual.2.{}",
    ),
    Rename(
        "{}.mid_block.resnets.0.norm2.gamma",
        "{}.middle.0.residual.3.gamma",
    ),
    Rename(
        "{}.mid_block.resnets.0.conv2.{}",
        "{}.middle.0.residual.6.{}",
    ),
    Rename(
        "{}.mid_block.resnets.1.norm1.gamma",
        "{}.middle.2.residual.0.gamma",
    ),
    Rename(
        "{}.mid_block.resnets.1.conv1.{}",
        "{}.middle.2.residual.2.{}",
    ),
    Rename(
        "{}.mid_block.resnets.1.norm2.gamma",
        "{}.middle.2.residual.3.gamma",
    ),
    Rename(
        "{}.mid_block.resnets.1.conv2.{}",
        "{}.middle.2.residual.6.{}",
    ),
    // The encoder of 2.1 is one list of blocks in both layouts.
    Rename(
        "encoder.down_blocks.{}.norm1.gamma",
        "encoder.downsamples.{}.residual.0.gamma",
    ),
    Rename(
        "encoder.down_blocks.{}.conv1.{}",
        "encoder.downsamples.{}.residual.2.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.norm2.gamma",
        "encoder.downsamples.{}.residual.3.gamma",
    ),
    Rename(
        "encoder.down_blocks.{}.conv2.{}",
        "encoder.downsamples.{}.residual.6.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.conv_shortcut.{}",
        "encoder.downsamples.{}.shortcut.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.time_conv.{}",
        "encoder.downsamples.{}.time_conv.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.resample.{*}",
        "encoder.downsamples.{}.resample.{*}",
    ),
    Rename(
        "encoder.down_blocks.{}.resnets.{}.norm1.gamma",
        "encoder.downsamples.{}.downsamples.{}.residual.0.gamma",
    ),
    Rename(
        "encoder.down_blocks.{}.resnets.{}.conv1.{}",
        "encoder.downsamples.{}.downsamples.{}.residual.2.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.resnets.{}.norm2.gamma",
        "encoder.downsamples.{}.downsamples.{}.residual.3.gamma",
    ),
    Rename(
        "encoder.down_blocks.{}.resnets.{}.conv2.{}",
        "encoder.downsamples.{}.downsamples.{}.residual.6.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.resnets.{}.conv_shortcut.{}",
        "encoder.downsamples.{}.downsamples.{}.shortcut.{}",
    ),
    Rename(
        "encoder.down_blocks.{}.downsampler.{*}",
        "encoder.downsamples.{}.downsampler.{*}",
    ),
    Rename(
        "decoder.up_blocks.{}.resnets.{}.norm1.gamma",
        "decoder.upsamples.{}.upsamples.{}.residual.0.gamma",
    ),
    Rename(
        "decoder.up_blocks.{}.resnets.{}.conv1.{}",
        "decoder.upsamples.{}.upsamples.{}.residual.2.{}",
    ),
    Rename(
        "decoder.up_blocks.{}.resnets.{}.norm2.gamma",
        "decoder.upsamples.{}.upsamples.{}.residual.3.gamma",
    ),
    Rename(
        "decoder.up_blocks.{}.resnets.{}.conv2.{}",
        "decoder.upsamples.{}.upsamples.{}.residual.6.{}",
    ),
    Rename(
        "decoder.up_blocks.{}.resnets.{}.conv_shortcut.{}",
        "decoder.upsamples.{}.upsamples.{}.shortcut.{}",
    ),
    Rename(
        "decoder.up_blocks.{}.upsamplers.0.{*}",
        "decoder.upsamples.{}.upsampler.{*}",
    ),
    Rename(
        "decoder.up_blocks.{}.upsampler.{*}",
        "decoder.upsamples.{}.upsampler.{*}",
    ),
];
