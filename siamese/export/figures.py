"""A run as one figure for print: loss, distances, embedding map and scores, as the page shows them."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, PercentFormatter

from siamese.data.bank import Dataset
from siamese.evaluation.validation import map_bank
from siamese.training.jobs.history import RunHistory

SAME, DIFFERENT = "#0072B2", "#D55E00"
INK, SOFT, LINE = "#1d1f23", "#62676f", "#e3e4e0"
CLASSES = ("#117733", "#aa4499", "#8a6d00", "#2f8f8b", "#6a4c93", "#9c2f52", "#5b6b00", "#6b737d")
DPI = 200
_SIZE = (11.0, 7.9)  # inches
_PICTURE = 15.0  # points: the side of a picture on the map
_TEXT, _SMALL = 8.5, 7.5  # points
_METADATA: dict[str, Any] = {"Creator": "siamese", "Date": None}
# matplotlib keeps its settings and its font cache in globals, so one figure is drawn at a time.
_drawing = threading.Lock()


def run_figure(history: RunHistory, title: str, dataset: Dataset | None = None) -> Figure:
    """The figure of a run: loss, distances of the newest validation, embedding map, and scores with their baselines.

    dataset: what the run was trained on; with it the map shows the images themselves, each class in a colour of its
    own, and the texts say what is unseen; without it points. A part that has no data yet says so.
    """
    snapshot = history.snapshot()
    unseen = "images" if dataset is None else dataset.unseen
    figure = Figure(figsize=_SIZE, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.045, 0.972, title, size=13, weight="bold", color=INK, va="center", parse_math=False)
    figure.text(0.045, 0.942, _facts(history, snapshot), size=_TEXT, color=SOFT, va="center", parse_math=False)
    grid = figure.add_gridspec(
        2, 2, left=0.045, right=0.985, top=0.85, bottom=0.065, hspace=0.48, wspace=0.14, width_ratios=(1.1, 1)
    )
    loss, distances, embedding, scores = (figure.add_subplot(grid[place]) for place in range(4))
    _draw_loss(loss, snapshot)
    _draw_distances(distances, snapshot, unseen)
    _draw_map(embedding, history, snapshot, dataset)
    _draw_scores(scores, snapshot, unseen)
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG file of 200 dots per inch; the same bytes for the same run."""
    return _written(figure, "png", {"Software": "siamese"})


def as_svg(figure: Figure) -> bytes:
    """The figure as an SVG file, letters as outlines, with no date or random name: the same bytes for the same run."""
    return _written(figure, "svg", _METADATA)


def _written(figure: Figure, kind: str, metadata: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    with _drawing, matplotlib.rc_context({"svg.hashsalt": "siamese", "svg.fonttype": "path"}):
        figure.savefig(out, format=kind, metadata=metadata)
    return out.getvalue()


def _facts(history: RunHistory, snapshot: dict[str, Any]) -> str:
    facts = [f"{snapshot['step']:,} of {snapshot['steps']:,} steps", f"{snapshot['seconds']:.1f} s"]
    facts += [snapshot["device"]] if snapshot["device"] else []
    facts += [f"{snapshot['parameters']:,} weights"] if snapshot["parameters"] else []
    if history.diagnosis is not None:
        words = {"collapse": "collapse", "diverged": "diverged", "satisfied": "every triplet satisfied"}
        facts.append(
            f"{words.get(history.diagnosis.kind, history.diagnosis.kind)} since step {history.diagnosis.step:,}"
        )
    return "  ·  ".join(facts)


def _head(axes: Axes, title: str, sentence: str) -> None:
    axes.annotate(
        title, (0, 1), (0, 26), "axes fraction", "offset points", size=10.5, weight="bold", color=INK, va="bottom"
    )
    axes.annotate(sentence, (0, 1), (0, 13), "axes fraction", "offset points", size=_TEXT, color=SOFT, va="bottom")


def _plain(axes: Axes, grid: bool = True) -> None:
    """No frame but a base line, and hairlines behind the data."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(length=0, labelsize=_TEXT, labelcolor=SOFT, pad=5)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=LINE, linewidth=0.8)


def _legend(axes: Axes, handles: Sequence[Any], below: float = -0.13) -> None:
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, below),
        borderaxespad=0,
        borderpad=0,
        ncols=len(handles),
        frameon=False,
        fontsize=_TEXT,
        labelcolor=SOFT,
        handlelength=2.0,
        columnspacing=1.6,
    )


def _empty(axes: Axes, sentence: str) -> None:
    _plain(axes, grid=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, sentence, size=_TEXT, color=SOFT, ha="center", va="center", transform=axes.transAxes)


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def _smooth(values: np.ndarray) -> np.ndarray:
    """The mean of each value and its neighbours, the nearest weighing most, as the page smooths its curves.

    A value that is no number stays a gap and has no weight in its neighbours' means.
    """
    reach = max(1, int(len(values) / 24 + 0.5))
    weights = reach + 1.0 - np.abs(np.arange(-reach, reach + 1))
    known = np.isfinite(values)
    # Of the full convolution the middle, which is what "same" gives only where the values outnumber the weights.
    middle = slice(reach, reach + len(values))
    total = np.convolve(np.where(known, values, 0.0), weights)[middle]
    weight = np.convolve(known.astype(float), weights)[middle]
    return np.where(known, total / np.maximum(weight, 1e-12), math.nan)


def _draw_loss(axes: Axes, snapshot: dict[str, Any]) -> None:
    loss, validation = snapshot["loss"], snapshot["validation"]
    sentence = "Down is better. On the dotted line, every pair has the same distance."
    _head(axes, f"Loss: {loss['name']}", sentence)
    raw, checked = _numbers(loss["value"]), _numbers(validation["loss"])
    if not np.isfinite(raw).any():
        return _empty(axes, "No step was taken.")
    _plain(axes)
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
        rim = [withStroke(linewidth=3, foreground="white")]  # keeps the words legible where a curve runs behind them
        axes.annotate(label, (1, collapse), (0, 3), size=_TEXT, color=SOFT, path_effects=rim, **place)
        tops.append(collapse * 1.12)
    axes.set_ylim(0, max(tops) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    _step_axis(axes, snapshot["step"])
    _legend(axes, handles)


def _step_axis(axes: Axes, steps: int) -> None:
    """Ticks at round steps, the last of which says what they are."""
    axes.set_xlim(0, max(steps, 1))
    ticks = [tick for tick in MaxNLocator(5, integer=True).tick_values(0, max(steps, 1)) if 0 <= tick <= max(steps, 1)]
    axes.set_xticks(ticks, [f"{tick:,.0f}" + (" steps" if tick == ticks[-1] else "") for tick in ticks])
    if ticks[-1] > 0.94 * steps:
        axes.get_xticklabels()[-1].set_horizontalalignment("right")


def _draw_distances(axes: Axes, snapshot: dict[str, Any], unseen: str) -> None:
    frame, scores = snapshot["frame"], snapshot["scores"]
    if frame is None:
        _head(axes, "Distances", "Same pairs and different pairs, and the threshold between.")
        return _empty(axes, "No validation was made.")
    wrong = f"{round(1000 * frame['overlap']):,} of 1,000 fall on the wrong side"
    _head(axes, "Distances", f"Pairs from unseen {unseen}: {wrong}.")
    _plain(axes, grid=False)
    edges, threshold = np.array(frame["edges"]), frame["threshold"]
    same, different = np.array(frame["same"]), np.array(frame["different"])
    tops = sorted([same.max(), different.max()])
    # Where one hill is a spike, its tip is cut off, or the other hill could not be seen.
    peak = 1.06 * min(tops[1], 2.5 * tops[0]) or 1.0
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, peak * 1.14)
    hills = axes.inset_axes((0, 0, 1, 1 / 1.14), sharex=axes)  # keeps a cut hill below the words
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
        "size": _TEXT,
        "color": SOFT,
    }
    reach = edges[-1] - edges[0]
    if threshold - edges[0] > 0.16 * reach:
        axes.annotate("◂ says “same”", (threshold, 0.965), (-5, 0), ha="right", va="center", **words)
    if edges[-1] - threshold > 0.22 * reach:
        axes.annotate("says “different” ▸", (threshold, 0.965), (5, 0), ha="left", va="center", **words)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _legend(
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
        size=_TEXT,
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


def _draw_map(axes: Axes, history: RunHistory, snapshot: dict[str, Any], dataset: Dataset | None) -> None:
    frame = snapshot["frame"]
    sentence = "Neighbours look alike to the network."
    if frame is None:
        _head(axes, "Embedding map", sentence)
        return _empty(axes, "No validation was made.")
    if frame["explained"] < 0.9995:
        sentence = f"Neighbours look alike to the network; two directions with {frame['explained']:.0%} of the spread."
    _head(axes, "Embedding map", sentence)
    axes.set_axis_off()
    x, y = np.array(frame["x"]), np.array(frame["y"])
    # One scale for both directions. The points fit with a rim around them, but no nearer than a third of how far the
    # run once spread, for a map that shrinks should be seen to shrink.
    widest = max(float(np.ptp(values)) for v in history.validations for values in (v.x, v.y))
    box = axes.get_position()
    wide, tall = box.width * _SIZE[0] * 72 - 2 * _PICTURE, box.height * _SIZE[1] * 72 - 2 * _PICTURE
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
    """The images of the map, float [H, W, 4] where strokes alone are drawn, else [H, W, 3], and each one's colour."""
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


_SCORES: tuple[tuple[str, str, float, Any, str], ...] = (
    ("pair_accuracy", "pairs right", 2.0, "-", INK),
    ("oneshot", "one-shot", 0.9, "-", INK),
    ("auc", "ROC AUC", 1.2, (0, (5, 3)), SOFT),
)


def _draw_scores(axes: Axes, snapshot: dict[str, Any], unseen: str) -> None:
    scores, validation = snapshot["scores"], snapshot["validation"]
    if scores is None:
        _head(axes, f"Scores on unseen {unseen}", "Beside each, what comparing raw pixels scores.")
        return _empty(axes, "No validation was made.")
    _head(axes, f"Scores on unseen {unseen}", "Beneath each, what comparing raw pixels scores, and what guessing does.")
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
        axes.text(y=0.86, s=name, size=_TEXT, color=INK, **at)
        pixels = f"pixels {form.format(baseline[key])}, " if key in baseline else ""
        axes.text(
            y=0.775,
            s=f"{pixels}guess {guess if key == 'auc' else f'{guess:.0%}'}",
            size=_SMALL,
            color=SOFT,
            **at,
        )
        axes.text(y=0.70, s=protocol, size=_SMALL, color=SOFT, **at)
    axes.set_axis_off()
    plot = axes.inset_axes((0.0, 0.0, 1.0, 0.6))
    _plain(plot)
    handles = []
    for key, name, wide, dash, colour in _SCORES:
        plot.plot(validation["step"], _numbers(validation[key]), color=colour, linewidth=wide, linestyle=dash)
        handles.append(Line2D([], [], color=colour, linewidth=wide, linestyle=dash, label=name))
        if key in baseline:
            plot.plot([1.0], [baseline[key]], transform=plot.get_yaxis_transform(), **_pixel_mark(wide, colour))
    if baseline:
        handles.append(Line2D([], [], **_pixel_mark(2.0, INK), label="raw pixels"))
    plot.set_ylim(0, 1)
    plot.set_yticks([0, 0.5, 1])
    plot.yaxis.set_major_formatter(PercentFormatter(1.0, 0, " %"))
    _step_axis(plot, snapshot["step"])
    _legend(plot, handles, below=-0.2)


def _pixel_mark(wide: float, colour: str) -> dict[str, Any]:
    """A small arrow at the right end of a curve's plot, hollow for a thin curve: where raw pixels stand."""
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
