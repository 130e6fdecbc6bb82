"""What one step asks of each pair of its batch: pull together, push apart, or nothing."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from siamese.learning import losses
from siamese.learning.batches import Batch
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe


class PairForces(NamedTuple):
    """left, right: int64 [n] positions in Batch.index; same: bool [n]; dissimilarity: float32 [n];
    share: float32 [n], of the batch loss, sums to 1 unless the loss is 0; direction: int8 [n], +1 pull, −1 push, 0."""

    left: Tensor
    right: Tensor
    same: Tensor
    dissimilarity: Tensor
    share: Tensor
    direction: Tensor


def pairs_of(recipe: Recipe, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of a batch: left and right, int64 [n] positions in batch.index, and same, bool [n].

    A triplet makes two of them: all anchors with their positives come first, then all with their negatives. All pairs
    come row by row, and an image that the batch holds twice makes no pair with itself.
    """
    if recipe.batching == "all-pairs":
        left, right = torch.triu(~batch.itself, 1).nonzero().unbind(1)
        return left, right, batch.same[left, right]
    rows = torch.arange(len(batch.index), device=batch.index.device)
    if recipe.batching == "triplets":
        anchor, positive, negative = rows.chunk(3)
        return torch.cat([anchor, anchor]), torch.cat([positive, negative]), torch.cat([batch.same, ~batch.same])
    left, right = rows.chunk(2)
    return left, right, batch.same


@torch.no_grad()
def pair_forces(recipe: Recipe, similarity: Similarity, embeddings: Tensor, batch: Batch, margin: float) -> PairForces:
    """What the loss asks of each pair, in the order of pairs_of. embeddings: float32 [M, D], in the order of batch.index.

    The direction is the sign of the loss's derivative by the pair's dissimilarity: the step goes down the loss, so a
    positive derivative pulls. The share is what the pair's own term adds to the loss, a triplet's term counting half for
    each of its pairs; where a loss is no sum over pairs (mined triplets, supcon) it is the pair's part of the summed
    absolute derivatives.
    """
    if recipe.batching == "all-pairs":
        return _all_pairs(recipe, similarity, embeddings, batch, margin)
    left, right, same = pairs_of(recipe, batch)
    dissimilarity = similarity(embeddings[left], embeddings[right])
    if recipe.batching == "triplets":
        near, far = dissimilarity.chunk(2)
        terms = losses.triplet_terms(near, far, margin, recipe.soft_margin)
        active = (terms > 0).to(torch.int8)
        share, direction = _share(torch.cat([terms, terms])), torch.cat([active, -active])
        return PairForces(left, right, same, dissimilarity, share, direction)
    if recipe.loss == "bce":
        terms = losses.bce_terms(similarity.same_logits(embeddings[left], embeddings[right]), same)
    else:
        terms = losses.contrastive_terms(dissimilarity, same, margin)
    return _of_terms(left, right, same, dissimilarity, terms)


def _all_pairs(recipe: Recipe, similarity: Similarity, embeddings: Tensor, batch: Batch, margin: float) -> PairForces:
    left, right, same = pairs_of(recipe, batch)
    distances = similarity.matrix(embeddings, embeddings)
    dissimilarity = distances[left, right]
    if recipe.loss == "bce":
        terms = losses.bce_terms(similarity.same_logits_matrix(embeddings, embeddings), batch.same)[left, right]
        return _of_terms(left, right, same, dissimilarity, terms)
    if recipe.loss == "contrastive":
        terms = losses.contrastive_terms(distances, batch.same, margin)[left, right]
        return _of_terms(left, right, same, dissimilarity, terms)
    with torch.enable_grad():
        variable = distances.detach().requires_grad_()
        if recipe.loss == "supcon":
            loss = losses.supcon_loss(1 - variable, batch.same, recipe.temperature, batch.itself)
        else:
            # For random mining the forces of all triplets are given: a new draw would differ from the one of the training step.
            mining = "all" if recipe.mining == "random" else recipe.mining
            soft, itself = recipe.soft_margin, batch.itself
            loss = losses.mined_triplet_loss(variable, batch.same, mining, margin, soft, itself=itself)
        (gradient,) = torch.autograd.grad(loss, variable)
    gradient = (gradient + gradient.T)[left, right]
    return PairForces(left, right, same, dissimilarity, _share(gradient.abs()), gradient.sign().to(torch.int8))


def _of_terms(left: Tensor, right: Tensor, same: Tensor, dissimilarity: Tensor, terms: Tensor) -> PairForces:
    """The forces of a loss that is half the mean term of the same pairs and half that of the different ones."""
    of_kind = torch.where(same, same.sum(), (~same).sum())
    direction = torch.where(same, 1, -1).to(torch.int8) * (terms > 0).to(torch.int8)
    return PairForces(left, right, same, dissimilarity, _share(terms / of_kind), direction)


def _share(terms: Tensor) -> Tensor:
    return terms / terms.sum().clamp_min(torch.finfo(terms.dtype).tiny)
