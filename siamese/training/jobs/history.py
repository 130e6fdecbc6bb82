"""RunHistory: everything a page needs to draw one run, gathered from its events and bounded in size."""

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

MOST_POINTS = 2400  # of a loss curve that are kept; a longer one is thinned by averaging neighbours
MOST_SENT = 240  # of them that go to a page at a time
GLANCE_POINTS = 60  # of a curve in a tile of the room
MOST_FRAMES = 60  # validations that can be scrubbed back through


@dataclass
class LossCurve:
    """The training loss over the steps, each point the mean of `per_point` steps."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    per_point: int = 1
    _waiting: list[float] = field(default_factory=list)

    def add(self, first_step: int, losses: tuple[float, ...], seconds: float) -> None:
        """Adds the losses of consecutive steps, the last of which ended after so many seconds."""
        for step, loss in enumerate(losses, first_step):
            self._waiting.append(loss)
            if len(self._waiting) == self.per_point:
                self.steps.append(step)
                self.seconds.append(round(seconds, 3))
                self.values.append(sum(self._waiting) / self.per_point)
                self._waiting.clear()
                if len(self.steps) >= MOST_POINTS:
                    self._thin()

    def go_back(self, step: int) -> None:
        """Forgets the points after this step."""
        kept = bisect_right(self.steps, step)
        del self.steps[kept:], self.seconds[kept:], self.values[kept:]
        self._waiting.clear()

    def _thin(self) -> None:
        self.values = [(a + b) / 2 for a, b in zip(self.values[::2], self.values[1::2])]
        self.steps, self.seconds = self.steps[1::2], self.seconds[1::2]
        self.per_point *= 2

    def sent(self) -> dict[str, list[Any]]:
        """At most MOST_SENT points, the newest among them; a value that is no finite number is None."""
        stride = -(-len(self.steps) // MOST_SENT) or 1
        kept = range((len(self.steps) - 1) % stride, len(self.steps), stride)
        return {
            "step": [self.steps[i] for i in kept],
            "seconds": [self.seconds[i] for i in kept],
            "value": [finite(self.values[i]) for i in kept],
        }


class RunHistory:
    """Takes the events of one run and tells its state in JSON-ready values. Not locked: its owner does that."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.loss = LossCurve()
        self.started: Started | None = None
        self.baseline: Baseline | None = None
        self.progress: Progress | None = None
        self.validations: list[Validation] = []
        self.diagnosis: Diagnosis | None = None
        self.stepped: Stepped | None = None

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
            self.started = event
        elif isinstance(event, Baseline):
            self.baseline = event
        elif isinstance(event, Stepped):
            self.stepped = event
        elif isinstance(event, Diagnosis):
            self.diagnosis = None if event.kind == "recovered" else event

    def _go_back(self, step: int) -> None:
        """Forgets what came after this step, which is taken once more."""
        if self.progress is None or self.progress.step <= step:
            return
        self.loss.go_back(step)
        self.validations = [v for v in self.validations if v.step <= step]
        seconds = self.loss.seconds[-1] if self.loss.seconds else 0.0
        self.progress = replace(self.progress, step=step, losses=(), seconds=seconds) if step else None

    @property
    def newest_step(self) -> int:
        """The newest step that was reported."""
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
            "device": "" if self.started is None else self.started.device,
            "parameters": 0 if self.started is None else self.started.parameters,
            "learning_rate": recipe.learning_rate if progress is None else progress.learning_rate,
            "margin": margin,
            "loss": {
                "name": recipe.loss,
                "collapse": finite(collapse),
                "collapse_name": collapse_name,
                **self.loss.sent(),
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
        """The run in the few numbers of a tile: its curve in at most GLANCE_POINTS points, and its newest score."""
        newest = self.validations[-1] if self.validations else None
        stride = -(-len(self.loss.steps) // GLANCE_POINTS) or 1
        kept = range((len(self.loss.steps) - 1) % stride, len(self.loss.steps), stride)
        recipe = self.recipe
        margin = recipe.margin if self.progress is None else self.progress.margin
        collapse, _ = collapse_value(recipe, margin)
        return {
            "step": self.newest_step,
            "steps": recipe.steps,
            "curve_steps": [self.loss.steps[i] for i in kept],
            "curve": [finite(self.loss.values[i]) for i in kept],
            "collapse": finite(collapse),
            "score": None if newest is None else finite(newest.scores.oneshot),
            "way": None if newest is None else newest.scores.way,
            "pixels": None if self.baseline is None else finite(self.baseline.scores.oneshot),
            "seconds_left": self._seconds_left(),
            "diagnosis": None if self.diagnosis is None else self.diagnosis.kind,
            "diagnosed_at": None if self.diagnosis is None else self.diagnosis.step,
        }

    def frame(self, index: int) -> dict[str, Any] | None:
        """One validation's histogram and map, by its place in the history; None where there is none."""
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
        # By the whole run so far, validations included: the rate of one report jumps too much to be read.
        return round(progress.seconds / progress.step * (self.recipe.steps - progress.step), 1)


def finite(value: float) -> float | None:
    """The value with five significant digits, or None where it is infinite or no number, which JSON cannot hold."""
    return significant(value, 5) if math.isfinite(value) else None
