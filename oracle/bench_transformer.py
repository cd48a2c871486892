"""Times training steps of the transformer on random clips, as `kinora-train bench` does in Rust.

    python bench_transformer.py --processes 2 --buckets 1x96,25x24,97x8
"""

import argparse
import statistics
import time

import torch

from native.config import Config
from native.film import captions
from native.flow import motion_loss, noised, sample_sigma, velocity_loss
from native.muon import Average, Muon
from native.run import compute_dtype, launch, share_gradients
from native.transformer import Transformer
from native.weights import go_on
from train_transformer import (
    COLORS, KINDS, MOTION_WEIGHT, TEACHER_WEIGHT, Conditions, Teacher, divide, load_text
)


def work(rank, args):
    torch.manual_seed(rank)
    config = Config.load()
    dtype = compute_dtype(args.device)
    conditions = Conditions(load_text(None, config, args.device), config, args.device)
    model, teacher = Transformer(config).to(args.device), Teacher(config).to(args.device)
    go_on(model, "transformer")
    matrices, others = divide(model, teacher)
    optimizer = Muon(matrices, others, lr=0.0)
    average = Average(model, decay=0.998)
    buckets = [tuple(int(x) for x in bucket.split("x")) for bucket in args.buckets.split(",")]
    times = {bucket: [] for bucket in buckets}
    for turn in range(args.steps + 1):
        for frames, clips in buckets:
            b, t = clips // args.processes, 1 + (frames - 1) // 8
            headers = list(captions(rank * b, b))
            for i, header in enumerate(headers):
                header |= {"kind": KINDS[i % len(KINDS)], "color": COLORS[i % len(COLORS)]}
            said = conditions(headers)
            clean = torch.randn(b, t, 10, 18, config.codec.latent_channels, device=args.device)
            cover = torch.full((b, t, 10, 18), 0.1, device=args.device)
            sigma = sample_sigma(b, t)[:, None].expand(b, t).clone().to(args.device)
            started = time.perf_counter()
            noisy = noised(clean, torch.randn_like(clean), sigma).to(dtype)
            predicted, middle = model(noisy, sigma, *said, middle=True)
            loss = velocity_loss(predicted, clean, sigma, torch.ones_like(cover))
            moved = motion_loss(predicted, clean, sigma, torch.ones_like(cover))
            taught = teacher.loss(middle, cover, headers)
            optimizer.zero_grad(set_to_none=True)
            (loss + MOTION_WEIGHT * moved + TEACHER_WEIGHT * taught).backward()
            share_gradients(matrices + others)
            torch.nn.utils.clip_grad_norm_(others, 1.0)
            optimizer.step()
            average.update(model)
            if turn:
                times[frames, clips].append(time.perf_counter() - started)
    if rank == 0:
        print(f"{args.processes} processes, {dtype}, seconds a step")
        print("clips      median  fastest")
        for (frames, clips), all in times.items():
            print(f"{frames}x{clips:<7} {statistics.median(all):7.3f} {min(all):8.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--buckets", default="1x96,25x24,97x8", help="FRAMESxCLIPS of all processes")
    parser.add_argument("--steps", type=int, default=7, help="after one that is not counted")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--device", default="cpu")
    launch(work, parser.parse_args())


if __name__ == "__main__":
    main()
