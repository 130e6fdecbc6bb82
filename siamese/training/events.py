"""What a training run tells: small plain values, picklable, that know nothing of threads or pages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from siamese.evaluation.numbers import json_ready
from siamese.evaluation.scores import Scores, Validation
from siamese.training.taken import TakenBatch


@dataclass(frozen=True)
class Started:
    """The network stands and the first step can run. setup_seconds: from the call to here, graph capture included."""

    device: str
    parameters: int
    train_images: int
    train_classes: int
    setup_seconds: float
    collapse: float
    collapse_name: str


@dataclass(frozen=True)
class Progress:
    """Some steps later. losses: of each step since the last report, the newest being that of `step`.

    seconds: spent training so far, pauses left out. steps_per_second, pairs_per_second: over this report's span.
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
    """What the distance of raw pixels scores on the same sample; sent once, at the start."""

    scores: Scores


@dataclass(frozen=True)
class SteppedPair:
    """One pair of a batch around a single step. left, right: image indices of the training bank (right: of its partner
    in a network of two towers). force: "pull", "push" or "none", what this step asked of the pair. share: of the batch
    loss, 0 to 1. before, after: dissimilarity, on the very images (augmentation included) of the batch."""

    left: int
    right: int
    same: bool
    before: float
    after: float
    share: float
    force: str


@dataclass(frozen=True)
class Stepped:
    """A single step that was asked for, and what it did to pairs of its batch (at most 12, the heaviest first)."""

    step: int
    loss: float
    pairs: tuple[SteppedPair, ...]


@dataclass(frozen=True)
class Paused:
    """The run stands still before its next step: it is paused, or rests in slow motion.

    Only a run whose control does not wait says so; ask it again later."""


@dataclass(frozen=True)
class Interrupted:
    """A run on a borrowed GPU goes back to its last saved step and stands still there. step: 0 before any was saved.

    reason: "quota" where no GPU time was given, "worker" where the GPU was taken away, "pause" where the owner paused.
    wait: in how much time there will be more, as "1:05:00"; "" where nobody said so.
    """

    reason: str
    step: int
    wait: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Something a teacher would point at. step: where it began, or where a validation first saw it.

    kind: "collapse", "diverged", "satisfied" (no triplet teaches any more), or "recovered" when one of them is over.
    """

    kind: str
    step: int


@dataclass(frozen=True)
class Finished:
    """The end of a run. best and last: checkpoints as safetensors bytes; best is None before any validation.

    batch: the newest training batch; None before the first step.
    why: "steps" or "seconds" when the run is complete, "stopped" on request, "diverged" when the loss was not finite.
    """

    step: int
    seconds: float
    why: str
    best: bytes | None = field(repr=False)
    last: bytes = field(repr=False, default=b"")
    batch: TakenBatch | None = field(repr=False, compare=False, default=None)


Event = Started | Progress | Validation | Baseline | Stepped | Paused | Interrupted | Diagnosis | Finished


def plain(event: Event) -> dict[str, Any]:
    """The event as a JSON-ready dict with its kind under "event"; checkpoint bytes are left out, and a number that is
    not finite, which JSON cannot say, is None."""
    values = {name: value for name, value in asdict(event).items() if name not in ("best", "last", "batch")}
    return {"event": type(event).__name__.lower(), **json_ready(values)}
