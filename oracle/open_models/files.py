"""Writes the fixtures of the weight-file readers: every GGUF type, fp8, LoRA, and broken files.

    python -m open_models.files

Blocks are random bytes with finite factors, because the package `gguf` writes few types but reads
all of them: what it makes of the blocks is the truth. LoRA sums are made by numpy in float64.
"""

import json
import struct
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

OUT = Path(__file__).resolve().parents[2] / "crates/nn/fixtures"

# Where a block keeps its halves: factors, offsets.
HALVES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q2_K: [80, 82],
    Type.Q3_K: [108],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}


def random_blocks(rng, kind: Type, rows: int, columns: int) -> np.ndarray:
    size, length = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * columns // size, length), dtype=np.uint8)
    for at in HALVES[kind]:
        factor = rng.uniform(-0.1, 0.1, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = factor.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def write_gguf(rng):
    """`every_type.gguf` and its tensors as `every_type.safetensors`."""
    writer = gguf.GGUFWriter(OUT / "every_type.gguf", "kinora-test")
    truth = {}

    def add(name: str, data: np.ndarray, kind: Type, shape=None):
        values = gguf.dequantize(data, kind).astype(np.float32)
        truth[name] = values.reshape(shape or values.shape).copy()
        if kind in (Type.F32, Type.F16):
            writer.add_tensor(name, data)
        else:
            writer.add_tensor(name, data.view(np.uint8), raw_dtype=kind)

    for kind in HALVES:
        add(f"{kind.name}.weight", random_blocks(rng, kind, 2, 512), kind)
    floats = rng.normal(size=(3, 8)).astype(np.float32)
    add("F32.weight", floats, Type.F32)
    add("F16.weight", floats.astype(np.float16), Type.F16)
    add("BF16.weight", gguf.quantize(floats, Type.BF16), Type.BF16)
    # A convolution over time, with five axes.
    add("patch_embedding.weight", rng.normal(size=(4, 3, 1, 2, 2)).astype(np.float32), Type.F32)
    # A tensor whose rows are no whole blocks, stored in another shape.
    shape = (8, 4, 1, 2, 4)
    add("folded.weight", random_blocks(rng, Type.Q8_0, 1, 256), Type.Q8_0, shape)
    writer.add_array("comfy.gguf.orig_shape.folded.weight", shape)

    writer.add_string("text", "Grüße")
    writer.add_bool("truth", True)
    writer.add_uint8("u8", 200)
    writer.add_int8("i8", -100)
    writer.add_uint16("u16", 60_000)
    writer.add_int16("i16", -30_000)
    writer.add_int32("i32", -(2**31))
    writer.add_uint64("u64", 2**64 - 1)
    writer.add_int64("i64", -(2**63))
    writer.add_float32("f32", 0.5)
    writer.add_float64("f64", 0.1)
    writer.add_array("tokenizer.ggml.tokens", ["<pad>", "▁the", "\n", "日本"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.5, -2.25, -3.0])
    writer.add_array("tokenizer.ggml.token_type", [3, 1, 1, 1])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(truth, OUT / "every_type.safetensors")


def write_fp8(rng):
    """`fp8.safetensors` in ComfyUI's two layouts of factors, and `fp8_truth.safetensors`."""
    tensors, truth = {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)}, {}

    def add(name: str, dtype: torch.dtype, factor: str | None, shape=None):
        every = np.arange(256, dtype=np.uint8).reshape(16, 16)
        weight = torch.from_numpy(every.copy()).view(dtype)
        finite = weight.float().isfinite()
        weight = torch.where(finite, weight.float(), torch.zeros(())).to(dtype)
        tensors[f"{name}.weight"] = weight
        scale = torch.ones(())
        if factor:
            scale = torch.from_numpy(rng.uniform(0.01, 2, shape).astype(np.float32))
            tensors[f"{name}.{factor}"] = scale
        truth[f"{name}.weight"] = weight.float() * scale

    add("plain", torch.float8_e4m3fn, None)
    add("wide", torch.float8_e5m2, None)
    add("one", torch.float8_e4m3fn, "scale_weight", (1,))
    add("scalar", torch.float8_e4m3fn, "weight_scale", ())
    add("rows", torch.float8_e4m3fn, "weight_scale", (16, 1))
    tensors["one.scale_input"] = torch.ones(())
    quant = json.dumps({"format": "float8_e4m3fn"}).encode()
    tensors["rows.comfy_quant"] = torch.tensor(list(quant), dtype=torch.uint8)
    save_torch(tensors, OUT / "fp8.safetensors")
    save_torch(truth, OUT / "fp8_truth.safetensors")


def write_lora(rng):
    """A model of four tensors, LoRAs of it in three families of names, and the sums."""

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    model = {
        "blocks.0.self_attn.q.weight": normal(6, 8),
        "blocks.0.self_attn.q.bias": normal(6),
        "blocks.0.norm3.weight": normal(8),
        "blocks.0.modulation": normal(1, 2, 8),
        "patch_embedding.weight": normal(6, 2, 1, 2, 2),
    }
    down, up = normal(3, 8), normal(6, 3)
    conv_down, conv_up = normal(2, 2, 1, 2, 2), normal(6, 2, 1, 1, 1)
    bias, norm, modulation = normal(6), normal(8), normal(1, 2, 8)
    alpha, conv_alpha = 1.5, 3.0

    q, conv = "blocks.0.self_attn.q", "patch_embedding"
    families = {
        "original": {
            f"diffusion_model.{q}.lora_A.weight": down,
            f"diffusion_model.{q}.lora_B.weight": up,
            f"diffusion_model.{q}.alpha": np.float32(alpha),
            f"diffusion_model.{q}.diff_b": bias,
            "diffusion_model.blocks.0.norm3.diff": norm,
            "diffusion_model.blocks.0.diff_m": modulation,
            f"diffusion_model.{conv}.lora_down.weight": conv_down,
            f"diffusion_model.{conv}.lora_up.weight": conv_up,
            f"diffusion_model.{conv}.alpha": np.float32(conv_alpha),
            "diffusion_model.blocks.7.self_attn.q.lora_A.weight": down,
            "text_encoders.t5.layer.lokr_w1": normal(2, 2),
        },
        "musubi": {
            "lora_unet_blocks_0_self_attn_q.lora_down.weight": down,
            "lora_unet_blocks_0_self_attn_q.lora_up.weight": up,
            "lora_unet_blocks_0_self_attn_q.alpha": np.float32(alpha),
        },
        "diffusers": {
            "transformer.blocks.0.attn1.to_q.lora_A.weight": down,
            "transformer.blocks.0.attn1.to_q.lora_B.weight": up,
            # What the authors call norm3 is norm2 to diffusers.
            "transformer.blocks.0.norm2.diff": norm,
        },
    }
    strength = 0.7
    wide = {name: value.astype(np.float64) for name, value in model.items()}
    product = up.astype(np.float64) @ down.astype(np.float64)
    conv_product = conv_up.reshape(6, 2).astype(np.float64) @ conv_down.reshape(2, 8)
    sums = {
        f"original.{q}.weight": wide[f"{q}.weight"] + strength * alpha / 3 * product,
        f"original.{q}.bias": wide[f"{q}.bias"] + strength * bias,
        "original.blocks.0.norm3.weight": wide["blocks.0.norm3.weight"] + strength * norm,
        "original.blocks.0.modulation": wide["blocks.0.modulation"] + strength * modulation,
        f"original.{conv}.weight": wide[f"{conv}.weight"]
        + strength * conv_alpha / 2 * conv_product.reshape(6, 2, 1, 2, 2),
        f"musubi.{q}.weight": wide[f"{q}.weight"] + strength * alpha / 3 * product,
        # No alpha in the tensors, but in diffusers' own description.
        f"diffusers.{q}.weight": wide[f"{q}.weight"] + strength * 6 / 3 * product,
        "diffusers.blocks.0.norm3.weight": wide["blocks.0.norm3.weight"] + strength * norm,
    }
    described = {"transformer.r": 3, "transformer.lora_alpha": 6, "transformer.use_rslora": False}
    save_file(model, OUT / "lora_model.safetensors")
    for name, tensors in families.items():
        tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
        metadata = {"lora_adapter_metadata": json.dumps(described)} if name == "diffusers" else None
        save_file(tensors, OUT / f"lora_{name}.safetensors", metadata)
    sums = {name: value.astype(np.float32) for name, value in sums.items()}
    save_file(sums, OUT / "lora_sums.safetensors")


def text(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(value)) + value


def header(tensors: int, values: int, magic=b"GGUF", version=3) -> bytes:
    return magic + struct.pack("<IQQ", version, tensors, values)


def tensor(name: str | bytes, dims: list[int], kind=0, offset=0) -> bytes:
    axes = struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
    return text(name) + axes + struct.pack("<IQ", kind, offset)


def write_broken_gguf():
    """Files that lie, each in one way; the test names the error of each."""
    whole = header(1, 0) + tensor("a.weight", [2, 2])
    whole += bytes(-len(whole) % 32) + bytes(16)
    nested = struct.pack("<IQ", 9, 1) * 6
    files = {
        "magic": b"GGML" + whole[4:],
        "version": header(0, 0, version=1),
        "big_endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "cut_header": whole[:20],
        "cut_name": whole[:36],
        "cut_data": whole[:-1],
        "tensor_count": header(2**63, 0) + whole[24:],
        "value_count": header(0, 2**64 - 1),
        "text_length": header(0, 1) + struct.pack("<Q", 2**63) + b"key",
        "utf8": header(0, 1) + text(b"\xff\xfe") + struct.pack("<II", 4, 1),
        "value_type": header(0, 1) + text("key") + struct.pack("<I", 99),
        "truth": header(0, 1) + text("key") + struct.pack("<IB", 7, 2),
        "list_length": header(0, 1) + text("key") + struct.pack("<IIQ", 9, 0, 2**40),
        "list_depth": header(0, 1) + text("key") + struct.pack("<I", 9) + nested,
        "value_twice": header(0, 2) + 2 * (text("key") + struct.pack("<II", 4, 1)),
        "tensor_twice": header(2, 0) + 2 * tensor("a", [1]),
        "alignment": header(0, 1) + text("general.alignment") + struct.pack("<II", 4, 24),
        "alignment_zero": header(0, 1) + text("general.alignment") + struct.pack("<II", 4, 0),
        "axes": header(1, 0) + tensor("a", [1] * 7),
        "product": header(1, 0) + tensor("a", [2**33, 2**33]),
        "product_of_nothing": header(1, 0) + tensor("a", [4, 2**63, 0]),
        "rows": header(1, 0) + tensor("a", [40], kind=8) + bytes(100),
        "offset": header(1, 0) + tensor("a", [1], offset=2**64 - 32) + bytes(100),
        "misaligned": header(1, 0) + tensor("a", [1], offset=7) + bytes(100),
        "original_shape": header(1, 1)
        + text("comfy.gguf.orig_shape.a")
        + struct.pack("<IIQII", 9, 4, 2, 3, 3)
        + tensor("a", [4])
        + bytes(100),
    }
    for name, content in files.items():
        (OUT / f"broken/{name}.gguf").write_bytes(content)


def write_broken_safetensors():
    """The same for safetensors."""

    def info(dtype="F32", shape=(2,), offsets=(0, 8)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    def pack(tensors, data=bytes(8), length=None) -> bytes:
        head = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
        return struct.pack("<Q", len(head) if length is None else length) + head + data

    huge = {f"t{i}": info("U8", (2**61 - 1,), (i * (2**61 - 1), (i + 1) * (2**61 - 1))) for i in range(8)}
    files = {
        "empty": b"",
        "length": pack({"a": info()}, length=2**64 - 1),
        "length_long": pack({"a": info()}, length=10**9),
        "not_json": pack(b"{'a'}"),
        "utf8": pack(b'{"\xff": 1}'),
        "deep": pack(b"[" * 5000),
        "no_shape": pack({"a": {"dtype": "F32", "data_offsets": [0, 8]}}),
        "negative": pack({"a": info(shape=(-2,))}),
        "reversed": pack({"a": info(offsets=(8, 0))}),
        "outside": pack({"a": info(shape=(4,), offsets=(0, 16))}),
        "short": pack({"a": info(shape=(3,))}),
        "product": pack({"a": info(shape=(2**32, 2**32, 2))}),
        "product_of_nothing": pack({"a": info(shape=(0, 2**63, 4), offsets=(0, 0))}, b""),
        "axes": pack({"a": info(shape=(2, 1, 1, 1, 1, 1, 1))}),
        "wraps": pack(huge),
        "overlap": pack({"a": info(), "b": info()}),
        "gap": pack({"a": info(offsets=(4, 12))}, bytes(12)),
        "cut": pack({"a": info()}, bytes(7)),
        "trailing": pack({"a": info()}, bytes(9)),
        "metadata": pack({"__metadata__": {"a": 1}, "a": info()}),
        "scale": pack({"a.weight": info("F8_E4M3", (2, 2), (0, 4)), "a.scale_weight": info(shape=(3,), offsets=(4, 16))}, bytes(16)),
        "checkpoint": b"PK\x03\x04" + bytes(100),
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }
    for name, content in files.items():
        (OUT / f"broken/{name}.safetensors").write_bytes(content)


def main():
    (OUT / "broken").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    write_gguf(rng)
    write_fp8(rng)
    write_lora(rng)
    write_broken_gguf()
    write_broken_safetensors()


if __name__ == "__main__":
    main()
