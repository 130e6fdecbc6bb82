"""The form: recipes to controls and back, links that bring every setting back, and settings that give way."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.recipes import RECIPES, Recipe
from siamese.recipes import recipe as recipes
from siamese.ui import form

ALL_CHOICES = {
    "loss": get_args(recipes.Loss),
    "batching": get_args(recipes.Batching),
    "similarity": get_args(recipes.SimilarityKind),
    "optimizer": get_args(recipes.Optimizer),
    "second_tower": ("", "strided", "conv4"),
    "soft_margin": (True, False),
}


def shown(recipe: Recipe) -> dict[str, Any]:
    """What the controls hold when they show a recipe; the similarity has no entry for "learned"."""
    values = {field.name: getattr(recipe, field.name) for field in form.FIELDS}
    return {name: "euclidean" if value == "learned" else value for name, value in values.items()}


@pytest.mark.parametrize("name", RECIPES)
def test_the_controls_give_back_the_recipe_they_show(name: str) -> None:
    for data in ("glyphs", "mnist", "doodle-faces"):
        recipe = form.base_recipe(data, name)
        assert form.from_controls(data, name, shown(recipe)) == recipe


CHANGED: dict[str, Any] = {
    "encoder": "conv4",
    "second_tower": "strided",
    "pretrained": True,
    "embedding_dim": 2,
    "normalize": False,
    "similarity": "manhattan",
    "loss": "bce",
    "margin": 0.35,
    "soft_margin": True,
    "temperature": 0.07,
    "batching": "all-pairs",
    "mining": "hard",
    "batch_size": 32,
    "classes_per_batch": 7,
    "images_per_class": 9,
    "optimizer": "sgd",
    "learning_rate": 0.0123,
    "momentum": 0.9,
    "weight_decay": 0.05,
    "schedule": "decay",
    "steps": 321,
    "augmentation": "faces",
    "rotations_as_classes": True,
    "image_size": 32,
    "grey": True,
    "invert": True,
    "raw_pixels": True,
    "precision": "bfloat16",
    "validate_every": 17,
    "seed": 12345,
}
NEEDED = {"pretrained": {"encoder": "resnet18"}, "loss": {"similarity": "learned"}}


def test_every_setting_is_covered() -> None:
    assert set(CHANGED) == {field.name for field in fields(Recipe)} - {"name", "teaches"}


@pytest.mark.parametrize("field", CHANGED)
def test_a_link_brings_every_setting_back(field: str) -> None:
    recipe = form.base_recipe("glyphs", "contrastive-pairs").with_settings(
        {field: CHANGED[field]} | NEEDED.get(field, {})
    )
    link = urlencode(form.to_query("doodle-faces", recipe))
    assert form.from_query(dict(parse_qsl(link))) == ("doodle-faces", recipe)
    # What was not changed does not lengthen the link.
    assert set(dict(parse_qsl(link))) == {"data", "recipe", field} | set(NEEDED.get(field, {}))


@given(
    name=st.sampled_from(sorted(RECIPES)),
    changes=st.lists(
        st.sampled_from(sorted(ALL_CHOICES)).flatmap(
            lambda field: st.tuples(st.just(field), st.sampled_from(ALL_CHOICES[field]))
        ),
        max_size=6,
    ),
)
def test_whatever_is_clicked_in_whatever_order_stays_a_valid_recipe(name: str, changes: list[tuple[str, Any]]) -> None:
    base = form.base_recipe("glyphs", name)
    settings = {field.name: getattr(base, field.name) for field in form.FIELDS}
    for field, value in changes:
        if field == "similarity" and value == "learned":
            continue  # the control does not offer it
        offered = form.batchings(settings["loss"], settings["second_tower"])
        if field == "batching" and value not in offered:
            continue
        wanted = (value or None) if field == "second_tower" else value
        settings = form.settle(settings | {field: wanted}, field)
        recipe = base.with_settings(settings)
        if field == "similarity" and recipe.loss in ("bce", "supcon"):
            continue  # these losses have a similarity of their own, and the control is hidden
        assert getattr(recipe, field) == wanted


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"recipe": "nonsense"}, "no recipe"),
        ({"data": "../secret"}, "no data set"),
        ({"margin": "wide"}, "margin is 'wide'"),
        ({"steps": "1e99"}, "steps"),
        ({"loss": "bce"}, "similarity"),
    ],
)
def test_a_bad_link_gets_a_sentence(query: dict[str, str], sentence: str) -> None:
    with pytest.raises(SiameseError, match=sentence):
        form.from_query(query)


def test_unknown_words_in_a_link_do_no_harm() -> None:
    assert form.from_query({"utm_source": "mail", "name": "x", "teaches": "y"}) == form.from_query({})


@pytest.mark.parametrize("speed", [100, 20, 5, 1])
def test_a_link_keeps_the_speed(speed: int) -> None:
    recipe = form.base_recipe("glyphs", "fast")
    query = form.to_query("glyphs", recipe, str(speed))
    assert form.speed_of(query["speed"]) == speed and form.from_query(query) == ("glyphs", recipe)


@pytest.mark.parametrize("word", ["", "None", "0", "-5", "7", "1e9", "<b>", None, 5, [20]])
def test_what_is_no_speed_is_full_speed(word: object) -> None:
    assert form.speed_of(word) is None
    assert "speed" not in form.to_query("glyphs", form.base_recipe("glyphs", "fast"), word)


def test_a_legend_names_what_differs() -> None:
    recipe = replace(form.base_recipe("glyphs", "contrastive-pairs"), margin=0.5, seed=3)
    assert form.label("glyphs", recipe) == "contrastive-pairs · margin 0.5 · seed 3"


def test_a_name_from_outside_is_not_believed() -> None:
    base = form.base_recipe("glyphs", "fast")
    recipe = form.changed_recipe("glyphs", "fast", {"name": "mine", "teaches": "a" * 50_000_000, "steps": 7})
    assert (recipe.name, recipe.teaches, recipe.steps) == ("fast", base.teaches, 7)
    for wrong in ([], "fast", 3, [["steps", 7]]):
        with pytest.raises(SiameseError, match="send one such as"):
            form.changed_recipe("glyphs", "fast", wrong)
    with pytest.raises(SiameseError, match="There is no recipe") as refused:
        form.changed_recipe("glyphs", "x" * 1_000_000, {})
    assert len(str(refused.value)) < 300
