"""What a step asks of each pair, against autograd and against the loss recomputed without the pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from siamese.data.bank import ImageBank
from siamese.learning import losses
from siamese.learning.batches import Batch, batch_loss, draw_batch
from siamese.learning.forces import PairForces, pair_forces
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe

SEEDS = range(4)
MARGIN = 0.8

PAIRS = Recipe(embedding_dim=4, batch_size=12)
ALL = replace(PAIRS, batching="all-pairs", classes_per_batch=4, images_per_class=3)
RECIPES = {
    "contrastive": PAIRS,
    "manhattan": replace(PAIRS, similarity="manhattan"),
    "exponential": replace(PAIRS, similarity="exponential"),
    "bce": replace(PAIRS, similarity="learned", loss="bce"),
    "triplet": replace(PAIRS, batching="triplets", loss="triplet"),
    "soft triplet": replace(PAIRS, batching="triplets", loss="triplet", soft_margin=True),
    "all contrastive": ALL,
    "all bce": replace(ALL, similarity="learned", loss="bce"),
    "supcon": replace(ALL, similarity="cosine", loss="supcon"),
    **{f"{mining} triplets": replace(ALL, loss="triplet", mining=mining) for mining in ("all", "hard", "semi-hard")},
    "soft hard triplets": replace(ALL, loss="triplet", mining="hard", soft_margin=True),
}
SUMS = {name: recipe for name, recipe in RECIPES.items() if recipe.loss in ("contrastive", "bce")}


def drawn(recipe: Recipe, bank: ImageBank, seed: int) -> tuple[Similarity, Batch, Tensor]:
    torch.manual_seed(seed)
    batch = draw_batch(recipe, bank, Generator().manual_seed(seed))
    embeddings = torch.randn(len(batch.index), 4)
    return Similarity(recipe.similarity, 4), batch, torch.nn.functional.normalize(embeddings, dim=1)


def loss_of_distances(recipe: Recipe, distances: Tensor, batch: Batch) -> Tensor:
    """The batch's loss as a function of the dissimilarity of each pair that pair_forces lists, float64 [pairs]."""
    if recipe.batching == "triplets":
        near, far = distances.chunk(2)
        return losses.triplet_loss(near, far, MARGIN, recipe.soft_margin)
    if recipe.batching == "pairs":
        same, pairs = batch.same, distances
        valid = None
    else:
        n = len(batch.index)
        left, right = torch.triu_indices(n, n, offset=1)
        pairs = torch.zeros(n, n).index_put((left, right), distances)
        pairs, same = pairs + pairs.T, batch.same
        valid = ~torch.eye(n, dtype=torch.bool)
    if recipe.loss == "supcon":
        return losses.supcon_loss(1 - pairs, same, recipe.temperature)
    if recipe.loss == "triplet":
        return losses.mined_triplet_loss(pairs, same, recipe.mining, MARGIN, recipe.soft_margin)
    if recipe.loss == "bce":
        # The dissimilarity is the probability of "different".
        return losses.bce_loss(torch.logit(1 - pairs, eps=1e-6), same, valid)
    return losses.contrastive_loss(pairs, same, MARGIN, valid)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RECIPES)
def test_the_direction_is_that_of_the_derivative(make_bank: Callable[..., ImageBank], name: str, seed: int) -> None:
    recipe = RECIPES[name]
    similarity, batch, embeddings = drawn(recipe, make_bank(), seed)
    forces = pair_forces(recipe, similarity, embeddings, batch, MARGIN)
    distances = forces.dissimilarity.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of_distances(recipe, distances, batch), distances)
    assert forces.direction.dtype == torch.int8
    assert torch.equal(forces.direction, gradient.sign().to(torch.int8))
    if name not in SUMS and recipe.batching != "triplets":
        torch.testing.assert_close(forces.share, gradient.abs() / gradient.abs().sum())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RECIPES)
def test_the_direction_against_finite_differences(make_bank: Callable[..., ImageBank], name: str, seed: int) -> None:
    recipe = RECIPES[name]
    similarity, batch, embeddings = drawn(recipe, make_bank(), seed)
    forces = pair_forces(recipe, similarity, embeddings, batch, MARGIN)
    for pair in range(0, len(forces.left), 5):
        nudge = torch.zeros(len(forces.left))
        nudge[pair] = 1e-3
        rise = loss_of_distances(recipe, forces.dissimilarity + nudge, batch)
        fall = loss_of_distances(recipe, forces.dissimilarity - nudge, batch)
        slope = float(rise - fall)
        # Float32 cannot tell a slope below this from none.
        if abs(slope) > 1e-6:
            assert int(forces.direction[pair]) == (1 if slope > 0 else -1), (pair, slope)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RECIPES)
def test_shares_sum_to_one(make_bank: Callable[..., ImageBank], name: str, seed: int) -> None:
    recipe = RECIPES[name]
    similarity, batch, embeddings = drawn(recipe, make_bank(), seed)
    share = pair_forces(recipe, similarity, embeddings, batch, MARGIN).share
    assert share.dtype == torch.float32 and not share.requires_grad
    assert float(share.min()) >= 0 and float(share.sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SUMS)
def test_a_share_is_what_the_pair_adds_to_the_loss(make_bank: Callable[..., ImageBank], name: str, seed: int) -> None:
    recipe = RECIPES[name]
    similarity, batch, embeddings = drawn(recipe, make_bank(), seed)
    forces = pair_forces(recipe, similarity, embeddings, batch, MARGIN)
    with torch.no_grad():
        whole = float(batch_loss(recipe, similarity, embeddings, batch, MARGIN))
        logits = (
            None if recipe.loss != "bce" else similarity.same_logits(embeddings[forces.left], embeddings[forces.right])
        )
    kinds = [int(forces.same.sum()), int((~forces.same).sum())]
    for pair in range(len(forces.left)):
        same = forces.same[pair]
        if logits is None:
            term = losses.contrastive_terms(forces.dissimilarity[pair], same, MARGIN)
        else:
            term = losses.bce_terms(logits[pair], same)
        added = float(term) / kinds[0 if same else 1] / 2
        assert float(forces.share[pair]) * whole == pytest.approx(added, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_pair_is_told_once_and_truly(make_bank: Callable[..., ImageBank], name: str, seed: int) -> None:
    recipe, bank = RECIPES[name], make_bank()
    similarity, batch, embeddings = drawn(recipe, bank, seed)
    forces = pair_forces(recipe, similarity, embeddings, batch, MARGIN)
    assert len(forces.left) == recipe.pairs_per_step
    assert len(set(zip(forces.left.tolist(), forces.right.tolist()))) == len(forces.left)
    labels = bank.labels[batch.index]
    assert torch.equal(labels[forces.left] == labels[forces.right], forces.same)
    with torch.no_grad():
        expected = similarity(embeddings[forces.left], embeddings[forces.right])
    torch.testing.assert_close(forces.dissimilarity, expected, rtol=1e-4, atol=1e-5)
    # Nothing is asked that is against the pair's kind, but by supcon: it wants an anchor's positives equally near, and
    # pushes one that has more than its share.
    if recipe.loss == "supcon":
        assert bool((forces.direction[~forces.same] < 0).all()) and bool((forces.direction[forces.same] > 0).any())
        return
    assert bool((forces.direction[forces.same] >= 0).all()) and bool((forces.direction[~forces.same] <= 0).all())


def test_where_nothing_is_left_to_teach_there_is_no_force() -> None:
    near, far = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[-1.0, 0, 0, 0]])
    batch = Batch(torch.arange(4), torch.tensor([True, False]))
    forces = pair_forces(PAIRS, Similarity("euclidean", 4), torch.cat([near, near, near, far]), batch, MARGIN)
    assert forces.share[1] == 0 and forces.direction[1] == 0

    triplets = Batch(torch.arange(3), torch.tensor([True]))
    settled = pair_forces(
        RECIPES["triplet"], Similarity("euclidean", 4), torch.cat([near, near, far]), triplets, MARGIN
    )
    assert settled.share.tolist() == [0, 0] and settled.direction.tolist() == [0, 0]


def test_random_mining_is_shown_on_all_triplets(make_bank: Callable[..., ImageBank]) -> None:
    def forces_of(mining: str) -> PairForces:
        recipe = replace(ALL, loss="triplet", mining=mining)
        similarity, batch, embeddings = drawn(recipe, make_bank(), 0)
        return pair_forces(recipe, similarity, embeddings, batch, MARGIN)

    assert all(torch.equal(a, b) for a, b in zip(forces_of("random"), forces_of("all")))
