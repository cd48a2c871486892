"""Exports trained weights as the safetensors that Kinora embeds.

    python export.py --codec RUNS/codec --text RUNS/text --transformer RUNS/dit
"""

import argparse
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file

from native.config import WEIGHTS
from native.weights import averaged


PARTS = ("text", "transformer", "codec")
# Tensors of more bytes are spread over several files, which stay below 16 MiB with their headers.
MOST_BYTES = 15 << 20


def files_of(folder: Path, part: str) -> list[Path]:
    """The weight files of a part: one, or shards."""
    return [*folder.glob(f"{part}.safetensors"), *sorted(folder.glob(f"{part}-*-of-*.safetensors"))]


def write_part(folder: Path, part: str, weights: dict[str, torch.Tensor]):
    """Writes a part in place of what was there."""
    shards, size = [{}], 0
    for name, tensor in sorted(weights.items()):
        if size + tensor.nbytes > MOST_BYTES and size > 0:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    for path in files_of(folder, part):
        path.unlink()
    for i, shard in enumerate(shards):
        end = "" if len(shards) == 1 else f"-{i + 1:05}-of-{len(shards):05}"
        path = folder / f"{part}{end}.safetensors"
        save_file(shard, path)
        print(path.name, f"{path.stat().st_size / 2**20:.1f} MiB")


def write_sums(folder: Path):
    """Writes `SHA256SUMS` of everything that decides a pixel."""
    files = [folder / "config.json", folder / "vocabulary.txt"]
    for part in PARTS:
        files += files_of(folder, part)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec")
    parser.add_argument("--text")
    parser.add_argument("--transformer")
    parser.add_argument("--out", default=str(WEIGHTS))
    args = parser.parse_args()
    for part in ("codec", "text", "transformer"):
        folder = getattr(args, part)
        if folder is None:
            continue
        weights = {k: v.to(torch.bfloat16).contiguous() for k, v in averaged(folder, part).items()}
        write_part(Path(args.out), part, weights)
    write_sums(Path(args.out))


if __name__ == "__main__":
    main()
