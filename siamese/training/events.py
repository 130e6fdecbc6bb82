"""The events that a training run yields: small values that can be pickled and know nothing of threads or pages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from siamese.evaluation.numbers import json_ready
from siamese.evaluation.scores import Scores, Validation
from siamese.training.batch_record import BatchRecord


@dataclass(frozen=True)
class Started:
    """The network is built and the first step can run.

    setup_seconds: from the call of train() to here, with the capture of the CUDA graph.
    collapse, collapse_name: the loss of a network that gives every pair the same distance, and the name of that line.
    """

    device: str
    parameters: int
    train_images: int
    train_classes: int
    setup_seconds: float
    collapse: float
    collapse_name: str


@dataclass(frozen=True)
class Progress:
    """The run has taken some more steps. step: the newest one. losses: of each step since the last Progress.

    seconds: training time so far, without pauses. steps_per_second, pairs_per_second: the speed of these steps.
    """

    step: int
    losses: tuple[float, ...]
    seconds: float
    steps_per_second: float
    pairs_per_second: float
    learning_rate: float
    margin: float


@dataclass(frozen=True)
class Baseline:
    """The scores of raw-pixel distance on the same validation sample; comes once, at the start."""

    scores: Scores


@dataclass(frozen=True)
class SteppedPair:
    """One pair of a batch, before and after a single step.

    left, right: image numbers in the training bank; with two towers, right is a number in the partner images.
    force: what the loss asked of the pair: "pull", "push" or "none".  share: its part of the batch loss, 0 to 1.
    before, after: dissimilarity of exactly the images of the batch, augmentation included.
    """

    left: int
    right: int
    same: bool
    before: float
    after: float
    share: float
    force: str


@dataclass(frozen=True)
class Stepped:
    """One step that somebody wanted to see, and what it did to pairs of its batch: at most 12, largest share first."""

    step: int
    loss: float
    pairs: tuple[SteppedPair, ...]


@dataclass(frozen=True)
class Paused:
    """The run stands still before its next step: it is paused, or rests in slow motion.

    Only a run whose control has waits=False yields it. Call the run again later.
    """


@dataclass(frozen=True)
class Interrupted:
    """A run on a borrowed GPU goes back to its last saved step and waits there. step: 0 where no step was saved.

    reason: "quota": there is no GPU time left.  "worker": the GPU was taken away.  "pause": the owner paused the run.
    wait: the time until there is more GPU time, as "1:05:00"; "" where it is unknown.
    """

    reason: str
    step: int
    wait: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Something that a teacher would point at. step: where it began, or where a validation first saw it.

    kind: "collapse", "diverged", "satisfied" (no triplet teaches any more), or "recovered" (the last fault is over).
    """

    kind: str
    step: int


@dataclass(frozen=True)
class Finished:
    """The end of a run. best, last: checkpoints as safetensors bytes; best is None before the first validation.

    batch: the newest training batch; None before the first step.
    why: "steps", "seconds": the run is complete.  "stopped": somebody stopped it.  "diverged": the loss was not finite.
    """

    step: int
    seconds: float
    why: str
    best: bytes | None = field(repr=False)
    last: bytes = field(repr=False, default=b"")
    batch: BatchRecord | None = field(repr=False, compare=False, default=None)


Event = Started | Progress | Validation | Baseline | Stepped | Paused | Interrupted | Diagnosis | Finished


def plain(event: Event) -> dict[str, Any]:
    """The event as a JSON-ready dict, with its kind under "event" and without checkpoints and batch.

    A number that is not finite becomes None, because JSON has no such numbers.
    """
    values = {name: value for name, value in asdict(event).items() if name not in ("best", "last", "batch")}
    return {"event": type(event).__name__.lower(), **json_ready(values)}
