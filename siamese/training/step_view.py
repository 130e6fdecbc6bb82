"""What one training step did to the pairs of its batch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from siamese.learning.forces import PairForces, pair_forces
from siamese.training.events import Stepped, SteppedPair
from siamese.training.step import TrainingStep

MOST_PAIRS = 12
_WORDS = {1: "pull", -1: "push", 0: "none"}


class StepView:
    """Watches one step: made before it, asked after it.

    The learned similarity moves with the step, so a copy of it as it was before is kept here.
    """

    def __init__(self, step: TrainingStep, margin: float) -> None:
        self._step = step
        self._margin = margin
        self._similarity = copy.deepcopy(step.network.similarity)

    def stepped(self, number: int, loss: float) -> Stepped:
        """The pairs of the newest batch before and after its step, the heaviest first.

        number: of the step, from 1.  loss: of its batch.
        """
        step = self._step
        assert step.drawn is not None and step.embeddings is not None
        batch = step.drawn.batch
        forces = pair_forces(step.recipe, self._similarity, step.embeddings, batch, self._margin)
        chosen = _heaviest(forces)
        left, right = forces.left[chosen], forces.right[chosen]
        with torch.no_grad():
            after = _embeddings_now(step)
            moved = step.network.similarity(after[left], after[right])
        rows = zip(
            batch.index[left].tolist(),
            batch.index[right].tolist(),
            forces.same[chosen].tolist(),
            forces.dissimilarity[chosen].tolist(),
            moved.tolist(),
            forces.share[chosen].tolist(),
            forces.direction[chosen].tolist(),
        )
        pairs = tuple(
            SteppedPair(i, j, same, before, now, share, _WORDS[direction])
            for i, j, same, before, now, share, direction in rows
        )
        return Stepped(number, loss, pairs)


def _embeddings_now(step: TrainingStep) -> Tensor:
    """Embeddings of the newest batch by the network as it is now, in training mode.

    The pass would move the running statistics of batch norm, so they are put back.
    """
    assert step.drawn is not None
    buffers = [buffer.clone() for buffer in step.network.buffers()]
    embeddings = step.embed(step.drawn)
    for buffer, value in zip(step.network.buffers(), buffers):
        buffer.copy_(value)
    return embeddings


def _heaviest(forces: PairForces) -> Tensor:
    """Positions, int64 [n], of the pairs with the largest shares: half of them same and half different pairs, so that
    both kinds are seen whatever the loss weighs most."""
    ranked = torch.argsort(forces.share, descending=True).cpu()
    same = forces.same.cpu()[ranked]
    half = MOST_PAIRS // 2
    chosen = torch.cat([ranked[same][:half], ranked[~same][:half]])
    order = torch.argsort(forces.share.cpu()[chosen], descending=True)
    return chosen[order].to(forces.share.device)
