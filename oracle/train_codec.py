"""Trains the codec on crops of freshly rendered film.

    python train_codec.py --run RUNS/codec --steps 6000 --minutes 60
"""

import argparse

import torch
import torch.nn.functional as F

from native.codec import Codec
from native.config import Config
from native.film import Buffer, stream
from native.muon import Average, Muon
from native.run import Run, compute_dtype, cosine, launch, save_grid, share_gradients
from native.weights import go_on

SUBJECT_WEIGHT = 5.0
# distances of the pixels that edges and texture are seen between
SCALES = (1, 2, 4)
# side of the cells of a frame that texture is compared in
CELL = 16
TERMS = ("pixel", "edges", "motion", "texture", "magnitude")
# (side of a crop, crops a process and step), about equal in cost: small crops show many subjects,
# large ones show cells that have no border near
CROPS = [(128, 3), (160, 2), (224, 1)]


def changes(x, offset):
    """What changes to the pixels `offset` frames, rows and columns apart, [b, t, h, w, 3]."""
    t, h, w = (size - by for size, by in zip(x.shape[1:4], offset))
    return x[:, offset[0] :, offset[1] :, offset[2] :] - x[:, :t, :h, :w]


def cell_means(x):
    """Means of the cells of each frame, [b, t, h, w] -> [b, t, h / 16, w / 16]."""
    return F.avg_pool2d(x, CELL, ceil_mode=True, count_include_pad=False)


def texture_error(output, target, weight):
    """How much changes in a cell, wherever in it, down, right and from frame to frame."""
    error = 0
    beside = [offset for scale in SCALES for offset in ((0, scale, 0), (0, 0, scale))]
    for offset in [(1, 0, 0), *beside]:
        ours, theirs = (changes(x, offset) for x in (output, target))
        size = lambda change: cell_means(change.abs().mean(-1))
        root = lambda change: (cell_means(change.square().mean(-1)) + 1e-6).sqrt()
        wrong = (size(ours) - size(theirs)).abs() + (root(ours) - root(theirs)).abs()
        t, h, w = ours.shape[1:4]
        counts = cell_means(weight[:, :t, :h, :w, 0])
        error = error + (counts * wrong).mean() / (1 if offset[0] else len(SCALES))
    return error


def loss_terms(output, target, mask):
    """Charbonnier, gradient, temporal-difference and texture errors, heavier on subjects."""
    weight = 1 + (SUBJECT_WEIGHT - 1) * mask.unsqueeze(-1)
    error = output - target  # [b, t, h, w, 3]
    pixel = (weight * (error.square() + 1e-6).sqrt()).mean()
    edges = 0
    for scale in SCALES:
        e, w = error[:, :, ::scale, ::scale], weight[:, :, ::scale, ::scale]
        edges = edges + (w[:, :, 1:] * e.diff(dim=2).abs()).mean()
        edges = edges + (w[:, :, :, 1:] * e.diff(dim=3).abs()).mean()
    motion = (error[:, 1:] - error[:, :-1]).abs().mean()
    return pixel, edges / len(SCALES), motion, texture_error(output, target, weight)


def losses(codec, film, mask, noise, starts, dtype):
    """Loss and terms of a batch of crops; `noise` is added to their latents, `starts` says that they
    begin their films."""
    encode, decode = (
        (codec.encode, codec.decode) if starts else (codec.encode_groups, codec.decode_groups)
    )
    z = encode(half_size(film).to(dtype))
    output = decode(z + noise.to(z.dtype)).float()
    terms = loss_terms(output, film, mask)
    magnitude = z.float().square().mean(dim=(1, 2, 3, 4))
    loss = sum(terms) + 1e-3 * F.relu(magnitude - 1).mean()
    return loss, (*terms, magnitude.mean())


def half_size(film):
    """[b, t, h, w, 3] -> [b, t, h/2, w/2, 3] by the mean of 2x2 pixels."""
    b, t, h, w, c = film.shape
    return film.reshape(b, t, h // 2, 2, w // 2, 2, c).mean(dim=(3, 5))


def psnr(error):
    """Decibels of an error in [-1, 1] units."""
    return -10 * torch.log10((error / 2).square().mean())


@torch.no_grad()
def evaluate(codec, clips, device, dtype):
    """Mean PSNR of whole clips and of their subjects, edge energy against the truth's."""
    whole, subject, edges = [], [], []
    rows = []
    for film, masks in clips:
        film = film.to(device).unsqueeze(0).float() / 127.5 - 1
        output = codec.decode(codec.encode(half_size(film).to(dtype))).float().clamp(-1, 1)
        error = output - film
        whole.append(psnr(error))
        inside = masks.to(device).unsqueeze(0) > 0
        if inside.sum() > 400:
            subject.append(psnr(error[inside]))
        energy = lambda x: x.diff(dim=3).abs().mean() + x.diff(dim=2).abs().mean()
        edges.append(energy(output) / energy(film))
        rows.append(torch.cat([film[0, [0, -1]], output[0, [0, -1]]]).cpu())
    mean = lambda values: torch.stack(values).mean() if values else torch.tensor(0.0)
    return {"psnr": mean(whole), "subject_psnr": mean(subject), "edges": mean(edges)}, rows


@torch.no_grad()
def calibrate(codec, buffer, device, dtype):
    """Sets the latents' mean and spread, so that the transformer sees unit normals."""
    codec.mean.zero_()
    codec.std.fill_(1.0)
    latents = []
    for _ in range(48):
        film, _ = buffer.crop(25, 288, 288)
        film = film.to(device).unsqueeze(0).float() / 127.5 - 1
        latents.append(codec.encode(half_size(film).to(dtype)).float().flatten(0, 3))
    latents = torch.cat(latents)
    codec.mean.copy_(latents.mean(0))
    codec.std.copy_(latents.std(0))


def train(rank, args):
    torch.manual_seed(0)
    dtype = compute_dtype(args.device)
    codec = Codec(Config.load().codec).to(args.device)
    if args.go_on:
        go_on(codec, "codec")
    for part in args.freeze:
        getattr(codec, part).requires_grad_(False)
    trained = [p for p in codec.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim >= 2]
    others = [p for p in trained if p.ndim < 2]
    optimizer = Muon(matrices, others, lr=args.lr)
    average = Average(codec, decay=0.995)
    run = Run(args.run, args.minutes, rank)
    if state := run.load():
        codec.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, average.steps = state["average"], state["step"]
    seed = 1000 + 2_000_000 * rank + run.step * 10
    torch.manual_seed(seed)
    buffer = Buffer(seed=seed, capacity=args.buffer, frames=25, size=(576, 320))
    held_out = [
        (film, masks)
        for _, film, masks in stream(7, 6, 17, (576, 320), "--masks", "--split", "held-out")
    ]

    while not run.over(args.steps):
        # every other batch starts in the middle of a clip, where no first frame is repeated
        starts = run.step % 2 == 0
        frames = 9 if starts else 16  # two latent frames
        side, count = CROPS[run.step // 2 % len(CROPS)]
        crops = [buffer.crop(frames, side, side) for _ in range(count * args.batch)]
        film = torch.stack([c[0] for c in crops]).to(args.device).float() / 127.5 - 1
        mask = torch.stack([c[1] for c in crops]).to(args.device).ne(0).float()
        # a little noise on the latents: the decoder must forgive what the transformer gets wrong
        shape = (len(crops), 2, side // 32, side // 32, codec.mean.numel())
        noise = 0.15 * torch.rand(len(crops), 1, 1, 1, 1) * torch.randn(shape)
        loss, terms = losses(codec, film, mask, noise.to(args.device), starts, dtype)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(matrices + others)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * cosine(run.step, args.steps, warmup=50)
        optimizer.step()
        average.update(codec)
        run.step += 1
        if run.step % 20 == 0:
            run.log(**dict(zip(TERMS, terms)), clips=buffer.received)
        if rank == 0 and (run.step % 500 == 0 or run.step == args.steps):
            weights = {k: v.clone() for k, v in codec.state_dict().items()}
            codec.load_state_dict(average.weights)
            metrics, rows = evaluate(codec, held_out, args.device, dtype)
            codec.load_state_dict(weights)
            run.log(**metrics)
            save_grid(run.folder / f"grid-{run.step:06}.png", rows)
            run.curve()
        if run.save_due():
            run.save(
                model=codec.state_dict(),
                optimizer=optimizer.state_dict(),
                average=average.weights,
            )

    weights = {k: v.clone() for k, v in codec.state_dict().items()}
    codec.load_state_dict(average.weights)
    if rank == 0:
        if "encoder" not in args.freeze:
            calibrate(codec, buffer, args.device, dtype)
        run.save(model=weights, optimizer=optimizer.state_dict(), average=codec.state_dict())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--go-on", action="store_true", help="start from the published weights")
    parser.add_argument(
        "--freeze", nargs="*", default=[], choices=["encoder", "decoder"],
        help="a frozen encoder keeps every latent that a transformer has learned",
    )
    parser.add_argument("--batch", type=int, default=1, help="times the crops of a step")
    parser.add_argument("--buffer", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--device", default="cpu")
    launch(train, parser.parse_args())


if __name__ == "__main__":
    main()
