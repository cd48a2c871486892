"""Kinora and PyTorch in turn, on the same shapes with random weights: medians and their ratios.

    python benches/compare.py                        # operations; seconds each
    python benches/compare.py --rows all --turns 1 --runs 1
    python benches/compare.py --rows dit-ltx-video-2b,vae-wan2.1-t2v-1.3b --compile

Takes torch, and for parts of models diffusers and transformers (oracle/requirements.txt). Each side of
each row runs in a process of its own, A B A B, so that neither holds memory while the other computes;
the largest rows take 10 to 12 GB. The machine has to be idle otherwise.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRESETS = ROOT / "crates/models/src"

# The rows: name, memory in GB that either side takes at most in bf16.
OPS = {
    "linear-4096x1536x1536": 1,
    "linear-4096x1536x8960": 1,
    "linear-4096x8960x1536": 1,
    "attention-12x4096x4096x128": 2,
    "conv3d-4x128x128x96x96": 2,
}
PARTS = {
    "dit-ltx-video-2b": 5,
    "dit-wan2.1-t2v-1.3b": 4,
    "vae-ltx-video-2b": 6,
    "vae-ltx-video-2b-0.9.0": 6,
    "vae-wan2.1-t2v-1.3b": 6,
    "text-ltx-video-2b": 11,
    "text-wan2.1-t2v-1.3b": 13,
}
ROWS = OPS | PARTS

# Latents [c, t, h, w] and text tokens of the clips that `kinora bench` takes by default.
CLIPS = {
    "ltx-video-2b": ([128, 7, 16, 16], 128),
    "ltx-video-2b-0.9.0": ([128, 7, 16, 16], 128),
    "wan2.1-t2v-1.3b": ([16, 5, 34, 60], 512),
}


def main():
    args = arguments()
    if args.worker:
        print(json.dumps(torch_seconds(args.worker, args)))
        return
    sides = ["eager", "compiled", "kinora"] if args.compile else ["eager", "kinora"]
    seconds = {row: {side: [] for side in sides} for row in args.rows}
    for turn in range(args.turns):
        for row in args.rows:
            for side in sides:
                wait_for_memory(row, args)
                median = kinora(row, turn, args) if side == "kinora" else pytorch(row, side, args)
                seconds[row][side].append(median)
                print(f"turn {turn + 1}: {row} {side} {median:.4f} s", file=sys.stderr)
    table(seconds, sides, args)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="ops", help=f"joined by commas: ops, all, {', '.join(ROWS)}")
    parser.add_argument("--turns", type=int, default=2, help="how often both sides run")
    parser.add_argument("--runs", type=int, default=3, help="timings of a turn, after one to warm up")
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--compile", action="store_true", help="also torch.compile")
    parser.add_argument("--kinora", default=ROOT / "target/release/kinora", help="the binary")
    parser.add_argument("--worker", choices=ROWS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    named = {"ops": OPS, "all": ROWS}.get(args.rows) or args.rows.split(",")
    for row in named:
        if row not in ROWS:
            parser.error(f"no row {row}; known: {', '.join(ROWS)}")
    args.rows, args.ops = list(named), {}
    return args


def wait_for_memory(row, args):
    """Ends instead of pressing the machine into its swap."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    needed = ROWS[row] * (2 if args.dtype == "f32" else 1)
    if available < needed * 1_000_000:
        sys.exit(f"{row} takes about {needed} GB and {available / 1e6:.0f} GB are available")


def table(seconds, sides, args):
    medians = {row: {side: statistics.median(all) for side, all in times.items()} for row, times in seconds.items()}
    print(f"seconds, {args.dtype}, {args.threads} threads, medians of {args.turns} turns of {args.runs} runs\n")
    others = sides[:-1]
    head = ["row", *(f"PyTorch {side}" for side in others), "Kinora", *(f"{side} / Kinora" for side in others)]
    print("|", " | ".join(head), "|")
    print("|---" * len(head) + "|")
    for row, times in medians.items():
        ratios = [f"{times[side] / times['kinora']:.2f}" for side in others]
        print("|", " | ".join([row, *(f"{times[side]:.4f}" for side in sides), *ratios]), "|")


# Kinora's side.


def kinora(row, turn, args):
    what, _, name = row.partition("-")
    if row in PARTS:
        return bench(args, what, "--preset", name)["median_seconds"]
    shape = [int(size) for size in name.split("x")]
    # All operations run at once: one call serves every row of a turn.
    if turn not in args.ops:
        args.ops[turn] = bench(args, "ops")["ops"]
    found = [op for op in args.ops[turn] if op["name"] == what and op["shape"] == shape]
    return found[0]["median_seconds"]


def bench(args, *what):
    options = ["--json", "--runs", args.runs, "--dtype", args.dtype, "--threads", args.threads]
    command = [str(word) for word in [args.kinora, "bench", *what, *options]]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# PyTorch's side, in a process of its own.


def pytorch(row, side, args):
    command = [sys.executable, __file__, "--worker", row, "--runs", args.runs]
    command += ["--dtype", args.dtype, "--threads", args.threads]
    command += ["--compile"] if side == "compiled" else []
    command = [str(word) for word in command]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def torch_seconds(row, args):
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    # Weights are made in their precision; a second copy of the largest would not fit.
    torch.set_default_dtype({"bf16": torch.bfloat16, "f32": torch.float32}[args.dtype])
    what, _, name = row.partition("-")
    with torch.inference_mode():
        run = PART[what](name) if row in PARTS else OPERATION[what](*map(int, name.split("x")))
        torch.set_default_dtype(torch.float32)
        if args.compile:
            run = torch.compile(run)
        run()
        seconds = []
        for _ in range(args.runs):
            started = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def linear(rows, inputs, outputs):
    import torch

    layer = torch.nn.Linear(inputs, outputs, bias=False)
    x = torch.randn(rows, inputs)
    return lambda: layer(x)


def attention(heads, queries, keys, head_dim):
    import torch

    q = torch.randn(1, heads, queries, head_dim)
    k, v = torch.randn(2, 1, heads, keys, head_dim)
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v)


def conv3d(frames, height, width, inputs, outputs):
    """Causal in time, as video VAEs are: two frames of padding before the first."""
    import torch

    layer = torch.nn.Conv3d(inputs, outputs, 3, padding=(0, 1, 1))
    x = torch.randn(1, inputs, frames + 2, height, width)
    return lambda: layer(x)


def config(path):
    return json.loads((PRESETS / path).read_text())


def dit(name):
    import torch
    from diffusers import LTXVideoTransformer3DModel, WanTransformer3DModel

    (c, t, h, w), tokens = CLIPS[name]
    text = torch.randn(1, tokens, 4096)
    if name.startswith("wan"):
        model = filled(WanTransformer3DModel.from_config(config(f"wan/presets/{name}.json")))
        latents, timestep = torch.randn(1, c, t, h, w), torch.tensor([500])
        return lambda: model(latents, timestep, text, return_dict=False)
    model = filled(LTXVideoTransformer3DModel.from_config(config("ltx/presets/transformer-2b.json")))
    mask = torch.ones(1, tokens)
    # Seconds and pixels of a latent at 25 frames a second, as the pipeline gives them.
    clip = {"num_frames": t, "height": h, "width": w, "rope_interpolation_scale": (8 / 25, 32, 32)}
    latents, timestep = torch.randn(1, t * h * w, c), torch.tensor([500.0])
    return lambda: model(latents, text, timestep, mask, **clip, return_dict=False)


def vae(name):
    import torch
    from diffusers import AutoencoderKLLTXVideo, AutoencoderKLWan

    shape, _ = CLIPS[name]
    latents = torch.randn(1, *shape)
    if name.startswith("wan"):
        model = filled(AutoencoderKLWan.from_config(config("wan/presets/wan2.1-vae.json")))
        return lambda: model.decode(latents, return_dict=False)
    version = "0.9.0" if name.endswith("0.9.0") else "0.9.5"
    model = filled(AutoencoderKLLTXVideo.from_config(config(f"ltx/presets/vae-{version}.json")))
    timestep = None if version == "0.9.0" else torch.tensor([0.05])
    return lambda: model.decode(latents, timestep, return_dict=False)


def text(name):
    import torch
    from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

    _, tokens = CLIPS[name]
    ids = torch.arange(tokens)[None]
    if name.startswith("wan"):
        model = UMT5EncoderModel(UMT5Config(**config("t5/presets/umt5_xxl.json")))
    else:
        model = T5EncoderModel(T5Config(**config("t5/presets/t5_v1_1_xxl.json")))
    model = filled(model)
    return lambda: model(ids)


def filled(model):
    """Small numbers: those that a class begins with may be zeros, which some kernels skip."""
    for parameter in model.parameters():
        inputs = parameter[0].numel() if parameter.dim() > 1 else 1
        bound = (3 / inputs) ** 0.5
        parameter.uniform_(-bound, bound)
    return model.eval()


OPERATION = {"linear": linear, "attention": attention, "conv3d": conv3d}
PART = {"dit": dit, "vae": vae, "text": text}

if __name__ == "__main__":
    main()
