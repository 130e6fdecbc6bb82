"""Random changes of training images, drawn and applied for a whole batch on its device."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


class _Ranges(NamedTuple):
    """Half widths of uniform draws: degrees, factor, factor, share of the side, factor. flip: mirror.  chance: of each change."""

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    brightness: float = 0.0
    flip: bool = False
    chance: float = 1.0


KINDS = {
    "shift": _Ranges(shift=0.07),
    "affine": _Ranges(rotation=12.0, scale=0.15, shear=0.2, shift=0.08),
    "faces": _Ranges(rotation=8.0, scale=0.12, shear=0.08, shift=0.06, brightness=0.2, flip=True),
    "koch": _Ranges(rotation=10.0, scale=0.2, shear=0.3, shift=0.02, chance=0.5),
}


class Transforms(NamedTuple):
    """One random change for each image: matrices float [n, 2, 3] as affine_grid takes them, gains float [n]."""

    matrices: Tensor
    gains: Tensor


def draw_transforms(kind: str, images: int, generator: Generator) -> Transforms | None:
    """Draws one change for each image, on the generator's device. None for "none".

    "koch" applies each change with probability ½, as Koch, Zemel, Salakhutdinov 2015 do.
    """
    if kind == "none":
        return None
    ranges = KINDS[kind]
    device = generator.device
    draws = torch.rand(7, images, device=device, generator=generator) * 2 - 1
    if ranges.chance < 1:
        draws = draws * (torch.rand(7, images, device=device, generator=generator) < ranges.chance)
    angle = draws[0] * math.radians(ranges.rotation)
    scale = 1 + draws[1] * ranges.scale
    shear = draws[2] * ranges.shear
    shift = draws[3:5] * 2 * ranges.shift  # affine_grid measures from −1 to 1: a whole side is 2
    ones = torch.ones(images, device=device)
    mirror = torch.where(draws[5] < 0, -ones, ones) if ranges.flip else ones
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [torch.stack([cos * mirror, shear - sin, shift[0]], 1), torch.stack([sin * mirror, cos, shift[1]], 1)]
    return Transforms(torch.stack(rows, 1), 1 + draws[6] * ranges.brightness)


def apply_transforms(images: Tensor, transforms: Transforms, kind: str) -> Tensor:
    """The changed images, float [n, C, H, W] in 0 to 1.

    Where a change shows what lies outside the image, the border is repeated.
    """
    grid = _affine_grid(transforms.matrices, *images.shape[2:])
    changed = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if KINDS[kind].brightness:
        changed = (changed * transforms.gains.view(-1, 1, 1, 1)).clamp(0, 1)
    return changed


def _affine_grid(matrices: Tensor, height: int, width: int) -> Tensor:
    """The place that each pixel is read from, float [n, height, width, 2], for matrices float [n, 2, 3].

    torch.nn.functional.affine_grid without its matrix product, which takes a tenth of a small network's step on a CPU.
    """
    x, y = ((torch.arange(side, device=matrices.device) * 2 + 1) / side - 1 for side in (width, height))
    by_x, by_y, shift = matrices[:, None, None].unbind(-1)
    return torch.addcmul(torch.addcmul(shift, by_x, x[:, None]), by_y, y[:, None, None])
