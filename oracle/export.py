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


SUMMED = ("config.json", "vocabulary.txt", "text", "transformer", "codec")


def write_sums(folder: Path):
    """Writes `SHA256SUMS` of everything that decides a pixel."""
    lines = []
    for name in SUMMED:
        name = name if "." in name else f"{name}.safetensors"
        lines.append(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n")
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
        path = Path(args.out) / f"{part}.safetensors"
        save_file(weights, path)
        print(path.name, f"{path.stat().st_size / 2**20:.1f} MiB")
    write_sums(Path(args.out))


if __name__ == "__main__":
    main()
