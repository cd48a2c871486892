"""Video codec: 32x32x8 to one latent vector, causal in time, 2-D convolutions only.

Time is mixed by memory blocks, which see the features of the previous frame, and by folding
frames into channels; so decoding streams with one feature map of state a block (the idea of
TAEHV, madebyollin/taehv, and of the space-to-channel shortcuts of DC-AE, arXiv 2410.10733).

Dimension key: b clips, t frames, h height, w width, c channels. All maps are [b, t, h, w, c].
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from .config import CodecConfig

DOWN = (2, 2)  # frames and pixels a side that the encoder folds between two levels
UPS = [(2, 2), (2, 2), (1, 2)]  # and that the decoder unfolds


def fold(x: torch.Tensor, time: int, space: int) -> torch.Tensor:
    """[b, t, h, w, c] -> [b, t/time, h/space, w/space, time*space*space*c]."""
    b, t, h, w, c = x.shape
    x = x.reshape(b, t // time, time, h // space, space, w // space, space, c)
    x = x.permute(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(b, t // time, h // space, w // space, time * space * space * c)


def unfold(x: torch.Tensor, time: int, space: int) -> torch.Tensor:
    """The inverse of `fold`."""
    b, t, h, w, c = x.shape
    c = c // (time * space * space)
    x = x.reshape(b, t, h, w, time, space, space, c)
    x = x.permute(0, 1, 4, 2, 5, 3, 6, 7)
    return x.reshape(b, t * time, h * space, w * space, c)


class Conv(nn.Module):
    """3x3 convolution over h and w of a [b, t, h, w, c] map, zero padded."""

    def __init__(self, in_channels: int, out_channels: int, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.normal_(self.weight, std=gain * (2.0 / (9 * in_channels)) ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, h, w, c = x.shape
        y = x.reshape(b * t, h, w, c).permute(0, 3, 1, 2)  # channels-last memory
        weight = self.weight.to(x.dtype).contiguous(memory_format=torch.channels_last)
        y = F.conv2d(y, weight, self.bias.to(x.dtype), padding=1)
        return y.permute(0, 2, 3, 1).reshape(b, t, h, w, -1)


class Point(nn.Module):
    """1x1 convolution: a linear layer over channels."""

    def __init__(self, in_channels: int, out_channels: int, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.normal_(self.weight, std=gain * in_channels**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class MemoryBlock(nn.Module):
    """Residual block that sees this frame and the one before: x + conv2(relu(conv1([x, past]))).

    Outside the branch the stream is linear from end to end, which is what lets the codec learn
    colours and gradients in its first steps."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = Conv(2 * channels, channels)
        self.conv2 = Conv(channels, channels, gain=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        past = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        y = F.relu(self.conv1(torch.cat([x, past], dim=-1)))
        return x + self.conv2(y)


class Encoder(nn.Module):
    """Half-size frames [b, 8k, h, w, 3] in [-1, 1] -> latents [b, k, h/16, w/16, c]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.patch = (config.patch_frames, config.patch_size)
        channels = config.encoder_channels
        self.stem = Point(3 * config.patch_frames * config.patch_size**2, channels[0])
        self.levels = nn.ModuleList(
            nn.ModuleList(MemoryBlock(c) for _ in range(n))
            for c, n in zip(channels, config.encoder_blocks)
        )
        self.downs = nn.ModuleList(
            Point(math.prod(DOWN) * DOWN[1] * a, b) for a, b in zip(channels, channels[1:])
        )
        self.head = Point(channels[-1], config.latent_channels)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        x = self.stem(fold(video, *self.patch))  # 72x40, 4 maps a latent frame
        for i, blocks in enumerate(self.levels):
            for block in blocks:
                x = block(x)
            if i < len(self.downs):
                x = self.downs[i](fold(x, *DOWN))  # 36x20, 2 maps; 18x10, 1 map
        return self.head(x)


class Decoder(nn.Module):
    """Latents [b, k, h/32, w/32, c] -> full-size frames [b, 8k, h, w, 3] in [-1, 1]."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.patch = (config.patch_frames, config.patch_size)
        channels = config.decoder_channels
        self.stem = Conv(config.latent_channels, channels[0], gain=0.7)
        self.levels = nn.ModuleList(
            nn.ModuleList(MemoryBlock(c) for _ in range(n))
            for c, n in zip(channels, config.decoder_blocks)
        )
        self.ups = nn.ModuleList(
            Point(a, t * s * s * b) for (t, s), a, b in zip(UPS, channels, channels[1:])
        )
        for up, (t, s) in zip(self.ups, UPS):  # begin as plain repetition: no checkerboard
            with torch.no_grad():
                up.weight.copy_(up.weight[: len(up.weight) // (t * s * s)].repeat(t * s * s, 1))
        self.refine1 = Conv(channels[-1], channels[-1])
        self.refine2 = Conv(channels[-1], channels[-1], gain=0.1)
        outputs = 3 * config.patch_frames * config.patch_size**2
        self.head = Conv(channels[-1], outputs, gain=0.3)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.stem(latents)
        for i, blocks in enumerate(self.levels):
            for block in blocks:
                x = block(x)
            if i < len(self.ups):
                x = unfold(self.ups[i](x), *UPS[i])
        x = x + self.refine2(F.relu(self.refine1(x)))
        return unfold(self.head(x), *self.patch)


class Codec(nn.Module):
    """Encoder and decoder with the latents' mean and spread, so that latents are unit normal."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("mean", torch.zeros(config.latent_channels))
        self.register_buffer("std", torch.ones(config.latent_channels))

    def encode(self, video: torch.Tensor) -> torch.Tensor:
        """Half-size frames [b, 1+8k, h, w, 3] -> normalised latents [b, 1+k, h/16, w/16, c]."""
        first = video[:, :1].expand(-1, 7, -1, -1, -1)  # one latent frame for the first frame
        return self.encode_groups(torch.cat([first, video], dim=1))

    def encode_groups(self, video: torch.Tensor) -> torch.Tensor:
        """Half-size frames [b, 8k, h, w, 3], nothing before them -> latents [b, k, ...]."""
        z = self.encoder(video)
        return (z - self.mean.to(z.dtype)) / self.std.to(z.dtype)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Normalised latents [b, 1+k, ...] -> full-size frames [b, 1+8k, h, w, 3]."""
        return self.decode_groups(latents)[:, 7:]

    def decode_groups(self, latents: torch.Tensor) -> torch.Tensor:
        """Normalised latents [b, k, ...], nothing before them -> full-size frames [b, 8k, h, w, 3]."""
        z = latents * self.std.to(latents.dtype) + self.mean.to(latents.dtype)
        return self.decoder(z)
