"""What the panels share: colours and sizes, headings, legends, axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

SAME, DIFFERENT = "#0072B2", "#D55E00"
INK, SOFT, LINE = "#1d1f23", "#62676f", "#e3e4e0"
CLASSES = ("#117733", "#aa4499", "#8a6d00", "#2f8f8b", "#6a4c93", "#9c2f52", "#5b6b00", "#6b737d")
SIZE = (11.0, 7.9)  # inches
TEXT, SMALL = 8.5, 7.5  # points


def heading(axes: Axes, title: str, sentence: str) -> None:
    axes.annotate(
        title, (0, 1), (0, 26), "axes fraction", "offset points", size=10.5, weight="bold", color=INK, va="bottom"
    )
    axes.annotate(sentence, (0, 1), (0, 13), "axes fraction", "offset points", size=TEXT, color=SOFT, va="bottom")


def plain_axes(axes: Axes, grid: bool = True) -> None:
    """Axes with a base line in place of a frame, and thin lines behind the data."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(length=0, labelsize=TEXT, labelcolor=SOFT, pad=5)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=LINE, linewidth=0.8)


def legend(axes: Axes, handles: Sequence[Any], below: float = -0.13) -> None:
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, below),
        borderaxespad=0,
        borderpad=0,
        ncols=len(handles),
        frameon=False,
        fontsize=TEXT,
        labelcolor=SOFT,
        handlelength=2.0,
        columnspacing=1.6,
    )


def empty_panel(axes: Axes, sentence: str) -> None:
    plain_axes(axes, grid=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, sentence, size=TEXT, color=SOFT, ha="center", va="center", transform=axes.transAxes)


def as_numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def step_axis(axes: Axes, steps: int) -> None:
    """Ticks at round steps; the label of the last one names the unit."""
    axes.set_xlim(0, max(steps, 1))
    ticks = [tick for tick in MaxNLocator(5, integer=True).tick_values(0, max(steps, 1)) if 0 <= tick <= max(steps, 1)]
    axes.set_xticks(ticks, [f"{tick:,.0f}" + (" steps" if tick == ticks[-1] else "") for tick in ticks])
    if ticks[-1] > 0.94 * steps:
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
