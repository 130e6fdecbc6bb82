"""The shape of a letter: its ink in a font, and how unlike the shapes of two letters are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

# Two letters have the same shape where nearest_ink is below this. Just below 1.35 are r and Γ, X and Χ with a tail, O
# and Ԍ. A letter of one part that looks like a letter of another part would leak, so there the limit is stricter. Just
# below 1.5 are U and an italic U, 9 and ց, d and ժ, Y and Ⴤ; just above it are N and א.
ALIKE = 1.35
ALIKE_ACROSS_PARTS = 1.5
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT_SIZE = 72
_SMALLEST = 0.4  # of the font size: what is smaller is a mark, and would be a blot once it is enlarged
_ROWS = 512  # shapes compared with all others at a time
_FAR = 6  # pixels; nearest_ink counts every larger distance as this one


def nearest_ink(shapes: Tensor, others: Tensor) -> Tensor:
    """How unlike shapes are: float [n, m], in pixels, for ink masks bool [n, H, W] and [m, H, W] of one size.

    Each ink pixel of one shape has a distance to the nearest ink of the other. The result is the fourth-power mean of
    these distances, so an extra stroke counts more than a slightly different curve. Of the two directions the larger
    one counts. Equal shapes have 0.
    """
    there = _ink_share(shapes) @ _reach(others).T
    back = _reach(shapes) @ _ink_share(others).T
    return torch.maximum(there, back).pow(0.25)


def alike(shapes: Tensor, others: Tensor, limit: float) -> Tensor:
    """Where nearest_ink is below the limit: bool [n, m]. It needs little memory for ten thousand shapes and more."""
    share, reach = _ink_share(others), _reach(others)
    return torch.cat([_below(_ink_share(some), _reach(some), share, reach, limit) for some in shapes.split(_ROWS)])


def first_of_alike(alike: Tensor) -> list[int]:
    """Which shapes stay where of those that are alike only the first one does.  alike: bool [n, n]."""
    stays = torch.zeros(len(alike), dtype=torch.bool)
    for i, same in enumerate(alike):
        stays[i] = not bool((same & stays).any())
    return stays.nonzero().flatten().tolist()


def distinct(shapes: Tensor, limit: float) -> Tensor:
    """The numbers of the shapes that stay where of those that are alike only the first one does: int64, in order.

    It gives what first_of_alike(alike(shapes, shapes, limit)) gives, but its memory grows with n, not with n squared.
    """
    share, reach = _ink_share(shapes), _reach(shapes)
    stays = torch.empty(0, dtype=torch.long)
    for numbers in torch.arange(len(shapes)).split(_ROWS):
        some = share[numbers], reach[numbers]
        free = numbers[~_below(*some, share[stays], reach[stays], limit).any(1)]
        same = _below(share[free], reach[free], share[free], reach[free], limit)
        stays = torch.cat([stays, free[first_of_alike(same)]])
    return stays


def _below(share: Tensor, reach: Tensor, other_share: Tensor, other_reach: Tensor, limit: float) -> Tensor:
    return (share @ other_reach.T).lt(limit**4).logical_and_((reach @ other_share.T).lt(limit**4))


def _ink_share(shapes: Tensor) -> Tensor:
    ink = shapes.flatten(1).float()
    return ink / ink.sum(1, keepdim=True)


def _reach(shapes: Tensor) -> Tensor:
    """The fourth power of the distance from each pixel to the nearest ink, at most 6 pixels: float [n, H × W]."""
    squared = torch.where(shapes, 0.0, float(_FAR**2))
    # The exact Euclidean distance transform, one axis after the other, up to the distance that counts.
    for axis in (1, 2):
        size = squared.shape[axis]
        ahead = squared.clone()
        for step in range(1, min(_FAR, size)):
            here, there = ahead.narrow(axis, 0, size - step), squared.narrow(axis, step, size - step) + step**2
            torch.minimum(here, there, out=here)
            here, there = ahead.narrow(axis, step, size - step), squared.narrow(axis, 0, size - step) + step**2
            torch.minimum(here, there, out=here)
        squared = ahead
    return squared.square().flatten(1)


def canonical_shapes(characters: Sequence[str], face: str = "DejaVuSans.ttf") -> Tensor:
    """Letters in one face, scaled so that the longer side has 28 pixels: ink masks bool [n, 32, 32]."""
    shapes = torch.zeros(len(characters), 32, 32, dtype=torch.bool)
    for i, character in enumerate(characters):
        shapes[i] = torch.from_numpy(np.array(centred(letter_ink(face, character), 28, 32)) > 127)
    return shapes


def is_large(character: str) -> bool:
    """Whether a character is a letter or sign and not a small mark."""
    return max(letter_ink("DejaVuSans.ttf", character).size) >= _SMALLEST * FONT_SIZE


@lru_cache(maxsize=16)
def code_points(face: str) -> frozenset[int]:
    """The code points that a font has a drawing for."""
    with TTFont(_FONTS / face, lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=16)
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS / face, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=16384)
def letter_ink(face: str, character: str) -> Image.Image:
    """The letter as a grey image, cropped to its ink (1×1 and black where there is none)."""
    image = Image.new("L", (3 * FONT_SIZE, 3 * FONT_SIZE))
    ImageDraw.Draw(image).text((FONT_SIZE, FONT_SIZE // 2), character, fill=255, font=_font(face))
    return image.crop(image.getbbox() or (0, 0, 1, 1))


def centred(ink: Image.Image, span: int, side: int) -> Image.Image:
    """The ink scaled so that its longer side is span, in the middle of a black square."""
    scale = span / max(ink.size)
    ink = ink.resize([max(1, round(length * scale)) for length in ink.size], Image.Resampling.BOX)
    square = Image.new("L", (side, side))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return square
