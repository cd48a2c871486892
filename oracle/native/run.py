"""What every training script shares: processes, a resumable run folder, a log and its curve."""

import json
import os
import socket
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing


def compute_dtype(device: str) -> torch.dtype:
    """bf16 where the machine multiplies it natively; elsewhere it would be emulated."""
    native = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def launch(worker, args):
    """Runs `worker(rank, args)` in `args.processes` processes that share their gradients.

    Two threads of one process reached 97 GFLOP/s where one alone reached 79: processes avoid that
    loss, but were not timed side by side.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(_join, (worker, args, port), nprocs=args.processes)


def _join(rank, worker, args, port):
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=args.processes)
    torch.set_num_threads(args.threads)
    worker(rank, args)
    dist.destroy_process_group()


def share_gradients(parameters: list):
    """Replaces every gradient by its mean over the processes."""
    if dist.get_world_size() == 1:
        return
    parameters = [p for p in parameters if p.grad is not None]
    flat = torch.cat([p.grad.flatten() for p in parameters]) / dist.get_world_size()
    dist.all_reduce(flat)
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(part.view_as(p))


class Run:
    """A folder with `checkpoint.pt` (replaced atomically) and `metrics.jsonl`.

    Process 0 writes; the others only follow its word on when to stop."""

    def __init__(self, folder: str, minutes: float | None, rank: int = 0):
        self.folder = Path(folder)
        self.rank = rank
        self.folder.mkdir(parents=True, exist_ok=True)
        self.step = 0
        self.deadline = None if minutes is None else time.time() + 60 * minutes
        self.saved = time.time()

    def load(self) -> dict | None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.step = state["step"]
        return state

    def save(self, **state):
        if self.rank:
            return
        temporary = self.folder / "checkpoint.tmp"
        torch.save({"step": self.step, **state}, temporary)
        os.replace(temporary, self.folder / "checkpoint.pt")
        self.saved = time.time()

    def save_due(self, seconds: float = 120) -> bool:
        return time.time() - self.saved > seconds

    def over(self, steps: int) -> bool:
        """Whether the run has done its steps, or its minutes are up by the clock of process 0."""
        late = self.deadline is not None and time.time() > self.deadline
        if dist.is_initialized():
            word = torch.tensor([late])
            dist.broadcast(word, 0)
            late = bool(word)
        return self.step >= steps or late

    def log(self, **metrics):
        if self.rank:
            return
        line = {"step": self.step, **{k: round(float(torch.as_tensor(v).detach()), 6) for k, v in metrics.items()}}
        print(json.dumps(line), flush=True)
        with open(self.folder / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")

    def curve(self):
        """Draws every metric over steps into `metrics.png`."""
        if not (self.folder / "metrics.jsonl").exists():
            return
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        rows = [json.loads(line) for line in open(self.folder / "metrics.jsonl")]
        keys = sorted({k for row in rows for k in row} - {"step"})
        figure, axes = plt.subplots(1, len(keys), figsize=(4 * len(keys), 3), squeeze=False)
        for axis, key in zip(axes[0], keys):
            points = [(row["step"], row[key]) for row in rows if key in row]
            axis.plot(*zip(*points), linewidth=0.8)
            axis.set_title(key)
        figure.tight_layout()
        figure.savefig(self.folder / "metrics.png", dpi=80)
        plt.close(figure)


def cosine(step: int, steps: int, warmup: int, floor: float = 0.05) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine down to `floor`."""
    import math

    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def trapezoid(step: int, steps: int, warmup: int, cooldown: int) -> float:
    """Learning-rate factor: linear warm-up, constant, then 1 - sqrt down to 0 (arXiv 2405.18392)."""
    if step < warmup:
        return (step + 1) / warmup
    left = max(0, steps - step) / max(1, cooldown)
    return 1.0 if left >= 1 else 1 - (1 - left) ** 0.5


def save_grid(path: Path, rows: list[torch.Tensor]):
    """Writes rows of frames, each [n, h, w, 3] in [-1, 1], as one PNG."""
    from PIL import Image

    grid = torch.cat([torch.cat(list(row), dim=1) for row in rows], dim=0)
    pixels = ((grid.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    Image.fromarray(pixels.numpy()).save(path)
