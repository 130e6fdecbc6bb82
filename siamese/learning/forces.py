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


@torch.no_grad()
def pair_forces(recipe: Recipe, similarity: Similarity, embeddings: Tensor, batch: Batch, margin: float) -> PairForces:
    """The pairs of a batch, with the force of the loss on each. embeddings: float32 [M, D], in the order of batch.index.

    The direction is the sign of the loss's derivative by the pair's dissimilarity: the step goes down the loss, so a
    positive derivative pulls. The share is what the pair's own term adds to the loss, a triplet's term counting half for
    each of its pairs; where a loss is no sum over pairs (mined triplets, supcon) it is the pair's part of the summed
    absolute derivatives.
    """
    if recipe.batching == "all-pairs":
        return _all_pairs(recipe, similarity, embeddings, batch, margin)
    if recipe.batching == "triplets":
        n = len(batch.same)
        anchor, positive, negative = torch.arange(3 * n, device=embeddings.device).chunk(3)
        near = similarity(embeddings[anchor], embeddings[positive])
        far = similarity(embeddings[anchor], embeddings[negative])
        terms = losses.triplet_terms(near, far, margin, recipe.soft_margin)
        active = (terms > 0).to(torch.int8)
        return PairForces(
            torch.cat([anchor, anchor]),
            torch.cat([positive, negative]),
            torch.cat([batch.same, ~batch.same]),
            torch.cat([near, far]),
            _share(torch.cat([terms, terms])),
            torch.cat([active, -active]),
        )
    left, right = torch.arange(2 * len(batch.same), device=embeddings.device).chunk(2)
    dissimilarity = similarity(embeddings[left], embeddings[right])
    if recipe.loss == "bce":
        terms = losses.bce_terms(similarity.same_logits(embeddings[left], embeddings[right]), batch.same)
    else:
        terms = losses.contrastive_terms(dissimilarity, batch.same, margin)
    return _of_terms(left, right, batch.same, dissimilarity, terms)


def _all_pairs(recipe: Recipe, similarity: Similarity, embeddings: Tensor, batch: Batch, margin: float) -> PairForces:
    itself = batch.itself
    left, right = torch.triu(~itself, 1).nonzero().unbind(1)
    same = batch.same[left, right]
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
            loss = losses.supcon_loss(1 - variable, batch.same, recipe.temperature, itself)
        else:
            # For random mining the forces of all triplets are given: a new draw would differ from the one of the training step.
            mining = "all" if recipe.mining == "random" else recipe.mining
            loss = losses.mined_triplet_loss(variable, batch.same, mining, margin, recipe.soft_margin, itself=itself)
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
