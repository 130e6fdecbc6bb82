"""Images of letters: a master, turned, slanted, scaled and moved a little, drawn with some pen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese.data.glyphs.masters import FIELD, SPAN, Masters
from siamese.data.progress import ReportProgress

SIZE = 28  # side of an image, in pixels
_LARGEST = 23.0  # pixels: the longer side of the largest letters
_MARGIN = 2.0  # pixels that stay empty along the border
_CHUNK = 512


@dataclass(frozen=True)
class Hand:
    """How much the images of a letter vary. A value is drawn evenly between −x and x, or between (low, high).

    rotation: in radians.
    shear: of the upright strokes.
    stretch: the logarithm of width over height.
    size: as a share of the largest size that fits.
    shift: in pixels.
    pen: the threshold on a master's blur. 0.5 draws the letter as the font does; less makes it fatter.
    warp: the standard deviation of a smooth displacement, in pixels.
    marks: whether some images are outlined or inverted.
    """

    rotation: float
    shear: float
    stretch: float
    size: tuple[float, float]
    shift: float
    pen: tuple[float, float]
    warp: float = 0.0
    marks: bool = False


VARIED = Hand(math.radians(16), 0.24, 0.22, (0.7, 1.0), 3.5, (0.22, 0.5))
BENT = replace(VARIED, warp=0.85)
PRINT = Hand(0.0, 0.0, 0.0, (0.9, 1.0), 0.5, (0.35, 0.5))
ROUGH = Hand(math.radians(14), 0.22, 0.15, (0.8, 1.0), 1.5, (0.13, 0.45), warp=0.85, marks=True)


def pick_faces(masters: Masters, images: int, generator: torch.Generator) -> Tensor:
    """The master of each image: int64 [letters × images]. A letter uses its faces equally often."""
    first = masters.counts.cumsum(0) - masters.counts
    turn = torch.rand(len(masters.counts), images, generator=generator).argsort(1)
    return (first[:, None] + turn % masters.counts[:, None]).flatten()


def draw(masters: Masters, picks: Tensor, hand: Hand, generator: torch.Generator, report: ReportProgress) -> Tensor:
    """One image of each picked master: uint8 [len(picks), 1, 28, 28]."""
    shape, middle = _place(masters, picks, hand, generator)
    n = len(picks)
    # A bold letter drawn with a fat pen would fill its own holes.
    pen = (_evenly(hand.pen, n, generator) + 0.15 * masters.bold[picks]).view(-1, 1, 1, 1)
    # With marks, a letter's images take turns: filled, outlined, inverted, outlined and inverted.
    outlined = (torch.arange(n) % 2 == 1) & hand.marks
    inverted = (torch.arange(n) % 4 >= 2) & hand.marks
    bends = torch.randn(n, 2, 4, 4, generator=generator) * hand.warp

    # From a position in the image back to one in the master; both run from −1 to 1.
    back = torch.linalg.inv(shape)
    origin = back @ (SIZE / 2 - middle).unsqueeze(2)
    theta = torch.cat([back * (SIZE / FIELD), origin * (2 / FIELD)], 2)
    images = torch.empty(n, 1, SIZE, SIZE, dtype=torch.uint8)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        grid = F.affine_grid(theta[part], [len(theta[part]), 1, 2 * SIZE, 2 * SIZE], align_corners=False)
        if hand.warp:
            bend = bends[part].clamp(-2 * hand.warp, 2 * hand.warp)
            bend = F.interpolate(bend, size=(2 * SIZE, 2 * SIZE), mode="bilinear", align_corners=True)
            grid = grid + (bend * (2 / SIZE)).permute(0, 2, 3, 1)
        field = F.grid_sample(masters.fields[picks[part]].unsqueeze(1) / 255.0, grid, align_corners=False)
        ink = _inked(field, pen[part])
        ink = torch.where(outlined[part].view(-1, 1, 1, 1), _inked(field, hand.pen[0]) - _inked(field, 0.88), ink)
        image = F.avg_pool2d(ink, 2).mul(255).round().byte()
        images[part] = torch.where(inverted[part].view(-1, 1, 1, 1), 255 - image, image)
        report(min(1.0, (start + _CHUNK) / n))
    return images


def _inked(field: Tensor, pen: Tensor | float) -> Tensor:
    """1 where the blurred master is above the pen's threshold, 0 where below, with a ramp about one sample wide."""
    return ((field - pen) * 4.0 + 0.5).clamp(0.0, 1.0)


def _place(masters: Masters, picks: Tensor, hand: Hand, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Where the letter stands in each image: a linear map, float [n, 2, 2], from master to image pixels, and its middle.

    No letter is cut. Its outline is mapped too; a letter that would reach into the margin is made smaller, and it is
    moved only as far as there is room.
    """
    n = len(picks)
    turn, shear, stretch = (
        _evenly((-limit, limit), n, generator) for limit in (hand.rotation, hand.shear, hand.stretch)
    )
    turned = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    slanted = torch.stack([torch.ones(n), shear, torch.zeros(n), torch.ones(n)], 1).view(n, 2, 2)
    stretched = torch.diag_embed(torch.stack([(stretch / 2).exp(), (-stretch / 2).exp()], 1))
    # Small letters stay a little smaller than capitals, but large enough to be seen.
    size = _LARGEST / SPAN * masters.spans[picks].clamp(max=1.0).pow(0.35) * _evenly(hand.size, n, generator)
    shape = turned @ slanted @ stretched * size.view(-1, 1, 1)

    corners = masters.outline[picks] @ shape.transpose(1, 2)
    low, high = corners.amin(1), corners.amax(1)
    room = SIZE - 2 * (_MARGIN + 2 * hand.warp)
    shrink = (room / (high - low).amax(1)).clamp(max=1.0).view(-1, 1)
    low, high, shape = low * shrink, high * shrink, shape * shrink.unsqueeze(2)
    free = ((room - (high - low)) / 2).clamp(max=hand.shift)
    shift = (2 * torch.rand(n, 2, generator=generator) - 1) * free
    return shape, SIZE / 2 - (low + high) / 2 + shift


def _evenly(limits: tuple[float, float], n: int, generator: torch.Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(n, generator=generator)
