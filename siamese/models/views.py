"""Views of an image: slightly turned, scaled or mirrored copies, whose embeddings are averaged.

The embedding is a little different for each view, and their mean gives the right verdict more often (test-time
augmentation: Krizhevsky, Sutskever & Hinton 2012). It needs no training, but one pass of the encoder for each view.

A network judges an image upside down anew, and makes other mistakes with it. So "both-ways-up" embeds the views of an
image upright and upside down. The two means stand side by side in the embedding. They are not averaged: q is b upside
down, and both letters would have the same average.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese import SiameseError

ViewKind = Literal["one", "affine", "both-ways-up", "mirrored"]
KINDS: tuple[str, ...] = get_args(ViewKind)

# More views than these six (slanted ones, or one more scale) change no score of validation images by more than chance.
_TURNS = (-10.0, 0.0, 10.0)  # degrees
_SCALES = (0.9, 1.12)

_IMAGES_A_PASS = 512  # that pass through the encoder together: all views of a few images, or one view of many images


def count(kind: ViewKind) -> int:
    """How many views of an image there are."""
    return len(matrices(kind).flatten(0, 1))


def ways(kind: ViewKind) -> int:
    """How many means of views stand side by side in an embedding: 1 or 2."""
    return len(matrices(kind))


@cache
def matrices(kind: ViewKind) -> Tensor:
    """The affine matrix of each view for F.affine_grid, float32 [ways, views, 2, 3].

    "one": the image as it is.  "affine": 3 turns × 2 scales.  "both-ways-up": the same, and the same upside down.
    "mirrored": the image and its mirror image.
    """
    if kind == "both-ways-up":
        return torch.cat([matrices("affine"), -matrices("affine")])  # a matrix of opposite sign turns by 180 degrees
    views = {
        "one": [_matrix()],
        "affine": [_matrix(turn, scale) for turn in _TURNS for scale in _SCALES],
        "mirrored": [_matrix(), _matrix(mirror=True)],
    }[kind]
    return torch.tensor([views])


def check_views(kind: ViewKind, similarity: str) -> None:
    """Raises SiameseError where this similarity cannot compare embeddings of these views."""
    if ways(kind) > 1 and similarity == "learned":
        raise SiameseError(
            f'The similarity "learned" has one weight for each number of an embedding, and the views "{kind}" put two '
            'embeddings side by side; choose the views "affine".'
        )


def views_of(images: Tensor, kind: ViewKind) -> Iterator[Tensor]:
    """The views of float images [n, C, H, W], k views at a time: float [k · n, C, H, W], one view after the other.

    Where a view looks beyond the image, it repeats the border pixels, as in training.
    """
    n = len(images)
    for chunk in matrices(kind).flatten(0, 1).to(images.device).split(max(1, _IMAGES_A_PASS // max(1, n))):
        copies = images.repeat(len(chunk), 1, 1, 1)
        grid = F.affine_grid(chunk.repeat_interleave(n, 0), list(copies.shape), align_corners=False)
        views = F.grid_sample(copies, grid, padding_mode="border", align_corners=False)
        yield views.contiguous(memory_format=torch.channels_last)


def _matrix(turn: float = 0.0, scale: float = 1.0, mirror: bool = False) -> list[list[float]]:
    cos, sin = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    sign = -1.0 if mirror else 1.0
    return [[cos * sign, -sin, 0.0], [sin * sign, cos, 0.0]]
