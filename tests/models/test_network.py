"""One encoder or two towers: what is shared, what differs, and how often the encoder is called."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from siamese.models.network import PseudoSiameseNetwork, SiameseNetwork, build_network
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.recipes.recipe import SimilarityKind

SIZE = (16, 16)


def images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 1, *SIZE, generator=torch.Generator().manual_seed(seed))


def recipe_of(similarity: str, seed: int = 0, second_tower: str | None = None) -> Recipe:
    loss = "bce" if similarity == "learned" else "contrastive"
    return Recipe(
        encoder="strided", embedding_dim=6, similarity=similarity, loss=loss, seed=seed, second_tower=second_tower
    )


class Counted(nn.Module):
    """Flattens, and remembers how many images it got at each call."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.dtype = dtype

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append(len(images))
        return images.flatten(1).to(self.dtype)


def test_both_images_of_a_pair_pass_the_encoder_in_one_call() -> None:
    encoder = Counted()
    network = SiameseNetwork(encoder, Similarity("euclidean", 256), normalize=False)
    left, right = images(5), images(5, seed=1)
    dissimilarity = network(left, right)
    assert encoder.calls == [10]
    torch.testing.assert_close(dissimilarity, (left - right).flatten(1).norm(dim=1))


def test_two_towers_see_their_own_side_once() -> None:
    left_tower, right_tower = Counted(), Counted()
    network = PseudoSiameseNetwork(left_tower, right_tower, Similarity("euclidean", 256), normalize=False)
    network(images(5), images(5, seed=1))
    assert (left_tower.calls, right_tower.calls) == ([5], [5])


@pytest.mark.parametrize("similarity", get_args(SimilarityKind))
@pytest.mark.parametrize("seed", range(2))
def test_swapping_the_images_changes_nothing(similarity: str, seed: int) -> None:
    network = build_network(recipe_of(similarity, seed), 1, SIZE).eval()
    left, right = images(7, seed), images(7, seed + 100)
    with torch.no_grad():
        there, back, itself = network(left, right), network(right, left), network(left, left)
    assert there.shape == (7,) and there.dtype == torch.float32
    torch.testing.assert_close(there, back, rtol=1e-5, atol=1e-6)
    assert bool((itself < there).all()) or similarity == "learned"


def test_weights_are_shared() -> None:
    network = build_network(recipe_of("euclidean"), 1, SIZE)
    alone = build_network(replace(recipe_of("euclidean"), second_tower="strided"), 1, SIZE)
    count = sum(p.numel() for p in network.parameters())
    assert sum(p.numel() for p in alone.parameters()) == 2 * count
    assert not isinstance(network, PseudoSiameseNetwork)
    network.eval()
    with torch.no_grad():
        assert torch.equal(network.embed(images(3)), network.embed_right(images(3)))
        both = network.embed_pairs(torch.cat([images(3), images(3, seed=1)]))
        torch.testing.assert_close(both[3:], network.embed(images(3, seed=1)))


@pytest.mark.parametrize("second", ["strided", "conv4"])
def test_towers_differ(second: str) -> None:
    network = build_network(recipe_of("euclidean", second_tower=second), 1, SIZE).eval()
    assert isinstance(network, PseudoSiameseNetwork)
    with torch.no_grad():
        left, right = network.embed(images(4)), network.embed_right(images(4))
        both = network.embed_pairs(torch.cat([images(4), images(4)]))
    assert left.shape == right.shape == (4, 6)
    assert not torch.allclose(left, right, atol=1e-3)
    torch.testing.assert_close(both, torch.cat([left, right]))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_embeddings_are_float32_and_of_length_one_where_asked(normalize: bool, dtype: torch.dtype) -> None:
    network = SiameseNetwork(Counted(dtype), Similarity("euclidean", 256), normalize)
    embeddings = network.embed(images(4))
    assert embeddings.dtype == torch.float32
    lengths = embeddings.norm(dim=1)
    assert torch.allclose(lengths, torch.ones(4), atol=1e-5) == normalize


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_weights_depend_on_the_seed_alone() -> None:
    recipe = recipe_of("learned", seed=4)
    first = build_network(recipe, 1, SIZE)
    torch.rand(17)
    assert same_weights(first, build_network(recipe, 1, SIZE))
    assert not same_weights(first, build_network(replace(recipe, seed=5), 1, SIZE))


def test_building_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    build_network(recipe_of("learned"), 1, SIZE)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_threads_that_build_at_once_get_the_same_weights() -> None:
    recipe = Recipe(encoder="conv4", embedding_dim=32)
    built: list[SiameseNetwork] = []
    start = threading.Barrier(6)

    def build() -> None:
        start.wait()
        built.append(build_network(recipe, 1, SIZE))

    threads = [threading.Thread(target=build) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 6
    assert all(same_weights(built[0], other) for other in built)


def test_building_a_network_leaves_every_generator_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is opened in one tab must not change the random numbers of a run on the GPU."""

    def reseeded(seed: int) -> None:
        raise AssertionError("the CUDA generators were reseeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded)
    before = torch.get_rng_state()
    build_network(Recipe(seed=3), 1, (16, 16))
    assert torch.equal(torch.get_rng_state(), before)
