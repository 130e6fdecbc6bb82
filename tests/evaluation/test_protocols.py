"""The protocols against slow loops over single pairs, and what they say they ask."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation import metrics
from siamese.evaluation import protocols as evaluate
from siamese.evaluation.protocols import Evaluator
from siamese.evaluation.subsets import fingerprint
from siamese.evaluation.validation import most_pairs
from siamese.learning.sampling import fixed_pairs, sample_episodes
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import as_floats
from siamese.models.network import SiameseNetwork, build_network
from siamese.recipes import Recipe

MakeDataset = Callable[..., Dataset]


def checkpoint_for(dataset: Dataset, *, collapsed: bool = False, **settings: object) -> Checkpoint:
    """An untrained network that takes the images of the data set; collapsed: one point for all of them."""
    recipe = Recipe(encoder="strided", embedding_dim=8, **settings)  # type: ignore[arg-type]
    bank = dataset.train.prepared(None, recipe.grey, recipe.invert)
    height, width = bank.images.shape[2:]
    size = (height, width) if recipe.image_size is None else (recipe.image_size, recipe.image_size)
    weights = build_network(recipe, bank.images.shape[1], size).state_dict()
    if collapsed:
        weights = {name: torch.zeros_like(value) for name, value in weights.items()}
    dark = None if dataset.dark_background is None else dataset.dark_background != recipe.invert
    return Checkpoint(
        recipe=recipe,
        data={"name": dataset.name, "fingerprint": fingerprint(dataset)},
        channels=bank.images.shape[1],
        size=size,
        dark_background=dark,
        threshold=0.4,
        scores={"auc": 0.5},
        step=0,
        seconds=0.0,
        weights=weights,
    )


def one_by_one(network: SiameseNetwork, bank: ImageBank, i: int, j: int) -> float:
    """The dissimilarity of two images of a prepared bank, compared alone."""
    with torch.no_grad():
        left, right = (network.embed(as_floats(bank.images[n : n + 1])) for n in (i, j))
        return float(network.similarity(left, right))


def pixel_distance(bank: ImageBank, i: int, j: int) -> float:
    return math.sqrt(float(((bank.images[i].double() - bank.images[j].double()) / 255).square().sum()))


def test_pairs_equal_a_loop_over_single_pairs(dataset: Dataset) -> None:
    checkpoint = checkpoint_for(dataset)
    result = Evaluator(checkpoint).pairs(dataset)
    pairs = fixed_pairs(dataset.test, most_pairs(dataset.test), seed=0)
    network, right, distances = checkpoint.network(), 0, []
    for i, j, same in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.same.tolist()):
        assert i != j
        distances.append(one_by_one(network, dataset.test, i, j))
        right += (distances[-1] < 0.4) == same
    # 8 classes of 6 images hold 8 · 15 same pairs and more different ones.
    assert result.scores["pairs"] == len(pairs.same) == 240
    assert result.scores["pair_accuracy"] == pytest.approx(right / 240)
    assert result.scores["threshold"] == 0.4
    assert result.scores["eer"] == pytest.approx(metrics.eer(torch.tensor(distances), pairs.same), abs=1e-6)
    assert "240 balanced pairs (10,000 would be asked if there were as many)" in result.words


def test_ten_thousand_pairs_where_there_are_so_many(make_dataset: MakeDataset) -> None:
    # 8 · (40 · 39 / 2) = 6,240 same pairs; 5,000 of them are asked.
    result = Evaluator(checkpoint_for(make_dataset(each=40))).pairs(make_dataset(each=40))
    assert result.scores["pairs"] == 10_000
    assert result.words.startswith("10,000 balanced pairs of distinct images of the test part of Patterns")


def test_the_pixel_threshold_comes_from_validation_and_never_from_the_test(make_dataset: MakeDataset) -> None:
    dataset, other = make_dataset(), make_dataset(seed=7)
    result = Evaluator(checkpoint_for(dataset)).pairs(dataset)
    pairs = fixed_pairs(dataset.validation, most_pairs(dataset.validation), seed=0)
    distances = [pixel_distance(dataset.validation, i, j) for i, j in zip(pairs.left.tolist(), pairs.right.tolist())]
    expected = metrics.best_threshold(torch.tensor(distances), pairs.same)
    assert result.scores["baseline_threshold"] == pytest.approx(expected, rel=1e-5)
    # Another test part moves the accuracy, not the threshold.
    moved = Evaluator(checkpoint_for(dataset)).pairs(replace(dataset, test=other.test))
    assert moved.scores["baseline_threshold"] == result.scores["baseline_threshold"]
    elsewhere = Evaluator(checkpoint_for(dataset)).pairs(replace(dataset, validation=other.validation))
    assert elsewhere.scores["baseline_threshold"] != result.scores["baseline_threshold"]


def test_the_threshold_is_the_best_on_the_whole_validation_part(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(classes=5)
    checkpoint = checkpoint_for(dataset)
    calibrated = Evaluator(checkpoint).calibrated(dataset)
    network, bank = checkpoint.network(), dataset.validation
    pairs = fixed_pairs(bank, most_pairs(bank), seed=0)
    distances = [one_by_one(network, bank, i, j) for i, j in zip(pairs.left.tolist(), pairs.right.tolist())]

    def accuracy(threshold: float) -> float:
        return sum((d < threshold) == same for d, same in zip(distances, pairs.same.tolist())) / len(distances)

    assert calibrated.scores["pairs"] == len(pairs.same)
    assert calibrated.scores["pair_accuracy"] == pytest.approx(accuracy(calibrated.threshold))
    assert accuracy(calibrated.threshold) == max(accuracy(d + 1e-6) for d in distances)
    # The test part has no say in it.
    other = replace(dataset, test=make_dataset(classes=5, seed=4).test)
    assert Evaluator(checkpoint).calibrated(other).threshold == calibrated.threshold


def test_verification_counts_every_pair_once(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(classes=5, each=4)
    checkpoint = checkpoint_for(dataset)
    result = Evaluator(checkpoint).verification(dataset)
    test = dataset.test
    labels = test.labels.tolist()
    network, judged, pixels, same = checkpoint.network(), [], [], []
    for i in range(len(test)):
        for j in range(i + 1, len(test)):
            judged.append(one_by_one(network, test, i, j))
            pixels.append(pixel_distance(test, i, j))
            same.append(labels[i] == labels[j])
    # 5 · (4 · 3 / 2) genuine pairs; 20 · 19 / 2 in all.
    assert (result.scores["genuine"], result.scores["impostor"]) == (30, 160)
    truth = torch.tensor(same)
    for prefix, distances in (("", judged), ("baseline_", pixels)):
        assert result.scores[f"{prefix}auc"] == pytest.approx(metrics.auc(torch.tensor(distances), truth), abs=1e-4)
        assert result.scores[f"{prefix}eer"] == pytest.approx(metrics.eer(torch.tensor(distances), truth), abs=1e-2)
    assert "30 genuine (of one class) and 160 impostor pairs" in result.words


def test_verification_takes_all_images_of_a_folder_but_only_the_test_part_of_what_it_was_trained_on(
    make_dataset: MakeDataset,
) -> None:
    own, foreign = make_dataset(classes=4, each=3), make_dataset(classes=4, each=3, seed=5)
    evaluator = Evaluator(checkpoint_for(own))
    assert evaluator.verification(own).scores["images"] == len(own.test)
    # The same name is not enough: it is the training images that tell.
    result = evaluator.verification(foreign)
    assert foreign.name == own.name
    assert result.scores["images"] == len(foreign.train) + len(foreign.validation) + len(foreign.test)
    # A named set is always scored on its test part.
    assert evaluator.verification(replace(foreign, name="mnist")).scores["images"] == len(foreign.test)


def test_verification_of_many_images_takes_the_first_of_each_class(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "MOST_IMAGES", 24)
    result = Evaluator(checkpoint_for(dataset)).verification(dataset)
    assert (result.scores["images"], result.scores["genuine"]) == (24, 8 * 3)
    assert "24 of the 48 images (the first of each class)" in result.words


@pytest.mark.parametrize("within_group", [False, True])
def test_oneshot_equals_a_loop_over_trials(make_dataset: MakeDataset, within_group: bool) -> None:
    dataset = make_dataset(groups=2)
    checkpoint = checkpoint_for(dataset)
    result = Evaluator(checkpoint).oneshot(dataset, way=4, shot=2, trials=30, within_group=within_group)
    episodes = sample_episodes(dataset.test, 4, 2, 30, seed=0, within_group=within_group)
    network, right = checkpoint.network(), {"": 0, "baseline_": 0}
    for support, query, answer in zip(episodes.support.tolist(), episodes.query.tolist(), episodes.answer.tolist()):
        for prefix, compare in (
            ("", lambda i, j: one_by_one(network, dataset.test, i, j)),
            ("baseline_", lambda i, j: pixel_distance(dataset.test, i, j)),
        ):
            means = [sum(compare(query, image) for image in images) / 2 for images in support]
            right[prefix] += means.index(min(means)) == answer
    for prefix, count in right.items():
        assert result.scores[f"{prefix}oneshot_accuracy"] == pytest.approx(count / 30)
    assert result.words.startswith("4-way 2-shot, " + ("within one group" if within_group else "across all groups"))


def test_a_collapsed_network_scores_chance(dataset: Dataset) -> None:
    evaluator = Evaluator(checkpoint_for(dataset, collapsed=True))
    assert evaluator.oneshot(dataset, way=5, trials=30).scores["oneshot_accuracy"] == pytest.approx(1 / 5)
    pairs = evaluator.pairs(dataset).scores
    assert (pairs["pair_accuracy"], pairs["auc"], pairs["eer"]) == pytest.approx((0.5, 0.5, 0.5))
    assert evaluator.verification(dataset).scores["auc"] == pytest.approx(0.5)


def test_way_defaults_to_the_classes_there_are(dataset: Dataset) -> None:
    scores = Evaluator(checkpoint_for(dataset)).oneshot(dataset, trials=5).scores
    assert (scores["way"], scores["shot"], scores["trials"]) == (8, 1, 5)


@pytest.mark.parametrize(("name", "value"), [("way", 1), ("shot", 0), ("trials", 0)])
def test_senseless_trials_are_refused(dataset: Dataset, name: str, value: int) -> None:
    with pytest.raises(SiameseError, match=f"{name} is {value}; it has to be at least"):
        Evaluator(checkpoint_for(dataset)).oneshot(dataset, **{name: value})


def test_images_are_prepared_as_the_network_knows_them(make_dataset: MakeDataset) -> None:
    grey, colour = make_dataset(size=16), make_dataset(size=24, channels=3)
    prepared = Evaluator(checkpoint_for(grey)).prepared(colour, colour.test)
    assert prepared.images.shape[1:] == (1, 16, 16)
    prepared = Evaluator(checkpoint_for(colour)).prepared(grey, grey.test)
    assert prepared.images.shape[1:] == (3, 24, 24)
    assert torch.equal(prepared.images[:, 0], prepared.images[:, 2])


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_strokes_are_inverted_where_the_network_knows_the_other_kind(
    make_dataset: MakeDataset, invert: bool, dark: bool
) -> None:
    dataset = make_dataset()  # light on dark
    evaluator = Evaluator(checkpoint_for(dataset, invert=invert))
    given = replace(dataset, dark_background=dark)
    seen = evaluator.prepared(given, given.test).images
    # The network knows light on dark unless its recipe inverted them.
    wanted = dark != (not invert)
    assert torch.equal(seen, 255 - dataset.test.images if wanted else dataset.test.images)


def test_photographs_are_inverted_where_the_recipe_says_so(make_dataset: MakeDataset) -> None:
    dataset = replace(make_dataset(), dark_background=None)
    evaluator = Evaluator(checkpoint_for(dataset, invert=True))
    assert torch.equal(evaluator.prepared(dataset, dataset.test).images, 255 - dataset.test.images)


def test_two_towers_see_their_own_domain(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(partner=True)
    checkpoint = checkpoint_for(dataset, second_tower="strided")
    result = Evaluator(checkpoint).pairs(dataset)
    network = checkpoint.network()
    pairs = fixed_pairs(dataset.test, most_pairs(dataset.test), seed=0)
    assert dataset.test.partner is not None
    with torch.no_grad():
        left = network.embed(as_floats(dataset.test.images[pairs.left]))
        right = network.embed_right(as_floats(dataset.test.partner[pairs.right]))
        distances = network.similarity(left, right)
    assert result.scores["auc"] == pytest.approx(metrics.auc(distances, pairs.same), abs=1e-4)


def test_a_diverged_network_is_refused(dataset: Dataset) -> None:
    checkpoint = checkpoint_for(dataset)
    broken = {n: v * math.nan if v.is_floating_point() else v for n, v in checkpoint.weights.items()}
    with pytest.raises(SiameseError, match="not finite numbers"):
        Evaluator(replace(checkpoint, weights=broken)).pairs(dataset)


def test_too_few_images_are_refused(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(each=1)
    with pytest.raises(SiameseError, match="The test part has 8 images of 8 classes"):
        Evaluator(checkpoint_for(dataset)).pairs(dataset)
