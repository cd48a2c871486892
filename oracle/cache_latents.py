"""Renders film at half size and encodes it once: shards of latents with their captions.

    python cache_latents.py --codec RUNS/codec --out CACHE/clips --frames 49 --count 8000

A shard holds `latents` [n, t, h, w, c] f16 and the captions' headers as JSON. Shards that exist
are kept, so the command resumes; a shard's number is its seed.
"""

import argparse
import json
import os
from pathlib import Path

import torch

from native.codec import Codec
from native.config import Config
from native.film import stream

KEPT = ("seed", "caption", "tokens", "ngrams", "numbers", "units", "slots")


def load_codec(folder: str, device: str) -> Codec:
    state = torch.load(Path(folder) / "checkpoint.pt", map_location="cpu", weights_only=True)
    codec = Codec(Config.load().codec)
    codec.load_state_dict(state["average"])
    return codec.to(device).eval()


@torch.no_grad()
def encode(codec: Codec, films: list, device: str) -> torch.Tensor:
    film = torch.stack(films).to(device).float() / 127.5 - 1
    return codec.encode(film.bfloat16()).half().cpu()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--size", default="288x160", help="of 16:9; other shapes are scaled alike")
    parser.add_argument("--aspect", default="wide")
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--first-shard", type=int, default=0)
    parser.add_argument("--shard", type=int, default=250)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    codec = load_codec(args.codec, args.device)
    size = tuple(int(x) for x in args.size.split("x"))
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for shard in range(args.first_shard, args.first_shard + -(-args.count // args.shard)):
        path = out / f"{args.aspect}-{args.frames}-{shard:05}.pt"
        if path.exists():
            continue
        headers, latents, waiting = [], [], []
        seed = 10_000_000 + shard * args.shard
        for header, film, _ in stream(seed, args.shard, args.frames, size, "--aspect", args.aspect):
            headers.append({key: header[key] for key in KEPT})
            waiting.append(film)
            if len(waiting) == args.batch:
                latents.append(encode(codec, waiting, args.device))
                waiting = []
        if waiting:
            latents.append(encode(codec, waiting, args.device))
        temporary = path.with_suffix(".tmp")
        torch.save({"latents": torch.cat(latents), "headers": json.dumps(headers)}, temporary)
        os.replace(temporary, path)
        print(path.name, len(headers), flush=True)


if __name__ == "__main__":
    main()
