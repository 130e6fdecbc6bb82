"""What every sample has to keep, how often each comes up, and what is said where a bank cannot give it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor
from waiting import NothingWaits

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.learning.sampling import (
    _below,
    check_classes_images,
    check_pairs,
    fixed_pairs,
    holds_a_large_group,
    sample_classes_images,
    sample_episodes,
    sample_pairs,
    sample_triplets,
)

SEED = st.integers(0, 2**31 - 1)
COUNTS = st.lists(st.integers(2, 9), min_size=2, max_size=7)


def bank_of(counts: list[int], groups: list[int] | None = None) -> ImageBank:
    groups = groups or [0] * len(counts)
    return ImageBank(
        images=torch.zeros(sum(counts), 1, 1, 1, dtype=torch.uint8),
        counts=torch.tensor(counts),
        class_names=tuple(f"c{i}" for i in range(len(counts))),
        groups=torch.tensor(groups),
        group_names=tuple(f"g{i}" for i in range(max(groups) + 1)),
    )


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def evenly(drawn: Tensor | list[Any], outcomes: list[Any]) -> None:
    """Fails where the outcomes drawn are not all of those given, or too unlike an even spread (1 in 10,000)."""
    seen = Counter(drawn.tolist() if isinstance(drawn, Tensor) else drawn)
    assert set(seen) == set(outcomes)
    frequencies = [seen[outcome] for outcome in outcomes]
    assert chisquare(frequencies).pvalue > 1e-4, dict(zip(outcomes, frequencies, strict=True))


@settings(deadline=None)
@given(counts=COUNTS, n=st.integers(0, 41), seed=SEED)
def test_pairs_keep_their_promises(counts: list[int], n: int, seed: int) -> None:
    bank = bank_of(counts)
    left, right, same = sample_pairs(bank, n, seeded(seed))
    assert left.dtype == right.dtype == torch.int64 and same.dtype == torch.bool
    assert same.tolist() == [True] * (n // 2) + [False] * (n - n // 2)
    assert torch.equal(bank.labels[left] == bank.labels[right], same)
    assert not (left == right).any()


@settings(deadline=None)
@given(counts=COUNTS, n=st.integers(0, 41), seed=SEED)
def test_triplets_keep_their_promises(counts: list[int], n: int, seed: int) -> None:
    bank = bank_of(counts)
    anchor, positive, negative = sample_triplets(bank, n, seeded(seed))
    assert anchor.shape == positive.shape == negative.shape == (n,)
    assert torch.equal(bank.labels[anchor], bank.labels[positive])
    assert not (bank.labels[anchor] == bank.labels[negative]).any()
    assert not (anchor == positive).any()


@settings(deadline=None)
@given(counts=COUNTS, images=st.integers(2, 12), seed=SEED, data=st.data())
def test_classes_images_keep_their_promises(counts: list[int], images: int, seed: int, data: st.DataObject) -> None:
    bank = bank_of(counts)
    classes = data.draw(st.integers(2, len(counts)))
    index, labels = sample_classes_images(bank, classes, images, seeded(seed))
    assert torch.equal(bank.labels[index], labels)
    by_class = index.view(classes, images).tolist()
    drawn = labels.view(classes, images)
    assert (drawn == drawn[:, :1]).all()
    assert len(set(drawn[:, 0].tolist())) == classes
    for row, label in zip(by_class, drawn[:, 0].tolist(), strict=True):
        uses = Counter(row)
        assert len(uses) == min(images, counts[label])
        assert max(uses.values()) - min(uses.values()) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_pairs_come_up_evenly(seed: int) -> None:
    """Classes of 2, 3 and 7 images: each class as often as another, and within it each ordered pair of images."""
    bank = bank_of([2, 3, 7])
    left, right, same = sample_pairs(bank, 40_000, seeded(seed))
    for side in (left, right):
        evenly(bank.labels[side[same]], [0, 1, 2])
        evenly(bank.labels[side[~same]], [0, 1, 2])
    label = bank.labels[left]
    for c, (first, count) in enumerate(((0, 2), (2, 3), (5, 7))):
        inside = same & (label == c)
        images = range(first, first + count)
        evenly(
            list(zip(left[inside].tolist(), right[inside].tolist(), strict=True)),
            list(itertools.permutations(images, 2)),
        )
        evenly(left[~same & (label == c)], list(images))
        evenly(right[~same & (bank.labels[right] == c)], list(images))
    evenly(
        list(zip(label[~same].tolist(), bank.labels[right[~same]].tolist(), strict=True)),
        list(itertools.permutations(range(3), 2)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_triplets_come_up_evenly(seed: int) -> None:
    bank = bank_of([2, 3, 4])
    anchor, positive, negative = sample_triplets(bank, 30_000, seeded(seed))
    own, other = bank.labels[anchor], bank.labels[negative]
    evenly(list(zip(own.tolist(), other.tolist(), strict=True)), list(itertools.permutations(range(3), 2)))
    pairs = list(zip(anchor[own == 2].tolist(), positive[own == 2].tolist(), strict=True))
    evenly(pairs, list(itertools.permutations(range(5, 9), 2)))
    evenly(negative[other == 1], [2, 3, 4])


@pytest.mark.parametrize("seed", range(3))
def test_every_set_of_classes_and_of_images_is_equally_likely(seed: int) -> None:
    bank, generator = bank_of([5, 5, 3, 2]), seeded(seed)
    class_sets, image_sets = [], []
    for _ in range(3000):
        index, labels = sample_classes_images(bank, 2, 3, generator)
        class_sets.append(frozenset(labels.tolist()))
        image_sets += [frozenset(row) for row in index.view(2, 3).tolist() if row[0] < 5]
    evenly(class_sets, [frozenset(s) for s in itertools.combinations(range(4), 2)])
    evenly(image_sets, [frozenset(s) for s in itertools.combinations(range(5), 3)])


def test_a_large_class_gives_every_part_of_itself() -> None:
    bank = bank_of([6000, 6000])
    index = torch.cat([sample_classes_images(bank, 2, 24, seeded(seed))[0] for seed in range(200)])
    evenly(index // 600, list(range(20)))


def test_no_chance_reaches_the_count() -> None:
    """The largest float32 below 1, times every whole number to a million and up to the last that float32 holds."""
    count = torch.cat([torch.arange(1, 2**20), torch.arange(2**24 - 2**20, 2**24)])
    assert (_below(torch.tensor(1 - 2**-24), count) == count - 1).all()
    assert torch.nextafter(torch.tensor(1 - 2**-24), torch.tensor(2.0)) == 1


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-24])
def test_the_extreme_chances_keep_the_promises(chance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full_like(torch.zeros(*shape), chance))
    bank = bank_of([6000, 4099, 2])
    left, right, same = sample_pairs(bank, 6, seeded(0))
    assert torch.equal(bank.labels[left] == bank.labels[right], same) and not (left == right).any()
    anchor, positive, negative = sample_triplets(bank, 6, seeded(0))
    assert torch.equal(bank.labels[anchor], bank.labels[positive]) and not (anchor == positive).any()
    assert not (bank.labels[anchor] == bank.labels[negative]).any()
    index, labels = sample_classes_images(bank, 2, 4, seeded(0))
    assert torch.equal(bank.labels[index], labels)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_draws_the_same(seed: int) -> None:
    bank = bank_of([4, 5, 6], [0, 0, 0])
    draws = (
        lambda s: sample_pairs(bank, 30, seeded(s)),
        lambda s: sample_triplets(bank, 30, seeded(s)),
        lambda s: sample_classes_images(bank, 3, 4, seeded(s)),
        lambda s: sample_episodes(bank, 2, 1, 30, s, True),
        lambda s: fixed_pairs(bank, 40, s),
    )
    for draw in draws:
        once, again, other = draw(seed), draw(seed), draw(seed + 1)
        assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
        assert not all(torch.equal(a, b) for a, b in zip(once, other, strict=True))


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 8), min_size=8, max_size=12),
    within=st.booleans(),
    shot=st.integers(1, 3),
    seed=SEED,
)
def test_episodes_keep_their_promises(counts: list[int], within: bool, shot: int, seed: int) -> None:
    counts = [*counts, 5, 5, 5]  # the last group is always large enough for 3 ways
    groups = [i % 3 for i in range(len(counts) - 3)] + [3, 3, 3]
    bank = bank_of(counts, groups)
    support, query, answer = sample_episodes(bank, 3, shot, 20, seed, within)
    assert support.shape == (20, 3, shot) and query.shape == answer.shape == (20,)
    labels = bank.labels[support]
    assert (labels == labels[:, :, :1]).all()
    for trial in range(20):
        shown = support[trial].flatten().tolist()
        assert len(set(shown)) == 3 * shot and query[trial].item() not in shown
        assert len(set(labels[trial, :, 0].tolist())) == 3
        assert labels[trial, answer[trial], 0] == bank.labels[query[trial]]
        assert not within or len(set(bank.groups[labels[trial, :, 0]].tolist())) == 1


def test_episodes_come_up_evenly() -> None:
    """Groups large enough equally often, and in them each class, each place, each image as query and as support."""
    bank = bank_of([3, 3, 4, 3, 3, 3, 5], [0, 0, 1, 1, 1, 2, 2])
    support, query, answer = sample_episodes(bank, 2, 2, 12_000, 0, True)
    group = bank.groups[bank.labels[query]]
    evenly(group, [0, 1, 2])
    evenly(answer, [0, 1])
    evenly(bank.labels[query][group == 1], [2, 3, 4])
    evenly(query[bank.labels[query] == 2], [6, 7, 8, 9])
    first = support[:, :, 0].flatten()
    evenly(first[bank.labels[first] == 6], list(range(19, 24)))
    _, query, _ = sample_episodes(bank, 5, 1, 7_000, 0, False)
    evenly(bank.labels[query], list(range(7)))


def test_fixed_pairs_can_take_every_pair_there_is() -> None:
    bank = bank_of([2, 3, 4, 1])
    left, right, same = fixed_pairs(bank, 20, 0)
    pairs = {frozenset(p) for p in zip(left[same].tolist(), right[same].tolist(), strict=True)}
    expected = {frozenset(p) for p in itertools.combinations(range(10), 2) if bank.labels[p[0]] == bank.labels[p[1]]}
    assert len(expected) == 10 and pairs == expected
    bank = bank_of([40, 2, 3])
    left, right, same = fixed_pairs(bank, 2 * (40 * 5 + 6), 0)
    pairs = {frozenset(p) for p in zip(left[~same].tolist(), right[~same].tolist(), strict=True)}
    expected = {frozenset(p) for p in itertools.combinations(range(45), 2) if bank.labels[p[0]] != bank.labels[p[1]]}
    assert pairs == expected


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=6), seed=SEED, data=st.data())
def test_fixed_pairs_keep_their_promises(counts: list[int], seed: int, data: st.DataObject) -> None:
    bank = bank_of(counts)
    possible = sum(c * (c - 1) // 2 for c in counts)
    other = (sum(counts) ** 2 - sum(c * c for c in counts)) // 2
    n = data.draw(st.integers(0, min(2 * min(possible, other), 60)))
    left, right, same = fixed_pairs(bank, n, seed)
    assert same.tolist() == [True] * (n // 2) + [False] * (n // 2)
    assert torch.equal(bank.labels[left] == bank.labels[right], same)
    assert not (left == right).any()
    assert len({frozenset(p) for p in zip(left.tolist(), right.tolist(), strict=True)}) == 2 * (n // 2)


def test_fixed_pairs_come_up_evenly() -> None:
    """Over many seeds, from few pairs and from many, each ordered pair as often as another."""
    bank = bank_of([2, 3, 8])
    seen_same, seen_different = [], []
    for seed in range(1500):
        left, right, _ = fixed_pairs(bank, 8, seed)
        pairs = list(zip(left.tolist(), right.tolist(), strict=True))
        seen_same += pairs[:4]
        seen_different += pairs[4:]
    every = list(itertools.permutations(range(13), 2))
    evenly(seen_same, [p for p in every if bank.labels[p[0]] == bank.labels[p[1]]])
    evenly(seen_different, [p for p in every if bank.labels[p[0]] != bank.labels[p[1]]])


def test_ten_thousand_fixed_pairs_of_ten_thousand_images() -> None:
    bank = bank_of([1000] * 10)
    left, right, same = fixed_pairs(bank, 10_000, 0)
    assert len({frozenset(p) for p in zip(left.tolist(), right.tolist(), strict=True)}) == 10_000
    assert torch.equal(bank.labels[left] == bank.labels[right], same) and same.sum() == 5000
    evenly(bank.labels[left[same]], list(range(10)))
    evenly(bank.labels[torch.cat([left[~same], right[~same]])], list(range(10)))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([5], 'at least 2 classes, and there is 1 \\("c0"\\)'),
        ([3, 1, 4], 'Class "c1" has one image and a same pair takes two'),
    ],
)
def test_a_bank_that_has_no_pairs_is_told_why(counts: list[int], message: str) -> None:
    with pytest.raises(SiameseError, match=message):
        check_pairs(bank_of(counts))


def test_a_bank_that_has_pairs_passes() -> None:
    check_pairs(bank_of([2, 2]))
    check_classes_images(bank_of([2, 2]), 2, 8)


@pytest.mark.parametrize(
    ("counts", "classes", "images", "message"),
    [
        ([3, 3], 5, 2, "batch of 5 classes cannot be drawn from 2"),
        ([3, 3], 1, 2, "1 classes × 2 images has no pairs of both kinds"),
        ([3, 3], 2, 1, "2 classes × 1 images has no pairs of both kinds"),
        ([3, 1], 2, 2, 'Class "c1" has one image'),
    ],
)
def test_a_batch_that_cannot_be_drawn_is_told_why(counts: list[int], classes: int, images: int, message: str) -> None:
    with pytest.raises(SiameseError, match=message):
        check_classes_images(bank_of(counts), classes, images)


def test_episodes_that_cannot_be_drawn_are_told_why() -> None:
    bank = bank_of([3, 3, 3, 2, 3, 3, 3], [0, 0, 0, 1, 1, 1, 1])
    with pytest.raises(SiameseError, match='4 classes with 3 images each, and the largest group, "g0", has only 3'):
        sample_episodes(bank, 4, 2, 10, 0, True)
    with pytest.raises(SiameseError, match="20 classes with 2 images each, and there are only 7"):
        sample_episodes(bank, 20, 1, 10, 0, False)
    with pytest.raises(SiameseError, match="10 trials of 1-way 1-shot make no test"):
        sample_episodes(bank, 1, 1, 10, 0, False)


def test_fixed_pairs_that_are_not_there_are_told() -> None:
    with pytest.raises(SiameseError, match="6 same pairs are wanted and these images hold only 4; ask for at most 8"):
        fixed_pairs(bank_of([3, 2]), 12, 0)
    with pytest.raises(SiameseError, match="3 different pairs are wanted and these images hold only 0"):
        fixed_pairs(bank_of([5]), 6, 0)


def test_sampling_for_training_never_waits_for_the_device() -> None:
    bank = bank_of([3, 4, 5])
    with NothingWaits():
        sample_pairs(bank, 8, seeded(0))
        sample_triplets(bank, 8, seeded(0))
        sample_classes_images(bank, 2, 3, seeded(0))
    with pytest.raises(AssertionError), NothingWaits():
        fixed_pairs(bank, 8, 0)


def test_a_large_group(make_bank: Callable[..., ImageBank]) -> None:
    halves = make_bank(classes=8, groups=2)
    assert [holds_a_large_group(halves, way) for way in (3, 4, 5)] == [True, True, False]
    assert not holds_a_large_group(make_bank(classes=8), 4), "one group alone has no within and across"
    assert not holds_a_large_group(make_bank(classes=8, groups=2, each=1), 4), "a trial takes two images of a class"
