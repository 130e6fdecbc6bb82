"""Splits: disjoint, complete, large enough, and decided by the seed alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.data.split import folds, hold_out_classes, hold_out_images, natural, split


def numbered(counts: list[int]) -> ImageBank:
    """A bank in which image i holds the number i, in two groups of classes by turns."""
    total = sum(counts)
    images = torch.stack([torch.arange(total) % 256, torch.arange(total) // 256], dim=1).to(torch.uint8)
    return ImageBank(
        images.view(total, 1, 1, 2),
        torch.tensor(counts),
        tuple(f"c{number}" for number in range(len(counts))),
        torch.arange(len(counts)) % 2,
        ("even", "odd"),
    )


def contents(bank: ImageBank) -> dict[int, tuple[str, str]]:
    """The number in each image, with the names of its class and group."""
    return {
        int(image[0, 0, 0]) + 256 * int(image[0, 0, 1]): (bank.class_names[c], bank.group_names[int(bank.groups[c])])
        for image, c in zip(bank.images, bank.labels.tolist(), strict=True)
    }


@settings(deadline=None)
@given(st.lists(st.integers(2, 12), min_size=2, max_size=40), st.integers(0, 5))
def test_parts_are_disjoint_complete_and_large_enough(counts: list[int], seed: int) -> None:
    bank = numbered(counts)
    # By hand: classes of six and more give to both parts, those of four and five to one of them, by turns.
    large, medium = sum(n >= 6 for n in counts), sum(4 <= n < 6 for n in counts)
    images_suffice = large + medium // 2 >= 2
    if not images_suffice and len(counts) < 6:
        with pytest.raises(SiameseError, match="too few images"):
            split(bank, seed)
        return
    *banks, unseen = split(bank, seed)
    assert unseen == ("images" if images_suffice and len(counts) < 30 else "classes")
    parts = [contents(part) for part in banks]
    assert sum(len(part) for part in parts) == len(bank)
    assert parts[0] | parts[1] | parts[2] == contents(bank)
    for part in banks:
        assert part.classes >= 2 and int(part.counts.min()) >= 2
        assert len(part.group_names) == len(part.groups.unique())
    if unseen == "classes":
        names = [set(part.class_names) for part in banks]
        assert sum(len(some) for some in names) == len(set.union(*names)) == len(counts)
    else:
        assert banks[0].class_names == bank.class_names


def test_ten_classes_of_five_drawings() -> None:
    train, validation, test, unseen = split(numbered([5] * 10), 0)
    assert unseen == "images" and train.counts.tolist() == [3] * 10
    assert validation.counts.tolist() == test.counts.tolist() == [2] * 5
    assert not set(validation.class_names) & set(test.class_names)


@pytest.mark.parametrize("seed", range(4))
def test_the_seed_decides(seed: int) -> None:
    bank = numbered([3] * 40)
    assert [contents(part) for part in split(bank, seed)[:3]] == [contents(part) for part in split(bank, seed)[:3]]
    assert contents(split(bank, seed).test) != contents(split(bank, seed + 1).test)


def test_shares_are_seventy_fifteen_fifteen() -> None:
    assert [part.classes for part in split(numbered([2] * 100), 0)[:3]] == [70, 15, 15]
    assert [part.counts.tolist() for part in split(numbered([100, 20]), 0)[:3]] == [[70, 14], [15, 3], [15, 3]]


def test_held_out_counts_are_exact() -> None:
    bank = numbered([5, 9, 7])
    rest, held = hold_out_images(bank, torch.tensor([1, 4, 2]), 3)
    assert rest.counts.tolist() == [4, 5, 5] and held.counts.tolist() == [1, 4, 2]
    rest, held = hold_out_classes(bank, 1, 3)
    assert (rest.classes, held.classes) == (2, 1)


def test_what_is_too_small_is_named() -> None:
    with pytest.raises(SiameseError, match="at least 2 classes; it has 1"):
        split(numbered([50]), 0)
    with pytest.raises(SiameseError, match=r'class "c1" has 3\. Give two classes at least 6 images each, or four'):
        split(numbered([9, 3, 5]), 0)
    with pytest.raises(SiameseError, match=r'Class "c2" has 1 image; it needs at least 2'):
        split(numbered([9, 5, 1, 9, 9, 9]), 0)


def test_numbers_sort_as_people_count() -> None:
    names = ["s10", "s2", "S1", "s1", "10", "9", "a", "s01", "s1b"]
    assert sorted(names, key=natural) == ["9", "10", "S1", "a", "s01", "s1", "s1b", "s2", "s10"]


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), unique=True))
def test_different_names_have_different_places(names: list[str]) -> None:
    assert len({natural(name) for name in names}) == len(names)


def test_each_fold_is_tested_once_in_the_order_of_names() -> None:
    bank = numbered([2] * 37)
    turns = list(folds(bank, 7))
    assert [parts.test.class_names for parts in turns] == [tuple(f"c{5 * k + i}" for i in range(5)) for k in range(7)]
    for parts, following in zip(turns, turns[1:] + turns[:1]):
        assert parts.validation.class_names == following.test.class_names and parts.unseen == "classes"
        names = [*parts.train.class_names, *parts.validation.class_names, *parts.test.class_names]
        assert sorted(names) == sorted(bank.class_names) and {"c35", "c36"} <= set(parts.train.class_names)
    for count in (-1, 0, 2, 19):
        with pytest.raises(SiameseError, match=f"^{count} folds of 37 classes"):
            list(folds(bank, count))
