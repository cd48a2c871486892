"""Trains the transformer on the latent cache with a frozen text encoder.

    python train_transformer.py --run RUNS/dit --text RUNS/text --codec RUNS/codec \
        --cache CACHE --plan 1:64:4000,49:16:4000,97:8:1000

`--plan` lists phases FRAMES:BATCH:STEPS. Clips of the cache may be longer than a phase asks:
the codec is causal, so the first latent frames of a clip are the latents of its beginning.
"""

import argparse
import json
import random
from pathlib import Path

import torch

from cache_latents import load_codec
from native.captions import Captions, empty
from native.config import Config
from native.film import captions
from native.flow import euler, noised, sample_sigma, velocity_loss
from native.muon import Average, Muon
from native.run import Run, cosine, save_grid
from native.text import TextEncoder
from native.transformer import Transformer

TEXT_DROPOUT = 0.1
FIRST_FRAME_CLEAN = 0.1
GRID_FRAMES = 25


class Cache:
    """All shards of a folder in memory as f16; new shards are picked up while training runs."""

    def __init__(self, folder: str):
        self.folder = Path(folder)
        self.seen: set[str] = set()
        self.shards: list[tuple[torch.Tensor, list]] = []
        self.refresh()

    def refresh(self):
        for path in sorted(self.folder.rglob("*.pt")):
            if path.name in self.seen:
                continue
            self.seen.add(path.name)
            shard = torch.load(path, weights_only=True)
            self.shards.append((shard["latents"], json.loads(shard["headers"])))

    def batch(self, frames: int, count: int, generator: random.Random):
        """Latents [b, t, h, w, c] of one bucket and their headers."""
        t = 1 + (frames - 1) // 8
        usable = [s for s in self.shards if s[0].shape[1] >= t]
        shape = generator.choices(usable, [len(s[1]) for s in usable])[0][0].shape[2:]
        usable = [s for s in usable if s[0].shape[2:] == shape]
        picked, headers = [], []
        for latents, shard_headers in generator.choices(usable, [len(s[1]) for s in usable], k=count):
            index = generator.randrange(len(shard_headers))
            picked.append(latents[index, :t])
            headers.append(shard_headers[index])
        return torch.stack(picked).float(), headers


def load_text(folder: str, config: Config, device: str) -> TextEncoder:
    state = torch.load(Path(folder) / "checkpoint.pt", map_location="cpu", weights_only=True)
    text = TextEncoder(config.text)
    text.load_state_dict(state["average"])
    return text.to(device).eval().requires_grad_(False)


@torch.no_grad()
def condition(text: TextEncoder, headers: list[dict], config: Config, device: str):
    """States, slot beliefs and mask of captions, as the transformer takes them."""
    batch = Captions.collate(headers, config.text).to(device)
    states, logits = text(*batch.arguments())
    return states.bfloat16(), text.belief(logits), batch.mask


@torch.no_grad()
def sample_grid(model, text, codec, config, headers, device, steps=16, guidance=3.0):
    """Generates a clip for each header; returns its first, middle and last frame in a row."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(headers), 1 + GRID_FRAMES // 8, 10, 18, 32, generator=generator)
    positive = condition(text, headers, config, device)
    negative = condition(text, empty(len(headers)), config, device)

    def denoise(x, sigma):
        level = torch.full((x.shape[0], x.shape[1]), sigma, device=device)
        said = model(x.bfloat16(), level, *positive).float()
        if sigma > 0.98:
            return said
        unsaid = model(x.bfloat16(), level, *negative).float()
        return unsaid + guidance * (said - unsaid)

    latents = euler(denoise, noise.to(device), steps)
    frames = torch.cat([codec.decode(z[None].bfloat16()).float().cpu() for z in latents])
    return [row[[0, GRID_FRAMES // 2, GRID_FRAMES - 1]] for row in frames]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--codec", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--plan", default="1:64:4000,49:16:4000,97:8:1000")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--grid-every", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = Config.load()
    text = load_text(args.text, config, args.device)
    codec = load_codec(args.codec, args.device)
    cache = Cache(args.cache)
    model = Transformer(config).to(args.device)
    matrices = [p for n, p in model.named_parameters() if "blocks" in n and n.endswith("weight") and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimizer = Muon(matrices, others, lr=args.lr)
    average = Average(model, decay=0.999)
    run = Run(args.run, args.minutes)
    if state := run.load():
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, average.steps = state["average"], state["step"]
    forward = torch.compile(model, dynamic=False) if args.compile else model
    generator = random.Random(run.step)
    phases = [tuple(int(x) for x in phase.split(":")) for phase in args.plan.split(",")]
    steps = sum(phase[2] for phase in phases)
    examples = list(captions(77, 8, "--split", "held-out"))

    while not run.over(steps):
        done = 0
        for frames, count, length in phases:
            done += length
            if run.step < done:
                break
        clean, headers = cache.batch(frames, count, generator)
        headers = [h if generator.random() > TEXT_DROPOUT else empty(1)[0] for h in headers]
        clean = clean.to(args.device)
        b, t = clean.shape[:2]
        sigma = sample_sigma(b)[:, None].expand(b, t).clone().to(args.device)
        if t > 1:
            sigma[torch.rand(b) < FIRST_FRAME_CLEAN, 0] = 0.0
        noisy = noised(clean, torch.randn_like(clean), sigma)
        predicted = forward(noisy.bfloat16(), sigma, *condition(text, headers, config, args.device))
        loss = velocity_loss(predicted, clean, sigma)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * cosine(run.step, steps, warmup=100)
        optimizer.step()
        average.update(model)
        run.step += 1
        if run.step % 20 == 0:
            run.log(loss=loss, frames=frames, clips=sum(len(s[1]) for s in cache.shards))
        if run.step % 100 == 0:
            cache.refresh()
        if run.step % args.grid_every == 0 or run.over(steps):
            weights = {k: v.clone() for k, v in model.state_dict().items()}
            model.load_state_dict(average.weights)
            rows = sample_grid(model, text, codec, config, examples, args.device)
            model.load_state_dict(weights)
            save_grid(run.folder / f"grid-{run.step:06}.png", rows)
            (run.folder / "grid.txt").write_text("\n".join(h["caption"] for h in examples))
            run.curve()
        if run.save_due() or run.over(steps):
            run.save(
                model=model.state_dict(),
                optimizer=optimizer.state_dict(),
                average=average.weights,
            )


if __name__ == "__main__":
    main()
