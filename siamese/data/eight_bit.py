"""Converts the many kinds of pixels in files to 8 bits, grey or RGB, and reduces large images.

An image that becomes smaller is converted in strips, so the conversion needs no second copy of the whole image.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
LONGEST = 16
_STRIP_PIXELS = 1 << 20


def reduced(image: Image.Image, at_least: int | None) -> Image.Image:
    """The decoded image in mode "L" (grey) or "RGB", with transparency laid on white.

    at_least: reduce it by a whole factor (the mean of each square of pixels), as long as both sides keep at least this
        many pixels; an image more than LONGEST times as long is reduced further.  None: the full size.
    """
    low, high = _range(image) if _is_wide(image) else (0.0, 255.0)
    factor = 1
    if at_least is not None:
        factor = max(1, min(image.size) // at_least, max(image.size) // (LONGEST * at_least))
    if factor == 1:
        return _eight_bit(image, low, high)
    grey = image.mode in GREY_MODES
    small = Image.new("L" if grey else "RGB", (-(-image.width // factor), -(-image.height // factor)))
    rows = factor * max(1, _STRIP_PIXELS // (factor * image.width))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        small.paste(_eight_bit(strip, low, high).reduce(factor), (0, top // factor))
    return small


def _is_wide(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _eight_bit(image: Image.Image, low: float, high: float) -> Image.Image:
    """The decoded image, or a strip of it, in mode "L" or "RGB". Of wide values, `low` becomes 0 and `high` 255."""
    if _is_wide(image):
        return Image.fromarray(np.rint((_values(image) - low) * (255.0 / (high - low))).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA" if image.mode not in ("LA", "La") else "LA")
        paper = Image.new(image.mode, image.size, "white")
        image = Image.alpha_composite(paper, image) if image.mode == "RGBA" else _on_white(image)
    return image.convert("L" if image.mode in GREY_MODES else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    grey, alpha = image.split()
    return Image.composite(grey, Image.new("L", image.size, 255), alpha)


def _values(image: Image.Image) -> np.ndarray:
    """16-bit or 32-bit integers or floats as float32 [H, W]; a value that is not finite becomes 0."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(values, -1e38, 1e38)  # so that the difference of two values does not overflow


def _range(image: Image.Image) -> tuple[float, float]:
    """The values that become black and white.

    They are 0 and 65,535 for integers (Pillow gives a 16-bit PGM the mode "I"), and 0 and 1 or 0 and 255 for floats.
    Where a value lies outside of these, they are the smallest and the largest value.
    """
    rows = max(1, _STRIP_PIXELS // image.width)
    lows, highs = [], []
    for top in range(0, image.height, rows):
        values = _values(image.crop((0, top, image.width, min(top + rows, image.height))))
        lows.append(float(values.min()))
        highs.append(float(values.max()))
    low, high = min(lows), max(highs)
    full = 65535.0 if image.mode != "F" else 1.0 if high <= 1.0 else 255.0
    return (low, high) if low < 0 or high > full else (0.0, full)
