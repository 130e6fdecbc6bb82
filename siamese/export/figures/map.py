"""The panel of the embedding map: images placed by their embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from siamese.data.bank import Dataset
from siamese.evaluation.validation import map_bank
from siamese.export.figures.style import CLASSES, INK, SIZE, empty_panel, heading
from siamese.training.jobs.history import RunHistory

_PICTURE = 15.0  # points: the side of a picture on the map


def draw_map(axes: Axes, history: RunHistory, snapshot: dict[str, Any], dataset: Dataset | None) -> None:
    frame = snapshot["frame"]
    sentence = "Neighbours look alike to the network."
    if frame is None:
        heading(axes, "Embedding map", sentence)
        return empty_panel(axes, "No validation was made.")
    if frame["explained"] < 0.9995:
        sentence = f"Neighbours look alike to the network; two directions with {frame['explained']:.0%} of the spread."
    heading(axes, "Embedding map", sentence)
    axes.set_axis_off()
    x, y = np.array(frame["x"]), np.array(frame["y"])
    # Both directions have the same scale, and all points fit. The map zooms in only up to about a third of the widest
    # spread of the run, because a map that shrinks should look smaller.
    widest = max(float(np.ptp(values)) for v in history.validations for values in (v.x, v.y))
    box = axes.get_position()
    wide, tall = box.width * SIZE[0] * 72 - 2 * _PICTURE, box.height * SIZE[1] * 72 - 2 * _PICTURE
    unit = max(np.ptp(x) / wide, np.ptp(y) / tall, 0.35 * widest / wide, 1e-9)
    for limits, values, points in ((axes.set_xlim, x, wide), (axes.set_ylim, y, tall)):
        middle, reach = (values.max() + values.min()) / 2, unit * (points / 2 + _PICTURE)
        limits(middle - reach, middle + reach)
    if dataset is None:
        axes.scatter(x, y, s=14, color=INK, edgecolors="white", linewidths=0.5)
        return None
    for image, colour, at in zip(*_pictures(history, dataset), zip(x, y)):
        picture = OffsetImage(image, zoom=_zoom(image), interpolation="bilinear", dpi_cor=True)
        picture.image.axes = axes
        frame_props: dict[str, Any] = (
            {"edgecolor": colour, "linewidth": 1.2} if image.shape[2] == 3 else {"linewidth": 0}
        )
        axes.add_artist(AnnotationBbox(picture, at, frameon=image.shape[2] == 3, pad=0.0, bboxprops=frame_props))
    return None


def _zoom(image: np.ndarray) -> float:
    return _PICTURE / max(image.shape[:2])


def _pictures(history: RunHistory, dataset: Dataset) -> tuple[list[np.ndarray], list[str]]:
    """The images of the map and the colour of each: float [H, W, 4] for strokes on no ground, else [H, W, 3]."""
    bank = map_bank(history.recipe, dataset.validation)
    pixels = bank.images.cpu().float().div(255).permute(0, 2, 3, 1).numpy()
    colours = [CLASSES[label % len(CLASSES)] for label in bank.labels.tolist()]
    rim = np.concatenate(
        [pixels[:, 0].ravel(), pixels[:, -1].ravel(), pixels[:, :, 0].ravel(), pixels[:, :, -1].ravel()]
    )
    darkness = float(np.median(rim))
    if pixels.shape[3] == 1 and (darkness < 0.05 or darkness > 0.95):
        ink = pixels if darkness < 0.05 else 1 - pixels
        tinted = [np.concatenate([np.broadcast_to(to_rgb(c), (*i.shape[:2], 3)), i], 2) for c, i in zip(colours, ink)]
        return tinted, colours
    return [np.repeat(image, 3, 2) if image.shape[2] == 1 else image for image in pixels], colours
