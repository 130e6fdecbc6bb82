"""The figure of a run: what it shows is what was measured, and the same run gives the same file."""

from __future__ import annotations

import ast
import io
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox
from PIL import Image

from siamese.data.bank import Dataset
from siamese.evaluation.validation import Validator
from siamese.export.figures import curves
from siamese.export.figures import map as map_panel
from siamese.export.figures.figure import DPI, as_png, as_svg, run_figure
from siamese.export.figures.style import DIFFERENT, INK, SAME, SOFT
from siamese.models.network import build_network
from siamese.recipes import Recipe
from siamese.training.events import Diagnosis, Progress
from siamese.training.jobs.history import RunHistory
from siamese.training.loop import train

RECIPE = Recipe(encoder="strided", embedding_dim=8, batch_size=8, steps=40, validate_every=10)


def history_of(dataset: Dataset, recipe: Recipe = RECIPE) -> RunHistory:
    history = RunHistory(recipe)
    for event in train(recipe, dataset, device=torch.device("cpu")):
        history.add(event)
    return history


@pytest.fixture(scope="module")
def history(dataset: Dataset) -> RunHistory:
    return history_of(dataset)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def panel(figure: Figure, title: str) -> Any:
    return next(axes for axes in figure.axes if any(text.get_text().startswith(title) for text in axes.texts))


def line(axes: Any, colour: str, width: float) -> Any:
    return next(x for x in axes.lines if to_hex(x.get_color()) == colour.lower() and x.get_linewidth() == width)


def test_the_loss_is_the_runs(history: RunHistory) -> None:
    axes = panel(run_figure(history, "a run"), "Loss: contrastive")
    raw, validation, smooth = line(axes, INK, 0.7), line(axes, INK, 0.8), line(axes, INK, 2.0)
    assert raw.get_xdata().tolist() == list(range(1, 41))
    assert raw.get_ydata() == pytest.approx(history.loss.values, abs=1e-5)
    assert list(validation.get_xdata()) == [v.step for v in history.validations]
    assert validation.get_ydata() == pytest.approx([v.loss for v in history.validations], abs=1e-5)
    assert np.std(np.diff(smooth.get_ydata())) < np.std(np.diff(raw.get_ydata()))
    dotted = line(axes, SOFT, 1.4)
    assert set(dotted.get_ydata()) == {0.25}
    assert dotted.get_linestyle() not in ("-", "solid")
    assert "collapse: m²/4 = 0.25" in texts(axes.figure)


def test_the_distances_are_the_newest_validations(history: RunHistory) -> None:
    figure = run_figure(history, "a run")
    axes = panel(figure, "Distances")
    newest = history.validations[-1]
    (hills,) = axes.child_axes
    heights = [np.array([bar.get_height() for bar in bars]) for bars in hills.containers]
    assert heights[0] == pytest.approx(newest.different, abs=1e-4)
    assert heights[1] == pytest.approx(newest.same, abs=1e-4)
    assert hills.containers[0][0].get_hatch() and not hills.containers[1][0].get_hatch()
    assert to_hex(hills.containers[1][0].get_facecolor()) == SAME.lower()
    assert to_hex(hills.containers[0][0].get_edgecolor()) == DIFFERENT.lower()
    dashed = line(hills, INK, 1.6)
    assert set(dashed.get_xdata()) == {round(newest.scores.threshold, 4)}
    assert dashed.get_linestyle() not in ("-", "solid")
    assert any(f"{round(1000 * newest.overlap)} of 1,000 fall on the wrong side" in text for text in texts(figure))


def test_the_scores_stand_beside_their_baselines(history: RunHistory) -> None:
    figure = run_figure(history, "a run")
    told, scores = texts(figure), history.validations[-1].scores
    assert history.baseline is not None
    pixels = history.baseline.scores
    assert f"{scores.pair_accuracy:.1%}" in told and f"{scores.auc:.3f}" in told and f"{scores.oneshot:.1%}" in told
    assert f"pixels {pixels.pair_accuracy:.1%}, guess 50%" in told
    assert f"pixels {pixels.auc:.3f}, guess 0.5" in told
    assert f"pixels {pixels.oneshot:.1%}, guess {1 / scores.way:.0%}" in told
    assert f"{scores.way}-way one-shot" in told
    (plot,) = panel(figure, "Scores").child_axes
    curve = line(plot, INK, 2.0)
    assert curve.get_ydata() == pytest.approx([v.scores.pair_accuracy for v in history.validations], abs=1e-4)
    marks = [x.get_ydata()[0] for x in plot.lines if x.get_marker() == "<"]
    assert marks == pytest.approx([pixels.pair_accuracy, pixels.oneshot, pixels.auc], abs=1e-4)


def test_the_map_shows_every_image_where_the_network_puts_it(history: RunHistory, dataset: Dataset) -> None:
    newest = history.validations[-1]
    points = panel(run_figure(history, "a run"), "Embedding map").collections[0].get_offsets()
    assert points[:, 0].tolist() == list(newest.x) and points[:, 1].tolist() == list(newest.y)
    axes = panel(run_figure(history, "a run", dataset), "Embedding map")
    pictures = [artist for artist in axes.artists if isinstance(artist, AnnotationBbox)]
    assert [tuple(picture.xy) for picture in pictures] == list(zip(newest.x, newest.y, strict=True))
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(left < x < right and bottom < y < top for x, y in zip(newest.x, newest.y, strict=True))


def test_a_map_that_shrinks_is_seen_to_shrink(history: RunHistory) -> None:
    """As on the page: the view comes no nearer than a third of the widest that the run has spread."""
    shrunk = RunHistory(RECIPE)
    shrunk.validations = list(history.validations)
    last = shrunk.validations[-1]
    shrunk.validations.append(replace(last, x=tuple(v / 1000 for v in last.x), y=tuple(v / 1000 for v in last.y)))

    def width(of: RunHistory) -> float:
        left, right = panel(run_figure(of, "a run"), "Embedding map").get_xlim()
        return float(right - left)

    assert width(shrunk) > 0.1 * width(history)


@pytest.mark.parametrize("dark", [True, False])
def test_strokes_take_the_colour_of_their_class(make_dataset: Callable[..., Dataset], dark: bool) -> None:
    data = make_dataset(size=12)
    images = torch.zeros_like(data.validation.images)
    images[:, :, 3:9, 3:9] = 200
    bank = replace(data.validation, images=images if dark else 255 - images)
    history = RunHistory(RECIPE)
    pictures, colours = map_panel._pictures(history, replace(data, validation=bank))
    assert len(set(colours)) == 8
    for picture, colour in zip(pictures, colours, strict=True):
        assert picture.shape == (12, 12, 4)
        assert to_hex(picture[5, 5, :3]) == colour
        assert picture[5, 5, 3] == pytest.approx(200 / 255, abs=1e-6)
        assert picture[0, 0, 3] == 0


def test_photographs_keep_their_colours(make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(channels=3)
    pictures, _ = map_panel._pictures(RunHistory(RECIPE), data)
    assert torch.equal(torch.tensor(pictures[0]), data.validation.images[0].permute(1, 2, 0) / 255)


def slow_smooth(values: list[float]) -> list[float]:
    reach = max(1, int(len(values) / 24 + 0.5))  # half up, as JavaScript rounds
    out = []
    for i, value in enumerate(values):
        near = [k for k in range(max(0, i - reach), min(len(values), i + reach + 1)) if math.isfinite(values[k])]
        weights = [reach + 1 - abs(k - i) for k in near]
        mean = sum(w * values[k] for w, k in zip(weights, near, strict=True)) / sum(weights) if near else math.nan
        out.append(mean if math.isfinite(value) else math.nan)
    return out


@pytest.mark.parametrize("length", [1, 2, 3, 39, 60, 240])
def test_smoothing_is_the_weighted_mean_of_the_neighbours(length: int) -> None:
    values = np.random.default_rng(length).normal(size=length)
    values[length // 2] = math.nan
    assert curves._smooth(values) == pytest.approx(slow_smooth(values.tolist()), nan_ok=True)


def test_the_same_run_gives_the_same_files(history: RunHistory, dataset: Dataset) -> None:
    first, second = (run_figure(history, "a run", dataset) for _ in range(2))
    svg = as_svg(first)
    assert svg == as_svg(second)
    assert b"<dc:date>" not in svg
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    png = as_png(first)
    assert png == as_png(second)
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (2200, 1580)
        assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)


def test_threads_draw_the_same_as_one(history: RunHistory) -> None:
    expected = as_svg(run_figure(history, "a run"))
    drawn: list[bytes] = []
    threads = [threading.Thread(target=lambda: drawn.append(as_svg(run_figure(history, "a run")))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 3


def test_pyplot_is_never_used(history: RunHistory) -> None:
    """It keeps every figure until it is closed, and is not made for threads."""
    sources = [path.read_text("utf-8") for path in Path(curves.__file__).parent.glob("*.py")]
    imported = {
        node.name for text in sources for tree in ast.walk(ast.parse(text)) for node in getattr(tree, "names", [])
    }
    assert "numpy" in imported
    assert not any("pyplot" in name for name in imported)
    assert run_figure(history, "a run").canvas.manager is None


def test_nothing_spills_over_the_edge(history: RunHistory, dataset: Dataset) -> None:
    figure = run_figure(history, "a run", dataset)
    as_png(figure)
    renderer = figure.canvas.get_renderer()
    width, height = figure.canvas.get_width_height()
    for text in figure.findobj(matplotlib.text.Text):
        box = text.get_window_extent(renderer)
        if text.get_text() and text.get_visible() and box.width:
            assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height, text.get_text()


def test_a_title_is_never_read_as_a_formula(history: RunHistory) -> None:
    as_png(run_figure(history, r"my $\frac{folder", None))


def test_a_run_that_has_not_begun_says_so() -> None:
    figure = run_figure(RunHistory(RECIPE), "a run")
    told = texts(figure)
    assert "No step was taken." in told
    assert told.count("No validation was made.") == 3
    as_png(figure)


def test_a_run_that_diverged_is_drawn_up_to_there(history: RunHistory) -> None:
    broken = RunHistory(RECIPE)
    for event in (*history.validations, Progress(4, (0.3, 0.2, math.nan, math.inf), 1.0, 4.0, 32.0, 0.1, 1.0)):
        broken.add(event)
    broken.add(Diagnosis("diverged", 3))
    figure = run_figure(broken, "a run")
    as_png(figure)
    raw = line(panel(figure, "Loss"), INK, 0.7).get_ydata()
    assert raw[:2].tolist() == [0.3, 0.2] and np.isnan(raw[2:]).all()
    assert any("diverged since step 3" in text for text in texts(figure))


@pytest.mark.filterwarnings("error")
def test_a_collapsed_run_can_be_drawn(dataset: Dataset) -> None:
    """A validation of a real network, and one of the same network shrunk until its distances are next to nothing."""
    recipe = replace(RECIPE, normalize=False)
    network, validator = build_network(recipe, 1, (16, 16)), Validator(recipe, dataset.validation, torch.device("cpu"))
    run = RunHistory(recipe)
    run.add(first := validator(network, 0, 0.0, 1.0))
    with torch.no_grad():
        for parameter in network.encoder[-1].parameters():  # type: ignore[index, union-attr]
            parameter.mul_(1e-6)
    run.add(validator(network, 10, 1.0, 1.0))
    axes = panel(run_figure(run, "a collapse"), "Distances")
    assert axes.get_xlim()[1] == pytest.approx(first.edges[-1], rel=1e-3)
    heights = [[bar.get_height() for bar in bars] for bars in axes.child_axes[0].containers[:2]]
    assert [bars[0] for bars in heights] == [1.0, 1.0], "both hills stand on one point"
    dashed = line(axes.child_axes[0], INK, 1.6)
    assert 0 < dashed.get_xdata()[0] < 1e-4 * first.edges[-1]
    as_png(axes.figure)
