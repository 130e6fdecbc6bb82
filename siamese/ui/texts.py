"""The page's words in English and Chinese; the browser's language chooses."""

from __future__ import annotations

from typing import Any

import gradio as gr

from siamese.data.catalogue import available
from siamese.recipes import RECIPES, Recipe
from siamese.ui.static_files import read_json

LANGUAGES = ("en", "zh")

# The English names of data sets and recipes stand in the library; their Chinese ones stand here.
NAMES: dict[str, dict[str, str]] = {
    "en": {f"data.{entry.name}": entry.title for entry in available()}
    | {f"teaches.{recipe.name}": recipe.teaches for recipe in RECIPES.values()},
    "zh": read_json("names.zh.json"),
}

TRANSLATIONS: dict[str, dict[str, str]] = {name: read_json("page.json")[name] | NAMES[name] for name in LANGUAGES}

# Browsers have several names for Chinese.
i18n = gr.I18n(
    en=TRANSLATIONS["en"],
    zh=TRANSLATIONS["zh"],
    **{"zh-CN": TRANSLATIONS["zh"], "zh-TW": TRANSLATIONS["zh"]},
)


def teaches(recipe: Recipe) -> Any:
    """What a recipe teaches, in the browser's language."""
    return i18n(f"teaches.{recipe.name}")


def data_title(name: str, title: str) -> Any:
    """The title of a data set in the browser's language; one that somebody brought keeps its own."""
    return i18n(f"data.{name}") if f"data.{name}" in NAMES["en"] else title


def title_in_both(name: str, title: str) -> dict[str, str]:
    """The title of a data set for a widget: {"en": ..., "zh": ...}. A set without a Chinese title keeps its own."""
    return {language: NAMES[language].get(f"data.{name}", title) for language in LANGUAGES}


def data_titles() -> dict[str, dict[str, str]]:
    """The titles of all named data sets for a widget: language → name → title."""
    return {
        language: {key.removeprefix("data."): text for key, text in names.items() if key.startswith("data.")}
        for language, names in NAMES.items()
    }
