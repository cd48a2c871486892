"""Renders film at half size and encodes it once: shards of latents with their captions.

    python cache_latents.py --codec RUNS/codec --out CACHE/clips --frames 49 --count 8000

Shards that exist are kept, so the command resumes; a shard's shape, length and number are its seed.
`kinora-train cache` writes the same, with other ways to say each caption.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F

from native.codec import Codec
from native.config import Config
from native.film import stream
from native.run import compute_dtype
from native.shards import write_shard
from native.weights import averaged

KEPT = ("seed", "caption", "tokens", "ngrams", "numbers", "units", "slots", "camera")
ASPECTS = ("wide", "tall", "square", "classic", "portrait")
STRIDE = 16  # half-size pixels a latent


def load_codec(run: str | None, device: str) -> Codec:
    codec = Codec(Config.load().codec)
    codec.load_state_dict(averaged(run, "codec"))
    return codec.to(device).eval()


@torch.no_grad()
def encode(codec: Codec, films: list, device: str) -> torch.Tensor:
    film = torch.stack(films).to(device).float() / 127.5 - 1
    return codec.encode(film.to(compute_dtype(device))).half().cpu()


def cover(masks: list) -> torch.Tensor:
    """Masks [1+8k, h, w] of clips -> [b, 1+k, h/16, w/16]: what the subjects cover."""
    mask = torch.stack(masks).ne(0).float()
    mask = torch.cat([mask[:, :1].expand(-1, 7, -1, -1), mask], dim=1)
    return F.avg_pool3d(mask[:, None], (8, STRIDE, STRIDE)).squeeze(1).half()


def first_seed(frames: int, aspect: str) -> int:
    """Each length and shape has seeds of its own: the same programs in all would be fewer scenes."""
    return (frames << 40) + (ASPECTS.index(aspect) << 36) + 10_000_000


def kept(header: dict) -> dict:
    """What training reads of a header: the caption and the truth of its first subject."""
    subjects = header["program"]["subjects"]
    first = {"kind": subjects[0]["kind"], "color": subjects[0]["color"]} if subjects else {}
    return {key: header[key] for key in KEPT} | first


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", help="a run; otherwise the published codec")
    parser.add_argument("--out", required=True)
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--size", default="288x160", help="of 16:9; other shapes are scaled alike")
    parser.add_argument("--aspect", default="wide", choices=ASPECTS)
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
        path = out / f"{args.aspect}-{args.frames}-{shard:05}.safetensors"
        if path.exists():
            continue
        headers, latents, covers, waiting = [], [], [], []
        seed = first_seed(args.frames, args.aspect) + shard * args.shard
        extra = ("--aspect", args.aspect, "--masks")
        for header, film, masks in stream(seed, args.shard, args.frames, size, *extra):
            headers.append(kept(header))
            waiting.append((film, masks))
            if len(waiting) == args.batch or len(headers) == args.shard:
                latents.append(encode(codec, [film for film, _ in waiting], args.device))
                covers.append(cover([masks for _, masks in waiting]))
                waiting = []
        write_shard(path, torch.cat(latents), torch.cat(covers), headers)
        print(path.name, len(headers), flush=True)


if __name__ == "__main__":
    main()
