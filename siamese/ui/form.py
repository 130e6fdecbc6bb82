"""The Train tab's controls: a recipe as a form, and as a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from siamese import SiameseError
from siamese.data.catalogue import available, entry_named
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.recipes import recipe as recipes
from siamese.ui.own.sets import PREFIX, OwnSummary
from siamese.ui.texts import data_title, i18n

DEFAULT_DATA = "glyphs"
DEFAULT_RECIPE = "contrastive-pairs"
SPEEDS = (100, 20, 5, 1)  # steps a second in slow motion
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


def base_recipe(data: str, name: str) -> Recipe:
    """The named recipe, suited to a named data set. Raises SiameseError for names that do not exist."""
    kind = _own(data).kind if is_own(data) else entry_named(data).kind
    return recipe_named(str(name)[:40], kind)


def is_own(data: object) -> bool:
    """Whether a data set is pictures that somebody brought; they may be gone by now."""
    return isinstance(data, str) and data.startswith(PREFIX)


def _own(data: str) -> OwnSummary:
    from siamese.ui.lab import current_lab

    return current_lab().own.summary(data)


def changed_recipe(data: str, name: str, settings: object) -> Recipe:
    """The named recipe with some settings changed, as a link or a program asks for it.

    Its name and the line that says what it teaches stay its own, whatever the settings say: other people read them.
    Raises SiameseError for names that do not exist and settings that are not allowed.
    """
    if not isinstance(settings, dict):
        raise SiameseError('The settings are no object; send one such as {"steps": 200}.')
    return base_recipe(data, name).with_settings({k: v for k, v in settings.items() if k not in ("name", "teaches")})


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


def plan(data: str, recipe: Recipe) -> dict[str, Any]:
    """What the empty live view announces of the run that Start would begin."""
    return {"steps": recipe.steps, "unseen": _own(data).unseen if is_own(data) else entry_named(data).unseen}


def data_choices(data_dir: Path, own: str = "", label: str = "") -> list[tuple[str, str]]:
    """Data sets that can be used at once, as (title, name); what would have to be downloaded is left out.

    own: the name of the pictures that this browser brought, which it alone is offered.  label: how to write that.
    """
    entries = available(data_dir)
    named = [(data_title(entry.name, entry.title), entry.name) for entry in entries if entry.built_in or entry.present]
    return [(label or _own(own).title, own), *named] if is_own(own) else named


def data_dropdown(data: str) -> gr.Dropdown:
    """An update of a data control that chooses a set; one's own pictures are put among its choices."""
    from siamese.ui.lab import current_lab

    if is_own(data):
        return gr.Dropdown(choices=data_choices(current_lab().settings.data_dir, data), value=data)
    return gr.Dropdown(value=data)


def recipe_choices() -> list[tuple[str, str]]:
    """Recipes as (title, name): a name is the same in every language."""
    return [(name, name) for name in RECIPES]


def differences(recipe: Recipe, base: Recipe) -> dict[str, Any]:
    """The fields in which a recipe differs from another, with its own values."""
    ignored = ("name", "teaches")
    return {k: v for k, v in recipe.as_dict().items() if k not in ignored and v != getattr(base, k)}


def to_query(data: str, recipe: Recipe, speed: Any = "") -> dict[str, str]:
    """The link that brings these settings back: data set, recipe, every setting that differs from it, and the speed."""
    changed = {k: as_text(v) for k, v in differences(recipe, base_recipe(data, recipe.name)).items()}
    slow = {} if speed_of(speed) is None else {"speed": str(speed)}
    return {"data": data, "recipe": recipe.name} | changed | slow


def speed_of(value: Any) -> int | None:
    """Steps a second that the speed control or a link asks for; None for full speed, and for what is no choice."""
    return next((rate for rate in SPEEDS if str(rate) == value), None)


def from_query(query: dict[str, str]) -> tuple[str, Recipe]:
    """Data set and recipe of a link. Raises SiameseError, in a sentence, for a link that cannot be read."""
    data, name = query.get("data", DEFAULT_DATA), query.get("recipe", DEFAULT_RECIPE)
    known = base_recipe(data, name).as_dict()
    return data, changed_recipe(data, name, {k: v for k, v in query.items() if k in known})


def as_text(value: Any) -> str:
    """A setting's value as a link and a legend write it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def label(data: str, recipe: Recipe) -> str:
    """A run in a few words for a legend: its data, its recipe, and what was changed."""
    changed = differences(recipe, base_recipe(data, recipe.name))
    words = [f"{k.replace('_', ' ')} {as_text(v)}" for k, v in changed.items()]
    named = _own(data).title if is_own(data) else data
    return " · ".join([recipe.name if data == DEFAULT_DATA else f"{named}, {recipe.name}", *words])
