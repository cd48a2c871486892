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
from native.run import Run, cosine, save_grid

SUBJECT_WEIGHT = 4.0


def loss_terms(output, target, mask):
    """Charbonnier, gradient and temporal-difference errors, heavier on subjects."""
    weight = 1 + (SUBJECT_WEIGHT - 1) * mask.unsqueeze(-1)
    error = output - target  # [b, t, h, w, 3]
    pixel = (weight * (error.square() + 1e-6).sqrt()).mean()
    edges = 0
    for scale in (1, 2, 4):
        e = error[:, :, ::scale, ::scale]
        edges = edges + (e[:, :, 1:] - e[:, :, :-1]).abs().mean()
        edges = edges + (e[:, :, :, 1:] - e[:, :, :, :-1]).abs().mean()
    motion = (error[:, 1:] - error[:, :-1]).abs().mean()
    return pixel, edges / 3, motion


def half_size(film):
    """[b, t, h, w, 3] -> [b, t, h/2, w/2, 3] by the mean of 2x2 pixels."""
    b, t, h, w, c = film.shape
    return film.reshape(b, t, h // 2, 2, w // 2, 2, c).mean(dim=(3, 5))


def psnr(error):
    """Decibels of an error in [-1, 1] units."""
    return -10 * torch.log10((error / 2).square().mean())


@torch.no_grad()
def evaluate(codec, clips, device):
    """Mean PSNR of whole clips and of their subjects, edge energy against the truth's."""
    whole, subject, edges = [], [], []
    rows = []
    for film, masks in clips:
        film = film.to(device).unsqueeze(0).float() / 127.5 - 1
        output = codec.decode(codec.encode(half_size(film).bfloat16())).float().clamp(-1, 1)
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
def calibrate(codec, buffer, device):
    """Sets the latents' mean and spread, so that the transformer sees unit normals."""
    codec.mean.zero_()
    codec.std.fill_(1.0)
    latents = []
    for _ in range(48):
        film, _ = buffer.crop(25, 288, 288)
        film = film.to(device).unsqueeze(0).float() / 127.5 - 1
        latents.append(codec.encode(half_size(film).bfloat16()).float().flatten(0, 3))
    latents = torch.cat(latents)
    codec.mean.copy_(latents.mean(0))
    codec.std.copy_(latents.std(0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--chunks", type=int, default=2)
    parser.add_argument("--buffer", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    codec = Codec(Config.load().codec).to(args.device)
    matrices = [p for p in codec.parameters() if p.ndim >= 2]
    others = [p for p in codec.parameters() if p.ndim < 2]
    optimizer = Muon(matrices, others, lr=args.lr)
    average = Average(codec, decay=0.99)
    run = Run(args.run, args.minutes)
    if state := run.load():
        codec.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, average.steps = state["average"], state["step"]
    buffer = Buffer(seed=1000 + run.step, capacity=args.buffer, frames=25, size=(576, 320))
    held_out = [
        (film, masks)
        for _, film, masks in stream(7, 6, 17, (576, 320), "--masks", "--split", "held-out")
    ]

    while not run.over(args.steps):
        frames = 8 * args.chunks + (1 if run.step % 4 == 0 else 0)
        crops = [buffer.crop(frames, args.crop, args.crop) for _ in range(args.batch)]
        film = torch.stack([c[0] for c in crops]).to(args.device).float() / 127.5 - 1
        mask = torch.stack([c[1] for c in crops]).to(args.device).ne(0).float()
        # most batches start in the middle of a clip, where no first frame is repeated
        starts = run.step % 4 == 0
        z = (codec.encode if starts else codec.encoder)(half_size(film).bfloat16())
        # a little noise on the latents: the decoder must forgive what the transformer gets wrong
        level = 0.15 * torch.rand(len(crops), 1, 1, 1, 1, device=z.device)
        spread = z.float().std().detach()
        noisy = z + (level * spread * torch.randn_like(z, dtype=torch.float)).to(z.dtype)
        output = (codec.decode if starts else codec.decoder)(noisy).float()
        pixel, edges, motion = loss_terms(output, film, mask)
        magnitude = z.float().square().mean()
        loss = pixel + edges + motion + 1e-3 * F.relu(magnitude - 1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * cosine(run.step, args.steps, warmup=50)
        optimizer.step()
        average.update(codec)
        run.step += 1
        if run.step % 20 == 0:
            run.log(pixel=pixel, edges=edges, motion=motion, z=magnitude, clips=buffer.received)
        if run.step % 250 == 0 or run.over(args.steps):
            weights = codec.state_dict()
            weights = {k: v.clone() for k, v in weights.items()}
            codec.load_state_dict(average.weights)
            metrics, rows = evaluate(codec, held_out, args.device)
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
    calibrate(codec, buffer, args.device)
    run.save(model=weights, optimizer=optimizer.state_dict(), average=codec.state_dict())


if __name__ == "__main__":
    main()
