"""Views of an image: slightly turned, scaled, slanted or mirrored copies, whose embeddings are averaged.

The embedding is a little different for each view, and their mean gives the right verdict more often (test-time
augmentation: Krizhevsky, Sutskever & Hinton 2012). It needs no training, but one pass of the encoder for each view.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

ViewKind = Literal["one", "affine", "mirrored", "faces"]
KINDS: tuple[str, ...] = get_args(ViewKind)

_TURNS = (-10.0, 0.0, 10.0)  # degrees
_SCALES = (0.9, 1.0, 1.12)
_SLANTS = (-0.12, 0.12)  # horizontal shear

_IMAGES_A_PASS = 512  # that pass through the encoder together: all views of a few images, or one view of many images


def count(kind: ViewKind) -> int:
    """How many views of an image there are."""
    return len(matrices(kind))


@cache
def matrices(kind: ViewKind) -> Tensor:
    """The affine matrix of each view for F.affine_grid, float32 [views, 2, 3].

    "one": the image as it is.  "affine": 3 turns × 3 scales, and 3 turns × 2 slants.  "mirrored": the image and its
    mirror image.  "faces": the image at 3 scales, each also mirrored.
    """
    views = {
        "one": [_matrix()],
        "affine": [_matrix(turn, scale) for turn in _TURNS for scale in _SCALES]
        + [_matrix(turn, slant=slant) for turn in _TURNS for slant in _SLANTS],
        "mirrored": [_matrix(), _matrix(mirror=True)],
        "faces": [_matrix(0, scale, mirror=mirror) for scale in _SCALES for mirror in (False, True)],
    }[kind]
    return torch.tensor(views)


def views_of(images: Tensor, kind: ViewKind) -> Iterator[Tensor]:
    """The views of float images [n, C, H, W], k views at a time: float [k · n, C, H, W], one view after the other.

    Where a view looks beyond the image, it repeats the border pixels, as in training.
    """
    n = len(images)
    for chunk in matrices(kind).to(images.device).split(max(1, _IMAGES_A_PASS // max(1, n))):
        copies = images.repeat(len(chunk), 1, 1, 1)
        grid = F.affine_grid(chunk.repeat_interleave(n, 0), list(copies.shape), align_corners=False)
        views = F.grid_sample(copies, grid, padding_mode="border", align_corners=False)
        yield views.contiguous(memory_format=torch.channels_last)


def _matrix(turn: float = 0.0, scale: float = 1.0, slant: float = 0.0, mirror: bool = False) -> list[list[float]]:
    cos, sin = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    sign = -1.0 if mirror else 1.0
    return [[cos * sign, slant - sin, 0.0], [sin * sign, cos, 0.0]]
