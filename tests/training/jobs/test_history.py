"""What a page is told of a run: bounded however long it trains, and plain JSON whatever happens in it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.evaluation.scores import Scores, Validation
from siamese.recipes import Recipe
from siamese.training.events import Baseline, Diagnosis, Progress, Started, Stepped
from siamese.training.jobs.history import MOST_FRAMES, MOST_POINTS, PAGE_POINTS, LossCurve, RunHistory, finite

SCORES = Scores(0.9, 0.95, 0.1, 0.5, 0.8, 20, 400, True, 2000)


def progress(step: int, losses: tuple[float, ...], seconds: float = 1.0, margin: float = 1.0) -> Progress:
    return Progress(step, losses, seconds, 100.0, 6400.0, 0.003, margin)


def validation(step: int, loss: float = 0.2) -> Validation:
    return Validation(
        step, 0.1 * step, loss, SCORES, 0.1, (0.0, 1.0, 2.0), (0.75, 0.25), (0.0, 1.0), (0.5,), (-0.5,), 0.8, False
    )


def started(collapse: float = 0.25) -> Started:
    return Started("CPU, 2 threads", 1234, 48, 8, 0.1, collapse, "m²/4")


def test_a_short_curve_is_kept_as_it_is() -> None:
    curve = LossCurve()
    curve.add(1, (0.5, 0.4), 0.1)
    curve.add(3, (0.3,), 0.2)
    assert curve.for_page() == {"step": [1, 2, 3], "seconds": [0.1, 0.1, 0.2], "value": [0.5, 0.4, 0.3]}


@pytest.mark.parametrize("per_report", [1, 7, 100, 2048])
def test_a_long_curve_is_thinned_by_averaging(per_report: int) -> None:
    curve = LossCurve()
    total = 4 * MOST_POINTS + 37
    for first in range(1, total + 1, per_report):
        steps = range(first, min(first + per_report, total + 1))
        curve.add(first, tuple(float(step) for step in steps), first / 1000)
    assert len(curve.steps) <= MOST_POINTS
    assert curve.per_point in (4, 8)
    # The loss of a step being the step itself, a point is the mean of its steps: the middle between the last and first.
    for step, value in zip(curve.steps, curve.values):
        assert value == step - (curve.per_point - 1) / 2
    assert all(b - a == curve.per_point for a, b in zip(curve.steps, curve.steps[1:]))


@given(st.lists(st.integers(1, 2048), max_size=40), st.integers(0, 10**6))
def test_points_stay_in_order_and_bounded(reports: list[int], first: int) -> None:
    curve = LossCurve()
    step = first
    for number, steps in enumerate(reports):
        curve.add(step + 1, (1.0,) * steps, float(number))
        step += steps
        assert len(curve.steps) == len(curve.seconds) == len(curve.values) <= MOST_POINTS
        sent = curve.for_page()
        assert len(sent["step"]) <= PAGE_POINTS
        assert sent["step"] == sorted(set(sent["step"])) and sent["seconds"] == sorted(sent["seconds"])
        if curve.steps:
            assert sent["step"][-1] == curve.steps[-1]
            assert step - sent["step"][-1] < curve.per_point


def test_numbers_that_json_cannot_say() -> None:
    assert [finite(value) for value in (math.nan, math.inf, -math.inf)] == [None] * 3
    assert finite(0.1234567) == 0.12346 and finite(-2.0) == -2.0


def test_small_numbers_keep_their_digits() -> None:
    """A collapsing network has losses and distances far below the fourth decimal."""
    assert finite(3.14159265e-6) == 3.1416e-6
    history = RunHistory(Recipe())
    edges = tuple(1.23456e-6 * number for number in range(41))
    scores = replace(SCORES, threshold=7.65432e-7, eer=0.123456)
    history.add(replace(validation(1), edges=edges, scores=scores))
    frame = history.frame(0)
    assert frame is not None
    assert frame["edges"] == pytest.approx(edges, rel=5e-4) and len(set(frame["edges"])) == 41
    assert frame["threshold"] == 7.654e-7
    snapshot = history.snapshot()
    assert snapshot["scores"]["threshold"] == 7.654e-7 and snapshot["scores"]["eer"] == 0.1235


def test_a_history_before_anything_happened() -> None:
    told = RunHistory(Recipe(steps=77, learning_rate=0.01)).snapshot()
    assert told["step"] == 0 and told["steps"] == 77 and told["seconds_left"] is None
    assert told["frame"] is None and told["scores"] is None and told["diagnosis"] is None
    assert told["learning_rate"] == 0.01 and told["loss"]["value"] == []
    json.dumps(told, allow_nan=False)


def test_a_history_of_a_run() -> None:
    history = RunHistory(Recipe(steps=10))
    for event in (
        started(),
        Baseline(replace(SCORES, auc=0.6)),
        validation(0),
        progress(2, (0.5, 0.4), 0.5),
        progress(4, (0.3, 0.2), 1.0),
        validation(4),
    ):
        history.add(event)
    told = history.snapshot()
    assert told["step"] == 4 == history.newest_step and told["seconds"] == 1.0
    assert told["seconds_left"] == 1.5  # four steps in a second, six to go
    assert told["loss"]["step"] == [1, 2, 3, 4] and told["loss"]["value"] == [0.5, 0.4, 0.3, 0.2]
    assert told["loss"]["collapse"] == 0.25 and told["loss"]["collapse_name"] == "m²/4"
    assert told["validation"]["step"] == [0, 4] and told["frames"] == 2
    assert told["scores"]["auc"] == 0.95 and told["scores"]["baseline"]["auc"] == 0.6
    assert told["device"] == "CPU, 2 threads" and told["parameters"] == 1234
    assert told["frame"] == history.frame(1)
    assert history.frame(0) is not None and history.frame(2) is None and history.frame(-1) is None
    json.dumps(told, allow_nan=False)


def test_the_collapse_line_moves_with_the_margin() -> None:
    history = RunHistory(Recipe())
    history.add(started())
    history.add(progress(1, (0.5,), margin=2.0))
    assert history.snapshot()["loss"]["collapse"] == 1.0 and history.snapshot()["margin"] == 2.0


def test_frames_are_thinned_and_the_first_and_newest_are_kept() -> None:
    history = RunHistory(Recipe())
    for step in range(1000):
        history.add(validation(step))
        assert len(history.validations) <= MOST_FRAMES
        steps = [v.step for v in history.validations]
        assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == step
    frame = history.snapshot()["frame"]
    assert frame["step"] == 999 and frame["index"] == len(history.validations) - 1


def test_a_run_that_diverges_can_still_be_told() -> None:
    history = RunHistory(Recipe())
    history.add(started())
    history.add(progress(3, (0.5, math.nan, math.inf)))
    history.add(validation(3, loss=math.inf))
    history.add(Diagnosis("diverged", 2))
    told = json.loads(json.dumps(history.snapshot(), allow_nan=False))
    assert told["loss"]["value"] == [0.5, None, None] and told["validation"]["loss"] == [None]
    assert told["diagnosis"] == {"kind": "diverged", "step": 2}


def test_a_diagnosis_ends_when_the_run_has_recovered() -> None:
    history = RunHistory(Recipe())
    history.add(Diagnosis("collapse", 40))
    assert history.snapshot()["diagnosis"] == {"kind": "collapse", "step": 40}
    history.add(Diagnosis("recovered", 60))
    assert history.snapshot()["diagnosis"] is None


def test_the_newest_single_step_is_kept_apart() -> None:
    history = RunHistory(Recipe())
    history.add(Stepped(3, 0.5, ()))
    assert history.single_step == Stepped(3, 0.5, ())
    assert "pairs" not in history.snapshot()
