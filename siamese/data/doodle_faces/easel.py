"""Curves, strokes, and an easel that paints flat shapes on a turned head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from siamese.data.doodle_faces.traits import BACKGROUNDS, FACES, Colour, Look, Person

Points = NDArray[np.float64]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour a with a share of colour b in it."""
    keep = 1.0 - share
    return round(keep * a[0] + share * b[0]), round(keep * a[1] + share * b[1]), round(keep * a[2] + share * b[2])


def shade(colour: Colour, tone: float) -> Colour:
    """The colour, darker for a tone below 0 and lighter for one above 0."""
    return mix(colour, (20, 8, 24) if tone < 0 else (255, 246, 226), abs(tone))


@lru_cache(maxsize=64)
def _spline(controls: int, closed: bool, steps: int) -> Points:
    """The matrix that turns control points into a smooth curve through them (Catmull and Rom 1974)."""
    rows = []
    for segment in range(controls if closed else controls - 1):
        for t in np.arange(steps) / steps:
            weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
            row = np.zeros(controls)
            for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
                index = segment + offset
                row[index % controls if closed else min(max(index, 0), controls - 1)] += weight / 2
            rows.append(row)
    if not closed:
        rows.append(np.eye(controls)[-1])
    return np.array(rows)


def smooth_loop(points: Points, steps: int = 5) -> Points:
    """A closed curve through control points [n, 2], with `steps` points for each of them."""
    return _spline(len(points), True, steps) @ points


def smooth_line(points: Points, steps: int = 5) -> Points:
    """An open curve through control points [n, 2], with `steps` points for each of them."""
    return _spline(len(points), False, steps) @ points


def ribbon(curve: Points, width: float | Points) -> Points:
    """The outline of a stroke along a curve [n, 2]. width: one number, or one for each point."""
    ahead = np.empty_like(curve)
    ahead[1:-1] = curve[2:] - curve[:-2]
    ahead[0], ahead[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    normal = ahead[:, ::-1] * (0.5, -0.5) / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    side = normal * (width[:, None] if isinstance(width, np.ndarray) else width)
    return np.concatenate([curve + side, (curve - side)[::-1]])


def _circle(corners: int) -> Points:
    turns = np.arange(corners) * (math.tau / corners)
    return np.column_stack([np.cos(turns), np.sin(turns)])


RING, DOT, DISC = _circle(20), _circle(10), _circle(72)
_FRONT, _OUTLINE, _BESIDE, _BODY = range(4)
_HEAD_SCALE = 1.04
_MIDDLE = (128.0, 132.0)  # of the face in the picture


def half_sides(person: Person) -> tuple[float, float]:
    """Half the width and half the height of a person's face. The picture is 256 units wide."""
    width, height, _ = FACES[person.face]
    return width * person.width, height * person.height


class Easel:
    """Collects shapes, then paints them in this order, in the pose of a look.

    The origin is the middle of the face. The picture is 256 units wide; x goes right, y down, depth toward the viewer.
    """

    def __init__(self, person: Person, look: Look) -> None:
        self.half_width, self.half_height = half_sides(person)
        self.look = look
        self._shapes: list[tuple[Points, Colour, int, float]] = []
        yaw, pitch, roll = look.yaw, look.pitch, look.roll
        turn = np.array(
            [
                [math.cos(yaw), math.sin(yaw) * math.sin(pitch)],
                [0.0, math.cos(pitch)],
                [math.sin(yaw), -math.cos(yaw) * math.sin(pitch)],
            ]
        )
        tilt = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
        self._pose: Points = turn @ tilt * (_HEAD_SCALE * look.scale)
        # The head tilts around the neck, not around the nose.
        neck = np.array([0.0, 95.0])
        self._middle: Points = np.array(_MIDDLE) + (look.dx, look.dy) + (neck - neck @ tilt)
        self._body_middle: Points = np.array(_MIDDLE) + (0.8 * look.dx, 0.5 * look.dy)

    def face(self, points: Points, colour: Colour, forward: float = 0.0) -> None:
        """A shape [n, 2] on the rounded front of the head. forward: how far it stands out, in units."""
        self._shapes.append((points, colour, _FRONT, forward))

    def outline(self, points: Points, colour: Colour) -> None:
        """A shape [n, 2] of the whole head: flat, but the chin stands forward."""
        self._shapes.append((points, colour, _OUTLINE, 0.0))

    def beside(self, points: Points, colour: Colour, depth: float) -> None:
        """A flat shape [n, 2] beside or behind the head, at this depth."""
        self._shapes.append((points, colour, _BESIDE, depth))

    def body(self, points: Points, colour: Colour) -> None:
        """A shape [n, 2] that does not turn with the head."""
        self._shapes.append((points, colour, _BODY, 0.0))

    def share(self, points: Sequence[tuple[float, float]]) -> Points:
        """Turns points from shares of half the width and half the height of the face into units."""
        return np.array(points) * (self.half_width, self.half_height)

    def beneath(self, points: Points, depth: float) -> Points:
        """Where points [n, 2] of the turned head are, in the units of the body."""
        on_head = np.column_stack([points, np.full(len(points), depth)])
        return on_head @ self._pose + self._middle - self._body_middle

    def paint(self, side: int) -> Image.Image:
        """The picture, RGB, side × side."""
        # All shapes are turned together: a thousand points take little more time than one.
        sizes = [len(shape[0]) for shape in self._shapes]
        points = np.concatenate([shape[0] for shape in self._shapes])
        layer = np.repeat([shape[2] for shape in self._shapes], sizes)
        depth = np.repeat([shape[3] for shape in self._shapes], sizes)
        shares = points / (1.08 * self.half_width, 1.12 * self.half_height)
        round_ = 52.0 * np.sqrt(np.maximum(0.0, 1.0 - np.square(shares).sum(1)))
        chin = 20.0 * np.square(np.clip(shares[:, 1], 0.0, 1.0))
        depth = depth + round_ * (layer == _FRONT) + chin * (layer == _OUTLINE)
        pixels = np.column_stack([points, depth]) @ self._pose + self._middle
        pixels = np.where((layer == _BODY)[:, None], points + self._body_middle, pixels) * (side / 256)
        coordinates = pixels.ravel().tolist()
        image = Image.new("RGB", (side, side), BACKGROUNDS[self.look.background])
        pen = ImageDraw.Draw(image)
        start = 0
        for (_, colour, _, _), size in zip(self._shapes, sizes, strict=True):
            pen.polygon(coordinates[start : start + 2 * size], fill=colour)
            start += 2 * size
        return image
