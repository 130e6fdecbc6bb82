"""The panel of the distances: the hill of same pairs, the hill of different pairs, the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from siamese.export.figures.style import DIFFERENT, INK, SAME, SOFT, TEXT, empty_panel, heading, legend, plain_axes


def draw_distances(axes: Axes, snapshot: dict[str, Any], unseen: str) -> None:
    frame, scores = snapshot["frame"], snapshot["scores"]
    if frame is None:
        heading(axes, "Distances", "Same pairs and different pairs, and the threshold between.")
        return empty_panel(axes, "No validation was made.")
    wrong = f"{round(1000 * frame['overlap']):,} of 1,000 fall on the wrong side"
    heading(axes, "Distances", f"Pairs from unseen {unseen}: {wrong}.")
    plain_axes(axes, grid=False)
    edges, threshold = np.array(frame["edges"]), frame["threshold"]
    same, different = np.array(frame["same"]), np.array(frame["different"])
    tops = sorted([same.max(), different.max()])
    # A hill that is a spike loses its tip; otherwise the other hill would be too flat to be seen.
    peak = 1.06 * min(tops[1], 2.5 * tops[0]) or 1.0
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, peak * 1.14)
    hills = axes.inset_axes((0, 0, 1, 1 / 1.14), sharex=axes)  # a hill that is cut stays below the words
    hills.set_ylim(0, peak)
    hills.axis("off")
    width = np.diff(edges)
    bars: dict[str, Any] = {"align": "edge", "linewidth": 0.0}
    hills.bar(
        edges[:-1], different, width * 0.92, facecolor="none", edgecolor=DIFFERENT, hatch="//////", alpha=0.5, **bars
    )
    hills.bar(edges[:-1], same, width * 0.92, color=SAME, alpha=0.3, **bars)
    for shares, colour, left, right in (
        (different, DIFFERENT, edges[0], threshold),
        (same, SAME, threshold, edges[-1]),
    ):
        clip = Rectangle((left, 0), right - left, peak, transform=hills.transData)
        for bar in hills.bar(edges[:-1], shares, width * 0.92, color=colour, alpha=0.75, **bars):
            bar.set_clip_path(clip)
    for shares, colour, wide in ((different, DIFFERENT, 3.2), (same, SAME, 2.0)):
        hills.plot(*_hill(edges, shares), color=colour, linewidth=wide, solid_joinstyle="round")
    hills.plot(*_hill(edges, different), color="white", linewidth=1.2)
    dashed: dict[str, Any] = {"color": INK, "linewidth": 1.6, "linestyle": (0, (4, 3))}
    hills.plot([threshold, threshold], [0, peak * 1.14], clip_on=False, **dashed)
    words: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "textcoords": "offset points",
        "size": TEXT,
        "color": SOFT,
    }
    reach = edges[-1] - edges[0]
    if threshold - edges[0] > 0.16 * reach:
        axes.annotate("◂ says “same”", (threshold, 0.965), (-5, 0), ha="right", va="center", **words)
    if edges[-1] - threshold > 0.22 * reach:
        axes.annotate("says “different” ▸", (threshold, 0.965), (5, 0), ha="left", va="center", **words)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    legend(
        axes,
        [
            Patch(facecolor=_tint(SAME, 0.3), edgecolor=SAME, linewidth=1.6, label="same"),
            Patch(facecolor="white", edgecolor=DIFFERENT, linewidth=1.0, hatch="//////", label="different"),
            Line2D([], [], **dashed, label=f"threshold {scores['threshold']:.3g}"),
        ],
    )
    axes.annotate(
        "dissimilarity",
        (1, -0.13),
        (0, -1),
        "axes fraction",
        "offset points",
        size=TEXT,
        color=SOFT,
        ha="right",
        va="top",
    )


def _hill(edges: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outline of a histogram as a smooth curve: each height averaged over the width of two bars."""
    fine = 16  # points of the curve in a bar
    heights = np.pad(np.repeat(shares, fine), fine, mode="edge")
    for _ in range(2):
        heights = np.convolve(heights, np.full(fine + 1, 1 / (fine + 1)), mode="same")
    x = np.interp((np.arange(len(shares) * fine) + 0.5) / fine, np.arange(len(edges)), edges)
    return x, heights[fine:-fine]


def _tint(colour: str, share: float) -> tuple[float, float, float]:
    """The colour laid over white, covering it by that share."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return red, green, blue
