"""The form: recipes to controls and back, and settings that give way."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.recipes import RECIPES, Recipe
from siamese.recipes import recipe as recipes
from siamese.ui import choice
from siamese.ui.train import form

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
        recipe = choice.base_recipe(data, name)
        assert form.from_controls(data, name, shown(recipe)) == recipe


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
    base = choice.base_recipe("glyphs", name)
    settings = {field.name: getattr(base, field.name) for field in form.FIELDS}
    for field, value in changes:
        if field == "similarity" and value == "learned":
            continue  # the control does not offer it
        offered = form.batchings(settings["loss"], settings["second_tower"])
        if field == "batching" and value not in offered:
            continue
        wanted = (value or None) if field == "second_tower" else value
        settings = form.fit_settings(settings | {field: wanted}, field)
        recipe = base.with_settings(settings)
        if field == "similarity" and recipe.loss in ("bce", "supcon"):
            continue  # these losses have a similarity of their own, and the control is hidden
        assert getattr(recipe, field) == wanted
