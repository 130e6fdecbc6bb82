"""The memory of classes: against slow loops, what is drawn from it, and that it finds classes that look alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor
from waiting import NothingWaits

from siamese.data.bank import ImageBank
from siamese.learning.batches import draw_batch
from siamese.learning.class_memory import NEAREST, ClassMemory
from siamese.learning.sampling import sample_classes_images
from siamese.recipes import Recipe
from siamese.training.step import TrainingStep

CPU = torch.device("cpu")
MINING = Recipe(
    encoder="strided",
    embedding_dim=16,
    similarity="cosine",
    loss="supcon",
    batching="all-pairs",
    classes_per_batch=8,
    images_per_class=3,
    class_mining=True,
)
SEED = st.integers(0, 2**31 - 1)


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def memory_of(directions: Tensor) -> ClassMemory:
    memory = ClassMemory(*directions.shape, seed=0, device=CPU)
    memory.directions.copy_(F.normalize(directions, dim=1))
    return memory


def nearest_of(directions: Tensor, one: int) -> list[int]:
    """The classes nearest to one in angle, by a plain sort."""
    angle = {c: -float(F.cosine_similarity(directions[one], directions[c], 0)) for c in range(len(directions))}
    return sorted((c for c in angle if c != one), key=lambda c: angle[c])[:NEAREST]


@given(classes=st.integers(2, 12), seed=SEED)
def test_a_look_alike_is_one_of_the_nearest_classes_and_never_the_class_itself(classes: int, seed: int) -> None:
    directions = torch.randn(classes, 6, generator=seeded(seed))
    memory = memory_of(directions)
    asked = torch.arange(classes).repeat(200)
    drawn = memory.look_alike(asked, seeded(seed)).view(200, classes)
    for one in range(classes):
        assert set(drawn[:, one].tolist()) == set(nearest_of(directions, one))


@given(classes=st.integers(1, 5), images=st.integers(1, 4), seed=SEED)
def test_what_is_remembered_lies_half_way_between_old_and_new(classes: int, images: int, seed: int) -> None:
    memory = memory_of(torch.randn(7, 4, generator=seeded(seed)))
    before = memory.directions.clone()
    chosen = torch.randperm(7, generator=seeded(seed))[:classes]
    embeddings = torch.randn(classes * images, 4, generator=seeded(seed + 1))
    memory.remember(chosen, embeddings)
    expected = before.clone()
    for place, one in enumerate(chosen.tolist()):
        mean = sum(embeddings[place * images + i] for i in range(images)) / images
        expected[one] = F.normalize(before[one] + F.normalize(mean, dim=0), dim=0)
    torch.testing.assert_close(memory.directions, expected)


@given(classes=st.integers(2, 9), seed=SEED)
def test_a_batch_of_look_alikes_keeps_the_promises_of_every_batch(
    make_bank: Callable[..., ImageBank], classes: int, seed: int
) -> None:
    bank = make_bank(classes=9, each=3)
    memory = ClassMemory(9, 4, seed, CPU)
    index, labels = sample_classes_images(bank, classes, 2, seeded(seed), memory)
    assert torch.equal(bank.labels[index], labels)
    assert len(set(labels.tolist())) == classes and len(set(index.tolist())) == 2 * classes


def test_half_of_a_batch_looks_like_the_other_half(make_bank: Callable[..., ImageBank]) -> None:
    """100 classes in groups that point one way. Of 20 drawn, nearly all have another of their group beside them."""
    bank = make_bank(classes=100, each=2)
    # Six classes in each group, four in the last: the nearest of a class are the others of its group.
    ways = torch.eye(17).repeat_interleave(6, 0)[:100]
    memory = memory_of(ways + 0.01 * torch.randn(ways.shape, generator=seeded(0)))
    recipe = replace(MINING, classes_per_batch=20, images_per_class=2)
    with_group = 0
    for seed in range(50):
        batch = draw_batch(recipe, bank, seeded(seed), memory=memory)
        groups = (bank.labels[batch.index[::2]] // 6).tolist()
        with_group += sum(groups.count(group) > 1 for group in groups)
    assert with_group > 50 * 18, "where two classes have the same look-alike, a random class fills the place"
    alone = [draw_batch(recipe, bank, seeded(seed)).index[::2] for seed in range(50)]
    by_chance = [(bank.labels[index] // 6).tolist() for index in alone]
    assert sum(groups.count(group) > 1 for groups in by_chance for group in groups) < 50 * 16


def test_nothing_waits_for_the_device(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    memory = ClassMemory(bank.classes, 4, 0, CPU)
    with NothingWaits():
        index, labels = sample_classes_images(bank, 4, 2, seeded(0), memory)
        memory.remember(labels[::2], torch.ones(8, 4))


@pytest.mark.parametrize("seed", range(2))
def test_a_training_finds_the_classes_that_look_alike(seed: int, make_bank: Callable[..., ImageBank]) -> None:
    """Sixteen patterns, and beside each of them the same with a lighter corner."""
    bank = make_bank(classes=16, each=6, seed=seed)
    others = bank.images.clone()
    others[:, :, :6, :6] = others[:, :, :6, :6] // 2
    images = torch.stack([bank.images.view(16, 6, 1, 16, 16), others.view(16, 6, 1, 16, 16)], 1).flatten(0, 2)
    names, groups = [f"c{i}" for i in range(32)], [0] * 32
    twins = ImageBank.from_labels(images, torch.arange(32).repeat_interleave(6), names, groups, ["g"])
    step = TrainingStep(replace(MINING, seed=seed), twins, CPU)
    for _ in range(40):
        step()
    assert step.memory is not None
    directions = step.memory.directions
    found = sum((one ^ 1) in nearest_of(directions, one) for one in range(32))
    assert found >= 24, f"{found} of 32 classes know their twin"
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(32))


def test_a_recipe_that_does_not_mine_remembers_nothing(make_bank: Callable[..., ImageBank]) -> None:
    assert ClassMemory.of(replace(MINING, class_mining=False), make_bank()) is None
