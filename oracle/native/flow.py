"""Flow matching: the training objective with x-prediction, and the plain Euler sampler.

x_sigma = (1 - sigma) * x + sigma * noise, velocity = noise - x. Sigma 0 is clean, 1 is noise.
Reference: JiT, arXiv 2511.13720: predict x, take the loss on the velocity.
"""

import math

import torch

MIN_SIGMA = 0.05


def sample_sigma(count: int, t: int, shift: float = 0.6, spread: float = 1.2) -> torch.Tensor:
    """Noise levels of clips of `t` latent frames: logit-normal, leaning to the noisy side.

    They lean more the longer a clip is: what all its latents show together is seen through more noise
    (Esser et al. 2403.03206, section 5.3.2)."""
    return torch.sigmoid(shift + 0.7 * math.log(t) + spread * torch.randn(count))


def subject_weight(sigma: torch.Tensor) -> torch.Tensor:
    """What a latent that a subject covers counts at a noise level, against one of the background.

    Where noise still hides the subject's place a large weight makes it likelier everywhere: at 3 clips
    showed it twice. Where the place is known, it teaches what is there."""
    return 1.5 + 2.5 * ((0.8 - sigma) / 0.3).clamp(0, 1)


def latent_weight(sigma: torch.Tensor, cover: torch.Tensor) -> torch.Tensor:
    """How much each latent [b, t, h, w] counts, 1 in the mean, where subjects cover this of each.

    A subject that covers less than a twentieth of its clip counts as if it covered as much, but no
    latent more often than six times."""
    often = (0.05 / cover.mean(dim=(1, 2, 3)).clamp(min=1e-12)).clamp(1, 6)
    more = often[:, None, None, None] * (subject_weight(sigma)[:, :, None, None] - 1)
    weight = 1 + more * cover
    return weight / weight.mean()


def noised(clean, noise, sigma):
    """Latents [b, t, h, w, c] at noise levels [b, t]."""
    level = sigma[:, :, None, None, None]
    return (1 - level) * clean + level * noise


def velocity_loss(predicted, clean, sigma, weight, channels=1.0):
    """Weighted squared velocity error over the noisy frames: |x - x'|^2 / sigma^2.

    `weight` [b, t, h, w] says how much each latent counts, `channels` [c] how much each of its
    channels; both are 1 in the mean."""
    error = (channels * (predicted.float() - clean).square()).mean(dim=4)  # [b, t, h, w]
    error = (weight * error).mean(dim=(2, 3))  # [b, t]
    noisy = sigma > 0
    weighted = error / sigma.clamp(min=MIN_SIGMA).square() * noisy
    return weighted.sum() / noisy.sum()


def motion_loss(predicted, clean, sigma, weight, channels=1.0):
    """The same of the error's change from each latent frame to the next, clean frames left out.

    Most of a clip's variance stands still; how the camera and the subject move is in the changes."""
    error = predicted.float() - clean
    change = (channels * (error[:, 1:] - error[:, :-1]).square()).mean(dim=4)  # [b, t-1, h, w]
    change = (weight[:, 1:] * change).mean(dim=(2, 3))
    noisy = (sigma[:, 1:] > 0) & (sigma[:, :-1] > 0)
    weighted = change / sigma[:, 1:].clamp(min=MIN_SIGMA).square() * noisy
    return weighted.sum() / (sigma > 0).sum()


@torch.no_grad()
def euler(denoise, noise, steps: int, shift: float = 3.0):
    """Euler steps from noise to clean; `denoise(x, sigma)` predicts the clean latents."""
    levels = torch.linspace(1, 0, steps + 1)
    levels = shift * levels / (1 + (shift - 1) * levels)
    x = noise
    for sigma, following in zip(levels[:-1].tolist(), levels[1:].tolist()):
        velocity = (x - denoise(x, sigma)) / max(sigma, MIN_SIGMA)
        x = x + (following - sigma) * velocity
    return x
