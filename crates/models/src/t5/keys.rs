//! The layouts in which T5 and UMT5 encoders are published.

use kinora_nn::Rule;

/// Files of transformers and ComfyUI, whose names these are, less what an encoder does not need.
pub const FROM_TRANSFORMERS: &[Rule] = &[
    Rule::Ignore(
        "encoder.embed_tokens.weight",
        "the same table as shared.weight",
    ),
    Rule::Ignore("decoder.{*}", "only the encoder runs"),
    Rule::Ignore("lm_head.weight", "only the encoder runs"),
    Rule::Ignore("spiece_model", "the tokenizer, which is no weight"),
];

/// The same where the embedding table has the name of the stack alone.
pub const FROM_STACK: &[Rule] = &[
    Rule::Rename("encoder.embed_tokens.weight", "shared.weight"),
    Rule::Ignore("decoder.{*}", "only the encoder runs"),
    Rule::Ignore("lm_head.weight", "only the encoder runs"),
    Rule::Ignore("spiece_model", "the tokenizer, which is no weight"),
];

/// The layout of Wan's own `models_t5_umt5-xxl-enc-bf16`.
///
/// Reference: `T5Encoder`, `wan/modules/t5.py`: `fc1` is multiplied by the activated `gate`.
pub const FROM_WAN: &[Rule] = &[
    Rule::Rename("token_embedding.weight", "shared.weight"),
    Rule::Rename("norm.weight", "encoder.final_layer_norm.weight"),
    Rule::Rename(
        "blocks.{}.norm1.weight",
        "encoder.block.{}.layer.0.layer_norm.weight",
    ),
    Rule::Rename(
        "blocks.{}.attn.{}.weight",
        "encoder.block.{}.layer.0.SelfAttention.{}.weight",
    ),
    Rule::Rename(
        "blocks.{}.pos_embedding.embedding.weight",
        "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight",
    ),
    Rule::Rename(
        "blocks.{}.norm2.weight",
        "encoder.block.{}.layer.1.layer_norm.weight",
    ),
    Rule::Rename(
        "blocks.{}.ffn.gate.0.weight",
        "encoder.block.{}.layer.1.DenseReluDense.wi_0.weight",
    ),
    Rule::Rename(
        "blocks.{}.ffn.fc1.weight",
        "encoder.block.{}.layer.1.DenseReluDense.wi_1.weight",
    ),
    Rule::Rename(
        "blocks.{}.ffn.fc2.weight",
        "encoder.block.{}.layer.1.DenseReluDense.wo.weight",
    ),
];

/// GGUF files of architecture `t5` and `t5encoder`.
///
/// Reference: `MODEL_TENSORS` of T5 and `get_tensor_name_map` in the package gguf.
pub const FROM_GGUF: &[Rule] = &[
    Rule::Rename("token_embd.weight", "shared.weight"),
    Rule::Rename("enc.output_norm.weight", "encoder.final_layer_norm.weight"),
    Rule::Rename(
        "enc.blk.{}.attn_norm.weight",
        "encoder.block.{}.layer.0.layer_norm.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.attn_q.weight",
        "encoder.block.{}.layer.0.SelfAttention.q.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.attn_k.weight",
        "encoder.block.{}.layer.0.SelfAttention.k.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.attn_v.weight",
        "encoder.block.{}.layer.0.SelfAttention.v.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.attn_o.weight",
        "encoder.block.{}.layer.0.SelfAttention.o.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.attn_rel_b.weight",
        "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.ffn_norm.weight",
        "encoder.block.{}.layer.1.layer_norm.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.ffn_gate.weight",
        "encoder.block.{}.layer.1.DenseReluDense.wi_0.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.ffn_up.weight",
        "encoder.block.{}.layer.1.DenseReluDense.wi_1.weight",
    ),
    Rule::Rename(
        "enc.blk.{}.ffn_down.weight",
        "encoder.block.{}.layer.1.DenseReluDense.wo.weight",
    ),
    Rule::Ignore("dec.{*}", "only the encoder runs"),
    Rule::Ignore("output.weight", "only the encoder runs"),
];
