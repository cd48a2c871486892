"""Writes tiny models as single files in the layouts that people have, and what diffusers makes of each.

    python -m open_models.single_files        # in oracle/, after `open_models.directories`

Their structure is the published one, their widths are small: 32 heads of 2 for LTX-Video, one of 128 for
Wan. Text encoders and vocabulary are those of the directories. All arithmetic is f32. Other layouts of
the same numbers are made by the tests.
"""

from unittest import mock

import gguf
import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.ltx import pipeline_ltx_condition
from gguf import GGMLQuantizationType as Type
from sentencepiece import SentencePieceProcessor
from transformers import AutoTokenizer, T5EncoderModel, UMT5EncoderModel

from . import ltx, wan
from .common import randomize, save, weights
from .directories import NEGATIVE, OUT, PROMPT
from .files import random_blocks
from .ltx_variants import SCHEDULERS, original_transformer_name, original_vae_name
from .wan_names import original_transformer, original_vae
from .wan_published import VAES

SINGLE = OUT / "single"
LTX = dict(
    ltx.TRANSFORMER,
    num_attention_heads=32,
    attention_head_dim=2,
    cross_attention_dim=64,
    num_layers=1,
)
WAN = dict(
    num_attention_heads=1,
    attention_head_dim=128,
    in_channels=16,
    out_channels=16,
    text_dim=20,
    freq_dim=32,
    ffn_dim=64,
    num_layers=1,
)
# What the matrices of the expert for low noise are of those of the other.
LOW = 0.5


def words():
    return AutoTokenizer.from_pretrained(OUT / "ltx-0.9.5/tokenizer")


def made(name: str, pipe, init, unpack=lambda final: final, **arguments):
    """Saves the noise `init` that the pipeline was given, and what it made of it."""
    pipe.set_progress_bar_config(disable=True)
    common = dict(
        prompt=PROMPT, negative_prompt=NEGATIVE, num_inference_steps=5, max_sequence_length=48,
        **arguments,
    )
    with torch.no_grad():
        final = pipe(output_type="latent", **common).frames
        frames = pipe(output_type="pt", **common).frames
    frames = frames[0, ::4].permute(0, 2, 3, 1)  # [t, h, w, 3], one frame in four
    save(SINGLE / f"{name}.made.safetensors", {"init": init, "latents": unpack(final), "frames": frames})


def ltx_file(version: str, cls):
    """Of 0.9.0 transformer and VAE in one file; of 0.9.5 with the VAE of the directory."""
    transformer, vae = randomize(LTXVideoTransformer3DModel(**LTX), 21), ltx.vae(3, version)
    if version == "0.9.0":
        first = {original_transformer_name(name): value for name, value in weights(transformer).items()}
        second = {original_vae_name(name, version): value for name, value in weights(vae).items()}
        save(SINGLE / "ltx-0.9.0.safetensors", first | second)
    pipe = cls(
        scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULERS[f"scheduler-{version}"]),
        vae=vae,
        text_encoder=T5EncoderModel.from_pretrained(OUT / "ltx-0.9.0/text_encoder", dtype=torch.float32),
        tokenizer=words(),
        transformer=transformer,
    )
    latents = ltx.random(24, 1, ltx.CHANNELS, 3, 2, 2)
    arguments = dict(num_frames=17, height=32, width=32, frame_rate=24, guidance_scale=3.0)
    arguments |= dict(decode_timestep=0.05, decode_noise_scale=0.0)
    if cls is LTXPipeline:
        arguments["latents"] = LTXPipeline._pack_latents(latents)
    draw = lambda shape, **_: latents.clone() if tuple(shape) == tuple(latents.shape) else None
    unpack = lambda final: LTXPipeline._unpack_latents(final, 3, 2, 2) if final.dim() == 3 else final
    with mock.patch.object(pipeline_ltx_condition, "randn_tensor", draw):
        made(f"ltx-{version}", pipe, latents, unpack, **arguments)


def wan_vae() -> AutoencoderKLWan:
    return randomize(AutoencoderKLWan(**dict(VAES["wan2.1-vae"], base_dim=2)), 32)


def wan_made(name: str, transformer, second=None):
    pair = {} if second is None else dict(transformer_2=second, boundary_ratio=0.875)
    guidance = dict(guidance_scale=4.0) | ({} if second is None else dict(guidance_scale_2=2.5))
    pipe = WanPipeline(
        tokenizer=words(),
        text_encoder=UMT5EncoderModel.from_pretrained(OUT / "wan-2.1/text_encoder", dtype=torch.float32),
        transformer=transformer,
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        **pair,
    )
    latents = wan.noise(1, 16, 3, 4, 4, seed=33)
    made(name, pipe, latents, latents=latents.clone(), num_frames=9, height=32, width=32, **guidance)


def is_matrix(name: str, tensor) -> bool:
    return name.endswith(".weight") and tensor.dim() == 2


def wan_transformer(seed: int, **changes) -> WanTransformer3DModel:
    """Its matrices are exact in fp8."""
    model = randomize(WanTransformer3DModel(**dict(WAN, **changes)), seed)
    for name, tensor in model.named_parameters():
        if is_matrix(name, tensor):
            tensor.data.copy_(tensor.data.to(torch.float8_e4m3fn).float())
    return model


def wan_files():
    """A transformer in fp8 and its VAE; a pair whose other expert has smaller matrices."""
    vae, high, low = wan_vae(), wan_transformer(31), wan_transformer(31)
    names = {original_vae(name, vae.config): value for name, value in weights(vae).items()}
    save(SINGLE / "wan-2.1-vae.safetensors", names)
    packed = {}
    for name, tensor in high.named_parameters():
        dtype = torch.float8_e4m3fn if is_matrix(name, tensor) else torch.bfloat16
        packed[original_transformer(name)] = tensor.to(dtype)
    save(SINGLE / "wan-2.1.safetensors", packed)
    wan_made("wan-2.1", high)
    for name, tensor in low.named_parameters():
        if is_matrix(name, tensor):
            tensor.data.mul_(LOW)
    wan_made("wan-2.2-pair", high, low)


# The types of the matrices in turn. One of K needs rows of 256 and is random blocks, because the package
# `gguf` reads it only.
KINDS = [Type.Q8_0, Type.Q4_0, Type.Q5_1, Type.Q5_0, Type.Q4_1, Type.F16, Type.BF16]
K_ROWS = 256


def wan_gguf(rng):
    """A transformer in many types; the golden clip is made of what they stand for."""
    model = wan_transformer(35, ffn_dim=K_ROWS)
    writer = gguf.GGUFWriter(SINGLE / "wan-2.1.gguf", "wan")
    matrices = 0
    for name, tensor in model.named_parameters():
        values, kind = tensor.detach().numpy(), Type.F32
        if is_matrix(name, tensor):
            kind = KINDS[matrices % len(KINDS)] if values.shape[1] % 32 == 0 else Type.F16
            matrices += 1
        if name.endswith(".ffn.net.2.weight"):
            kind = Type.Q4_K
            data = random_blocks(rng, kind, *values.shape)
            shrink(data)
        else:
            data = gguf.quantize(values, kind)
        values = gguf.dequantize(data, kind).astype(np.float32).reshape(values.shape)
        tensor.data.copy_(torch.from_numpy(values))
        if kind in (Type.F32, Type.F16):
            writer.add_tensor(original_transformer(name), data)
        else:
            writer.add_tensor(original_transformer(name), data.view(np.uint8), raw_dtype=kind)
    finish(writer)
    wan_made("wan-2.1-gguf", model)


def shrink(blocks: np.ndarray):
    """Makes the factors of Q4_K smaller: random blocks hold numbers up to hundreds."""
    rows = blocks.reshape(-1, gguf.GGML_QUANT_SIZES[Type.Q4_K][1])
    factors = rows[:, :4].copy().view(np.float16) * np.float16(0.003)
    rows[:, :4] = factors.view(np.uint8)


UMT5_GGUF = [
    ("shared.", "token_embd."),
    ("encoder.final_layer_norm.", "enc.output_norm."),
    ("encoder.block.", "enc.blk."),
    (".layer.0.layer_norm.", ".attn_norm."),
    (".layer.0.SelfAttention.relative_attention_bias.", ".attn_rel_b."),
    (".layer.0.SelfAttention.", ".attn_"),
    (".layer.1.layer_norm.", ".ffn_norm."),
    (".layer.1.DenseReluDense.wi_0.", ".ffn_gate."),
    (".layer.1.DenseReluDense.wi_1.", ".ffn_up."),
    (".layer.1.DenseReluDense.wo.", ".ffn_down."),
]


def umt5_gguf():
    """The text encoder of the directory `wan-2.1` with its vocabulary inside."""
    model = UMT5EncoderModel.from_pretrained(OUT / "wan-2.1/text_encoder", dtype=torch.float32)
    writer = gguf.GGUFWriter(SINGLE / "umt5.gguf", "t5encoder")
    for name, tensor in model.state_dict().items():
        if name == "encoder.embed_tokens.weight":
            continue
        for ours, theirs in UMT5_GGUF:
            name = name.replace(ours, theirs)
        writer.add_tensor(name, tensor.numpy())
    spiece = SentencePieceProcessor(model_file=str(OUT / "ltx-0.9.0/tokenizer/spiece.model"))
    ids = range(spiece.get_piece_size())
    kinds = [2 if spiece.is_unknown(i) else 3 if spiece.is_control(i) else 1 for i in ids]
    writer.add_array("tokenizer.ggml.tokens", [spiece.id_to_piece(i) for i in ids])
    writer.add_array("tokenizer.ggml.scores", [spiece.get_score(i) for i in ids])
    writer.add_array("tokenizer.ggml.token_type", kinds)
    finish(writer)


def finish(writer: gguf.GGUFWriter):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    torch.set_num_threads(1)
    SINGLE.mkdir(exist_ok=True)
    ltx_file("0.9.0", LTXPipeline)
    ltx_file("0.9.5", LTXConditionPipeline)
    wan_files()
    wan_gguf(np.random.default_rng(36))
    umt5_gguf()


if __name__ == "__main__":
    main()
