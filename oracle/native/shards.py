"""Shards of the latent cache, as `crates/train/src/cache.rs` describes them."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FORMAT = "kinora-cache/1"


def write_shard(path: Path, latents: torch.Tensor, cover: torch.Tensor, headers: list[dict]):
    """Writes latents [n, t, h, w, c] and cover [n, t, h, w] of clips, whole or not at all."""
    temporary = path.with_suffix(".part")
    tensors = {"latents": latents.half().contiguous(), "cover": cover.half().contiguous()}
    save_file(tensors, temporary, {"format": FORMAT, "headers": json.dumps(headers)})
    os.replace(temporary, path)


def read_shard(path: Path) -> tuple[torch.Tensor, torch.Tensor, list[dict]]:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path} is no shard of format {FORMAT}")
        headers = json.loads(metadata["headers"])
        return file.get_tensor("latents"), file.get_tensor("cover"), headers
