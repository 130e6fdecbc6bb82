"""The controls of a recipe's settings: built, read, filled and made to fit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr

from siamese.recipes import Recipe
from siamese.recipes import recipe as recipes
from siamese.ui.choice import base_recipe, data_choices, is_own
from siamese.ui.lab import current_lab
from siamese.ui.texts import i18n

RATES = (0.0001, 0.0003, 0.001, 0.002, 0.003, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Field:
    """One field of a recipe as a control. build: makes it from the words' keyword arguments; applies: whether it means
    anything for a recipe (it is hidden otherwise)."""

    name: str
    build: Callable[..., gr.components.Component]
    applies: Callable[[Recipe], bool] = lambda recipe: True


def _choice(options: Sequence[str]) -> Callable[..., gr.components.Component]:
    return lambda **words: gr.Dropdown(list(options), **words)


def _whole(least: int, most: int, step: int = 1) -> Callable[..., gr.components.Component]:
    return lambda **words: gr.Slider(least, most, step=step, precision=0, **words)


def _number(**words: Any) -> gr.components.Component:
    return gr.Number(precision=0, **words)


def _all_pairs(recipe: Recipe) -> bool:
    return recipe.batching == "all-pairs"


LIVE_FIELDS = (
    Field(
        "margin",
        lambda **words: gr.Slider(0.05, 4.0, step=0.05, **words),
        lambda r: r.loss == "contrastive" or (r.loss == "triplet" and not r.soft_margin),
    ),
    Field("temperature", lambda **words: gr.Slider(0.02, 1.0, step=0.01, **words), lambda r: r.loss == "supcon"),
    Field(
        "learning_rate",
        lambda **words: gr.Dropdown([(f"{rate:g}", rate) for rate in RATES], allow_custom_value=True, **words),
    ),
)
ADVANCED_FIELDS = (
    Field("encoder", _choice(get_args(recipes.Encoder))),
    Field("second_tower", lambda **words: gr.Dropdown([("—", ""), *get_args(recipes.Encoder)], **words)),
    Field("embedding_dim", _whole(2, 256)),
    Field("normalize", gr.Checkbox, lambda r: r.loss != "supcon"),
    Field("loss", _choice(get_args(recipes.Loss))),
    Field(
        "similarity",
        _choice([s for s in get_args(recipes.SimilarityKind) if s != "learned"]),
        lambda r: r.loss in _DISTANCES,
    ),
    Field("batching", _choice(get_args(recipes.Batching)), lambda r: len(batchings(r.loss, r.second_tower)) > 1),
    Field("mining", _choice(get_args(recipes.Mining)), lambda r: r.loss == "triplet" and _all_pairs(r)),
    Field("soft_margin", gr.Checkbox, lambda r: r.loss == "triplet"),
    Field("batch_size", _whole(8, 512, 8), lambda r: not _all_pairs(r)),
    Field("classes_per_batch", _whole(2, 100), _all_pairs),
    Field("images_per_class", _whole(2, 32), _all_pairs),
    Field("optimizer", _choice(get_args(recipes.Optimizer))),
    Field("momentum", lambda **words: gr.Slider(0.0, 0.99, step=0.01, **words), lambda r: r.optimizer == "sgd"),
    Field("schedule", _choice(get_args(recipes.Schedule))),
    Field("augmentation", _choice(get_args(recipes.Augmentation))),
    Field("image_size", _number),
    Field("steps", _whole(50, 5000, 50)),
    Field("seed", _number),
)
FIELDS = LIVE_FIELDS + ADVANCED_FIELDS
_DISTANCES: tuple[str, ...] = ("contrastive", "triplet")


def batchings(loss: str, second_tower: str | None) -> tuple[str, ...]:
    """The batches a loss can learn from; two towers need a left and a right."""
    if second_tower:
        return ("pairs",)
    return {"triplet": ("triplets", "all-pairs"), "supcon": ("all-pairs",)}.get(loss, ("pairs", "all-pairs"))


def settle(settings: dict[str, Any], changed: str) -> dict[str, Any]:
    """Recipe settings made to fit together after one of them was changed by hand: that one is kept, others give way."""
    settled = dict(settings)
    if changed == "second_tower" and settled["second_tower"]:
        if settled["loss"] not in ("contrastive", "bce"):
            settled |= {"loss": "contrastive"}
        settled |= {"batching": "pairs"}
    loss = settled["loss"]
    if loss in ("triplet", "supcon"):
        settled["second_tower"] = None
    allowed = batchings(loss, settled["second_tower"])
    if settled["batching"] not in allowed:
        settled["batching"] = allowed[0]
    if loss == "bce":
        settled["similarity"] = "learned"
    elif loss == "supcon":
        settled |= {"similarity": "cosine", "normalize": True}
    elif settled["similarity"] == "learned":
        settled["similarity"] = "euclidean"
    return settled


def settled(data: str, name: str, shown: Mapping[str, Any], changed: str) -> Recipe:
    """The recipe after the control `changed` was moved, the others having given way. shown: what the controls show.

    Raises SiameseError for what still does not fit.
    """
    settings = settle({k: v for k, v in shown.items() if v is not None}, changed)
    return base_recipe(data, name).with_settings(settings | _without_blanks(settings))


def from_controls(data: str, name: str, shown: Mapping[str, Any]) -> Recipe:
    """The recipe that the controls show, field name → value. Raises SiameseError for what does not fit."""
    settings = {k: v for k, v in shown.items() if v is not None} | _without_blanks(shown)
    if settings["loss"] == "bce":
        settings["similarity"] = "learned"  # the control offers distances alone
    return base_recipe(data, name).with_settings(settings)


def _without_blanks(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The settings for which an empty control means none."""
    return {name: shown.get(name) or None for name in ("image_size", "second_tower")}


def to_controls(recipe: Recipe) -> dict[str, Any]:
    """Updates of the controls, by field name, that show a recipe and hide what does not apply to it."""
    updates = {}
    for field in FIELDS:
        update = {"visible": field.applies(recipe)} | _value(field, recipe)
        if field.name == "batching":
            update["choices"] = list(batchings(recipe.loss, recipe.second_tower))
        updates[field.name] = gr.update(**update)
    return updates


def _value(field: Field, recipe: Recipe) -> dict[str, Any]:
    """What a control shows of a recipe, as a keyword argument; none where the control has no entry for it."""
    value = getattr(recipe, field.name)
    if field.name == "second_tower":
        return {"value": value or ""}
    if field.name == "similarity" and value == "learned":
        return {}
    return {"value": value}


def build_fields(fields: Sequence[Field], recipe: Recipe) -> dict[str, gr.components.Component]:
    """The controls of some fields, by name, showing a recipe; their words come in the browser's language."""
    return {
        field.name: field.build(
            **({"value": "euclidean"} if field.name == "similarity" else {}) | _value(field, recipe),
            label=i18n(f"{field.name}.label"),
            info=i18n(f"{field.name}.info"),
            visible=field.applies(recipe),
            interactive=True,
            elem_id=f"field-{field.name.replace('_', '-')}",
        )
        for field in fields
    }


def data_dropdown(data: str) -> gr.Dropdown:
    """An update of a data control that chooses a set; one's own pictures are put among its choices."""
    if is_own(data):
        return gr.Dropdown(choices=data_choices(current_lab().settings.data_dir, data), value=data)
    return gr.Dropdown(value=data)
