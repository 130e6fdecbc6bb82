"""What a visitor chose: links that bring every setting back, legends, and names from outside."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from siamese import SiameseError
from siamese.recipes import Recipe
from siamese.ui import choice

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
    "class_mining": True,
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
NEEDED = {
    "pretrained": {"encoder": "resnet18"},
    "loss": {"similarity": "learned"},
    "class_mining": {"batching": "all-pairs"},
}


def test_every_setting_is_covered() -> None:
    assert set(CHANGED) == {field.name for field in fields(Recipe)} - {"name", "teaches"}


@pytest.mark.parametrize("field", CHANGED)
def test_a_link_brings_every_setting_back(field: str) -> None:
    recipe = choice.base_recipe("glyphs", "contrastive-pairs").with_settings(
        {field: CHANGED[field]} | NEEDED.get(field, {})
    )
    link = urlencode(choice.to_query("doodle-faces", recipe))
    assert choice.from_query(dict(parse_qsl(link))) == ("doodle-faces", recipe)
    # What was not changed does not lengthen the link.
    assert set(dict(parse_qsl(link))) == {"data", "recipe", field} | set(NEEDED.get(field, {}))


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
        choice.from_query(query)


def test_unknown_words_in_a_link_do_no_harm() -> None:
    assert choice.from_query({"utm_source": "mail", "name": "x", "teaches": "y"}) == choice.from_query({})


@pytest.mark.parametrize("speed", [100, 20, 5, 1])
def test_a_link_keeps_the_speed(speed: int) -> None:
    recipe = choice.base_recipe("glyphs", "fast")
    query = choice.to_query("glyphs", recipe, str(speed))
    assert choice.speed_of(query["speed"]) == speed and choice.from_query(query) == ("glyphs", recipe)


@pytest.mark.parametrize("word", ["", "None", "0", "-5", "7", "1e9", "<b>", None, 5, [20]])
def test_what_is_no_speed_is_full_speed(word: object) -> None:
    assert choice.speed_of(word) is None
    assert "speed" not in choice.to_query("glyphs", choice.base_recipe("glyphs", "fast"), word)


def test_a_legend_names_what_differs() -> None:
    recipe = replace(choice.base_recipe("glyphs", "contrastive-pairs"), margin=0.5, seed=3)
    assert choice.label("glyphs", recipe) == "contrastive-pairs · margin 0.5 · seed 3"


def test_a_name_from_outside_is_not_believed() -> None:
    base = choice.base_recipe("glyphs", "fast")
    recipe = choice.changed_recipe("glyphs", "fast", {"name": "mine", "teaches": "a" * 50_000_000, "steps": 7})
    assert (recipe.name, recipe.teaches, recipe.steps) == ("fast", base.teaches, 7)
    for wrong in ([], "fast", 3, [["steps", 7]]):
        with pytest.raises(SiameseError, match="send one such as"):
            choice.changed_recipe("glyphs", "fast", wrong)
    with pytest.raises(SiameseError, match="There is no recipe") as refused:
        choice.changed_recipe("glyphs", "x" * 1_000_000, {})
    assert len(str(refused.value)) < 300
