"""Muon for matrices, AdamW for the rest, in one optimizer, with an exponential average of weights.

Reference: Keller Jordan, "Muon: an optimizer for hidden layers" (2024), with the update scaled
by 0.2 * sqrt(max(rows, columns)) so that one learning rate serves both halves (arXiv 2502.16982).
"""

import torch
import torch.distributed as dist


def orthogonalize(gradient: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration toward the nearest orthogonal matrix.

    Every iterate is a polynomial of X X^T times X, so the iteration runs on the small Gram matrix
    and the long side is met twice only: at a convolution's 192 x 3456 a quarter of the work.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient / (gradient.norm() + 1e-7)
    transposed = x.shape[0] > x.shape[1]
    if transposed:
        x = x.T
    gram = x @ x.T
    eye = torch.eye(len(gram), device=x.device, dtype=x.dtype)
    product = eye
    for _ in range(steps):
        factor = a * eye + b * gram + c * gram @ gram
        product = factor @ product
        gram = factor @ gram @ factor
    x = product @ x
    return x.T if transposed else x


class Muon(torch.optim.Optimizer):
    """Two groups: hidden matrices (also flattened convolutions) by Muon, everything else by AdamW."""

    def __init__(self, matrices, others, lr: float, weight_decay: float = 0.01):
        groups = [
            {"params": list(matrices), "muon": True},
            {"params": list(others), "muon": False},
        ]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "step": 0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["step"] += 1
            parameters = [p for p in group["params"] if p.grad is not None]
            if group["muon"]:
                updates = self._matrices(parameters)
            else:
                updates = [self._adam(p, group["step"]) for p in parameters]
            for p, update in zip(parameters, updates):
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])

    def _matrices(self, parameters: list, momentum: float = 0.95) -> list[torch.Tensor]:
        """Orthogonal updates; every process works on its share of them and tells the others."""
        processes, rank = 1, 0
        if dist.is_initialized():
            processes, rank = dist.get_world_size(), dist.get_rank()
        updates = []
        for index, p in enumerate(parameters):
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            buffer.mul_(momentum).add_(p.grad)
            update = p.grad.add(buffer, alpha=momentum)
            if index % processes == rank:
                matrix = update.flatten(1)
                update = (orthogonalize(matrix) * 0.2 * max(matrix.shape) ** 0.5).view_as(p)
            updates.append(update)
        for owner in range(processes if processes > 1 else 0):
            share = updates[owner::processes]
            flat = torch.cat([update.flatten() for update in share])
            dist.broadcast(flat, owner)
            for update, part in zip(share, flat.split([update.numel() for update in share])):
                update.copy_(part.view_as(update))
        return updates

    def _adam(self, p: torch.Tensor, step: int, betas=(0.9, 0.99), eps=1e-8) -> torch.Tensor:
        state = self.state[p]
        first = state.setdefault("first", torch.zeros_like(p))
        second = state.setdefault("second", torch.zeros_like(p))
        first.lerp_(p.grad, 1 - betas[0])
        second.lerp_(p.grad.square(), 1 - betas[1])
        corrected = (second / (1 - betas[1] ** step)).sqrt_().add_(eps)
        return first / (1 - betas[0] ** step) / corrected


class Average:
    """Exponential moving average of a module's weights, with a warm-up so that it starts fresh."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.decay = decay
        self.steps = 0
        self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: torch.nn.Module):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for key, value in module.state_dict().items():
            self.weights[key].lerp_(value.detach().to(self.weights[key].dtype), 1 - decay)
