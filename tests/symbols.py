"""Random symbols for tests: a class is a few strokes that a seed invents, a drawing is these strokes by a shaky hand."""

from __future__ import annotations

import io
import math
import random
import zipfile

import numpy as np
from PIL import Image, ImageDraw

Stroke = list[tuple[float, float]]


def symbol(seed: int) -> list[Stroke]:
    """The strokes of a class, two to four lines or arcs between places of a 4 × 4 raster, in the unit square."""
    rng = random.Random(f"symbol {seed}")
    raster = [(0.2 + 0.2 * x, 0.2 + 0.2 * y) for x in range(4) for y in range(4)]
    strokes = []
    for _ in range(rng.randint(2, 4)):
        if rng.random() < 0.3:
            (x, y), radius, turn = rng.choice(raster[5:11]), rng.uniform(0.1, 0.22), rng.uniform(2.5, 6.3)
            start = rng.uniform(0, 2 * math.pi)
            angles = [start + turn * i / 8 for i in range(9)]
            strokes.append([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles])
        else:
            strokes.append(rng.sample(raster, rng.randint(2, 4)))
    return strokes


def drawing(strokes: list[Stroke], seed: int) -> list[Stroke]:
    """One drawing of a class: turned by up to 12 degrees, scaled, moved, and each corner a little off."""
    rng = random.Random(f"drawing {seed}")
    turn, size = rng.uniform(-0.2, 0.2), rng.uniform(0.8, 1.1)
    across, down = rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06)

    def place(x: float, y: float) -> tuple[float, float]:
        u, v = size * (x - 0.5) + rng.gauss(0, 0.02), size * (y - 0.5) + rng.gauss(0, 0.02)
        moved = (u * math.cos(turn) - v * math.sin(turn) + across, u * math.sin(turn) + v * math.cos(turn) + down)
        return tuple(min(0.97, max(0.03, 0.5 + value)) for value in moved)  # type: ignore[return-value]

    return [[place(x, y) for x, y in stroke] for stroke in strokes]


def painted(strokes: list[Stroke], side: int) -> Image.Image:
    """The drawing as the pad gives it: black ink, 6 % of the side wide, on white, grey."""
    fine = 4 * side
    image = Image.new("L", (fine, fine), 255)
    brush = ImageDraw.Draw(image)
    width = round(0.06 * fine)
    for stroke in strokes:
        points = [(x * fine, y * fine) for x, y in stroke]
        brush.line(points, 0, width, "curve")
        for x, y in points:
            brush.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 0)
    return image.resize((side, side), Image.Resampling.BOX)


def png(class_: int, number: int, side: int = 32, mode: str = "L") -> bytes:
    """A drawing of a class, as a file. number: which of all drawings."""
    out = io.BytesIO()
    painted(drawing(symbol(class_), number), side).convert(mode).save(out, "PNG")
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """Files by their paths, as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def drawings(classes: int, images: int, side: int, seed: int = 0) -> np.ndarray:
    """uint8 [classes, images, side, side]."""
    return np.stack(
        [
            [
                np.asarray(painted(drawing(symbol(1000 * seed + c), 1000 * (1000 * seed + c) + n), side))
                for n in range(images)
            ]
            for c in range(classes)
        ]
    )
