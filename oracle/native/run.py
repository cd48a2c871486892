"""What every training script shares: a resumable run folder, a metrics log and its curve."""

import json
import os
import time
from pathlib import Path

import torch


class Run:
    """A folder with `checkpoint.pt` (replaced atomically) and `metrics.jsonl`."""

    def __init__(self, folder: str, minutes: float | None):
        self.folder = Path(folder)
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
        temporary = self.folder / "checkpoint.tmp"
        torch.save({"step": self.step, **state}, temporary)
        os.replace(temporary, self.folder / "checkpoint.pt")
        self.saved = time.time()

    def save_due(self, seconds: float = 120) -> bool:
        return time.time() - self.saved > seconds

    def over(self, steps: int) -> bool:
        """Whether the run has done its steps, or its minutes are up."""
        return self.step >= steps or (self.deadline is not None and time.time() > self.deadline)

    def log(self, **metrics):
        line = {"step": self.step, **{k: round(float(v), 6) for k, v in metrics.items()}}
        print(json.dumps(line), flush=True)
        with open(self.folder / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")

    def curve(self):
        """Draws every metric over steps into `metrics.png`."""
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


def save_grid(path: Path, rows: list[torch.Tensor]):
    """Writes rows of frames, each [n, h, w, 3] in [-1, 1], as one PNG."""
    from PIL import Image

    grid = torch.cat([torch.cat(list(row), dim=1) for row in rows], dim=0)
    pixels = ((grid.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    Image.fromarray(pixels.numpy()).save(path)
