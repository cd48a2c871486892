"""The diffusion transformer: all spacetime tokens of a clip attend to each other and the text.

It predicts the clean latents (JiT, arXiv 2511.13720) from latents noised to a level per latent
frame, so that image-to-video, extension and loops are the same forward with some frames clean.

Dimension key: b clips, t latent frames, s tokens a frame, n = t*s, m words, d hidden size.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .camera import FEATURES, VIEW, features, places
from .config import Config
from .layers import Linear, RmsNorm, SwiGlu, frequencies, heads, rotate

TIME_FEATURES = 64
LATENT_STRIDE = 8  # frames a latent frame


def patchify(latents: torch.Tensor, p: int) -> torch.Tensor:
    """[b, t, h, w, c] -> [b, t, (h/p)*(w/p), p*p*c]."""
    b, t, h, w, c = latents.shape
    x = latents.reshape(b, t, h // p, p, w // p, p, c).permute(0, 1, 2, 4, 3, 5, 6)
    return x.reshape(b, t, (h // p) * (w // p), p * p * c)


def unpatchify(tokens: torch.Tensor, p: int, height: int, width: int) -> torch.Tensor:
    """The inverse of `patchify` for latents of the given height and width."""
    b, t, _, d = tokens.shape
    x = tokens.reshape(b, t, height // p, width // p, p, p, d // (p * p))
    return x.permute(0, 1, 2, 4, 3, 5, 6).reshape(b, t, height, width, d // (p * p))


def beside_neighbours(x: torch.Tensor, reach: int, rows: int, columns: int) -> torch.Tensor:
    """Each token beside those around it in its latent frame, row by row, zeros beyond the edge:
    [b, t, s, d] -> [b, t, s, (2 reach + 1)^2 d]."""
    b, t, s, d = x.shape
    grid = F.pad(x.reshape(b, t, rows, columns, d), (0, 0, reach, reach, reach, reach))
    side = range(2 * reach + 1)
    around = [grid[:, :, i : i + rows, j : j + columns] for i in side for j in side]
    return torch.cat(around, dim=-1).reshape(b, t, s, -1)


def rope(places: torch.Tensor, head_dim: int, seconds: float):
    """Cosines and sines [b, 1, n, head_dim/2] of tokens at `places` [b, t, s, 3, 2]: time in seconds, y
    and x in units of sqrt(area). The pairs of an axis take turns at a token's three places."""
    pairs = head_dim // 2
    t_pairs = pairs // 4
    y_pairs = (pairs - t_pairs) // 2
    b, frames, s = places.shape[:3]
    t = torch.arange(frames, dtype=torch.float64)[None, :, None, None] * seconds
    angles = [(t * frequencies(40.0, 1.0, t_pairs)).expand(b, -1, s, -1)]
    for axis, count in ((1, y_pairs), (0, pairs - t_pairs - y_pairs)):
        turns = places[..., torch.arange(count) % 3, axis]  # [b, t, s, count]
        angles.append(turns * frequencies(8.0, 0.4, count))
    angles = torch.cat(angles, dim=-1).reshape(b, 1, frames * s, pairs)
    return angles.cos().float(), angles.sin().float()


def time_features(sigma: torch.Tensor) -> torch.Tensor:
    """Noise levels [...] in [0, 1] -> [..., 64]."""
    angles = sigma.unsqueeze(-1) * frequencies(4.0, 0.02, TIME_FEATURES // 2).to(sigma)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def modulate(x, shift, scale):
    """Parameter-free RMS norm of x [b, t, s, d], scaled and shifted per frame [b, t, 1, d]."""
    return F.rms_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        d, head_dim = config.transformer.hidden_size, config.transformer.head_dim
        self.head_dim = head_dim
        self.modulation = nn.Parameter(torch.zeros(6, d))
        self.qkv = Linear(d, 3 * d, bias=False)
        self.text_kv = Linear(config.text.hidden_size, 2 * d, bias=False)
        self.q_norm = RmsNorm(head_dim)
        self.k_norm = RmsNorm(head_dim)
        self.text_k_norm = RmsNorm(head_dim)
        self.out = Linear(d, d, bias=False)
        self.ffn = SwiGlu(d, config.transformer.ffn_size)

    def forward(self, x, time, text, cos, sin, mask):
        """x [b, t, s, d]; time [b, t, 1, 6, d]; text [b, m, d_text]; mask [b, 1, 1, n + m]."""
        b, t, s, d = x.shape
        parts = (time + self.modulation.to(x.dtype)).unbind(-2)  # six of [b, t, 1, d]
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = parts
        y = modulate(x, shift, scale).reshape(b, t * s, d)
        q, k, v = (heads(z, self.head_dim) for z in self.qkv(y).chunk(3, dim=-1))
        q = rotate(self.q_norm(q), cos, sin)
        k = rotate(self.k_norm(k), cos, sin)
        text_k, text_v = (heads(z, self.head_dim) for z in self.text_kv(text).chunk(2, dim=-1))
        k = torch.cat([k, self.text_k_norm(text_k)], dim=2)  # [b, h, n + m, head_dim]
        v = torch.cat([v, text_v], dim=2)
        y = F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).reshape(b, t, s, d)
        x = x + gate * self.out(y)
        return x + ffn_gate * self.ffn(modulate(x, ffn_shift, ffn_scale))


class Transformer(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config.transformer
        d = config.transformer.hidden_size
        token = config.codec.latent_channels * config.transformer.patch_size**2
        self.patch_in = Linear(token, d)
        self.camera = Linear(FEATURES, d, bias=False)
        self.time1 = Linear(TIME_FEATURES, d)
        self.time2 = Linear(d, d)
        self.slots = Linear(sum(config.text.slot_classes), d, bias=False)
        self.modulation = Linear(d, 6 * d)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.transformer.num_layers))
        self.final_modulation = nn.Parameter(torch.zeros(2, d))
        self.patch_out = Linear(d * (2 * self.config.patch_reach + 1) ** 2, token)
        nn.init.zeros_(self.camera.weight)
        nn.init.normal_(self.slots.weight, std=0.1)
        nn.init.normal_(self.modulation.weight, std=0.01)
        nn.init.zeros_(self.modulation.bias)
        nn.init.normal_(self.patch_out.weight, std=0.01)
        for block in self.blocks:
            with torch.no_grad():
                block.modulation[[2, 5]] = 0.5  # gates open half way: six layers need no zero start

    def forward(self, latents, sigma, states, belief, mask, camera=None, middle=False):
        """Clean latents [b, t, h, w, c] from noisy ones; with `middle` also the tokens
        [b, t, s, d] after half of the blocks.

        `sigma` [b, t] noise level of each latent frame, `states` [b, m, d_text] and `mask` [b, m]
        from the text encoder, `belief` [b, classes] its slot probabilities, `camera` [b, t, 5] the
        views of the clips' cameras, which rest without it.
        """
        b, t, height, width, _ = latents.shape
        p = self.config.patch_size
        x = self.patch_in(patchify(latents, p))  # [b, t, s, d]
        rows, columns = height // p, width // p
        camera = torch.zeros(b, t, VIEW) if camera is None else camera
        at = places(camera, rows, columns)
        x = x + self.camera(features(at, (rows * columns) ** -0.5).to(x))
        cos, sin = rope(at, self.config.head_dim, LATENT_STRIDE / self.config.fps)
        cos, sin = cos.to(x.device), sin.to(x.device)
        time = self.time2(F.silu(self.time1(time_features(sigma).to(x.dtype))))
        time = F.silu(time + self.slots(belief.to(x.dtype)).unsqueeze(1))  # [b, t, d]
        table = self.modulation(time).reshape(b, t, 1, 6, -1)
        seen = F.pad(mask, (t * rows * columns, 0), value=True)[:, None, None, :]
        for i, block in enumerate(self.blocks):
            x = block(x, table, states, cos, sin, seen)
            if i + 1 == len(self.blocks) // 2:
                halfway = x
        shift, scale = (time.unsqueeze(2).unsqueeze(3) + self.final_modulation.to(x.dtype)).unbind(3)
        painted = beside_neighbours(modulate(x, shift, scale), self.config.patch_reach, rows, columns)
        clean = unpatchify(self.patch_out(painted), p, height, width)
        return (clean, halfway) if middle else clean
