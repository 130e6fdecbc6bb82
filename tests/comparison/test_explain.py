"""Where a dissimilarity comes from, against a slow loop, and for networks whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from siamese.comparison.compare import Comparer
from siamese.comparison.explain import Explanation, check, explain, places
from siamese.data.bank import Dataset
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train

RECIPE = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=5, precision="float32")


@pytest.fixture(scope="module")
def checkpoint(make_dataset: Callable[..., Dataset]) -> Checkpoint:
    *_, finished = train(RECIPE, make_dataset(), device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    # A background that says nothing: no image is inverted, whatever is painted over its border.
    return replace(Checkpoint.from_bytes(finished.last), dark_background=None)


def noise(seed: int, side: int = 16) -> Image.Image:
    pixels = torch.randint(256, (side, side), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Image.fromarray(pixels.numpy())


def explained(comparer: Comparer, left: Image.Image, right: Image.Image) -> Explanation:
    return explain(comparer, comparer.prepare(left), comparer.prepare(right))


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_patches_cover_every_place(height: int, width: int) -> None:
    covered = torch.zeros(height, width)
    shapes = set()
    for rows, columns in places(height, width):
        covered[rows, columns] += 1
        shapes.add((rows.stop - rows.start, columns.stop - columns.start))
    assert bool((covered > 0).all()) and shapes == {(max(1, height // 4), max(1, width // 4))}


def test_changes_against_a_slow_loop(checkpoint: Checkpoint) -> None:
    comparer = Comparer(checkpoint)
    pair = noise(0), noise(1)
    told = explained(comparer, *pair)
    assert told.images.dtype == torch.uint8 and told.images.shape == (2, 1, 16, 16)
    assert told.changes.dtype == torch.float32 and told.changes.shape == (2, 16, 16)
    whole = comparer.compare(*pair).dissimilarity
    for side in range(2):
        total, count = torch.zeros(16, 16), torch.zeros(16, 16)
        for rows, columns in places(16, 16):
            hidden = [torch.from_numpy(np.array(image)) for image in pair]
            image = hidden[side]
            border = torch.cat([image[0], image[-1], image[:, 0], image[:, -1]])
            image[rows, columns] = border.sort().values[(len(border) - 1) // 2]
            changed = comparer.compare(*(Image.fromarray(pixels.numpy()) for pixels in hidden)).dissimilarity
            for y in range(rows.start, rows.stop):
                for x in range(columns.start, columns.stop):
                    total[y, x] += changed - whole
                    count[y, x] += 1
        torch.testing.assert_close(told.changes[side], total / count, atol=1e-5, rtol=1e-4)


def test_hiding_a_part_of_one_of_two_equal_images_only_tells_them_apart(checkpoint: Checkpoint) -> None:
    changes = explained(Comparer(checkpoint), noise(3), noise(3)).changes
    assert float(changes.min()) >= -1e-5 and float(changes.max()) > 0


class LeftHalf(nn.Module):
    """An encoder that sees the left half of an image alone."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :, :, : images.shape[3] // 2].flatten(1)


def test_where_a_network_is_blind_nothing_changes(checkpoint: Checkpoint) -> None:
    comparer = Comparer(checkpoint)
    comparer.network.encoder = LeftHalf()
    changes = explained(comparer, noise(4), noise(5)).changes
    # The last patch that reaches into the left half ends two places after it.
    assert not bool(changes[:, :, 10:].any()) and bool((changes[:, :, :7] != 0).any())


def test_each_tower_explains_its_own_side(make_dataset: Callable[..., Dataset]) -> None:
    recipe = replace(RECIPE, second_tower="conv4")
    *_, finished = train(recipe, make_dataset(partner=True), device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    comparer = Comparer(Checkpoint.from_bytes(finished.last))
    there, back = (explained(comparer, *pair).changes for pair in ((noise(6), noise(7)), (noise(7), noise(6))))
    assert there.shape == (2, 16, 16) and not torch.allclose(there, back.flip(0))


def test_hiding_what_is_reported_as_decisive_moves_the_number_as_said(checkpoint: Checkpoint) -> None:
    comparer = Comparer(checkpoint)
    for seed in range(5):
        told = explained(comparer, noise(seed), noise(seed + 10))
        side, patch = told.decisive
        changes = (told.hidden - told.dissimilarity).abs()
        assert changes[side, patch] == changes.max() > 0
        assert check(comparer, told) == pytest.approx(float(told.hidden[side, patch]), abs=1e-5)


def test_the_decisive_patch_is_where_the_pictures_differ(checkpoint: Checkpoint) -> None:
    class Pixels(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)

    comparer = Comparer(replace(checkpoint, recipe=replace(checkpoint.recipe, normalize=False)))
    comparer.network.encoder, comparer.network.normalize = Pixels(), False
    left, right = torch.zeros(16, 16, dtype=torch.uint8), torch.zeros(16, 16, dtype=torch.uint8)
    right[4:8, 8:12] = 255
    told = explained(comparer, Image.fromarray(left.numpy()), Image.fromarray(right.numpy()))
    side, patch = told.decisive
    rows, columns = list(places(16, 16))[patch]
    assert side == 1 and (rows, columns) == (slice(4, 8), slice(8, 12))
    assert check(comparer, told) == pytest.approx(0, abs=1e-5)
    assert float(told.changes[1].min()) < 0 and float(told.changes[1].argmin() // 16) in range(4, 8)
