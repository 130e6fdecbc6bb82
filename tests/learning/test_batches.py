"""What a batch holds for each way of batching, and its loss against a slow loop over pairs and triplets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.learning.batches import Batch, batch_loss, check_bank, draw_batch
from siamese.learning.forces import pair_forces
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe

SEEDS = range(3)
MARGIN = 0.9


def recipe_of(batching: str, loss: str, **settings: Any) -> Recipe:
    similarity = {"bce": "learned", "supcon": "cosine"}.get(loss, "euclidean")
    return Recipe(
        batching=batching,
        loss=loss,
        similarity=similarity,
        embedding_dim=4,
        **{"batch_size": 12, "classes_per_batch": 4, "images_per_class": 3, **settings},
    )


RECIPES = [
    recipe_of("pairs", "contrastive"),
    recipe_of("pairs", "bce"),
    recipe_of("triplets", "triplet"),
    recipe_of("triplets", "triplet", soft_margin=True),
    recipe_of("all-pairs", "contrastive"),
    recipe_of("all-pairs", "bce"),
    recipe_of("all-pairs", "supcon"),
    recipe_of("all-pairs", "triplet", mining="hard"),
    recipe_of("all-pairs", "triplet", mining="all"),
]


def name_of(recipe: Recipe) -> str:
    return f"{recipe.batching}-{recipe.loss}{'-soft' if recipe.soft_margin else ''}-{recipe.mining}"


def embeddings_of(batch: Batch, seed: int) -> Tensor:
    drawn = torch.randn(len(batch.index), 4, generator=Generator().manual_seed(seed + 100))
    return torch.nn.functional.normalize(drawn, dim=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_of_pairs(make_bank: Callable[..., ImageBank], seed: int) -> None:
    bank = make_bank()
    batch = draw_batch(recipe_of("pairs", "contrastive"), bank, Generator().manual_seed(seed))
    left, right = bank.labels[batch.index].chunk(2)
    assert len(batch.index) == 24 and batch.same.shape == (12,) and batch.same.dtype == torch.bool
    assert torch.equal(left == right, batch.same)
    assert int(batch.same.sum()) == 6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_of_triplets(make_bank: Callable[..., ImageBank], seed: int) -> None:
    bank = make_bank()
    batch = draw_batch(recipe_of("triplets", "triplet"), bank, Generator().manual_seed(seed))
    anchor, positive, negative = bank.labels[batch.index].chunk(3)
    assert len(batch.index) == 36
    assert torch.equal(anchor, positive) and not bool((anchor == negative).any())
    assert batch.same.shape == (12,) and bool(batch.same.all())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_of_all_pairs(make_bank: Callable[..., ImageBank], seed: int) -> None:
    bank = make_bank()
    batch = draw_batch(recipe_of("all-pairs", "contrastive"), bank, Generator().manual_seed(seed))
    labels = bank.labels[batch.index]
    assert len(batch.index) == 12 and len(batch.index.unique()) == 12
    assert labels.unique(return_counts=True)[1].tolist() == [3] * 4
    assert batch.same.tolist() == [[bool(a == b) for b in labels] for a in labels]


@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_the_same_seed_draws_the_same_batch(make_bank: Callable[..., ImageBank], recipe: Recipe) -> None:
    bank = make_bank()
    first, again, other = (draw_batch(recipe, bank, Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.index, again.index) and torch.equal(first.same, again.same)
    assert not torch.equal(first.index, other.index)


@pytest.mark.parametrize(("batching", "loss", "images"), [("pairs", "contrastive", 2), ("triplets", "triplet", 3)])
def test_another_size_replaces_the_recipes(
    make_bank: Callable[..., ImageBank], batching: str, loss: str, images: int
) -> None:
    batch = draw_batch(recipe_of(batching, loss), make_bank(), Generator().manual_seed(0), size=30)
    assert len(batch.index) == images * 30 and len(batch.same) == 30


def slow_loss(recipe: Recipe, similarity: Similarity, z: Tensor, batch: Batch) -> float:
    """The recipe's loss, one pair or triplet after the other, from the definitions."""

    def distance(i: int, j: int) -> float:
        return float(similarity(z[i], z[j]))

    def of_pair(i: int, j: int, same: bool) -> float:
        if recipe.loss == "bce":
            logit = float(similarity.same_logits(z[i], z[j]))
            return math.log1p(math.exp(-logit if same else logit))
        return distance(i, j) ** 2 if same else max(0.0, MARGIN - distance(i, j)) ** 2

    def of_triplet(a: int, p: int, n: int) -> float:
        difference = distance(a, p) - distance(a, n)
        return math.log1p(math.exp(difference)) if recipe.soft_margin else max(0.0, difference + MARGIN)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else 0.0

    if recipe.batching == "triplets":
        n = len(batch.same)
        return mean([of_triplet(k, n + k, 2 * n + k) for k in range(n)])
    if recipe.batching == "pairs":
        n = len(batch.same)
        pairs = [(k, n + k, bool(batch.same[k])) for k in range(n)]
    else:
        pairs = [(i, j, bool(batch.same[i, j])) for i, j in itertools.combinations(range(len(z)), 2)]
    if recipe.loss in ("contrastive", "bce"):
        of_same = mean([of_pair(i, j, True) for i, j, same in pairs if same])
        return (of_same + mean([of_pair(i, j, False) for i, j, same in pairs if not same])) / 2
    others = [[j for j in range(len(z)) if j != i] for i in range(len(z))]
    if recipe.loss == "supcon":
        shares = []
        for i in range(len(z)):
            logits = {j: float(z[i] @ z[j]) / recipe.temperature for j in others[i]}
            total = math.log(sum(math.exp(value) for value in logits.values()))
            shares.append(mean([total - logits[j] for j in others[i] if batch.same[i, j]]))
        return mean(shares)
    chosen = []
    for a in range(len(z)):
        positives = [j for j in others[a] if batch.same[a, j]]
        negatives = [j for j in others[a] if not batch.same[a, j]]
        if recipe.mining == "hard":
            positives = [max(positives, key=lambda j: distance(a, j))]
            negatives = [min(negatives, key=lambda j: distance(a, j))]
        chosen += [of_triplet(a, p, n) for p in positives for n in negatives]
    return mean([value for value in chosen if value > 0] if recipe.mining == "all" else chosen)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_the_loss_of_a_batch_against_a_slow_loop(
    make_bank: Callable[..., ImageBank], recipe: Recipe, seed: int
) -> None:
    torch.manual_seed(seed)
    similarity = Similarity(recipe.similarity, 4)
    batch = draw_batch(recipe, make_bank(), Generator().manual_seed(seed))
    z = embeddings_of(batch, seed)
    with torch.no_grad():
        got = batch_loss(recipe, similarity, z, batch, MARGIN, Generator().manual_seed(0))
        expected = slow_loss(recipe, similarity, z, batch)
    assert got.shape == () and got.dtype == torch.float32
    assert got.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_mining_draws_with_its_generator(make_bank: Callable[..., ImageBank], seed: int) -> None:
    recipe = recipe_of("all-pairs", "triplet", mining="random")
    batch = draw_batch(recipe, make_bank(), Generator().manual_seed(seed))
    z = embeddings_of(batch, seed)
    similarity = Similarity("euclidean", 4)
    first, again, other = (
        batch_loss(recipe, similarity, z, batch, MARGIN, Generator().manual_seed(s)).item() for s in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_the_margin_may_be_a_tensor(make_bank: Callable[..., ImageBank], recipe: Recipe) -> None:
    similarity = Similarity(recipe.similarity, 4)
    batch = draw_batch(recipe, make_bank(), Generator().manual_seed(0))
    z = embeddings_of(batch, 0)
    as_number = batch_loss(recipe, similarity, z, batch, MARGIN)
    assert torch.equal(as_number, batch_loss(recipe, similarity, z, batch, torch.tensor(MARGIN)))


@pytest.mark.parametrize(
    "recipe", [recipe_of("pairs", "contrastive"), recipe_of("triplets", "triplet"), recipe_of("all-pairs", "supcon")]
)
def test_a_bank_that_cannot_fill_a_batch(make_bank: Callable[..., ImageBank], recipe: Recipe) -> None:
    check_bank(recipe, make_bank(classes=4, each=2))
    with pytest.raises(SiameseError, match="need at least 2 classes, and there is 1"):
        check_bank(recipe, make_bank(classes=1))
    with pytest.raises(SiameseError, match='Class "class 0" has one image and a same pair takes two'):
        check_bank(recipe, make_bank(each=1))


def test_too_few_classes_for_a_batch_of_classes(make_bank: Callable[..., ImageBank]) -> None:
    with pytest.raises(SiameseError, match="A batch of 4 classes cannot be drawn from 3"):
        check_bank(recipe_of("all-pairs", "supcon"), make_bank(classes=3))


@pytest.mark.parametrize("recipe", [r for r in RECIPES if r.batching == "all-pairs"], ids=name_of)
def test_an_image_is_never_paired_with_itself(make_bank: Callable[..., ImageBank], recipe: Recipe) -> None:
    """A class with fewer images than the batch takes gives some of them twice: the loss is that of a loop that leaves
    out every pair of an image with itself, and the images' distance to themselves changes nothing."""
    recipe = replace(recipe, images_per_class=5)
    bank = make_bank(classes=6, each=3)
    batch = draw_batch(recipe, bank, Generator().manual_seed(0))
    repeated = batch.index[:, None] == batch.index
    assert int(repeated.sum()) > len(batch.index) and torch.equal(batch.itself, repeated)
    similarity = Similarity(recipe.similarity, 4)
    # The copies of an image differ, as random changes make them differ.
    embeddings = embeddings_of(batch, 0)
    loss = batch_loss(recipe, similarity, embeddings, batch, MARGIN)
    n = len(batch.index)
    pairs = [(i, j) for i in range(n) for j in range(n) if batch.index[i] != batch.index[j]]
    distances = similarity.matrix(embeddings, embeddings)
    same = batch.same

    def mean(values: list[float]) -> float:
        return sum(values) / max(1, len(values))

    if recipe.loss in ("contrastive", "bce"):
        if recipe.loss == "bce":
            logits = similarity.same_logits_matrix(embeddings, embeddings).detach()
            of = [(bool(same[p]), math.log1p(math.exp(-float(logits[p]) * (1 if same[p] else -1)))) for p in pairs]
        else:
            of = [
                (bool(same[p]), float(distances[p]) ** 2 if same[p] else max(0.0, MARGIN - float(distances[p])) ** 2)
                for p in pairs
            ]
        expected = (mean([v for s, v in of if s]) + mean([v for s, v in of if not s])) / 2
    elif recipe.loss == "supcon":
        of_anchor = []
        for a in range(n):
            logits = {j: float(embeddings[a] @ embeddings[j]) / recipe.temperature for i, j in pairs if i == a}
            total = math.log(sum(map(math.exp, logits.values())))
            of_anchor.append(mean([total - logits[j] for j in logits if same[a, j]]))
        expected = mean(of_anchor)
    else:
        terms = []
        for a in range(n):
            near = [float(distances[a, j]) for i, j in pairs if i == a and same[a, j]]
            far = [float(distances[a, j]) for i, j in pairs if i == a and not same[a, j]]
            if recipe.mining == "hard":
                terms.append(max(0.0, MARGIN + max(near) - min(far)))
            else:
                terms += [t for p in near for q in far if (t := MARGIN + p - q) > 0]
        expected = mean(terms)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    forces = pair_forces(recipe, similarity, embeddings, batch, MARGIN)
    assert not bool((batch.index[forces.left] == batch.index[forces.right]).any())
    assert len(forces.left) == len(pairs) // 2
