"""The view "Your own pictures" of the Explore tab, and its events for the other tabs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from siamese import SiameseError
from siamese.ui import choice
from siamese.ui.errors import page_error
from siamese.ui.lab import current_lab
from siamese.ui.own.card import FUNCTIONS
from siamese.ui.own.sets import PREFIX
from siamese.ui.train.events import QUICK, TrainEvents
from siamese.ui.widget import Widget

RECIPE = "fast"  # has settings for drawings and for photographs, and takes less than a minute on two cores
MOST_LABEL = 80


class OwnView(Widget):
    """A link that opens the view. Only the widget has the key of the browser's set; the events send its name."""

    def __init__(self, value: None = None, **props: Any) -> None:
        super().__init__(
            {},
            "own",
            module="own/own_view.js",
            words="own/own.json",
            events=["own_changed", "train_own"],
            server_functions=FUNCTIONS,
            **props,
        )


def wire(view: OwnView, train: TrainEvents, tabs: gr.Tabs) -> None:
    """Offers the set on the Train tab, and starts runs on it."""
    tab = train.tab

    def own_changed(event: gr.EventData, selected: str) -> gr.Dropdown:
        data, label = str(getattr(event, "data", "")), str(getattr(event, "label", ""))
        choices = choice.data_choices(current_lab().settings.data_dir, data[:64], label[:MOST_LABEL])
        exists = any(name == selected for _, name in choices)
        return gr.Dropdown(choices=choices, value=selected if exists else choice.DEFAULT_DATA)

    def train_own(event: gr.EventData) -> dict[Any, Any]:
        data = str(getattr(event, "data", ""))[:64]
        try:
            if not data.startswith(PREFIX):
                raise SiameseError("There are no pictures of your own yet; draw or bring some.")
            recipe = choice.base_recipe(data, RECIPE)
        except SiameseError as error:
            raise page_error(error) from error
        # own_changed has put the set among the choices already, with its label.
        return tab.fill(data, recipe) | {tab.data: gr.Dropdown(value=data), tabs: gr.Tabs(selected="train")}

    view.own_changed(own_changed, tab.data, tab.data, **QUICK)
    view.train_own(train_own, None, tab.form | {tabs}, **QUICK).success(
        train.start, tab.form | {tab.browser, tab.speed}, tab.buttons | {tab.browser, tab.chart, tab.home}, **QUICK
    )
