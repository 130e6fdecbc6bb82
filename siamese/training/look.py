"""Questions that a page may ask of a run: its newest batch, one pair on its way through the network, the network.

Each is for TrainingControl.ask: the training thread calls it between two steps, and it leaves the run as it was.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from siamese.learning.augment import Transforms
from siamese.learning.batches import Batch
from siamese.models.checkpoint import Checkpoint
from siamese.models.inside import Inside, inside
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.training.step import LOSS_BUFFER, Drawn, TrainingStep
from siamese.training.taken import TakenBatch


class Run(Protocol):
    """What of a run is looked at."""

    step: TrainingStep
    recipe: Recipe
    done: int

    @property
    def margin(self) -> float: ...
    @property
    def threshold(self) -> float | None: ...
    def checkpoint(self) -> Checkpoint | None: ...


def newest_batch(run: Run) -> TakenBatch | None:
    """The batch of the newest step, copied to the CPU; None before the first step.

    A learned similarity is the one after the step; the embeddings are those from before it.
    """
    step = run.step
    if run.done == 0 or step.drawn is None or step.embeddings is None:
        return None
    batch, transforms = step.drawn.batch, step.drawn.transforms
    return TakenBatch(
        recipe=run.recipe,
        drawn=_moved(Drawn(batch, transforms), torch.device("cpu")),
        step=run.done,
        loss=float(step.losses[(run.done - 1) % LOSS_BUFFER]),
        embeddings=_copied(step.embeddings),
        similarity=copy.deepcopy(step.network.similarity).cpu(),
        margin=run.margin,
        threshold=run.threshold,
    )


def look_inside(
    run: Run, drawn: Drawn, left: int, right: int, channels: Sequence[Sequence[int]] | None = None
) -> tuple[int, Inside]:
    """(the step, the pair in rows left and right of a batch inside the network as it is now).

    The whole batch passes through in training mode, so batch norm sees what it saw when the step was taken.
    """
    step = run.step
    there = _moved(drawn, step.device)
    with _buffers_kept(step):
        seen = inside(step.network, lambda: step.embed(there), left, right, channels)
    return run.done, seen


def embed_now(run: Run, drawn: Drawn) -> tuple[int, Tensor, Similarity]:
    """(the step, embeddings float32 [M, D], what compares them) of any images of the training bank, on the CPU.

    In training mode, as the images of a batch are seen.
    """
    step = run.step
    with _buffers_kept(step), torch.no_grad():
        embeddings = step.embed(_moved(drawn, step.device))
    return run.done, _copied(embeddings), copy.deepcopy(step.network.similarity).cpu()


def network_now(run: Run) -> Checkpoint | None:
    """The network as it is, on the CPU; None before the first validation has given it a threshold."""
    checkpoint = run.checkpoint()
    if checkpoint is not None:
        checkpoint.weights.update({name: tensor.cpu() for name, tensor in checkpoint.weights.items()})
    return checkpoint


@contextlib.contextmanager
def _buffers_kept(step: TrainingStep) -> Iterator[None]:
    """Puts back what a pass in training mode changes: the running statistics of batch norm."""
    buffers = [buffer.clone() for buffer in step.network.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(step.network.buffers(), buffers):
                buffer.copy_(value)


def _moved(drawn: Drawn, device: torch.device) -> Drawn:
    batch = Batch(_copied(drawn.batch.index, device), _copied(drawn.batch.same, device))
    transforms = drawn.transforms
    return Drawn(batch, None if transforms is None else Transforms(*(_copied(part, device) for part in transforms)))


def _copied(tensor: Tensor, device: torch.device | None = None) -> Tensor:
    """A copy of its own: a replayed graph refills its tensors in place."""
    return tensor.detach().to(device or torch.device("cpu"), copy=True)
