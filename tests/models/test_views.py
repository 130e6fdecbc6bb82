"""Views: where each of them looks, and that the average is taken in one place for all who compare."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import affine

from siamese import SiameseError
from siamese.comparison.compare import Comparer
from siamese.data.bank import ImageBank
from siamese.evaluation.protocols import Evaluator
from siamese.models import views
from siamese.models.checkpoint import Checkpoint
from siamese.models.network import build_network
from siamese.models.views import ViewKind
from siamese.recipes import Recipe
from siamese.recipes.recipe import SimilarityKind

SIDE = 16
RECIPE = Recipe(encoder="strided", embedding_dim=6)


def images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def rotated(batch: Tensor, angle: float, scale: float) -> Tensor:
    return affine(batch, angle, [0, 0], scale, [0.0, 0.0], InterpolationMode.BILINEAR)


def checkpoint(kind: ViewKind, recipe: Recipe = RECIPE) -> Checkpoint:
    return Checkpoint(
        recipe=recipe,
        data={"name": "patterns", "title": "Patterns", "kind": "images", "unseen": "classes"},
        channels=1,
        size=(SIDE, SIDE),
        dark_background=True,
        threshold=0.5,
        scores={},
        step=1,
        seconds=0.0,
        weights=dict(build_network(recipe, 1, (SIDE, SIDE)).state_dict()),
        views=kind,
    )


@pytest.mark.parametrize("kind", get_args(ViewKind))
def test_there_are_as_many_views_as_counted(kind: ViewKind) -> None:
    seen = torch.cat(list(views.views_of(images(3), kind)))
    assert seen.shape == (views.count(kind) * 3, 1, SIDE, SIDE)


@pytest.mark.parametrize("kind", ["one", "mirrored"])
def test_the_image_itself_is_one_of_its_views(kind: ViewKind) -> None:
    batch = images(3)
    seen = torch.cat(list(views.views_of(batch, kind)))
    assert any(torch.allclose(view, batch, atol=1e-5) for view in seen.split(3))


def test_affine_views_turn_and_scale_about_the_middle() -> None:
    batch = images(2)
    seen = torch.cat(list(views.views_of(batch, "affine"))).split(2)
    for view, (angle, scale) in zip(seen, itertools.product((-10, 0, 10), (0.9, 1.12)), strict=True):
        # torchvision turns the picture, and scales it; here the place that is looked at is turned and scaled.
        expected = rotated(batch, -angle, 1 / scale)
        inside = (slice(None), slice(None), slice(4, 12), slice(4, 12))
        torch.testing.assert_close(view[inside], expected[inside], atol=1e-4, rtol=0)


def test_a_mirrored_view_is_the_mirror_image() -> None:
    batch = images(2)
    _, mirrored = torch.cat(list(views.views_of(batch, "mirrored"))).split(2)
    torch.testing.assert_close(mirrored, batch.flip(-1), atol=1e-5, rtol=0)


def test_both_ways_up_are_all_affine_views_of_the_image_and_of_its_half_turn() -> None:
    batch = images(2)
    seen = torch.cat(list(views.views_of(batch, "both-ways-up")))
    expected = torch.cat([torch.cat(list(views.views_of(way, "affine"))) for way in (batch, batch.rot90(2, (2, 3)))])
    torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("similarity", ["cosine", "squared-euclidean"])
@pytest.mark.parametrize("normalize", [True, False])
def test_both_ways_up_are_as_far_apart_as_they_are_on_average(similarity: SimilarityKind, normalize: bool) -> None:
    # Cosines can be averaged only where both ways have the same length.
    recipe = replace(RECIPE, normalize=normalize or similarity == "cosine", similarity=similarity)
    left, right = images(4, seed=1), images(4, seed=2)
    affine, both = checkpoint("affine", recipe).network(), checkpoint("both-ways-up", recipe).network()
    with torch.no_grad():
        assert both.embed(left).shape == (4, 2 * RECIPE.embedding_dim)
        expected = (affine(left, right) + affine(left.rot90(2, (2, 3)), right.rot90(2, (2, 3)))) / 2
        torch.testing.assert_close(both(left, right), expected, atol=1e-6, rtol=1e-4)


def test_a_learned_similarity_does_not_take_both_ways_up() -> None:
    with pytest.raises(SiameseError, match='The similarity "learned" .* "both-ways-up" .* choose the views "affine"'):
        checkpoint("both-ways-up", replace(RECIPE, similarity="learned", loss="bce")).network()


@pytest.mark.parametrize("normalize", [True, False])
def test_an_embedding_is_the_mean_over_the_views(normalize: bool) -> None:
    recipe = replace(RECIPE, normalize=normalize)
    batch = images(4)
    one, many = checkpoint("one", recipe).network(), checkpoint("affine", recipe).network()
    with torch.no_grad():
        each = [one.embed(view) for view in torch.cat(list(views.views_of(batch, "affine"))).split(4)]
        expected = sum(each[1:], each[0]) / len(each)
        expected = F.normalize(expected, dim=1) if normalize else expected
        torch.testing.assert_close(many.embed(batch), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["affine", "both-ways-up"])
def test_many_images_are_embedded_as_few_are(kind: ViewKind, monkeypatch: pytest.MonkeyPatch) -> None:
    network, batch = checkpoint(kind).network(), images(5)
    with torch.no_grad():
        together = network.embed(batch)
        monkeypatch.setattr(views, "_IMAGES_A_PASS", 5)
        torch.testing.assert_close(network.embed(batch), together, atol=1e-6, rtol=1e-5)


def test_comparing_and_evaluating_take_the_same_views() -> None:
    stored = Checkpoint.from_bytes(checkpoint("affine").to_bytes())
    assert stored.views == "affine"
    pixels = (images(2) * 255).byte()
    pictures = [Image.fromarray(picture[0].numpy()) for picture in pixels]
    # Prepared as the comparer prepares them, so that nothing but the views could differ.
    prepared = torch.cat([Comparer(stored).prepare(picture).pixels for picture in pictures])
    bank = ImageBank(prepared, torch.tensor([1, 1]), ("a", "b"), torch.tensor([0, 0]), ("all",))

    def judged(of: Checkpoint) -> float:
        return float(Evaluator(of).network_judge(bank).dissimilarities(torch.tensor([0]), torch.tensor([1])))

    compared = Comparer(stored).compare(*pictures).dissimilarity
    assert compared == pytest.approx(judged(stored), abs=1e-6)
    assert compared != pytest.approx(judged(replace(stored, views="one")), abs=1e-6)


def test_a_file_with_unknown_views_is_refused() -> None:
    content = checkpoint("one").to_bytes().replace(b'views\\": \\"one\\"', b'views\\": \\"two\\"')
    with pytest.raises(SiameseError, match="no checkpoint of this project"):
        Checkpoint.from_bytes(content)


def test_half_the_bytes_and_nearly_the_same_answers() -> None:
    whole = checkpoint("one")
    half = Checkpoint.from_bytes(whole.in_half().to_bytes())
    assert len(half.to_bytes()) < 0.6 * len(whole.to_bytes())
    with torch.no_grad():
        a, b = (of.network().embed(images(3)) for of in (whole, half))
    assert b.dtype == torch.float32
    torch.testing.assert_close(a, b, atol=2e-3, rtol=0)


def test_weights_too_large_for_half_are_refused() -> None:
    whole = checkpoint("one")
    name = next(iter(whole.weights))
    with pytest.raises(SiameseError, match="too large for float16"):
        replace(whole, weights=whole.weights | {name: whole.weights[name] + 1e5}).in_half()
