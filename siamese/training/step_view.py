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
    """Shows one step. Make it before the step, and call after_step() after it.

    It keeps a copy of the similarity, because a step changes a learned similarity.
    """

    def __init__(self, step: TrainingStep, margin: float) -> None:
        self._step = step
        self._margin = margin
        self._similarity = copy.deepcopy(step.network.similarity)

    def after_step(self, number: int, loss: float) -> Stepped:
        """The pairs of the newest batch before and after its step, those with the largest share first.

        number: of the step, from 1.  loss: of its batch.
        """
        step = self._step
        assert step.inputs is not None and step.embeddings is not None
        batch = step.inputs.batch
        forces = pair_forces(step.recipe, self._similarity, step.embeddings, batch, self._margin)
        positions = _largest_shares(forces)
        left, right = forces.left[positions], forces.right[positions]
        with torch.no_grad():
            embeddings = _embeddings_now(step)
            dissimilarity_after = step.network.similarity(embeddings[left], embeddings[right])
        rows = zip(
            batch.index[left].tolist(),
            batch.index[right].tolist(),
            forces.same[positions].tolist(),
            forces.dissimilarity[positions].tolist(),
            dissimilarity_after.tolist(),
            forces.share[positions].tolist(),
            forces.direction[positions].tolist(),
        )
        pairs = tuple(
            SteppedPair(i, j, same, before, after, share, _WORDS[direction])
            for i, j, same, before, after, share, direction in rows
        )
        return Stepped(number, loss, pairs)


def _embeddings_now(step: TrainingStep) -> Tensor:
    """Embeddings of the newest batch by the network as it is now, in training mode.

    The pass changes the running statistics of batch norm, so they are put back.
    """
    assert step.inputs is not None
    buffers = [buffer.clone() for buffer in step.network.buffers()]
    embeddings = step.embed(step.inputs)
    for buffer, value in zip(step.network.buffers(), buffers):
        buffer.copy_(value)
    return embeddings


def _largest_shares(forces: PairForces) -> Tensor:
    """Positions, int64 [n], of the pairs with the largest shares of the loss: half same pairs, half different pairs.

    So both kinds are visible, whichever of them the loss weighs more.
    """
    ranked = torch.argsort(forces.share, descending=True).cpu()
    same = forces.same.cpu()[ranked]
    half = MOST_PAIRS // 2
    positions = torch.cat([ranked[same][:half], ranked[~same][:half]])
    order = torch.argsort(forces.share.cpu()[positions], descending=True)
    return positions[order].to(forces.share.device)
