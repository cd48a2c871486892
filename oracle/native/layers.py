"""Layers that the text encoder and the transformer share.

Weights stay in f32 and are cast to the activations' type at each use, so one module serves f32
parity fixtures and bf16 training.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Linear(nn.Linear):
    """A linear layer that follows its input's type."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)


class RmsNorm(nn.Module):
    """x / rms(x), scaled per channel."""

    def __init__(self, size: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps)


class SwiGlu(nn.Module):
    """down(silu(gate(x)) * up(x)); gate and up are one matrix, gate first."""

    def __init__(self, size: int, hidden: int):
        super().__init__()
        self.gate_up = Linear(size, 2 * hidden, bias=False)
        self.down = Linear(hidden, size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of x [b, h, n, d] with cos, sin [.., n, d/2], halves convention."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def heads(x: torch.Tensor, head_dim: int) -> torch.Tensor:
    """[b, n, h*d] -> [b, h, n, d]."""
    b, n, _ = x.shape
    return x.reshape(b, n, -1, head_dim).transpose(1, 2)


def frequencies(longest: float, shortest: float, count: int) -> torch.Tensor:
    """Angular frequencies of `count` wavelengths in geometric steps, shortest first."""
    ratio = torch.linspace(0, 1, count, dtype=torch.float64)
    return 2 * torch.pi / (shortest * (longest / shortest) ** ratio)
