"""Where the camera's move takes the picture, which the transformer is told of each latent frame.

A view is [zoom, near x, near y, far x, far y]: the logarithm of how many times larger things at the
subject's distance look than on the first frame, how far they were shifted after they grew around the
middle, and how far things far away were shifted. Lengths are in units of sqrt(area), from the middle
of the frame, to the right and down. Zeros are a camera that rests.
"""

import math

import torch

VIEW = 5
FEATURES = 20


def paths(cameras: list[list], frames: int) -> torch.Tensor:
    """The first latent frames of clips' views, as headers hold them, [b, t, 5]; an empty list rests."""
    rest = [[0.0] * VIEW] * frames
    return torch.tensor([(camera or rest)[:frames] for camera in cameras])


def places(camera: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Where each token is in its frame, and where what it shows was on the first frame if it is near
    and if it is far: views [b, t, 5] -> [b, t, s, 3, 2] (x, y)."""
    unit = (rows * columns) ** -0.5
    y = (torch.arange(rows, dtype=torch.float64) - (rows - 1) / 2) * unit
    x = (torch.arange(columns, dtype=torch.float64) - (columns - 1) / 2) * unit
    y, x = (grid.flatten() for grid in torch.meshgrid(y, x, indexing="ij"))
    zoom, near, far = camera.double().cpu()[:, :, None].split([1, 2, 2], dim=-1)
    here = torch.stack([x, y], dim=-1).expand(*camera.shape[:2], -1, -1)  # [b, t, s, 2]
    return torch.stack([here, (here - near) * (-zoom).exp(), here - far], dim=-2)


def features(places: torch.Tensor, unit: float) -> torch.Tensor:
    """How far both planes moved under each token, in tokens, with the phases in a token and in half of
    one: [b, t, s, 3, 2] -> [b, t, s, 20], zeros for a camera that rests."""
    moved = (places[..., 1:, :] - places[..., :1, :]).flatten(-2) / unit  # [b, t, s, 4]
    turn = math.tau * moved
    parts = [moved / 4, turn.sin(), turn.cos() - 1, (2 * turn).sin(), (2 * turn).cos() - 1]
    return torch.stack(parts, dim=-1).flatten(-2).float()
