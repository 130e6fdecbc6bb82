"""Recorded strokes: drawings kept as the path of the pen, drawn again with another pen and a slightly different hand.

Omniglot records how every character was drawn (Lake, Salakhutdinov, Tenenbaum 2015). One recorded drawing gives many
images: each stroke moves a little by itself, the whole is turned, slanted and scaled, and the pen is thin or thick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from siamese import SiameseError
from siamese.data.image_file import printable

CANVAS = 105.0  # side of the canvas that Omniglot's strokes are measured on
LARGEST_FILE = 1 << 20  # bytes; a drawing has a few thousand
_FINER = 4  # an image is drawn so many times larger, then averaged down
_MARGIN = 1.0  # pixels of an image along its border that the middle of the pen keeps clear of

# Omniglot's small background sets: images_background_small1, strokes_background_small1 and so on.
COLLECTIONS = ("small1", "small2")

Strokes = list[np.ndarray]


@dataclass(frozen=True)
class Pen:
    """How freely a drawing is repeated; each value is drawn evenly from ± its range, or from (low, high).

    width: of the pen, in pixels of the image.  rotation: radians.  shear.  scale, stretch: logarithms.
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


def folder_of(data_dir: Path, kind: str, collection: str) -> Path:
    """The folder of the "images" or the "strokes" of one of Omniglot's small background sets."""
    return data_dir / "omniglot" / f"{kind}_background_{collection}"


def is_present(data_dir: Path) -> bool:
    """Whether Omniglot's small background sets lie in the data folder with their strokes."""
    return all(folder_of(data_dir, kind, name).is_dir() for kind in ("images", "strokes") for name in COLLECTIONS)


def read_recorded(path: Path) -> Strokes:
    """The strokes of one recorded drawing, float64 [points, 2] each: x to the right and y downwards, from 0 to 1.

    The file holds lines of x, y, time; START begins it and BREAK ends a stroke. Raises SiameseError, with the file's
    name, for anything else.
    """
    name = printable(path.name)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SiameseError(f'"{name}" is larger than {LARGEST_FILE:,} bytes; a drawing has a few thousand.')
        lines = path.read_text("ascii").split()
        strokes: Strokes = []
        points: list[tuple[float, float]] = []
        for line in lines:
            if line in ("START", "BREAK"):
                if points:
                    strokes.append(np.array(points))
                points = []
            else:
                x, y, _ = (float(number) for number in line.split(","))
                points.append((x / CANVAS, -y / CANVAS))
        if points:
            strokes.append(np.array(points))
    except (OSError, ValueError) as error:
        raise SiameseError(f'"{name}" is no file of pen strokes with lines of x, y, time; copy it again.') from error
    if not strokes or not all(np.isfinite(stroke).all() and np.abs(stroke).max() < 4 for stroke in strokes):
        raise SiameseError(f'"{name}" holds no pen stroke; copy it again.')
    return strokes


def draw(strokes: Strokes, side: int, pen: Pen, generator: np.random.Generator) -> Tensor:
    """The drawing repeated once: uint8 [1, side, side], light on dark. What would leave the image is drawn smaller."""
    moved = _whole([_stroke(stroke, pen, generator) for stroke in strokes], pen, generator)
    width = generator.uniform(*pen.width) * _FINER
    image = Image.new("L", (side * _FINER, side * _FINER))
    canvas = ImageDraw.Draw(image)
    for stroke in moved:
        points = [(float(x), float(y)) for x, y in stroke * side * _FINER]
        canvas.line(points, fill=255, width=max(1, round(width)), joint="curve")
        for x, y in (points[0], points[-1]):  # a round pen
            canvas.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return torch.from_numpy(np.array(image.resize((side, side), Image.Resampling.BOX)))[None]


def _stroke(stroke: np.ndarray, pen: Pen, generator: np.random.Generator) -> np.ndarray:
    """One stroke, moved, turned, scaled and bent by itself."""
    draws = generator.standard_normal(8)
    turn, scale = draws[0] * pen.stroke_turn, math.exp(draws[1] * pen.stroke_scale)
    middle = (stroke.min(0) + stroke.max(0)) / 2
    along = np.linspace(0, math.pi, len(stroke))[:, None]
    # Half a wave and a whole one along the stroke, across both axes.
    bend = pen.wobble * (np.sin(along) * draws[4:6] + np.sin(2 * along) * draws[6:8])
    turned = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) * scale
    return (stroke - middle) @ turned + middle + bend + draws[2:4] * pen.stroke_shift


def _whole(strokes: Strokes, pen: Pen, generator: np.random.Generator) -> Strokes:
    """All strokes turned, slanted, scaled and moved together, and fitted into the image."""
    turn, shear, scale, stretch, *shift = generator.uniform(-1, 1, 6) * (
        pen.rotation,
        pen.shear,
        pen.scale,
        pen.stretch,
        pen.shift,
        pen.shift,
    )
    turned = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    shape = np.diag([math.exp(stretch), math.exp(-stretch)]) @ np.array([[1.0, 0.0], [shear, 1.0]]) @ turned
    points = np.concatenate(strokes)
    middle = (points.min(0) + points.max(0)) / 2
    moved = [(stroke - middle) @ shape * math.exp(scale) for stroke in strokes]
    extent = np.abs(np.concatenate(moved)).max()
    border = _MARGIN / 28
    room = 0.5 - border
    if extent > room:
        moved = [stroke * (room / extent) for stroke in moved]
    points = np.concatenate(moved)
    low, high = border - points.min(0), 1 - border - points.max(0)
    return [stroke + np.clip(middle + shift, low, high) for stroke in moved]
