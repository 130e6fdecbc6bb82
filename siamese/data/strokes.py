"""Drawings as strokes of a pen. They are checked, then drawn so that they look like the images of a training set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from siamese import SiameseError
from siamese.data.paper import even_paper

MOST_STROKES = 200
MOST_POINTS = 6_000  # of all strokes together: ten minutes of a fast pen at the pad's own spacing
# Of the usual size. A smaller drawing is enlarged, so that a network sees all of it. A larger one mostly stays: a face
# that is made as small as a character would no longer be seen to be none.
_SMALLEST, _LARGEST = 0.95, 1.6
_ENOUGH_PEN = 0.4  # of the training set's pen: a wider one lets neighbouring strokes of a small hand run together
_WIDEST_PEN = 0.15  # of a drawing's longer side: what is wider is a filled shape
PEN = 0.06  # width of a stroke as a share of the pad, as the page draws it

Stroke = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Hand:
    """Size, place and pen of a training set's drawings, as shares of the side of an image.

    extent: the median of the longer side of the ink.
    off_centre: the middle of the ink is at most this far from the middle of the image in 99 of 100 images.
    pen: the median width of a stroke.
    """

    extent: float
    off_centre: float
    pen: float

    @property
    def length(self) -> float:
        """The longer side that the middle of the pen goes along; at least a tenth, whatever a file may say."""
        return max(self.extent - self.pen, 0.1)


def read_strokes(value: Any) -> tuple[Stroke, ...]:
    """Strokes from outside, which may be anything: lists of [x, y] from 0 to 1 as shares of the pad; values beyond are
    moved to its edge. Raises SiameseError for anything else, for more than MOST_STROKES or MOST_POINTS, and for none.
    """
    wrong = SiameseError("This drawing cannot be read; draw it again.")
    if not isinstance(value, (list, tuple)):
        raise wrong
    if not value:
        raise SiameseError("The drawing is empty; draw something first.")
    if len(value) > MOST_STROKES or not all(isinstance(stroke, (list, tuple)) and stroke for stroke in value):
        raise wrong
    if sum(len(stroke) for stroke in value) > MOST_POINTS:
        raise SiameseError(f"The drawing has more than {MOST_POINTS:,} points; draw it with fewer strokes.")
    return tuple(tuple(_point(point, wrong) for point in stroke) for stroke in value)


def _point(value: Any, wrong: SiameseError) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise wrong
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in value):
        raise wrong
    x, y = value
    return min(1.0, max(0.0, float(x))), min(1.0, max(0.0, float(y)))


def draw_strokes(strokes: Sequence[Stroke], side: int, hand: Hand | None = None) -> Image.Image:
    """The strokes as dark ink on white, mode "L", side × side pixels, smooth.

    hand: centres the drawing and scales it and its pen to the images of a training set; None draws the pad as it is.
    """
    if hand is None:
        scale, left, top, pen = 1.0, 0.0, 0.0, PEN
    else:
        xs, ys = zip(*(point for stroke in strokes for point in stroke))
        # The ink reaches half a pen beyond its points. A dot or a straight line is not enlarged beyond the pad.
        longest = max(max(xs) - min(xs), max(ys) - min(ys), 0.05)
        scale = hand.length / longest
        left = 0.5 - scale * (min(xs) + max(xs)) / 2
        top = 0.5 - scale * (min(ys) + max(ys)) / 2
        pen = hand.pen
    finer = max(1, -(-512 // side))
    large = side * finer
    image = Image.new("L", (large, large), 255)
    brush = ImageDraw.Draw(image)
    radius = pen * large / 2
    for stroke in strokes:
        points = [((scale * x + left) * large, (scale * y + top) * large) for x, y in stroke]
        if len(points) > 1:
            brush.line(points, fill=0, width=max(1, round(2 * radius)))
        for x, y in points:  # round joints and ends
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return image.reduce(finer) if finer > 1 else image


def fit_drawing(image: Image.Image, hand: Hand) -> Image.Image:
    """A drawing that somebody has photographed, scanned or saved, as the training set's are: on even paper with strong
    ink (`even_paper`), in the middle, not smaller than theirs usually are, and with a pen that is not much thinner.

    It comes back as it is where its ink lies well already, and where it is no drawing: where more than two fifths of
    the picture differ from its border, or nothing does.
    """
    mended = even_paper(image)
    if mended is not None:
        image = mended.convert(image.mode)
    ink = _find_ink(image)
    if ink is None:
        return image
    fits = (
        image.width == image.height
        and _SMALLEST <= ink.length / image.width / hand.length <= _LARGEST
        and max(abs(ink.x / image.width - 0.5), abs(ink.y / image.height - 0.5)) <= hand.off_centre
    )
    drawing = image if fits else _framed(image, ink, hand)
    return drawing if mended is None else _broadened(drawing, hand.pen)


def centre_drawing(image: Image.Image, hand: Hand) -> Image.Image:
    """A clean drawing in the middle of a square, as large as the hand draws. What fit_drawing takes for no drawing comes
    back as it is."""
    ink = _find_ink(image)
    return image if ink is None else _framed(image, ink, hand)


class _Ink(NamedTuple):
    """The middle of a drawing in its image, and the longer side that the middle of the pen went along; in pixels.

    The pen is taken off, so that a thick and a thin pen draw one shape at one size.
    """

    x: float
    y: float
    length: float


def _find_ink(image: Image.Image) -> _Ink | None:
    """Ink is what differs from the border. None where there is none, or too much for a drawing."""
    grey = image.convert("L")
    grey.thumbnail((256, 256))
    values = np.asarray(grey, dtype=np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    difference = np.abs(values - np.median(border))
    strongest = float(np.quantile(difference, 0.995))
    ink = difference > max(40.0, strongest / 2)
    if not ink.any() or ink.mean() > 0.4:
        return None
    (top, bottom), (left, right) = (_ends(ink.any(axis)) for axis in (1, 0))
    longer = max(bottom - top, right - left)
    across, down = image.width / grey.width, image.height / grey.height
    length = longer - min(pen_width(ink.astype(np.float32)), _WIDEST_PEN * longer)
    return _Ink(across * (left + right) / 2, down * (top + bottom) / 2, across * length)


def _framed(image: Image.Image, ink: _Ink, hand: Hand) -> Image.Image:
    """The square around the drawing in which it is as large as the hand draws, on paper of the border's colour."""
    side = max(1, round(ink.length / hand.length))
    paper = Image.new(image.mode, (side, side), _paper(image))
    paper.paste(image, (round(side / 2 - ink.x), round(side / 2 - ink.y)))
    return paper


def _broadened(drawing: Image.Image, pen: float) -> Image.Image:
    """A drawing on even paper with its pen made as wide as `pen`, a share of the side, where it is thinner."""
    values = np.asarray(drawing.convert("L"), dtype=np.float32) / 255
    dark_ink = float(np.median(values)) > 0.5
    ink = 1 - values if dark_ink else values
    missing = _ENOUGH_PEN * pen * drawing.width - pen_width(ink)
    size = 2 * round(missing / 2) + 1
    if size < 3:
        return drawing
    return drawing.filter(ImageFilter.MinFilter(size) if dark_ink else ImageFilter.MaxFilter(size))


def pen_width(ink: np.ndarray) -> float:
    """The mean width of the strokes in float [H, W] from 0 to 1, in pixels: twice the ink over the length of its outline,
    which is the total variation of the image."""
    across, down = ink[1:, 1:] - ink[1:, :-1], ink[1:, 1:] - ink[:-1, 1:]
    return float(2 * ink.sum() / max(np.hypot(across, down).sum(), 1e-6))


def _ends(marked: np.ndarray) -> tuple[int, int]:
    places = np.flatnonzero(marked)
    return int(places[0]), int(places[-1]) + 1


def _paper(image: Image.Image) -> tuple[int, ...]:
    """The median colour of the border."""
    values = np.asarray(image).reshape(image.height, image.width, -1)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    return tuple(int(v) for v in np.median(border, axis=0))
