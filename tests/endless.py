"""A run without an end: it stands in for train() where a test needs a run that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from siamese.data.bank import Dataset
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished, Paused, Progress


def endless(recipe: Recipe, dataset: Dataset, control: TrainingControl, **_: Any) -> Iterator[Event]:
    """Steps until it is stopped; pause and single steps are obeyed."""
    step = 0
    while not control.stopped:
        if not control.next_steps(1)[0]:
            yield Paused()
            continue
        step += 1
        yield Progress(step, (0.5,), float(step), 1.0, 1.0, 0.1, 1.0)
    yield Finished(step, 1.0, "stopped", b"")
