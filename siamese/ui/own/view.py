"""The view "Your own pictures" of the Explore tab, and what it tells the other tabs."""

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

RECIPE = "fast"  # suits itself to drawings and to photographs, and is done within a minute on two cores
MOST_LABEL = 80


class OwnView(Widget):
    """A link that opens the view. It keeps the key of the browser's set to itself; Python learns the set's name."""

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

    def own_changed(event: gr.EventData, chosen: str) -> gr.Dropdown:
        data, label = str(getattr(event, "data", "")), str(getattr(event, "label", ""))
        choices = choice.data_choices(current_lab().settings.data_dir, data[:64], label[:MOST_LABEL])
        offered = any(name == chosen for _, name in choices)
        return gr.Dropdown(choices=choices, value=chosen if offered else choice.DEFAULT_DATA)

    def train_own(event: gr.EventData) -> dict[Any, Any]:
        data = str(getattr(event, "data", ""))[:64]
        try:
            if not data.startswith(PREFIX):
                raise SiameseError("There are no pictures of your own yet; draw or bring some.")
            recipe = choice.base_recipe(data, RECIPE)
        except SiameseError as error:
            raise page_error(error) from error
        # The set is among the choices already, under the label that the page gave it.
        return tab.filled(data, recipe) | {tab.data: gr.Dropdown(value=data), tabs: gr.Tabs(selected="train")}

    view.own_changed(own_changed, tab.data, tab.data, **QUICK)
    view.train_own(train_own, None, tab.form | {tabs}, **QUICK).success(
        train.start, tab.form | {tab.browser, tab.speed}, tab.buttons | {tab.browser, tab.chart, tab.home}, **QUICK
    )
