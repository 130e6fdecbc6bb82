"""A visitor's choice: a data set, a recipe and changed settings; how a link and a legend write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from siamese import SiameseError
from siamese.data.catalogue import Entry, available, entry_named
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.ui.lab import current_lab
from siamese.ui.own.sets import PREFIX, OwnSummary
from siamese.ui.texts import data_title

DEFAULT_DATA = "glyphs"
DEFAULT_RECIPE = "contrastive-pairs"
SPEEDS = (100, 20, 5, 1)  # steps a second in slow motion


def usable_sets(data_dir: Path) -> list[Entry]:
    """The data sets that the page offers: those that need no download and do not only serve to train shipped models."""
    return [entry for entry in available(data_dir) if entry.present and not entry.for_models]


def data_choices(data_dir: Path, own: str = "", label: str = "") -> list[tuple[str, str]]:
    """The data sets that can be used at once, as (title, name) for a control of Gradio.

    own: the name of this browser's own pictures, which no other browser gets.  label: their title.
    """
    named = [(data_title(entry.name, entry.title), entry.name) for entry in usable_sets(data_dir)]
    return [(label or own_title(own), own), *named] if is_own(own) else named


def recipe_choices() -> list[tuple[str, str]]:
    """The recipes as (title, name). A name is the same in every language."""
    return [(name, name) for name in RECIPES]


def own_title(data: str) -> str:
    """The title of somebody's own pictures; a general one if they are gone."""
    return _own(data).title


def is_own(data: object) -> bool:
    """Whether a data set is somebody's own pictures. They may be gone by now."""
    return isinstance(data, str) and data.startswith(PREFIX)


def base_recipe(data: str, name: str) -> Recipe:
    """The named recipe, suited to a named data set. Raises SiameseError for names that do not exist."""
    kind = _own(data).kind if is_own(data) else entry_named(data).kind
    return recipe_named(str(name)[:40], kind)


def changed_recipe(data: str, name: str, settings: object) -> Recipe:
    """The named recipe with some settings changed, as a link or a program asks for it.

    Its name and its description do not change, whatever the settings say, because other people read them.
    Raises SiameseError for names that do not exist and settings that are not allowed.
    """
    if not isinstance(settings, dict):
        raise SiameseError('The settings are no object; send one such as {"steps": 200}.')
    return base_recipe(data, name).with_settings({k: v for k, v in settings.items() if k not in ("name", "teaches")})


def plan(data: str, recipe: Recipe) -> dict[str, Any]:
    """What the empty live view says about the next run."""
    return {"steps": recipe.steps, "unseen": _own(data).unseen if is_own(data) else entry_named(data).unseen}


def label(data: str, recipe: Recipe) -> str:
    """A run in a few words for a legend: its data, its recipe, and what was changed."""
    changed = differences(recipe, base_recipe(data, recipe.name))
    words = [f"{k.replace('_', ' ')} {as_text(v)}" for k, v in changed.items()]
    named = own_title(data) if is_own(data) else data
    return " · ".join([recipe.name if data == DEFAULT_DATA else f"{named}, {recipe.name}", *words])


def differences(recipe: Recipe, base: Recipe) -> dict[str, Any]:
    """The fields in which a recipe differs from another, with its own values."""
    ignored = ("name", "teaches")
    return {k: v for k, v in recipe.as_dict().items() if k not in ignored and v != getattr(base, k)}


def as_text(value: Any) -> str:
    """A setting's value as a link and a legend write it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def to_query(data: str, recipe: Recipe, speed: Any = "") -> dict[str, str]:
    """The link that brings these settings back: data set, recipe, every setting that differs from it, and the speed."""
    changed = {k: as_text(v) for k, v in differences(recipe, base_recipe(data, recipe.name)).items()}
    slow = {} if speed_of(speed) is None else {"speed": str(speed)}
    return {"data": data, "recipe": recipe.name} | changed | slow


def from_query(query: dict[str, str]) -> tuple[str, Recipe]:
    """Data set and recipe of a link. Raises SiameseError, in a sentence, for a link that cannot be read."""
    data, name = query.get("data", DEFAULT_DATA), query.get("recipe", DEFAULT_RECIPE)
    fields = base_recipe(data, name).as_dict()
    return data, changed_recipe(data, name, {k: v for k, v in query.items() if k in fields})


def speed_of(value: Any) -> int | None:
    """The steps a second of the speed control or of a link. None for full speed, and for any other value."""
    return next((rate for rate in SPEEDS if str(rate) == value), None)


def _own(data: str) -> OwnSummary:
    return current_lab().own.summary(data)
