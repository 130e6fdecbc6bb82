"""The controls of a recipe's settings: builds, reads and fills them, and makes their values fit together."""

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
    """One field of a recipe as a control.

    build: makes the control from keyword arguments.  applies: whether the field has a meaning for a recipe; if not, the
    control is hidden.
    """

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
    """The kinds of batches that a loss can learn from. Two towers need pairs with a left and a right image."""
    if second_tower:
        return ("pairs",)
    return {"triplet": ("triplets", "all-pairs"), "supcon": ("all-pairs",)}.get(loss, ("pairs", "all-pairs"))


def fit_settings(settings: dict[str, Any], field: str) -> dict[str, Any]:
    """Makes recipe settings fit together after somebody has changed `field`: this one stays, others adapt to it."""
    fitted = dict(settings)
    if field == "second_tower" and fitted["second_tower"]:
        if fitted["loss"] not in ("contrastive", "bce"):
            fitted |= {"loss": "contrastive"}
        fitted |= {"batching": "pairs"}
    loss = fitted["loss"]
    if loss in ("triplet", "supcon"):
        fitted["second_tower"] = None
    allowed = batchings(loss, fitted["second_tower"])
    if fitted["batching"] not in allowed:
        fitted["batching"] = allowed[0]
    if loss == "bce":
        fitted["similarity"] = "learned"
    elif loss == "supcon":
        fitted |= {"similarity": "cosine", "normalize": True}
    elif fitted["similarity"] == "learned":
        fitted["similarity"] = "euclidean"
    return fitted


def fit_recipe(data: str, name: str, values: Mapping[str, Any], field: str) -> Recipe:
    """The recipe after somebody has changed `field`, with the other fields adapted to it. values: of the controls.

    Raises SiameseError where something still does not fit.
    """
    settings = fit_settings({k: v for k, v in values.items() if v is not None}, field)
    return base_recipe(data, name).with_settings(settings | _without_blanks(settings))


def from_controls(data: str, name: str, values: Mapping[str, Any]) -> Recipe:
    """The recipe of the values of the controls, by field name. Raises SiameseError where they do not fit together."""
    settings = {k: v for k, v in values.items() if v is not None} | _without_blanks(values)
    if settings["loss"] == "bce":
        settings["similarity"] = "learned"  # the control offers only distances
    return base_recipe(data, name).with_settings(settings)


def _without_blanks(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the controls whose empty value means None."""
    return {name: values.get(name) or None for name in ("image_size", "second_tower")}


def to_controls(recipe: Recipe) -> dict[str, Any]:
    """Updates of the controls, by field name: they show a recipe, and hide the fields without a meaning for it."""
    updates = {}
    for field in FIELDS:
        update = {"visible": field.applies(recipe)} | _value(field, recipe)
        if field.name == "batching":
            update["choices"] = list(batchings(recipe.loss, recipe.second_tower))
        updates[field.name] = gr.update(**update)
    return updates


def _value(field: Field, recipe: Recipe) -> dict[str, Any]:
    """The value of a control for a recipe, as a keyword argument; none where the control does not offer it."""
    value = getattr(recipe, field.name)
    if field.name == "second_tower":
        return {"value": value or ""}
    if field.name == "similarity" and value == "learned":
        return {}
    return {"value": value}


def build_fields(fields: Sequence[Field], recipe: Recipe) -> dict[str, gr.components.Component]:
    """The controls of some fields, by name, with the values of a recipe and words in the browser's language."""
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
    """An update of the data control that selects a set. Own pictures are added to its choices."""
    if is_own(data):
        return gr.Dropdown(choices=data_choices(current_lab().settings.data_dir, data), value=data)
    return gr.Dropdown(value=data)
