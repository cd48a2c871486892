"""What the fixture scripts of the open models share."""

from pathlib import Path

import torch
from safetensors.torch import save_file

CRATES = Path(__file__).resolve().parents[2] / "crates"
FIXTURES = CRATES / "models/fixtures"


def randomize(module: torch.nn.Module, seed: int, scale: float = 0.25) -> torch.nn.Module:
    """Gives every parameter and buffer a random value that bf16 holds exactly.

    Zeros and ones, the usual first values, would hide a term that is missing. Matrices are scaled
    by their inputs, so that a value neither fades nor grows through the layers.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if not tensor.dtype.is_floating_point or name.startswith("rope."):
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.dim() > 1 and tensor[0].numel() > 1 and "table" not in name:
            value = noise / tensor[0].numel() ** 0.5
        else:
            value = scale * noise + (1.0 if "norm" in name and "bias" not in name else 0.0)
        tensor.data.copy_(value.to(torch.bfloat16).float())
    return module.eval()


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights as a file holds them, in bf16, which is exact after `randomize`."""
    return {name: tensor.to(torch.bfloat16) for name, tensor in module.state_dict().items()}


def save(path: Path, tensors: dict[str, torch.Tensor]):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.detach().contiguous().clone() for name, t in tensors.items()}, path)


def channels_last(video: torch.Tensor) -> torch.Tensor:
    """`[1, c, t, h, w]` to `[t, h, w, c]`."""
    return video[0].permute(1, 2, 3, 0)
