"""Trains the transformer on the latent cache with a frozen text encoder.

    python train_transformer.py --run RUNS/dit --text RUNS/text --codec RUNS/codec \
        --cache CACHE --plan 1x48:400,1x48+25x12+97x4:1500

`--plan` lists phases LENGTHS:STEPS; the lengths of a phase, each FRAMESxCLIPS of one process, take
turns. Clips of the cache may be longer than a step asks: the codec is causal, so the first latent
frames of a clip are the latents of its beginning. The learning rate falls over the last
`--cooldown` steps only, so a run that ran out of time is finished by resuming it with a shorter plan.
"""

import argparse
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from cache_latents import load_codec
from native.camera import paths
from native.captions import Captions, empty
from native.config import Config
from native.film import captions
from native.flow import (
    euler, latent_weight, motion_loss, noised, sample_sigma, velocity_loss
)
from native.layers import Linear
from native.muon import Average, Muon
from native.run import Run, compute_dtype, launch, save_grid, share_gradients, trapezoid
from native.shards import read_shard
from native.text import TextEncoder
from native.transformer import Transformer
from native.weights import averaged, go_on

TEXT_DROPOUT = 0.1
# Shares of clips some latent frames of which are given, and so stay clean, as image to video,
# extensions and loops ask for: the first, the first three, the last, both ends.
GIVEN = ((0.08, [0]), (0.04, [0, 1, 2]), (0.03, [-1]), (0.03, [0, -1]))
GRID_FRAMES = 25
MOTION_WEIGHT = 0.5
TEACHER_WEIGHT = 0.2
# As the film set's programs name them.
KINDS = (
    "man", "woman", "child", "dog", "birds", "sailboat", "fishing_boat", "balloon", "train", "ball",
    "kite", "lighthouse",
)
COLORS = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "white", "grey",
    "black",
)


class Cache:
    """All shards of a folder in memory as f16; new shards are picked up while training runs."""

    def __init__(self, folder: str):
        self.folder = Path(folder)
        self.seen: set[str] = set()
        self.shards: list[tuple[torch.Tensor, torch.Tensor, list]] = []
        self.refresh()

    def refresh(self):
        for path in sorted(self.folder.rglob("*.safetensors")):
            if path.name in self.seen:
                continue
            self.seen.add(path.name)
            self.shards.append(read_shard(path))

    def clips(self) -> int:
        return sum(len(headers) for _, _, headers in self.shards)

    def batch(self, frames: int, count: int, generator: random.Random):
        """Latents [b, t, h, w, c] of one bucket, what their subjects cover, their headers."""
        t = 1 + (frames - 1) // 8
        weights = lambda shards: [len(s[2]) for s in shards]
        usable = [s for s in self.shards if s[0].shape[1] >= t]
        shape = generator.choices(usable, weights(usable))[0][0].shape[2:]
        usable = [s for s in usable if s[0].shape[2:] == shape]
        picked = []
        for latents, cover, headers in generator.choices(usable, weights(usable), k=count):
            index = generator.randrange(len(headers))
            picked.append((latents[index, :t], cover[index, :t], headers[index]))
        latents, cover, headers = zip(*picked)
        return torch.stack(latents).float(), torch.stack(cover).float(), list(headers)


class Teacher(nn.Module):
    """Reads from the tokens of a middle block what the set knows: where the subject is, and what.

    Training alone uses it (the idea of REPA, arXiv 2410.06940, with a renderer for the teacher)."""

    def __init__(self, config: Config):
        super().__init__()
        outputs = 1 + len(KINDS) + len(COLORS)
        self.head = Linear(config.transformer.hidden_size, outputs)

    def loss(self, tokens, cover, headers):
        """Tokens [b, t, s, d]; cover [b, t, h, w] of the clean latents."""
        b, t, s, _ = tokens.shape
        cover = F.avg_pool2d(cover.flatten(0, 1)[:, None], 2).reshape(b, t, s)  # [b, t, s]
        parts = [1, len(KINDS), len(COLORS)]
        there, kinds, colors = self.head(tokens).float().split(parts, dim=-1)
        where = F.binary_cross_entropy_with_logits(there.squeeze(-1), cover)
        subjects = [i for i, header in enumerate(headers) if "kind" in header]
        if not subjects:
            return where
        weight = cover[subjects].flatten(1)  # [k, t*s]
        what = 0
        for logits, name, values in ((kinds, "kind", KINDS), (colors, "color", COLORS)):
            known = torch.tensor([values.index(headers[i][name]) for i in subjects])
            known = known.to(logits.device)[:, None].expand_as(weight)
            each = F.cross_entropy(
                logits[subjects].flatten(1, 2).transpose(1, 2), known, reduction="none"
            )
            what = what + (each * weight).sum() / weight.sum().clamp(min=1.0)
        return where + 0.1 * what


def keep_clean(sigma: torch.Tensor):
    """Sets the noise levels [b, t] of some clips' given frames to 0."""
    b, t = sigma.shape
    for clip, choice in enumerate(torch.rand(b).tolist()):
        for share, frames in GIVEN if t > 4 else GIVEN[:1] if t > 1 else ():
            if (choice := choice - share) < 0:
                sigma[clip, frames] = 0.0
                break


def load_text(run: str | None, config: Config, device: str) -> TextEncoder:
    text = TextEncoder(config.text)
    text.load_state_dict(averaged(run, "text"))
    return text.to(device).eval().requires_grad_(False)


class Conditions:
    """What the frozen text encoder makes of captions, each read once."""

    def __init__(self, text: TextEncoder, config: Config, device: str):
        self.text, self.config, self.device = text, config, device
        self.known: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    @torch.no_grad()
    def __call__(self, headers: list[dict]):
        """States, slot beliefs and mask of captions, as the transformer takes them."""
        new = {self._key(h): h for h in headers if self._key(h) not in self.known}
        if new:
            batch = Captions.collate(list(new.values()), self.config.text).to(self.device)
            states, logits = self.text(*batch.arguments())
            beliefs = self.text.belief(logits)
            for row, key in enumerate(new):
                # one masked word stands for an empty caption
                words = max(1, int(batch.mask[row].sum()))
                self.known[key] = (states[row, :words].half(), beliefs[row])
        rows = [self.known[self._key(h)] for h in headers]
        states = nn.utils.rnn.pad_sequence([states for states, _ in rows], batch_first=True)
        lengths = torch.tensor([len(h["tokens"]) for h in headers], device=self.device)
        mask = torch.arange(states.shape[1], device=self.device)[None] < lengths[:, None]
        beliefs = torch.stack([belief for _, belief in rows])
        return states.to(compute_dtype(self.device)), beliefs, mask

    @staticmethod
    def _key(header: dict) -> str:
        return header.get("caption", "")


@torch.no_grad()
def sample_grid(model, conditions, codec, config, headers, device, steps=16, guidance=3.0):
    """Generates a clip for each header; returns its first, middle and last frame in a row."""
    generator = torch.Generator().manual_seed(0)
    channels, dtype = config.codec.latent_channels, compute_dtype(device)
    noise = torch.randn(len(headers), 1 + GRID_FRAMES // 8, 10, 18, channels, generator=generator)
    positive = conditions(headers)
    negative = conditions(empty(len(headers)))

    def denoise(x, sigma):
        level = torch.full((x.shape[0], x.shape[1]), sigma, device=device)
        said = model(x.to(dtype), level, *positive).float()
        if sigma > 0.98:
            return said
        unsaid = model(x.to(dtype), level, *negative).float()
        return unsaid + guidance * (said - unsaid)

    latents = euler(denoise, noise.to(device), steps)
    frames = torch.cat([codec.decode(z[None].to(dtype)).float().cpu() for z in latents])
    return [row[[0, GRID_FRAMES // 2, GRID_FRAMES - 1]] for row in frames]


def parse_plan(text: str) -> list[tuple[int, int]]:
    """Frames and clips of every step, from `1x48:400,1x48+25x12:1500`."""
    plan = []
    for phase in text.split(","):
        lengths, steps = phase.split(":")
        lengths = [tuple(int(x) for x in length.split("x")) for length in lengths.split("+")]
        plan += [lengths[step % len(lengths)] for step in range(int(steps))]
    return plan


def divide(model: Transformer, teacher: Teacher) -> tuple[list, list]:
    """The parameters that Muon moves, the matrices between the blocks' layers, and all others."""
    named = model.named_parameters()
    matrices = [p for n, p in named if "blocks" in n and p.ndim == 2 and "weight" in n]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen] + list(teacher.parameters())
    return matrices, others


def train(rank, args):
    torch.manual_seed(0)
    config = Config.load()
    dtype = compute_dtype(args.device)
    conditions = Conditions(load_text(args.text, config, args.device), config, args.device)
    codec = load_codec(args.codec, args.device)
    cache = Cache(args.cache)
    model = Transformer(config).to(args.device)
    teacher = Teacher(config).to(args.device)
    if args.go_on:
        go_on(model, "transformer")
    matrices, others = divide(model, teacher)
    optimizer = Muon(matrices, others, lr=args.lr)
    average = Average(model, decay=0.998)
    run = Run(args.run, args.minutes, rank)
    if state := run.load():
        model.load_state_dict(state["model"])
        teacher.load_state_dict(state["teacher"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, average.steps = state["average"], state["step"]
    torch.manual_seed(1000 * run.step + rank)
    generator = random.Random(1000 * run.step + rank)
    plan = parse_plan(args.plan)
    steps = len(plan)
    examples = list(captions(77, 8, "--split", "held-out"))

    while not run.over(steps):
        frames, count = plan[run.step]
        clean, cover, headers = cache.batch(frames, count, generator)
        cameras = [header["camera"] for header in headers]
        said = [h if generator.random() > TEXT_DROPOUT else empty(1)[0] for h in headers]
        clean, cover = clean.to(args.device), cover.to(args.device)
        b, t = clean.shape[:2]
        sigma = sample_sigma(b, t)[:, None].expand(b, t).clone().to(args.device)
        keep_clean(sigma)
        noisy = noised(clean, torch.randn_like(clean), sigma)
        predicted, middle = model(
            noisy.to(dtype), sigma, *conditions(said), paths(cameras, t), middle=True
        )
        weight = latent_weight(sigma, cover)
        loss = velocity_loss(predicted, clean, sigma, weight)
        moved = motion_loss(predicted, clean, sigma, weight)
        taught = teacher.loss(middle, cover, headers)
        optimizer.zero_grad(set_to_none=True)
        (loss + MOTION_WEIGHT * moved + TEACHER_WEIGHT * taught).backward()
        share_gradients(matrices + others)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * trapezoid(run.step, steps, 100, args.cooldown)
        optimizer.step()
        average.update(model)
        run.step += 1
        if run.step % 20 == 0:
            run.log(loss=loss, motion=moved, teacher=taught, frames=frames, clips=cache.clips())
        if run.step % 100 == 0:
            cache.refresh()
        if rank == 0 and (run.step % args.grid_every == 0 or run.step == steps):
            weights = {k: v.clone() for k, v in model.state_dict().items()}
            model.load_state_dict(average.weights)
            rows = sample_grid(model, conditions, codec, config, examples, args.device)
            model.load_state_dict(weights)
            save_grid(run.folder / f"grid-{run.step:06}.png", rows)
            (run.folder / "grid.txt").write_text("\n".join(h["caption"] for h in examples))
            run.curve()
        if run.save_due():
            save(run, model, teacher, optimizer, average)
    save(run, model, teacher, optimizer, average)


def save(run, model, teacher, optimizer, average):
    run.save(
        model=model.state_dict(),
        teacher=teacher.state_dict(),
        optimizer=optimizer.state_dict(),
        average=average.weights,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--text", help="a run; otherwise the published text encoder")
    parser.add_argument("--codec", help="a run; otherwise the published codec")
    parser.add_argument("--go-on", action="store_true", help="start from the published weights")
    parser.add_argument("--cache", required=True)
    parser.add_argument("--plan", default="1x48:400,1x48+25x12+97x4:1500")
    parser.add_argument("--cooldown", type=int, default=400, help="steps")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--grid-every", type=int, default=500)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--device", default="cpu")
    launch(train, parser.parse_args())


if __name__ == "__main__":
    main()
