"""The panels with curves over the steps: loss and scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter

from siamese.export.figures.style import (
    INK,
    SMALL,
    SOFT,
    TEXT,
    as_numbers,
    empty_panel,
    heading,
    legend,
    plain_axes,
    step_axis,
)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Each value averaged with its neighbours, the nearest counting most; the page smooths its curves in the same way.

    A value that is not a number stays a gap, and its neighbours leave it out of their means.
    """
    reach = max(1, int(len(values) / 24 + 0.5))
    weights = reach + 1.0 - np.abs(np.arange(-reach, reach + 1))
    finite = np.isfinite(values)
    # The middle of the full convolution: mode "same" gives it only where there are more values than weights.
    middle = slice(reach, reach + len(values))
    total = np.convolve(np.where(finite, values, 0.0), weights)[middle]
    weight = np.convolve(finite.astype(float), weights)[middle]
    return np.where(finite, total / np.maximum(weight, 1e-12), math.nan)


def draw_loss(axes: Axes, snapshot: dict[str, Any]) -> None:
    loss, validation = snapshot["loss"], snapshot["validation"]
    sentence = "Down is better. On the dotted line, every pair has the same distance."
    heading(axes, f"Loss: {loss['name']}", sentence)
    raw, checked = as_numbers(loss["value"]), as_numbers(validation["loss"])
    if not np.isfinite(raw).any():
        return empty_panel(axes, "No step was taken.")
    plain_axes(axes)
    smoothed = _smooth(raw)
    axes.plot(loss["step"], raw, color=INK, alpha=0.28, linewidth=0.7)
    axes.plot(validation["step"], checked, color=INK, linewidth=0.8)
    axes.plot(loss["step"], smoothed, color=INK, linewidth=2.0)
    handles = [
        Line2D([], [], color=INK, linewidth=2.0, label="training"),
        Line2D([], [], color=INK, linewidth=0.7, alpha=0.4, label="before smoothing"),
        Line2D([], [], color=INK, linewidth=0.8, label="validation"),
    ]
    tops = [np.nanquantile(np.concatenate([smoothed, checked]), 0.97) * 1.1, np.nanquantile(raw, 0.95) * 1.2]
    collapse = loss["collapse"]
    if collapse:
        axes.axhline(collapse, color=SOFT, linewidth=1.4, linestyle=(0, (1, 2)))
        label = f"collapse: {loss['collapse_name']} = {collapse:.4g}"
        place: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "textcoords": "offset points",
            "ha": "right",
            "va": "bottom",
        }
        rim = [withStroke(linewidth=3, foreground="white")]  # the words stay legible where a curve runs behind them
        axes.annotate(label, (1, collapse), (0, 3), size=TEXT, color=SOFT, path_effects=rim, **place)
        tops.append(collapse * 1.12)
    axes.set_ylim(0, max(tops) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    step_axis(axes, snapshot["step"])
    legend(axes, handles)


_SCORES: tuple[tuple[str, str, float, Any, str], ...] = (
    ("pair_accuracy", "pairs right", 2.0, "-", INK),
    ("oneshot", "one-shot", 0.9, "-", INK),
    ("auc", "ROC AUC", 1.2, (0, (5, 3)), SOFT),
)


def draw_scores(axes: Axes, snapshot: dict[str, Any], unseen: str) -> None:
    scores, validation = snapshot["scores"], snapshot["validation"]
    if scores is None:
        heading(axes, f"Scores on unseen {unseen}", "Beside each, what comparing raw pixels scores.")
        return empty_panel(axes, "No validation was made.")
    heading(
        axes, f"Scores on unseen {unseen}", "Beneath each, what comparing raw pixels scores, and what guessing does."
    )
    baseline = scores["baseline"] or {}
    where = "within a group" if scores["within_group"] else "across all classes"
    columns = (
        (
            "pair_accuracy",
            "pairs right",
            "{:.1%}",
            0.5,
            f"{scores['pairs']:,} pairs, threshold {scores['threshold']:.3g}",
        ),
        ("auc", "ROC AUC", "{:.3f}", 0.5, f"equal error rate {scores['eer']:.1%}"),
        (
            "oneshot",
            f"{scores['way']}-way one-shot",
            "{:.1%}",
            1 / scores["way"],
            f"{where}, {scores['trials']:,} trials",
        ),
    )
    for number, (key, name, form, guess, protocol) in enumerate(columns):
        at: dict[str, Any] = {"x": (0.0, 0.37, 0.67)[number], "transform": axes.transAxes, "va": "top"}
        axes.text(y=1.0, s=form.format(scores[key]), size=14, weight="bold", color=INK, **at)
        axes.text(y=0.86, s=name, size=TEXT, color=INK, **at)
        pixels = f"pixels {form.format(baseline[key])}, " if key in baseline else ""
        axes.text(
            y=0.775,
            s=f"{pixels}guess {guess if key == 'auc' else f'{guess:.0%}'}",
            size=SMALL,
            color=SOFT,
            **at,
        )
        axes.text(y=0.70, s=protocol, size=SMALL, color=SOFT, **at)
    axes.set_axis_off()
    plot = axes.inset_axes((0.0, 0.0, 1.0, 0.6))
    plain_axes(plot)
    handles = []
    for key, name, wide, dash, colour in _SCORES:
        plot.plot(validation["step"], as_numbers(validation[key]), color=colour, linewidth=wide, linestyle=dash)
        handles.append(Line2D([], [], color=colour, linewidth=wide, linestyle=dash, label=name))
        if key in baseline:
            plot.plot([1.0], [baseline[key]], transform=plot.get_yaxis_transform(), **_pixel_mark(wide, colour))
    if baseline:
        handles.append(Line2D([], [], **_pixel_mark(2.0, INK), label="raw pixels"))
    plot.set_ylim(0, 1)
    plot.set_yticks([0, 0.5, 1])
    plot.yaxis.set_major_formatter(PercentFormatter(1.0, 0, " %"))
    step_axis(plot, snapshot["step"])
    legend(plot, handles, below=-0.2)


def _pixel_mark(wide: float, colour: str) -> dict[str, Any]:
    """A small arrow at the right edge: the score of raw pixels. It is hollow where the curve is thin."""
    fill = colour if wide >= 1 else "white"
    return {
        "marker": "<",
        "markersize": 5,
        "color": colour,
        "markerfacecolor": fill,
        "markeredgewidth": 0.9,
        "linestyle": "none",
        "clip_on": False,
    }
