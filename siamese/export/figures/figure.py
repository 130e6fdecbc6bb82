"""A run as one figure for print: loss, distances, embedding map and scores, as the page shows them."""

from __future__ import annotations

import io
import threading
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from siamese.data.bank import Dataset
from siamese.export.figures.curves import draw_loss, draw_scores
from siamese.export.figures.distances import draw_distances
from siamese.export.figures.map import draw_map
from siamese.export.figures.style import INK, SIZE, SOFT, TEXT
from siamese.training.jobs.history import RunHistory

DPI = 200
_METADATA: dict[str, Any] = {"Creator": "siamese", "Date": None}

# matplotlib keeps settings and a font cache in global variables, so figures are drawn one at a time.
_one_at_a_time = threading.Lock()


def run_figure(history: RunHistory, title: str, dataset: Dataset | None = None) -> Figure:
    """The figure of a run: loss, distances of the newest validation, embedding map, and scores with their baselines.

    dataset: the run's data set. With it the map shows the images themselves, each class in its own colour, and the
    texts say what is unseen. Without it the map shows points. A panel without data says so.
    """
    snapshot = history.snapshot()
    unseen = "images" if dataset is None else dataset.unseen
    figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.045, 0.972, title, size=13, weight="bold", color=INK, va="center", parse_math=False)
    figure.text(0.045, 0.942, _facts(history, snapshot), size=TEXT, color=SOFT, va="center", parse_math=False)
    grid = figure.add_gridspec(
        2, 2, left=0.045, right=0.985, top=0.85, bottom=0.065, hspace=0.48, wspace=0.14, width_ratios=(1.1, 1)
    )
    loss, distances, embedding, scores = (figure.add_subplot(grid[place]) for place in range(4))
    draw_loss(loss, snapshot)
    draw_distances(distances, snapshot, unseen)
    draw_map(embedding, history, snapshot, dataset)
    draw_scores(scores, snapshot, unseen)
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG file of 200 dots per inch; the same bytes for the same run."""
    return _written(figure, "png", {"Software": "siamese"})


def as_svg(figure: Figure) -> bytes:
    """The figure as an SVG file, letters as outlines, with no date or random name: the same bytes for the same run."""
    return _written(figure, "svg", _METADATA)


def _written(figure: Figure, kind: str, metadata: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    with _one_at_a_time, matplotlib.rc_context({"svg.hashsalt": "siamese", "svg.fonttype": "path"}):
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
