"""Questions that a page asks a run: its newest batch, one pair on its way through the network, the network itself.

Pass them to TrainingControl.ask: the training thread calls them between two steps. They do not change the run.
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
from siamese.training.batch_record import BatchRecord
from siamese.training.step import LOSS_BUFFER, StepInputs, TrainingStep


class Run(Protocol):
    """The part of a run that the questions read."""

    step: TrainingStep
    recipe: Recipe
    steps_done: int

    @property
    def margin(self) -> float: ...
    @property
    def threshold(self) -> float | None: ...
    def checkpoint(self) -> Checkpoint | None: ...


def newest_batch(run: Run) -> BatchRecord | None:
    """The batch of the newest step, copied to the CPU; None before the first step.

    The embeddings are from before the step; a learned similarity is the one after it.
    """
    step = run.step
    if run.steps_done == 0 or step.inputs is None or step.embeddings is None:
        return None
    return BatchRecord(
        recipe=run.recipe,
        inputs=_copy_inputs(step.inputs, torch.device("cpu")),
        step=run.steps_done,
        loss=float(step.losses[(run.steps_done - 1) % LOSS_BUFFER]),
        embeddings=_copy(step.embeddings),
        similarity=copy.deepcopy(step.network.similarity).cpu(),
        margin=run.margin,
        threshold=run.threshold,
    )


def look_inside(
    run: Run, inputs: StepInputs, left: int, right: int, channels: Sequence[Sequence[int]] | None = None
) -> tuple[int, Inside]:
    """The number of the newest step, and what the network as it is now makes of one pair of a batch, layer by layer.

    left, right: rows of the pair in the batch. The whole batch passes through the network in training mode, so that
    batch norm uses the same statistics as in the step.
    """
    step = run.step
    on_device = _copy_inputs(inputs, step.device)
    with _keep_buffers(step):
        layers = inside(step.network, lambda: step.embed(on_device), left, right, channels)
    return run.steps_done, layers


def embed_now(run: Run, inputs: StepInputs) -> tuple[int, Tensor, Similarity]:
    """The number of the newest step, embeddings float32 [M, D] of any training images, and the similarity; on the CPU.

    The images pass through in training mode, as those of a batch do.
    """
    step = run.step
    with _keep_buffers(step), torch.no_grad():
        embeddings = step.embed(_copy_inputs(inputs, step.device))
    return run.steps_done, _copy(embeddings), copy.deepcopy(step.network.similarity).cpu()


def network_now(run: Run) -> Checkpoint | None:
    """The network as it is now, on the CPU; None before the first validation, which sets the threshold."""
    checkpoint = run.checkpoint()
    if checkpoint is not None:
        checkpoint.weights.update({name: tensor.cpu() for name, tensor in checkpoint.weights.items()})
    return checkpoint


@contextlib.contextmanager
def _keep_buffers(step: TrainingStep) -> Iterator[None]:
    """At the end of the block, puts back the statistics of batch norm, which a pass in training mode changes."""
    buffers = [buffer.clone() for buffer in step.network.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(step.network.buffers(), buffers):
                buffer.copy_(value)


def _copy_inputs(inputs: StepInputs, device: torch.device) -> StepInputs:
    batch = Batch(_copy(inputs.batch.index, device), _copy(inputs.batch.same, device))
    transforms = inputs.transforms
    return StepInputs(batch, None if transforms is None else Transforms(*(_copy(part, device) for part in transforms)))


def _copy(tensor: Tensor, device: torch.device | None = None) -> Tensor:
    """Always a copy: a replayed graph writes into its own tensors again."""
    return tensor.detach().to(device or torch.device("cpu"), copy=True)
