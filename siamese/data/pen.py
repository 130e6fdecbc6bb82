"""A pen: curves drawn as small images, many at once, each repeated by a slightly different hand.

Each stroke moves a little by itself, the whole is turned, slanted and scaled, and the pen is thin or thick.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

POINTS = 24  # of a stroke, at equal distances along it
_DENSE = 72  # of a stroke while it is inked: less than a pixel apart
_DOT = 0.05  # share of the side: a smaller drawing is a dot, and is not enlarged to a whole character
_MARGIN = 1.0 / 28  # of the side, along the border, that the middle of the pen keeps clear of
_CHUNK = 128
# The pixels around a point that a pen of the largest width reaches, and a frame that takes what leaves the image.
_REACH = 2
_FRAME = _REACH + 1
WIDEST = 2 * (_REACH - 0.5)  # pixels


@dataclass(frozen=True)
class Pen:
    """How freely a drawing is repeated; each value is drawn evenly from ± its range, or from (low, high).

    width: of the pen, in pixels of the image, at most WIDEST.  rotation: radians.  shear.  scale, stretch: logarithms.
    shift: share of the side.
    stroke_shift (share of the side), stroke_turn (radians), stroke_scale (logarithm): standard deviations of what
    happens to each stroke by itself.  wobble: standard deviation of a smooth bend of each stroke, share of the side.
    """

    width: tuple[float, float] = (0.7, 2.6)
    rotation: float = math.radians(8)
    shear: float = 0.12
    scale: float = 0.15
    stretch: float = 0.1
    shift: float = 0.04
    stroke_shift: float = 0.015
    stroke_turn: float = math.radians(3)
    stroke_scale: float = 0.05
    wobble: float = 0.012


def draw(drawings: Sequence[Tensor], side: int, pen: Pen, generator: torch.Generator) -> Tensor:
    """Each drawing repeated once: uint8 [n, 1, side, side], light on dark.

    A drawing is float32 [strokes, POINTS, 2]: x to the right and y downwards, from 0 to 1. What would leave the image
    is drawn smaller.
    """
    images = []
    for start in range(0, len(drawings), _CHUNK):
        curves, real = _together(drawings[start : start + _CHUNK])
        low, high = pen.width
        width = torch.rand(len(curves), generator=generator) * (high - low) + low
        images.append(_inked(_whole(_strokes(curves, pen, generator), real, pen, generator), real, width, side))
    return torch.cat(images)


def _together(drawings: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """curves: float32 [n, most strokes, POINTS, 2].  real: bool [n, most strokes], which of them there are."""
    counts = torch.tensor([len(strokes) for strokes in drawings])
    curves = torch.nn.utils.rnn.pad_sequence(list(drawings), batch_first=True)
    return curves, torch.arange(curves.shape[1]) < counts[:, None]


def _strokes(curves: Tensor, pen: Pen, generator: torch.Generator) -> Tensor:
    """Every stroke moved, turned, scaled and bent by itself."""
    draws = torch.randn(*curves.shape[:2], 8, generator=generator)
    turn, scale = draws[..., 0] * pen.stroke_turn, (draws[..., 1] * pen.stroke_scale).exp()
    cos, sin = turn.cos() * scale, turn.sin() * scale
    shape = torch.stack([cos, sin, -sin, cos], -1).unflatten(-1, (2, 2))
    shift, first, second = (draws[..., None, i : i + 2] for i in (2, 4, 6))
    # Half a wave and a whole one along the stroke, across both axes.
    along = torch.linspace(0, math.pi, POINTS)[:, None]
    bend = pen.wobble * (along.sin() * first + (2 * along).sin() * second)
    middle = (curves.amin(2, True) + curves.amax(2, True)) / 2
    return (curves - middle) @ shape + middle + bend + shift * pen.stroke_shift


def _whole(curves: Tensor, real: Tensor, pen: Pen, generator: torch.Generator) -> Tensor:
    """All strokes of a drawing turned, slanted, scaled and moved together, and fitted into the image."""
    n = len(curves)
    ranges = torch.tensor([pen.rotation, pen.shear, pen.scale, pen.stretch, pen.shift, pen.shift])
    turn, shear, scale, stretch, *shift = ((torch.rand(n, 6, generator=generator) * 2 - 1) * ranges).unbind(1)
    one, zero, cos, sin = torch.ones(n), torch.zeros(n), turn.cos(), turn.sin()
    turned, slanted, stretched = (
        torch.stack(values, 1).view(n, 2, 2)
        for values in ([cos, sin, -sin, cos], [one, zero, shear, one], [stretch.exp(), zero, zero, (-stretch).exp()])
    )
    low, high = _extent(curves, real)
    middle = (low + high) / 2
    shape = stretched @ slanted @ turned * scale.exp().view(n, 1, 1)
    moved = (curves - middle.view(n, 1, 1, 2)) @ shape.unsqueeze(1)
    low, high = _extent(moved, real)
    reach = torch.maximum(-low, high).amax(1)
    smaller = ((0.5 - _MARGIN) / reach.clamp_min(1e-6)).clamp_max(1.0)
    low, high = low * smaller[:, None], high * smaller[:, None]
    place = (middle + torch.stack(shift, 1)).clamp(_MARGIN - low, 1 - _MARGIN - high)
    return moved * smaller.view(n, 1, 1, 1) + place.view(n, 1, 1, 2)


def sized(drawing: Tensor, longer_side: float) -> Tensor:
    """The drawing, float32 [strokes, POINTS, 2], in the middle of the image, its longer side this share of the image's."""
    low, high = drawing.amin((0, 1)), drawing.amax((0, 1))
    return (drawing - (low + high) / 2) * (longer_side / (high - low).max().clamp_min(_DOT)) + 0.5


def _extent(curves: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and the largest x and y of each drawing: float32 [n, 2] twice."""
    unreal = ~real[..., None, None]
    low = curves.masked_fill(unreal, torch.inf).amin((1, 2))
    return low, curves.masked_fill(unreal, -torch.inf).amax((1, 2))


def _inked(curves: Tensor, real: Tensor, width: Tensor, side: int) -> Tensor:
    """The curves as ink, uint8 [n, 1, side, side]: what a pixel has of it depends on how far the curve is from it."""
    owner, _ = real.nonzero(as_tuple=True)
    dense = F.interpolate(curves[real].mT, size=_DENSE, mode="linear", align_corners=True).mT
    points = dense * side - 0.5  # the middle of the first pixel is 0
    nearest = points.round()
    around = torch.arange(-_REACH, _REACH + 1.0)
    around = torch.cartesian_prod(around, around)
    away = (nearest - points).unsqueeze(2) + around
    pen = width[owner].view(-1, 1, 1)
    ink = (pen / 2 + 0.5 - away.square().sum(-1).sqrt()).clamp(0, 1) * pen.clamp_max(1)
    framed = side + 2 * _FRAME
    cell = (nearest + _FRAME).clamp(_REACH, framed - 1 - _REACH).unsqueeze(2) + around
    place = (owner.view(-1, 1, 1) * framed + cell[..., 1].long()) * framed + cell[..., 0].long()
    images = torch.zeros(len(real) * framed * framed)
    images.scatter_reduce_(0, place.flatten(), ink.flatten(), "amax")
    inner = images.view(-1, 1, framed, framed)[..., _FRAME:-_FRAME, _FRAME:-_FRAME]
    return (inner * 255).round().byte()
