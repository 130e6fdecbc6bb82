"""A drawing that was photographed, on even paper: light that falls unevenly is taken out, and the ink gets its full
strength, as in the drawings that a network was trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

SIDE = 256  # pixels of the longer side: more than any network of drawings looks at
_SMALL = 64  # pixels of the longer side in which the paper is looked for
_WIDEST = 13  # of these, what ink is narrower than: a fifth of the picture
_EDGE = 5  # of these, how far around a place there may be no ink if paper is to be seen there
_EVEN = 20  # grey levels: paper this close to white, or to black, is even already
_STRONG = 180  # grey levels between paper and ink that need no more
_FAINTEST = 25  # grey levels below which there is no ink
# Most of a drawing is quiet paper: the median pixel, and the noise around it, are a small share of the ink's strength,
# and few pixels are in between. Of 62 portraits tried none is so, of 24 photographed drawings all are.
_QUIET = 1 / 14
_MOST_TOUCHED = 0.3
_MOST_COLOUR = 0.45  # saturation: even under a lamp, paper and blackboards are paler


def even_paper(image: Image.Image) -> Image.Image | None:
    """The drawing as dark ink on white, or as light chalk on black, mode "L", its longer side at most SIDE pixels.

    None where there is nothing to mend: the paper is even and the ink strong, or the picture is no drawing.
    The paper is what is left when everything that is narrower than a fifth of the picture is taken out (closing, as in
    mathematical morphology), and it is divided out of the picture as the light that falls on it.
    """
    if _is_colourful(image):
        return None
    grey = image.convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    values = np.asarray(grey, dtype=np.float32)
    small = _small(values)
    dark_ink = _ink_is_dark(small)
    if not dark_ink:
        values, small = 255 - values, 255 - small
    closed = _running(_running(small, np.max, _WIDEST), np.min, _WIDEST)
    # On ink, and on its soft edges, no paper is seen: a stroke that is wider than the window is no uneven light.
    seen = closed[_running(small, np.min, _EDGE) > 255 - _STRONG]
    if seen.size and np.quantile(seen, 0.02) >= 255 - _EVEN and values.min() <= 255 - _STRONG:
        return None
    paper = _smooth(closed, values.shape)
    # Reflected light is light times paper, so that a share of it is the same in the sun and in the shade.
    ink = np.clip(1 - values / np.maximum(paper, 1), 0, 1) if dark_ink else np.clip(paper - values, 0, 255) / 255
    strongest = float(np.quantile(ink, 0.995))
    noise = 1.4826 * float(np.median(np.abs(ink - np.median(ink))))
    if strongest * float(np.median(paper)) < _FAINTEST or (ink > strongest / 4).mean() > _MOST_TOUCHED:
        return None
    if max(noise, float(np.median(ink))) > _QUIET * strongest:
        return None
    low, high = max(strongest / 4, 3 * noise), 0.7 * strongest
    strength = np.clip((ink - low) / (high - low), 0, 1)
    return Image.fromarray(np.round(255 * (1 - strength if dark_ink else strength)).astype(np.uint8))


def _is_colourful(image: Image.Image) -> bool:
    small = image.convert("RGB")
    small.thumbnail((_SMALL, _SMALL), Image.Resampling.BOX)
    channels = np.asarray(small, dtype=np.float32)
    most, least = channels.max(2), channels.min(2)
    return bool(np.median((most - least) / np.maximum(most, 1)) > _MOST_COLOUR)


def _ink_is_dark(values: np.ndarray) -> bool:
    """Whether what stands out from a smooth surface through float [H, W] is darker than it."""
    height, width = values.shape
    y, x = (axis.ravel() for axis in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j])
    surface = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    flat = values.ravel()
    kept = np.ones(len(flat), dtype=bool)
    rest = flat
    for _ in range(3):  # without what stands out, so that the surface follows the paper
        rest = flat - surface @ np.linalg.lstsq(surface[kept], flat[kept], rcond=None)[0]
        kept = np.abs(rest) <= 2 * np.median(np.abs(rest)) + 1
    return bool((rest**3).sum() < 0)


def _small(values: np.ndarray) -> np.ndarray:
    """Float [H, W] with a longer side of _SMALL pixels."""
    height, width = values.shape
    share = _SMALL / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))


def _smooth(closed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The light paper under dark ink, float32 of that shape [H, W]."""
    height, width = shape
    smooth = Image.fromarray(closed.round().astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def _running(values: np.ndarray, pick: Callable[..., np.ndarray], width: int) -> np.ndarray:
    """The largest or smallest value around each place, in a square of this width; repeated beyond the border."""
    for axis in (0, 1):
        around = [(width // 2, width // 2) if each == axis else (0, 0) for each in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, around, mode="edge"), width, axis)
        values = pick(windows, axis=-1)
    return values
