"""Whitening within classes: the distances that it should give, computed another way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation.judge import embed_bank, network_judge
from siamese.evaluation.whitening import whitened
from siamese.models.checkpoint import Checkpoint
from siamese.models.network import build_network
from siamese.recipes import Recipe

RECIPE = Recipe(
    encoder="strided", embedding_dim=12, similarity="cosine", loss="supcon", batching="all-pairs", augmentation="faces"
)


def untrained(recipe: Recipe) -> Checkpoint:
    weights = build_network(recipe, 1, (16, 16)).state_dict()
    return Checkpoint(recipe, {}, 1, (16, 16), None, 0.5, {}, 0, 0.0, weights)


def test_distances_are_those_under_the_covariance_within_classes(dataset: Dataset) -> None:
    checkpoint = untrained(RECIPE)
    plain = checkpoint.network()
    plain.normalize = False

    def raw(bank: ImageBank) -> torch.Tensor:
        return embed_bank(plain, RECIPE, bank)[0].double()

    mirrored = replace(dataset.train, images=dataset.train.images.flip(3))
    both = torch.cat([raw(dataset.train), raw(mirrored)])
    labels = dataset.train.labels.repeat(2)
    covariance = sum(
        torch.outer(row, row) for c in range(8) for row in both[labels == c] - both[labels == c].mean(0)
    ) / len(both)
    shrunk = 0.9 * covariance + 0.1 * covariance.trace() / 12 * torch.eye(12, dtype=torch.float64)
    rows = raw(dataset.test) - both.mean(0)
    dots = rows @ torch.linalg.solve(shrunk, rows.T)
    lengths = dots.diagonal().sqrt()

    found = whitened(checkpoint, dataset)
    matrix = network_judge(found.network(), RECIPE, dataset.test).matrix()
    torch.testing.assert_close(matrix.double(), 1 - dots / lengths[:, None] / lengths, rtol=1e-4, atol=1e-4)
    changed = {name for name, tensor in found.weights.items() if not torch.equal(tensor, checkpoint.weights[name])}
    assert changed == {"encoder.2.weight", "encoder.2.bias"}


@pytest.mark.parametrize("encoder", ["triplet-network", "two towers"])
def test_what_does_not_end_in_one_linear_layer_is_refused(encoder: str, make_dataset: Callable[..., Dataset]) -> None:
    recipe = Recipe(encoder="triplet-network") if encoder != "two towers" else Recipe(second_tower="strided")
    size = (32, 32)
    weights = build_network(recipe, 1, size).state_dict()
    checkpoint = Checkpoint(recipe, {}, 1, size, None, 0.5, {}, 0, 0.0, weights)
    with pytest.raises(SiameseError, match="needs one tower that ends in a linear layer"):
        whitened(checkpoint, make_dataset(size=32))
