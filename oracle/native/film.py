"""Reads rendered film and captions from the `kinora-train` program over a pipe."""

import json
import os
import random
import struct
import subprocess
import threading
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]


def program() -> str:
    """The `kinora-train` binary: `KINORA_TRAIN`, else this checkout's release build."""
    return os.environ.get("KINORA_TRAIN", str(ROOT / "target/release/kinora-train"))


def stream(seed: int, count: int, frames: int, size: tuple[int, int], *extra: str):
    """Yields (header, frames [t, h, w, 3] u8, masks [t, h, w] u8 or None)."""
    width, height = size
    command = [program(), "stream", "--seed", str(seed), "--count", str(count)]
    command += ["--frames", str(frames), "--size", f"{width}x{height}", *extra]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 22)
    try:
        while len(prefix := process.stdout.read(4)) == 4:
            header = json.loads(process.stdout.read(struct.unpack("<I", prefix)[0]))
            t, h, w = header["frames"], header["height"], header["width"]
            pixels = bytearray(process.stdout.read(t * h * w * 3))
            film = torch.frombuffer(pixels, dtype=torch.uint8).view(t, h, w, 3)
            masks = None
            if "--masks" in extra:
                raw = bytearray(process.stdout.read(t * h * w))
                masks = torch.frombuffer(raw, dtype=torch.uint8).view(t, h, w)
            yield header, film, masks
    finally:
        process.stdout.close()
        process.wait()


def captions(seed: int, count: int, *extra: str):
    """Yields caption headers without frames."""
    command = [program(), "captions", "--seed", str(seed), "--count", str(count), *extra]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1 << 20)
    try:
        for line in process.stdout:
            yield json.loads(line)
    finally:
        process.stdout.close()
        process.wait()


class Buffer:
    """A bounded pool of recent clips, filled by a thread, from which random crops are drawn.

    Rendering waits once the pool is full until each clip has given `reuse` crops on average.
    """

    def __init__(self, seed, capacity: int, frames: int, size: tuple[int, int], reuse: int = 6):
        self.clips: list = []
        self.capacity = capacity
        self.reuse = reuse
        self.drawn = 0
        self.arrived = threading.Condition()
        self.random = random.Random(seed)
        self.received = 0
        arguments = (seed, 1 << 30, frames, size, "--masks")
        threading.Thread(target=self._fill, args=arguments, daemon=True).start()

    def _fill(self, *arguments):
        for _, film, masks in stream(*arguments):
            with self.arrived:
                if len(self.clips) < self.capacity:
                    self.clips.append((film, masks))
                else:
                    self.clips[self.random.randrange(self.capacity)] = (film, masks)
                self.received += 1
                self.arrived.notify_all()
                self.arrived.wait_for(
                    lambda: self.received < self.capacity + self.drawn / self.reuse
                )

    def crop(self, frames: int, width: int, height: int):
        """A random crop; twice in three it holds part of a subject when the clip has one."""
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.clips) >= min(16, self.capacity))
            film, masks = self.random.choice(self.clips)
            self.drawn += 1
            self.arrived.notify_all()
        t, h, w, _ = film.shape
        t0 = self.random.randrange(t - frames + 1)
        y0 = self.random.randrange(h - height + 1)
        x0 = self.random.randrange(w - width + 1)
        if self.random.random() < 0.67:
            points = masks[t0 + frames // 2].nonzero()
            if len(points):
                y, x = points[self.random.randrange(len(points))].tolist()
                y0 = min(max(y - self.random.randrange(height), 0), h - height)
                x0 = min(max(x - self.random.randrange(width), 0), w - width)
        window = (slice(t0, t0 + frames), slice(y0, y0 + height), slice(x0, x0 + width))
        return film[window], masks[window]
