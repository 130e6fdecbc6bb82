"""The models a person can choose from: this browser's own runs and those that ship."""

from __future__ import annotations

from typing import Any

import gradio as gr

from siamese.ui import choice
from siamese.ui.lab import RUN_PREFIX, current_lab
from siamese.ui.texts import i18n

DEFAULT_MODEL = "glyphs"
MOST_RUNS = 12  # of a browser, the newest first


def model_dropdown(**props: Any) -> gr.Dropdown:
    """The control that offers them; offer_models brings a browser's runs."""
    choices = model_choices("")
    value = _first(choices, DEFAULT_MODEL)
    return gr.Dropdown(
        choices, value=value, label=i18n("compare.model.label"), info=i18n("compare.model.info"), **props
    )


def offer_models(owner: str, chosen: Any, **props: Any) -> gr.Dropdown:
    """An update of the control with all that this browser may choose, keeping what is chosen while it is there."""
    choices = model_choices(owner)
    return gr.Dropdown(choices=choices, value=_first(choices, chosen, DEFAULT_MODEL), **props)


def model_choices(owner: str) -> list[tuple[str, str]]:
    """Models to compare with, as (title, key): this browser's runs, newest first, then those that ship."""
    lab = current_lab()
    runs = [
        (f"▶ {choice.label(job.dataset_name, job.recipe)}", RUN_PREFIX + job.id) for job in lab.finished_runs(owner)
    ]
    # By their comparers, which are kept: two tabs ask each time they open, and the files are megabytes.
    shipped = [(lab.comparer(path.stem).checkpoint.data["title"], path.stem) for path in lab.shipped_paths()]
    return [*runs[:MOST_RUNS], *shipped]


def usable_models(owner: str) -> list[list[str]]:
    """As model_choices, with the runs that still train as well: each gives a snapshot of its weights."""
    lab = current_lab()
    runs = [[f"▶ {choice.label(job.dataset_name, job.recipe)}", RUN_PREFIX + job.id] for job in lab.usable_runs(owner)]
    return [*runs[:MOST_RUNS], *([title, key] for title, key in model_choices("") if not key.startswith(RUN_PREFIX))]


def _first(choices: list[tuple[str, str]], *wanted: Any) -> str | None:
    """The first wanted model that is there, else any."""
    keys = [key for _, key in choices]
    return next((key for key in wanted if key in keys), keys[0] if keys else None)
