"""Which images of a data set are asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation.subsets import (
    all_images,
    fingerprint,
    first_of_each_class,
    is_named,
    trained_on,
)
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe


def checkpoint(**data: str) -> Checkpoint:
    return Checkpoint(Recipe(), data, 1, (16, 16), None, 0.5, {}, 0, 0.0, {})


def test_what_was_trained_on_is_told_by_its_training_images(make_dataset: Callable[..., Dataset]) -> None:
    own, foreign = make_dataset(), make_dataset(seed=1)
    known = checkpoint(name=own.name, fingerprint=fingerprint(own))
    assert trained_on(known, own)
    assert trained_on(known, replace(own, name="moved", test=foreign.test))
    assert not trained_on(known, foreign)


def test_without_a_fingerprint_the_name_tells(dataset: Dataset) -> None:
    assert trained_on(checkpoint(name=dataset.name), dataset)
    assert not trained_on(checkpoint(name=dataset.name), replace(dataset, name="others"))


def test_named_sets(dataset: Dataset) -> None:
    assert is_named(replace(dataset, name="glyphs"))
    assert not is_named(dataset)


@given(
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=30),
    most=st.integers(4, 60),
)
def test_first_of_each_class_keeps_within_the_limit_and_is_fair(counts: list[int], most: int) -> None:
    n = sum(counts)
    bank = ImageBank(
        torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 8, 8).contiguous(),
        torch.tensor(counts),
        tuple(str(c) for c in range(len(counts))),
        torch.zeros(len(counts), dtype=torch.long),
        ("all",),
    )
    kept = first_of_each_class(bank, most)
    assert len(kept) <= max(most, 4)
    assert set(kept.images[:, 0, 0, 0].tolist()) <= set(range(n))
    for name, count in zip(kept.class_names, kept.counts.tolist()):
        # As many as the fullest class, or all there are.
        assert count in (int(kept.counts.max()), counts[int(name)])


def test_all_images_puts_a_class_of_several_parts_together_again(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(classes=3, each=4)
    # The same class names in each part, and one class that only the test has.
    dataset = Dataset("d", "D", "images", "images", bank, make_bank(classes=3, seed=1), make_bank(classes=4, seed=2))
    whole = all_images(dataset)
    assert whole.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert whole.counts.tolist() == [16, 16, 16, 6]
    start, count = int(whole.starts[1]), int(whole.counts[1])
    expected = torch.cat([part.images[part.labels == 1] for part in (dataset.train, dataset.validation, dataset.test)])
    assert torch.equal(whole.images[start : start + count], expected)
