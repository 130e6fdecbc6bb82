"""Recorded strokes: drawings kept as the path of the pen (Omniglot: Lake, Salakhutdinov, Tenenbaum 2015)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.image_file import printable
from siamese.data.pen import POINTS

CANVAS = 105.0  # side of the canvas that Omniglot's strokes are measured on
LARGEST_FILE = 1 << 20  # bytes; a drawing has a few thousand

# Omniglot's small background sets: images_background_small1, strokes_background_small1 and so on.
COLLECTIONS = ("small1", "small2")

Strokes = list[np.ndarray]


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


def curves(strokes: Strokes) -> Tensor:
    """The strokes with POINTS points each, at equal distances along them: float32 [strokes, POINTS, 2]."""
    return torch.from_numpy(np.stack([_resampled(stroke) for stroke in strokes])).float()


def _resampled(stroke: np.ndarray) -> np.ndarray:
    along = np.concatenate([[0.0], np.hypot(*np.diff(stroke, axis=0).T).cumsum()])
    at = np.linspace(0, along[-1], POINTS)
    return np.stack([np.interp(at, along, stroke[:, axis]) for axis in (0, 1)], 1)
