"""The view from outside: fixed questions, honest scores, a steady map, and a network that is left as it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.evaluation import metrics
from siamese.evaluation.judge import Judge, embed_bank, pixel_judge
from siamese.evaluation.validation import (
    MAP_CLASSES,
    MAP_IMAGES,
    POOL_CLASSES,
    POOL_IMAGES,
    Diverged,
    Sample,
    Validator,
    map_bank,
    map_images,
    most_pairs,
    score,
    validation_pool,
)
from siamese.learning.batches import batch_loss
from siamese.models.network import SiameseNetwork, build_network
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.recipes.recipe import SimilarityKind
from siamese.training.events import plain

CPU = torch.device("cpu")
RECIPE = Recipe(encoder="conv4", embedding_dim=6)


def network_of(recipe: Recipe, size: int = 16) -> SiameseNetwork:
    return build_network(recipe, 1, (size, size))


class Constant(nn.Module):
    """An encoder that answers the same to every image."""

    def __init__(self, value: float = 1.0, dim: int = 6) -> None:
        super().__init__()
        self.value, self.dim = value, dim

    def forward(self, images: Tensor) -> Tensor:
        return torch.full((len(images), self.dim), self.value)


class MeanPixel(nn.Module):
    """An encoder of length 1: the mean of the image."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).mean(1, keepdim=True)


def test_a_sample_asks_the_same_of_everybody(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    first, again, other = (Sample.draw(bank, 100, 50, seed) for seed in (1, 1, 2))
    assert torch.equal(first.pairs.left, again.pairs.left) and torch.equal(first.episodes.query, again.episodes.query)
    assert not torch.equal(first.pairs.left, other.pairs.left)
    labels = bank.labels
    assert torch.equal(labels[first.pairs.left] == labels[first.pairs.right], first.pairs.same)
    assert int(first.pairs.same.sum()) == 50 == len(first.pairs.same) // 2
    assert first.episodes.support.shape == (50, 8, 1) and not first.within_group


@pytest.mark.parametrize(
    ("classes", "groups", "way", "within"),
    [(60, 3, 20, True), (60, 4, 20, False), (30, 1, 20, False), (8, 1, 8, False), (8, 2, 8, False), (41, 2, 20, True)],
)
def test_episodes_stay_in_a_group_where_one_is_large_enough(
    make_bank: Callable[..., ImageBank], classes: int, groups: int, way: int, within: bool
) -> None:
    bank = make_bank(classes=classes, each=2, size=8, groups=groups)
    sample = Sample.draw(bank, 100, 20, 0)
    assert (sample.episodes.support.shape[1], sample.within_group) == (way, within)
    if within:
        shown = bank.groups[bank.labels[sample.episodes.support.flatten(1)]]
        assert bool((shown == shown[:, :1]).all())


def lonely(bank: ImageBank, classes: int) -> ImageBank:
    """The bank with but one image of the last classes."""
    keep = bank.labels < bank.classes - classes
    keep[bank.starts[-classes:]] = True
    counts = bank.counts.clone()
    counts[-classes:] = 1
    return replace(bank, images=bank.images[keep], counts=counts)


def test_classes_of_one_image_are_not_asked_about(make_bank: Callable[..., ImageBank]) -> None:
    bank = lonely(make_bank(), 3)
    sample = Sample.draw(bank, 100, 50, 0)
    assert sample.episodes.support.shape == (50, 5, 1)
    assert int(bank.labels[sample.episodes.query].max()) < 5
    Validator(RECIPE, bank, CPU)


@pytest.mark.parametrize(("classes", "each"), [(2, 2), (3, 4), (8, 6)])
def test_most_pairs_against_a_count(make_bank: Callable[..., ImageBank], classes: int, each: int) -> None:
    bank = make_bank(classes=classes, each=each, size=8)
    labels = bank.labels
    i, j = torch.triu_indices(len(labels), len(labels), 1)
    same = int((labels[i] == labels[j]).sum())
    assert most_pairs(bank) == 2 * min(same, len(i) - same)
    Sample.draw(bank, most_pairs(bank), 10, 0)


def test_scores_against_the_metrics_themselves(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    sample = Sample.draw(bank, 200, 60, 3)
    embeddings = torch.randn(len(bank), 4, generator=torch.Generator().manual_seed(0))
    judge = Judge(Similarity("euclidean", 4), embeddings, embeddings)
    scores, distances = score(judge, sample)
    expected = (embeddings[sample.pairs.left] - embeddings[sample.pairs.right]).norm(dim=1)
    torch.testing.assert_close(distances, expected)
    same = sample.pairs.same
    assert scores.auc == metrics.auc(expected, same) and scores.eer == metrics.eer(expected, same)
    assert scores.threshold == metrics.best_threshold(expected, same)
    assert scores.pair_accuracy == metrics.pair_accuracy(expected, same, scores.threshold)
    right = 0.0
    for shown, query, answer in zip(*(part.tolist() for part in sample.episodes)):
        away = [float((embeddings[query] - embeddings[image[0]]).norm()) for image in shown]
        right += away.index(min(away)) == answer
    assert scores.oneshot == pytest.approx(right / 60)
    assert (scores.way, scores.trials, scores.pairs, scores.within_group) == (8, 60, 200, False)
    fixed, _ = score(judge, sample, threshold=1.5)
    assert fixed.threshold == 1.5 and fixed.auc == scores.auc
    assert fixed.pair_accuracy == metrics.pair_accuracy(expected, same, 1.5)


def test_the_baseline_is_the_distance_of_raw_pixels(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(partner=True)
    sample = Sample.draw(bank, 200, 40, 0)
    assert bank.partner is not None
    left, right = (images.flatten(1).float() / 255 for images in (bank.images, bank.partner))
    similarity = Similarity("euclidean", 256)
    one_domain = pixel_judge(replace(RECIPE, batching="all-pairs"), bank)
    assert score(one_domain, sample)[0] == score(Judge(similarity, left, left), sample)[0]
    scores, _ = score(pixel_judge(RECIPE, bank), sample)
    assert scores == score(Judge(similarity, left, right), sample)[0]
    # The second domain is the first in negative, so nearness of pixels tells the opposite of the truth.
    assert scores.auc < 0.5


@pytest.mark.parametrize("training", [True, False])
def test_embedding_a_bank_leaves_the_network_as_it_was(make_bank: Callable[..., ImageBank], training: bool) -> None:
    network = network_of(RECIPE).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    bank = make_bank()
    left, right = embed_bank(network, RECIPE, bank, chunk=7)
    assert network.training == training and left is right
    assert left.shape == (48, 6) and not left.requires_grad
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    with torch.no_grad():
        expected = network.eval().embed(bank.images.float() / 255)
    torch.testing.assert_close(left, expected, atol=1e-5, rtol=1e-4)


def test_the_mode_is_put_back_after_a_failure(make_bank: Callable[..., ImageBank]) -> None:
    network = network_of(RECIPE, size=32).train()
    with pytest.raises(RuntimeError):
        embed_bank(network, RECIPE, make_bank(size=16))
    assert network.training


@pytest.mark.parametrize("partner", [True, False])
def test_two_towers_embed_their_own_domain(make_bank: Callable[..., ImageBank], partner: bool) -> None:
    recipe = replace(RECIPE, second_tower="strided")
    network, bank = network_of(recipe).eval(), make_bank(partner=partner)
    left, right = embed_bank(network, recipe, bank)
    with torch.no_grad():
        second = bank.partner if bank.partner is not None else bank.images
        torch.testing.assert_close(left, network.embed(bank.images.float() / 255), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(right, network.embed_right(second.float() / 255), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("similarity", get_args(SimilarityKind))
def test_a_validation_of_an_untrained_network(make_bank: Callable[..., ImageBank], similarity: str) -> None:
    loss = "bce" if similarity == "learned" else "contrastive"
    recipe = replace(RECIPE, similarity=similarity, loss=loss, normalize=similarity == "cosine")
    validator = Validator(recipe, make_bank(), CPU)
    network = network_of(recipe)
    validation = validator(network, 7, 1.5, 1.0)
    assert (validation.step, validation.seconds) == (7, 1.5)
    assert len(validation.edges) == len(validation.same) + 1 == len(validation.different) + 1
    assert sum(validation.same) == pytest.approx(1) and sum(validation.different) == pytest.approx(1)
    assert validation.overlap == pytest.approx(1 - validation.scores.pair_accuracy)
    assert len(validation.x) == len(validation.y) == 48 and 0 < validation.explained <= 1
    assert not validation.collapsed and 0.5 <= validation.scores.pair_accuracy <= 1
    json.dumps(plain(validation), allow_nan=False)
    assert validator(network, 7, 1.5, 1.0) == validation  # nothing in it is drawn anew


def test_the_loss_is_the_training_loss_on_fixed_batches(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    for recipe in (
        RECIPE,
        replace(RECIPE, batching="triplets", loss="triplet"),
        replace(RECIPE, batching="all-pairs", classes_per_batch=8, images_per_class=4),
        replace(RECIPE, batching="all-pairs", loss="triplet", mining="random"),
    ):
        validator, network = Validator(recipe, bank, CPU), network_of(recipe).eval()
        batch = validator.batch
        with torch.no_grad():
            embeddings = network.embed(validator.pool.images[batch.index].float() / 255)
            generator = torch.Generator().manual_seed(recipe.seed)
            expected = batch_loss(recipe, network.similarity, embeddings, batch, 0.7, generator)
        assert validator(network, 0, 0.0, 0.7).loss == pytest.approx(float(expected), rel=1e-4)


def test_a_network_of_one_answer_is_collapsed_and_scores_chance(make_bank: Callable[..., ImageBank]) -> None:
    network = SiameseNetwork(Constant(), Similarity("euclidean", 6), normalize=False)
    validation = Validator(replace(RECIPE, normalize=False), make_bank(), CPU)(network, 0, 0.0, 1.0)
    assert validation.collapsed
    assert (validation.scores.auc, validation.scores.eer, validation.scores.pair_accuracy) == (0.5, 0.5, 0.5)
    assert validation.scores.oneshot == pytest.approx(1 / 8)
    assert validation.loss == pytest.approx(0.5)  # half of 0² and half of (1 − 0)²
    json.dumps(plain(validation), allow_nan=False)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e20, 3e38])
def test_answers_that_are_no_numbers_are_told(make_bank: Callable[..., ImageBank], value: float) -> None:
    network = SiameseNetwork(Constant(value), Similarity("squared-euclidean", 6), normalize=False)
    with pytest.raises(Diverged, match="no longer finite numbers at step 12; lower the learning rate") as told:
        Validator(RECIPE, make_bank(), CPU)(network, 12, 0.0, 1.0)
    assert isinstance(told.value, SiameseError)


def test_large_answers_that_are_numbers_are_scored(make_bank: Callable[..., ImageBank]) -> None:
    recipe = replace(RECIPE, normalize=False, similarity="squared-euclidean")
    network = network_of(recipe)
    with torch.no_grad():
        for parameter in network.encoder[-1].parameters():  # type: ignore[index, union-attr]
            parameter.mul_(1e17)
    validation = Validator(recipe, make_bank(), CPU)(network, 0, 0.0, 1.0)
    assert all(math.isfinite(edge) for edge in validation.edges)
    json.dumps(plain(validation), allow_nan=False)


def test_the_pool_takes_one_group_after_another_and_the_first_images(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(classes=90, each=20, size=8, groups=3)
    pool = validation_pool(bank)
    assert pool.classes == POOL_CLASSES and len(pool) == POOL_CLASSES * (POOL_IMAGES // POOL_CLASSES)
    assert len(pool.group_names) == 2  # thirty classes a group
    number = {name: index for index, name in enumerate(bank.class_names)}
    for c, name in enumerate(pool.class_names):
        first = int(bank.starts[number[name]])
        start, count = int(pool.starts[c]), int(pool.counts[c])
        assert torch.equal(pool.images[start : start + count], bank.images[first : first + count])
    small = make_bank(partner=True)
    same = validation_pool(small)
    assert torch.equal(same.images, small.images) and same.partner is not None and small.partner is not None
    assert torch.equal(same.partner, small.partner)


def test_a_pool_of_many_images_of_few_classes(make_bank: Callable[..., ImageBank]) -> None:
    pool = validation_pool(make_bank(classes=2, each=500, size=8))
    assert pool.counts.tolist() == [400, 400]


def test_the_maps_images_are_the_first_of_the_first_classes(make_bank: Callable[..., ImageBank]) -> None:
    pool = make_bank(classes=12, each=20, size=8)
    shown = map_images(pool)
    assert len(shown) == MAP_CLASSES * MAP_IMAGES
    assert pool.labels[shown].tolist() == [c for c in range(MAP_CLASSES) for _ in range(MAP_IMAGES)]
    assert len(map_images(make_bank(classes=3, each=4))) == 12


def test_the_map_shows_most_of_the_spread(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    validator = Validator(replace(RECIPE, normalize=False), bank, CPU)
    network = network_of(replace(RECIPE, normalize=False))
    validation = validator(network, 0, 0.0, 1.0)
    left, _ = embed_bank(network, RECIPE, validator.pool)
    points = left[validator.map_images].double()
    _, spread, _ = torch.linalg.svd(points - points.mean(0), full_matrices=False)
    assert validation.explained == pytest.approx(float((spread[:2] ** 2).sum() / (spread**2).sum()))
    # Distances on the plane are those along the two principal axes, whatever the map's scale.
    placed = torch.tensor([validation.x, validation.y]).T.double()
    shape = torch.linalg.svdvals(placed - placed.mean(0))
    assert float(shape[1] / shape[0]) == pytest.approx(float(spread[1] / spread[0]), rel=1e-2)


def test_the_map_does_not_turn_where_the_network_stands_still(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    validator = Validator(RECIPE, bank, CPU)
    network = network_of(RECIPE)
    first = validator(network, 0, 0.0, 1.0)
    with torch.no_grad():
        # A rotation of the embedding space moves no two images nearer to each other, and none on the map.
        turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))[0]
        last = network.encoder[-1]  # type: ignore[index]
        last.weight.copy_(turn @ last.weight)  # type: ignore[union-attr, operator]
        last.bias.copy_(turn @ last.bias)  # type: ignore[union-attr, operator]
    turned = validator(network, 1, 0.0, 1.0)
    assert turned.x == pytest.approx(first.x, abs=2e-3) and turned.y == pytest.approx(first.y, abs=2e-3)


@pytest.mark.parametrize(("dim", "explained"), [(1, 1.0), (2, 1.0)])
def test_one_or_two_dimensions_are_shown_as_they_are(
    make_bank: Callable[..., ImageBank], dim: int, explained: float
) -> None:
    recipe = replace(RECIPE, embedding_dim=dim, normalize=False)
    network = network_of(recipe)
    if dim == 1:
        network = SiameseNetwork(MeanPixel(), Similarity("euclidean", 1), normalize=False)
    validator = Validator(recipe, make_bank(), CPU)
    validation = validator(network, 0, 0.0, 1.0)
    left, _ = embed_bank(network, recipe, validator.pool)
    assert validation.explained == explained
    x = left[validator.map_images, 0].double()
    placed = torch.tensor(validation.x).double()
    correlation = torch.corrcoef(torch.stack([x, placed]))[0, 1]
    assert float(correlation) == pytest.approx(1, abs=1e-3)
    if dim == 1:
        assert set(validation.y) == {0.0}


def test_a_bank_too_small_to_ask_anything(make_bank: Callable[..., ImageBank]) -> None:
    with pytest.raises(SiameseError, match="Validation needs at least 2 classes, and there is 1"):
        Validator(RECIPE, make_bank(classes=1), CPU)
    with pytest.raises(SiameseError):
        Validator(RECIPE, make_bank(each=1), CPU)


def test_the_smallest_bank_can_be_validated(make_bank: Callable[..., ImageBank]) -> None:
    for recipe in (RECIPE, replace(RECIPE, batching="all-pairs", loss="supcon", similarity="cosine")):
        validation = Validator(recipe, make_bank(classes=2, each=2), CPU)(network_of(recipe), 0, 0.0, 1.0)
        assert validation.scores.pairs == 4 and validation.scores.way == 2


@pytest.mark.parametrize("shrunk", [1e-2, 1e-5, 1e-9])
def test_a_network_that_shrinks_keeps_its_axis(make_bank: Callable[..., ImageBank], shrunk: float) -> None:
    """A collapse has to be seen: both kinds of pairs fall into the first bin of an axis that does not shrink."""
    recipe = replace(RECIPE, normalize=False)
    network = network_of(recipe)
    validator = Validator(recipe, make_bank(), CPU)
    first = validator(network, 0, 0.0, 1.0)
    with torch.no_grad():
        for parameter in network.encoder[-1].parameters():  # type: ignore[index, union-attr]
            parameter.mul_(shrunk)
    later = validator(network, 1, 0.0, 1.0)
    assert later.edges == first.edges and later.edges[-1] > later.edges[1] > 0
    assert (later.same[0], later.different[0]) == (1.0, 1.0)
    assert 0 < later.scores.threshold < 2 * shrunk * first.edges[-1] + 2e-7
    assert 0 < max(map(abs, later.x)) < 2 * shrunk * max(map(abs, first.x))
    with torch.no_grad():
        for parameter in network.encoder[-1].parameters():  # type: ignore[index, union-attr]
            parameter.mul_(10 / shrunk)
    assert validator(network, 2, 0.0, 1.0).edges[-1] == pytest.approx(10 * first.edges[-1], rel=0.05)


def test_only_the_images_of_the_pool_are_prepared(
    make_bank: Callable[..., ImageBank], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []
    prepare = ImageBank.prepared

    def counted(self: ImageBank, *options: Any) -> ImageBank:
        prepared.append(len(self))
        return prepare(self, *options)

    monkeypatch.setattr(ImageBank, "prepared", counted)
    bank = make_bank(classes=80, each=30, size=8)
    recipe = replace(RECIPE, image_size=16)
    Validator(recipe, bank, CPU)
    assert sum(prepared) == POOL_CLASSES * (POOL_IMAGES // POOL_CLASSES)
    prepared.clear()
    shown = map_bank(recipe, bank)
    assert sum(prepared) == len(shown) == MAP_CLASSES * MAP_IMAGES


@pytest.mark.parametrize(("classes", "each", "groups"), [(80, 30, 3), (5, 3, 1), (12, 400, 2)])
def test_the_maps_bank_holds_the_maps_images(
    make_bank: Callable[..., ImageBank], classes: int, each: int, groups: int
) -> None:
    bank = make_bank(classes=classes, each=each, groups=groups, size=8)
    pool = validation_pool(bank)
    shown, of_map = map_images(pool), map_bank(RECIPE, bank)
    assert torch.equal(of_map.images, pool.images[shown])
    assert torch.equal(of_map.labels, pool.labels[shown])
