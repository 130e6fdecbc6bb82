"""Two images in, a dissimilarity and a verdict out, whatever their size, mode and background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.comparison.compare import Comparer, Comparison
from siamese.data.bank import Dataset
from siamese.data.image_file import to_tensor
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import prepare_image
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train

RECIPE = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=40)


@pytest.fixture(scope="module")
def checkpoint(dataset: Dataset) -> Checkpoint:
    *_, finished = train(RECIPE, dataset, device=torch.device("cpu"))
    assert isinstance(finished, Finished) and finished.best is not None
    return Checkpoint.from_bytes(finished.best)


def picture(dataset: Dataset, index: int) -> Image.Image:
    return Image.fromarray(dataset.test.images[index, 0].numpy())


def disc(light_background: bool, side: int = 40) -> Image.Image:
    """A disc in the middle of a plain ground."""
    y, x = np.mgrid[:side, :side] - side / 2
    inside = np.hypot(x, y) < side / 4
    return Image.fromarray(np.where(inside != light_background, 230, 25).astype(np.uint8))


def test_it_says_what_the_network_says(checkpoint: Checkpoint, dataset: Dataset) -> None:
    checkpoint = replace(checkpoint, dark_background=None)
    comparer, network = Comparer(checkpoint), checkpoint.network()
    for i, j in ((0, 1), (0, 7), (3, 30)):
        comparison = comparer.compare(picture(dataset, i), picture(dataset, j))
        with torch.no_grad():
            left, right = (dataset.test.images[k : k + 1].float() / 255 for k in (i, j))
            expected = float(network(left, right))
        assert comparison.dissimilarity == pytest.approx(expected, abs=1e-6)
        assert comparison.threshold == checkpoint.threshold
        assert comparison.same == (comparison.dissimilarity < checkpoint.threshold)
        assert comparison.inverted == (False, False)


def test_same_is_below_the_threshold_and_not_at_it(checkpoint: Checkpoint, dataset: Dataset) -> None:
    pair = picture(dataset, 0), picture(dataset, 1)
    away = Comparer(checkpoint).compare(*pair).dissimilarity
    for threshold, same in ((away, False), (np.nextafter(away, 9), True), (away - 0.1, False)):
        assert Comparer(replace(checkpoint, threshold=float(threshold))).compare(*pair).same is same


def test_a_trained_network_tells_unseen_classes_apart(checkpoint: Checkpoint, dataset: Dataset) -> None:
    comparer = Comparer(checkpoint)
    right = 0
    for c in range(8):
        anchor, same, other = (picture(dataset, k % 48) for k in (6 * c, 6 * c + 1, 6 * c + 6))
        near, far = comparer.compare(anchor, same), comparer.compare(anchor, other)
        right += near.same + (not far.same)
        assert comparer.compare(anchor, anchor).dissimilarity < 1e-3
    assert right >= 13  # of sixteen; chance is eight


@pytest.mark.parametrize(("dark", "light_is_inverted"), [(True, True), (False, False), (None, False)])
def test_an_upload_is_inverted_where_the_network_knows_the_other_background(
    dark: bool | None, light_is_inverted: bool, checkpoint: Checkpoint
) -> None:
    comparer = Comparer(replace(checkpoint, dark_background=dark))
    comparison = comparer.compare(disc(light_background=True), disc(light_background=False))
    assert comparison.inverted == (light_is_inverted, dark is False)
    if dark is not None:
        assert comparison.dissimilarity < 1e-3  # the same drawing, on paper and on a blackboard


def test_a_photograph_is_stretched_as_those_that_were_trained_on(checkpoint: Checkpoint) -> None:
    portrait = Image.linear_gradient("L").resize((92, 112))
    square = replace(checkpoint, dark_background=None)
    stretched = prepare_image(portrait, replace(square, source_size=(112, 92)))[0]
    assert torch.equal(stretched, to_tensor(portrait, (16, 16), grey=True, invert=False))
    cropped = prepare_image(portrait, square)[0]
    assert int(cropped.max()) < int(stretched.max()), "a square is cut out where squares were trained on"


def test_photographs_are_inverted_where_the_recipe_was_trained_so(checkpoint: Checkpoint) -> None:
    image = disc(light_background=True)
    plain = replace(checkpoint, dark_background=None)
    inverting = replace(plain, recipe=replace(plain.recipe, invert=True))
    (upright, _), (inverted, told) = prepare_image(image, plain), prepare_image(image, inverting)
    assert torch.equal(inverted, 255 - upright) and not told


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(16, 16), (5, 9), (300, 120)])
def test_images_of_any_size_and_mode(mode: str, size: tuple[int, int], checkpoint: Checkpoint) -> None:
    comparer = Comparer(checkpoint)
    image = disc(True, 64).resize(size).convert(mode)
    tensor, _ = prepare_image(image, comparer.checkpoint)
    assert tensor.shape == (1, 1, 16, 16) and tensor.dtype == torch.uint8
    assert isinstance(comparer.compare(image, disc(False)), Comparison)


def test_a_network_for_colours(make_dataset: Callable[..., Dataset]) -> None:
    *_, finished = train(replace(RECIPE, steps=1), make_dataset(channels=3), device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    comparer = Comparer(Checkpoint.from_bytes(finished.last))
    tensor, _ = prepare_image(disc(True), comparer.checkpoint)
    assert tensor.shape == (1, 3, 16, 16)
    assert comparer.compare(disc(True), disc(True).convert("RGB")).dissimilarity < 1e-3


def test_left_and_right_of_two_towers(make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset(partner=True)
    *_, finished = train(replace(RECIPE, second_tower="strided", steps=2), data, device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    checkpoint = replace(Checkpoint.from_bytes(finished.last), dark_background=None)
    network = checkpoint.network()
    left, right = picture(data, 0), picture(data, 10)
    with torch.no_grad():
        pair = [data.test.images[k : k + 1].float() / 255 for k in (0, 10)]
        expected = float((network.embed(pair[0]) - network.embed_right(pair[1])).norm())
    assert Comparer(checkpoint).compare(left, right).dissimilarity == pytest.approx(expected, rel=1e-4)


def test_a_network_whose_training_diverged_says_so(checkpoint: Checkpoint, dataset: Dataset) -> None:
    broken = replace(
        checkpoint,
        weights={
            n: torch.full_like(t, torch.nan) if t.is_floating_point() else t for n, t in checkpoint.weights.items()
        },
    )
    with pytest.raises(
        SiameseError, match="gives no finite number for these images; choose one whose training did not"
    ):
        Comparer(broken).compare(picture(dataset, 0), picture(dataset, 1))


def test_many_threads_compare_at_once(checkpoint: Checkpoint, dataset: Dataset) -> None:
    comparer = Comparer(checkpoint)
    before = {name: tensor.clone() for name, tensor in comparer.network.state_dict().items()}
    pairs = [(k, (7 * k + 1) % 48) for k in range(24)]
    alone = [comparer.compare(picture(dataset, i), picture(dataset, j)) for i, j in pairs]
    together: dict[int, Comparison] = {}

    def compare(first: int) -> None:
        for k in range(first, len(pairs), 4):
            together[k] = comparer.compare(*(picture(dataset, index) for index in pairs[k]))

    threads = [threading.Thread(target=compare, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[k] for k in range(len(pairs))] == alone
    assert all(torch.equal(before[name], tensor) for name, tensor in comparer.network.state_dict().items())
    assert not comparer.network.training
