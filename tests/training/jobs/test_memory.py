"""What a run claims of the memory, beside what it really holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.models.network import build_network
from siamese.recipes import RECIPES, Recipe
from siamese.training.jobs import memory
from siamese.training.jobs.machine import usable_cores
from siamese.training.jobs.memory import COPIES_OF_WEIGHTS, FIXED_BYTES, memory_for_runs, run_bytes


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_claim(name: str, make_dataset: Callable[..., Dataset]) -> None:
    size = 105
    dataset = make_dataset(size=size, classes=2, each=2)
    recipe = replace(RECIPES[name], pretrained=False)
    side = recipe.image_size or size
    network = build_network(recipe, 1, (side, side))
    weights = 4 * sum(p.numel() for p in network.parameters())
    assert run_bytes(recipe, dataset) >= FIXED_BYTES + COPIES_OF_WEIGHTS * weights
    assert next(network.parameters()).device.type == "cpu", "the shapes were counted without touching anything else"


def test_changed_images_are_copies(dataset: Dataset) -> None:
    plain = run_bytes(Recipe(), dataset)
    images = dataset.train.images
    assert run_bytes(Recipe(invert=True), dataset) - plain == images.nbytes
    assert run_bytes(Recipe(rotations_as_classes=True), dataset) - plain == 4 * images.nbytes
    assert run_bytes(Recipe(grey=True), dataset) == plain, "they are grey already"


def test_what_is_remembered_of_each_class_is_counted(dataset: Dataset) -> None:
    recipe = Recipe(batching="all-pairs", embedding_dim=32)
    more = run_bytes(replace(recipe, class_mining=True), dataset) - run_bytes(recipe, dataset)
    assert more == 2 * 4 * dataset.train.classes * 32


def test_counting_moves_no_random_numbers(dataset: Dataset) -> None:
    before = torch.random.get_rng_state()
    run_bytes(Recipe(), dataset)
    assert torch.equal(before, torch.random.get_rng_state())


def test_images_too_small_are_refused_before_anything_is_built(dataset: Dataset) -> None:
    with pytest.raises(SiameseError, match="Images of 16×16 pixels are too small"):
        run_bytes(Recipe(encoder="koch-2015"), dataset)


def test_sizes_are_counted_once_for_recipes_with_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Recipe] = []
    monkeypatch.setattr(
        memory, "build_network", lambda recipe, *a, **k: built.append(recipe) or build_network(recipe, *a, **k)
    )
    memory._network_sizes.cache_clear()
    recipe = Recipe(encoder="strided", embedding_dim=24)
    others = ({"margin": 2.0}, {"seed": 9}, {"steps": 7, "learning_rate": 1.0}, {"name": "other", "validate_every": 3})
    sizes = {memory.network_sizes(replace(recipe, **other), 1, 28, 28) for other in ({}, *others)}
    assert len(sizes) == 1 and len(built) == 1
    (found,) = sizes
    assert found.parameters == sum(p.numel() for p in build_network(recipe, 1, (28, 28)).parameters())
    for change in ({"embedding_dim": 25}, {"encoder": "strided-wide"}, {"similarity": "learned", "loss": "bce"}):
        assert memory.network_sizes(replace(recipe, **change), 1, 28, 28) != found
    assert (
        memory.network_sizes(recipe, 3, 28, 28).all_layers == found.all_layers
        and memory.network_sizes(recipe, 1, 56, 56) != found
    )


def test_what_the_machine_gives() -> None:
    assert memory_for_runs() > 64 << 20
    assert 1 <= usable_cores() <= 4096
