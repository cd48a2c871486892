"""Weights of a part of the model: from a run's checkpoint, or those that are published."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from .config import WEIGHTS


def published(part: str) -> dict[str, torch.Tensor]:
    """The committed weights of `codec`, `text` or `transformer`, as f32: one file, or shards."""
    files = [*WEIGHTS.glob(f"{part}.safetensors"), *WEIGHTS.glob(f"{part}-*-of-*.safetensors")]
    return {key: value.float() for file in files for key, value in load_file(file).items()}


def averaged(run: str | None, part: str) -> dict[str, torch.Tensor]:
    """The averaged weights of a run folder; without one, the published ones."""
    if run is None:
        return published(part)
    state = torch.load(Path(run) / "checkpoint.pt", map_location="cpu", weights_only=True)
    return state["average"]


def go_on(module: torch.nn.Module, part: str):
    """Starts a module from its published weights. Tensors of another shape begin afresh, as the
    transformer's first and last layer do when the codec got other latents."""
    state = module.state_dict()
    known = {k: v for k, v in published(part).items() if k in state and v.shape == state[k].shape}
    fresh = sorted(state.keys() - known.keys())
    print(f"{part}: {len(known)} published tensors, fresh: {', '.join(fresh) or 'none'}", flush=True)
    module.load_state_dict(known, strict=False)
