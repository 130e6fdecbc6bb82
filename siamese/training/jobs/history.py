"""RunHistory: everything that a page needs to draw one run. It comes from the events and has a limited size."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import Any

from siamese.evaluation.numbers import significant
from siamese.evaluation.scores import Validation
from siamese.learning.losses import collapse_value
from siamese.recipes import Recipe
from siamese.training.events import Baseline, Diagnosis, Event, Interrupted, Progress, Started, Stepped

MOST_POINTS = 2400  # of a loss curve; in a longer one, each two neighbours become their mean
PAGE_POINTS = 240  # of a loss curve on the Train tab
TILE_POINTS = 60  # of a loss curve on a tile of the room
MOST_FRAMES = 60  # validations that the slider of the page can go back to


@dataclass
class LossCurve:
    """The training loss over the steps, each point the mean of `per_point` steps."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    per_point: int = 1
    _buffer: list[float] = field(default_factory=list)  # losses of the point that is not complete yet

    def add(self, first_step: int, losses: tuple[float, ...], seconds: float) -> None:
        """Adds the losses of consecutive steps. seconds: training time at the end of the last one."""
        for step, loss in enumerate(losses, first_step):
            self._buffer.append(loss)
            if len(self._buffer) == self.per_point:
                self.steps.append(step)
                self.seconds.append(round(seconds, 3))
                self.values.append(sum(self._buffer) / self.per_point)
                self._buffer.clear()
                if len(self.steps) >= MOST_POINTS:
                    self._thin()

    def go_back(self, step: int) -> None:
        """Deletes the points after this step."""
        end = bisect_right(self.steps, step)
        del self.steps[end:], self.seconds[end:], self.values[end:]
        self._buffer.clear()

    def _thin(self) -> None:
        self.values = [(a + b) / 2 for a, b in zip(self.values[::2], self.values[1::2])]
        self.steps, self.seconds = self.steps[1::2], self.seconds[1::2]
        self.per_point *= 2

    def sample(self, most: int) -> range:
        """The indices of at most `most` points, evenly spaced, the newest one included."""
        stride = -(-len(self.steps) // most) or 1
        return range((len(self.steps) - 1) % stride, len(self.steps), stride)

    def for_page(self) -> dict[str, list[Any]]:
        """At most PAGE_POINTS points; a value that is not a finite number is None."""
        indices = self.sample(PAGE_POINTS)
        return {
            "step": [self.steps[i] for i in indices],
            "seconds": [self.seconds[i] for i in indices],
            "value": [finite(self.values[i]) for i in indices],
        }


class RunHistory:
    """Collects the events of one run and gives its state as JSON-ready values. It has no lock: its owner has one."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.loss = LossCurve()
        self.start: Started | None = None
        self.baseline: Baseline | None = None
        self.progress: Progress | None = None
        self.validations: list[Validation] = []
        self.diagnosis: Diagnosis | None = None
        self.single_step: Stepped | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.loss.add(event.step - len(event.losses) + 1, event.losses, event.seconds)
            self.progress = event
        elif isinstance(event, Validation):
            self.validations.append(event)
            if len(self.validations) > MOST_FRAMES:
                del self.validations[1:-1:2]
        elif isinstance(event, Interrupted):
            self._go_back(event.step)
        elif isinstance(event, Started):
            self.start = event
        elif isinstance(event, Baseline):
            self.baseline = event
        elif isinstance(event, Stepped):
            self.single_step = event
        elif isinstance(event, Diagnosis):
            self.diagnosis = None if event.kind == "recovered" else event

    def _go_back(self, step: int) -> None:
        """Deletes what came after this step, because the run takes these steps once more."""
        if self.progress is None or self.progress.step <= step:
            return
        self.loss.go_back(step)
        self.validations = [v for v in self.validations if v.step <= step]
        seconds = self.loss.seconds[-1] if self.loss.seconds else 0.0
        self.progress = replace(self.progress, step=step, losses=(), seconds=seconds) if step else None

    @property
    def newest_step(self) -> int:
        """The newest step that an event has reported."""
        return 0 if self.progress is None else self.progress.step

    def snapshot(self) -> dict[str, Any]:
        """Curves, scores, newest frame and diagnosis, without the step view's pictures."""
        progress, newest = self.progress, self.validations[-1] if self.validations else None
        recipe = self.recipe
        margin = recipe.margin if progress is None else progress.margin
        collapse, collapse_name = collapse_value(recipe, margin)
        rate = 0.0 if progress is None else progress.steps_per_second
        return {
            "step": self.newest_step,
            "steps": recipe.steps,
            "seconds": 0.0 if progress is None else round(progress.seconds, 2),
            "seconds_left": self._seconds_left(),
            "steps_per_s": round(rate, 1),
            "pairs_per_s": 0 if progress is None else round(progress.pairs_per_second),
            "device": "" if self.start is None else self.start.device,
            "parameters": 0 if self.start is None else self.start.parameters,
            "learning_rate": recipe.learning_rate if progress is None else progress.learning_rate,
            "margin": margin,
            "loss": {
                "name": recipe.loss,
                "collapse": finite(collapse),
                "collapse_name": collapse_name,
                **self.loss.for_page(),
            },
            "validation": {
                "step": [v.step for v in self.validations],
                "seconds": [round(v.seconds, 2) for v in self.validations],
                "loss": [finite(v.loss) for v in self.validations],
                "pair_accuracy": [round(v.scores.pair_accuracy, 4) for v in self.validations],
                "auc": [round(v.scores.auc, 4) for v in self.validations],
                "oneshot": [round(v.scores.oneshot, 4) for v in self.validations],
            },
            "scores": None if newest is None else self._scores(newest),
            "frames": len(self.validations),
            "frame": None if newest is None else self.frame(len(self.validations) - 1),
            "diagnosis": None if self.diagnosis is None else {"kind": self.diagnosis.kind, "step": self.diagnosis.step},
        }

    def glance(self) -> dict[str, Any]:
        """The run as a tile of the room shows it: its curve in at most TILE_POINTS points, and its newest score."""
        newest = self.validations[-1] if self.validations else None
        indices = self.loss.sample(TILE_POINTS)
        recipe = self.recipe
        margin = recipe.margin if self.progress is None else self.progress.margin
        collapse, _ = collapse_value(recipe, margin)
        return {
            "step": self.newest_step,
            "steps": recipe.steps,
            "curve_steps": [self.loss.steps[i] for i in indices],
            "curve": [finite(self.loss.values[i]) for i in indices],
            "collapse": finite(collapse),
            "score": None if newest is None else finite(newest.scores.oneshot),
            "way": None if newest is None else newest.scores.way,
            "pixels": None if self.baseline is None else finite(self.baseline.scores.oneshot),
            "seconds_left": self._seconds_left(),
            "diagnosis": None if self.diagnosis is None else self.diagnosis.kind,
            "diagnosed_at": None if self.diagnosis is None else self.diagnosis.step,
        }

    def frame(self, index: int) -> dict[str, Any] | None:
        """Histogram and map of one validation, by its index in the history; None for an index that does not exist."""
        if not 0 <= index < len(self.validations):
            return None
        v = self.validations[index]
        return {
            "index": index,
            "step": v.step,
            "edges": [significant(e) for e in v.edges],
            "same": [round(s, 4) for s in v.same],
            "different": [round(d, 4) for d in v.different],
            "threshold": significant(v.scores.threshold),
            "overlap": round(v.overlap, 4),
            "x": v.x,
            "y": v.y,
            "explained": round(v.explained, 3),
        }

    def _scores(self, newest: Validation) -> dict[str, Any]:
        def rounded(scores: Any) -> dict[str, Any]:
            return {k: significant(v) if isinstance(v, float) else v for k, v in vars(scores).items()}

        baseline = None if self.baseline is None else rounded(self.baseline.scores)
        return rounded(newest.scores) | {"baseline": baseline}

    def _seconds_left(self) -> float | None:
        progress = self.progress
        if progress is None or progress.step == 0:
            return None
        # From the whole run so far, with its validations: the speed of a single Progress event varies too much.
        return round(progress.seconds / progress.step * (self.recipe.steps - progress.step), 1)


def finite(value: float) -> float | None:
    """The value with five significant digits; None where it is infinite or NaN, because JSON has no such numbers."""
    return significant(value, 5) if math.isfinite(value) else None
