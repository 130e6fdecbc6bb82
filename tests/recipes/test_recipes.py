"""Every bad setting gets its sentence, every recipe survives the way through text, and every named one trains."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.recipes import recipe as recipes
from siamese.training.step import TrainingStep

INTS = [f.name for f in fields(Recipe) if str(f.type).startswith("int")]
FLOATS = [f.name for f in fields(Recipe) if f.type == "float"]
BOOLS = [f.name for f in fields(Recipe) if f.type == "bool"]
CHOICES = {
    "encoder": get_args(recipes.Encoder),
    "similarity": get_args(recipes.SimilarityKind),
    "loss": get_args(recipes.Loss),
    "batching": get_args(recipes.Batching),
    "mining": get_args(recipes.Mining),
    "optimizer": get_args(recipes.Optimizer),
    "schedule": get_args(recipes.Schedule),
    "augmentation": get_args(recipes.Augmentation),
    "precision": get_args(recipes.Precision),
}

# field, value, what is allowed, and the other settings it stands among
WRONG: list[tuple[str, Any, str, dict[str, Any]]] = [
    *((name, "nonsense", "one of " + ", ".join(allowed), {}) for name, allowed in CHOICES.items()),
    *((name, None, "one of " + ", ".join(allowed), {}) for name, allowed in CHOICES.items()),
    *((name, "yes", "true or false", {}) for name in BOOLS),
    *((name, 1.5, "a whole number", {}) for name in INTS),
    *((name, True, "a whole number", {}) for name in INTS),
    *((name, 10**400, "a whole number from", {}) for name in INTS),
    *((name, "much", "a number from", {}) for name in FLOATS),
    *((name, math.nan, "a number from", {}) for name in FLOATS),
    *((name, math.inf, "a number from", {}) for name in FLOATS),
    ("name", 3, "text", {}),
    ("teaches", None, "text", {}),
    ("embedding_dim", 0, "from 1 to 4,096", {}),
    ("margin", 0.001, "from 0.01 to 100", {}),
    ("temperature", 11.0, "from 0.01 to 10", {}),
    ("batch_size", 1, "from 2 to 4,096", {}),
    ("batch_size", 33, "even", {}),
    ("classes_per_batch", 1, "from 2 to 1,024", {}),
    ("images_per_class", 257, "from 2 to 256", {}),
    ("learning_rate", -0.1, "from 0 to 10", {}),
    ("momentum", 1.0, "from 0 to 0.999", {}),
    ("weight_decay", 1.5, "from 0 to 1", {}),
    ("steps", 0, "from 1 to 1,000,000", {}),
    ("validate_every", 0, "from 1 to 1,000,000", {}),
    ("seed", -1, "from 0 to 2,147,483,647", {}),
    ("image_size", 7, "from 8 to 256, or none", {}),
    ("image_size", 257, "from 8 to 256, or none", {}),
    ("image_size", "28", "a whole number from 8 to 256, or none", {}),
    ("second_tower", "nonsense", "one of strided, ", {}),
    ("second_tower", 5, "mobilenet_v3_small, or none", {}),
    ("batching", "triplets", '"pairs"', {"second_tower": "conv4", "loss": "triplet"}),
    ("encoder", "conv4", "one of resnet18, ", {"pretrained": True}),
    ("second_tower", "conv4", "one of resnet18, ", {"pretrained": True, "encoder": "resnet18"}),
    ("raw_pixels", True, "false", {"pretrained": True, "encoder": "resnet18"}),
    ("loss", "triplet", "contrastive or bce", {}),
    ("loss", "supcon", "contrastive or bce", {}),
    ("loss", "contrastive", "triplet", {"batching": "triplets"}),
    ("batching", "pairs", "all-pairs", {"class_mining": True}),
    ("similarity", "euclidean", "learned", {"loss": "bce"}),
    ("similarity", "learned", "a distance", {}),
    ("similarity", "euclidean", "cosine", {"loss": "supcon", "batching": "all-pairs"}),
    ("normalize", False, "true", {"loss": "supcon", "batching": "all-pairs", "similarity": "cosine"}),
]


@pytest.mark.parametrize(("field", "value", "allowed", "among"), WRONG)
def test_a_bad_value_is_told_with_field_value_and_what_is_allowed(
    field: str, value: Any, allowed: str, among: dict[str, Any]
) -> None:
    with pytest.raises(SiameseError) as told:
        Recipe(**{field: value, **among})
    sentence = str(told.value)
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:59] + "…"
    assert sentence.startswith(f"{field} is {shown}; it has to be ")
    assert allowed in sentence and sentence.endswith(".")


def test_the_edges_of_every_range_are_allowed() -> None:
    for name, (low, high) in {
        "embedding_dim": (1, 4096),
        "margin": (0.01, 100),
        "batch_size": (2, 4096),
        "learning_rate": (0, 10),
        "momentum": (0, 0.999),
        "steps": (1, 1_000_000),
        "seed": (0, 2**31 - 1),
        "image_size": (8, 256),
    }.items():
        for edge in (low, high):
            assert getattr(Recipe(**{name: edge}), name) == edge


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({"learning_rate": "0.003", "steps": "40"}, {"learning_rate": 0.003, "steps": 40}),
        ({"normalize": "false", "grey": "True"}, {"normalize": False, "grey": True}),
        ({"image_size": "28", "second_tower": "conv4"}, {"image_size": 28, "second_tower": "conv4"}),
        ({"image_size": "none", "second_tower": ""}, {"image_size": None, "second_tower": None}),
        ({"image_size": None, "second_tower": "None"}, {"image_size": None, "second_tower": None}),
        ({"batch_size": 64.0, "margin": 2}, {"batch_size": 64, "margin": 2.0}),
        ({"name": "mine", "seed": " 7 "}, {"name": "mine", "seed": 7}),
    ],
)
def test_settings_are_read_as_their_fields_own_type(settings: dict[str, Any], read: dict[str, Any]) -> None:
    recipe = Recipe(image_size=64).with_settings(settings)
    for name, value in read.items():
        assert getattr(recipe, name) == value
        assert type(getattr(recipe, name)) is type(value)
    assert recipe == replace(Recipe(image_size=64), **read)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"colour": "red"}, 'A recipe has no field "colour"; its fields are name, teaches, encoder'),
        ({"steps": "many"}, "steps is 'many'; it has to be a whole number from 1 to 1,000,000."),
        ({"steps": "2.5"}, "steps is '2.5'; it has to be a whole number"),
        ({"steps": "nan"}, "steps is 'nan'; it has to be a whole number"),
        ({"steps": "9" * 400}, "it has to be a whole number from 1 to 1,000,000."),
        ({"steps": [1]}, "steps is [1]; it has to be a whole number"),
        ({"steps": True}, "steps is True; it has to be a whole number"),
        ({"margin": "inf"}, "margin is inf; it has to be a number from 0.01 to 100."),
        ({"margin": {}}, "margin is {}; it has to be a number"),
        ({"normalize": "maybe"}, "normalize is 'maybe'; it has to be true or false."),
        ({"normalize": 1}, "normalize is 1; it has to be true or false."),
        ({"encoder": 3}, "encoder is 3; it has to be one of"),
        ({"name": None}, "name is None; it has to be text"),
        ({"image_size": "big"}, "image_size is 'big'; it has to be a whole number from 8 to 256, or none."),
    ],
)
def test_settings_that_cannot_be_read_are_told(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SiameseError) as told:
        Recipe().with_settings(settings)
    assert sentence in str(told.value)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json_and_text(name: str) -> None:
    recipe = RECIPES[name]
    assert Recipe().with_settings(json.loads(json.dumps(recipe.as_dict()))) == recipe
    assert Recipe().with_settings({field: str(value) for field, value in recipe.as_dict().items()}) == recipe


@given(
    st.fixed_dictionaries(
        {
            "embedding_dim": st.integers(1, 4096),
            "margin": st.floats(0.01, 100),
            "learning_rate": st.floats(0, 10),
            "batch_size": st.integers(1, 2048).map(lambda half: 2 * half),
            "image_size": st.none() | st.integers(8, 256),
            "second_tower": st.none() | st.sampled_from(get_args(recipes.Encoder)),
            "soft_margin": st.booleans(),
            "seed": st.integers(0, 2**31 - 1),
            "name": st.text(max_size=20),
        }
    )
)
def test_any_valid_settings_survive_json_and_text(settings: dict[str, Any]) -> None:
    recipe = Recipe(**settings)
    assert Recipe().with_settings(json.loads(json.dumps(recipe.as_dict()))) == recipe
    assert Recipe(name=recipe.name).with_settings({k: str(v) for k, v in settings.items() if k != "name"}) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_named_recipe_says_what_it_teaches(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name and recipe_named(name) == recipe
    assert recipe.teaches.endswith(".") and "\n" not in recipe.teaches


def test_the_names_that_people_know_are_there() -> None:
    published = {"mnist-post", "faces-code", "resnet18-triplet", "koch-2015", "triplet-network"}
    assert published | {"fast", "accurate"} <= set(RECIPES)
    with pytest.raises(SiameseError, match='There is no recipe "nonsense"; the recipes are contrastive-pairs, fast, '):
        recipe_named("nonsense")


def test_published_recipes_train_as_their_sources_say() -> None:
    post, faces, koch = RECIPES["mnist-post"], RECIPES["faces-code"], RECIPES["koch-2015"]
    assert (post.loss, post.similarity, post.batching, post.batch_size) == ("bce", "learned", "pairs", 100)
    assert (post.optimizer, post.learning_rate, post.momentum, post.steps) == ("sgd", 0.001, 0.1, 5000)
    assert (faces.loss, faces.margin, faces.batch_size) == ("contrastive", 2.0, 64)
    assert (faces.optimizer, faces.learning_rate, faces.image_size, faces.grey) == ("adam", 0.0005, 100, True)
    assert (koch.embedding_dim, koch.similarity, koch.loss, koch.image_size) == (4096, "learned", "bce", 105)
    assert RECIPES["resnet18-triplet"].embedding_dim == 128
    assert RECIPES["triplet-network"].batching == "triplets"


KINDS = ("digits", "characters", "print", "pen", "pen-and-print", "faces", "photos", "drawings", "images", "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_suits_itself_to_every_kind_of_data(name: str, kind: str) -> None:
    suited = recipe_named(name, kind)
    assert suited.name == name
    if name not in ("fast", "accurate"):
        assert suited == RECIPES[name]


def test_pairs_per_step() -> None:
    assert Recipe(batch_size=64).pairs_per_step == 64
    assert Recipe(batching="triplets", loss="triplet", batch_size=10).pairs_per_step == 20
    assert Recipe(batching="all-pairs", classes_per_batch=40, images_per_class=4).pairs_per_step == 12_720


@pytest.mark.parametrize(
    ("classes", "rotations", "asked", "fitted"),
    [
        (100, False, (40, 4), (40, 4)),
        (10, False, (40, 4), (10, 16)),
        (10, True, (40, 4), (40, 4)),
        (5, True, (40, 4), (20, 8)),
        (2, False, (40, 4), (2, 80)),
        (2, False, (1000, 100), (2, 256)),
    ],
)
def test_a_batch_is_fitted_to_the_classes_there_are(
    make_bank: Callable[..., ImageBank],
    classes: int,
    rotations: bool,
    asked: tuple[int, int],
    fitted: tuple[int, int],
) -> None:
    recipe = Recipe(
        batching="all-pairs", classes_per_batch=asked[0], images_per_class=asked[1], rotations_as_classes=rotations
    )
    got = recipe.fitted(make_bank(classes=classes, each=2, size=8))
    assert (got.classes_per_batch, got.images_per_class) == fitted
    assert replace(got, classes_per_batch=asked[0], images_per_class=asked[1]) == recipe


def test_only_batches_of_classes_are_fitted(make_bank: Callable[..., ImageBank]) -> None:
    recipe = Recipe(classes_per_batch=40)
    assert recipe.fitted(make_bank(classes=2, size=8)) is recipe


# Each as it is, but with images, batches and embeddings small enough for 20 steps to take a second.
SMALL: dict[str, dict[str, Any]] = {
    "koch-2015": {"image_size": 66, "batch_size": 2, "embedding_dim": 64},
    "faces-code": {"image_size": 24, "batch_size": 8},
    "resnet18-triplet": {"image_size": 32, "batch_size": 3},
    "fast": {"classes_per_batch": 8, "images_per_class": 4},
    "supcon": {"classes_per_batch": 8, "images_per_class": 4},
    "hard-triplets": {"classes_per_batch": 8, "images_per_class": 4},
    "accurate": {"classes_per_batch": 8, "images_per_class": 3},
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_trains(name: str, make_bank: Callable[..., ImageBank]) -> None:
    recipe = RECIPES[name]
    if recipe.batching == "pairs":
        recipe = replace(recipe, batch_size=16)
    elif recipe.batching == "triplets":
        recipe = replace(recipe, batch_size=8)
    recipe = replace(recipe, **SMALL.get(name, {}))
    bank = make_bank(size=28, channels=3 if name == "resnet18-triplet" else 1, partner=recipe.second_tower is not None)
    step = TrainingStep(recipe, bank, torch.device("cpu"))
    # Biases apart: that of the last layer falls out of every difference between two embeddings.
    weights = [parameter for parameter in step.network.parameters() if parameter.dim() > 1]
    before = [weight.detach().clone() for weight in weights]
    for _ in range(20):
        step()
    losses = step.losses[:20]
    assert int(step.steps_done) == 20
    assert bool(losses.isfinite().all()) and len(losses.unique()) > 1, losses
    assert not any(torch.equal(old, new) for old, new in zip(before, weights))


@pytest.mark.parametrize("encoder", ["vgg11_bn", "efficientnet_b0", "mobilenet_v3_small"])
def test_the_other_torchvision_encoders_take_a_step(encoder: str, make_bank: Callable[..., ImageBank]) -> None:
    recipe = Recipe(encoder=encoder, batch_size=2, image_size=32)
    step = TrainingStep(recipe, make_bank(size=32), torch.device("cpu"))
    step()
    assert bool(step.losses[:1].isfinite().all())


@pytest.mark.parametrize("field", ["name", "teaches"])
def test_words_that_other_people_read_are_short(field: str) -> None:
    Recipe(**{field: "a" * 60})
    with pytest.raises(SiameseError, match=f"{field} is 'aaa.*it has to be text of at most") as refused:
        Recipe(**{field: "a" * 1_000_000})
    assert len(str(refused.value)) < 200
