"""Where subjects are, frame by frame, which the transformer is told of each token.

A mark is {"kind", "color", "second", "boxes"}: classes of the slots `subject kind` and `color`, 0 where
the prompt says nothing; whether it is the second subject; left, top, right and bottom in each latent
frame, in the lengths of `camera.py`.
"""

import math

import torch
import torch.nn.functional as F

KINDS = COLORS = 12
FEATURES = 19 + KINDS + COLORS
SHOWN = 0.25  # share of a token in the box, or of the box in it, from which the token shows the subject


def seen(marks: list[dict], frames: int, here: torch.Tensor, side: float):
    """The mark that covers most of each token at `here` [s, 2] of square tokens: its number [t, s], -1 where
    none touches, what share of the token it covers, and how many touch the token."""
    none = torch.full((frames, len(here)), -1)
    share = torch.zeros(frames, len(here), dtype=torch.float64)
    touching = torch.zeros(frames, len(here), dtype=torch.long)
    for number, mark in enumerate(marks):
        bounds = torch.tensor(mark["boxes"], dtype=torch.float64)[:, None]  # [t, 1, 4]
        low = torch.maximum(bounds[..., :2], here - side / 2)
        high = torch.minimum(bounds[..., 2:], here + side / 2)
        covered = (high - low).clamp(min=0).prod(dim=-1) / side**2
        covered = F.pad(covered, (0, 0, 0, frames - len(covered)))[:frames]
        touching += covered > 0
        none = torch.where(covered > share, number, none)
        share = torch.maximum(share, covered)
    return none, share, touching


def middle(bounds: torch.Tensor):
    """Middle and half sides of boxes [..., 4]."""
    low, high = bounds[..., :2], bounds[..., 2:]
    return (low + high) / 2, ((high - low) / 2).clamp(min=1e-4)


def tell(marks, places: torch.Tensor, side: float):
    """What the tokens of one clip are told, [t, s, FEATURES], and the places [t, s, 3, 2] of those that show a
    subject as it stood on the first frame. Nothing is known of a clip whose marks are None."""
    frames, count = places.shape[:2]
    features = torch.zeros(frames, count, FEATURES, dtype=torch.float64)
    if marks is None:
        return features.float(), places
    features[..., 0] = 1
    here = places[0, :, 0]
    number, share, touching = seen(marks, frames, here, side)
    places = places.clone()
    for index, mark in enumerate(marks):
        its = number == index
        boxes = torch.tensor(mark["boxes"], dtype=torch.float64)[:frames]
        boxes = F.pad(boxes, (0, 0, 0, frames - len(boxes)))[:, None]  # [t, 1, 4]
        centre, half = middle(boxes)
        least = (4 * half.prod(dim=-1) / side**2).clamp(max=1)
        first, half_then = middle(torch.tensor(mark["boxes"][0], dtype=torch.float64))
        before = first + (here - centre) * (half_then[1] / half[..., 1:])
        shows = its & (share >= SHOWN * least)
        places[..., 1, :] = torch.where(shows[..., None], before, places[..., 1, :])

        edges = ((boxes - here.repeat(1, 2)) / side).clamp(-1, 1)
        at = ((here - centre) / half).clamp(-1.5, 1.5)  # [t, s, 2]
        size = ((2 * half / side).log() / 2).expand_as(at)
        x, y = (math.pi * at).unbind(-1)
        told = torch.cat(
            [
                torch.ones(frames, count, 1),
                share[..., None],
                torch.full((frames, count, 1), float(mark["second"])),
                edges,
                at,
                at.square(),
                size,
                torch.stack([x.sin(), x.cos(), y.sin(), y.cos(), touching - 1.0], dim=-1),
                torch.eye(1 + KINDS)[mark["kind"], 1:].expand(frames, count, -1),
                torch.eye(1 + COLORS)[mark["color"], 1:].expand(frames, count, -1),
            ],
            dim=-1,
        )
        features[..., 1:] = torch.where(its[..., None], told, features[..., 1:])
    return features.float(), places
