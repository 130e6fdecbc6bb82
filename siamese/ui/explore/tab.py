"""The Explore pairs tab: one widget that asks the server for what it shows."""

from __future__ import annotations

from typing import Any

import gradio as gr

from siamese.ui.browser import as_browser
from siamese.ui.compare.server import bring
from siamese.ui.explore.server import control, explore, score, sources
from siamese.ui.widget import Widget

QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class ExploreView(Widget):
    """The whole tab. owner: whose runs can be chosen; job: the key of the run on screen, which the tab opens on;
    opened: how often the tab was opened, so that it looks again."""

    def __init__(
        self, value: None = None, *, owner: str = "", job: str | None = None, opened: int = 0, **props: Any
    ) -> None:
        super().__init__(
            {"owner": owner, "job": job, "opened": opened},
            "explore",
            module="explore/explore.js",
            words="explore/explore.json",
            server_functions=[explore, control, sources, score, bring],
            **props,
        )


def build() -> ExploreView:
    """Builds the view; `wire` gives it life."""
    return ExploreView(elem_id="explore")


def wire(view: ExploreView, opened: gr.Tab, browser: gr.BrowserState, demo: gr.Blocks) -> None:
    """Tells the view which run its browser looks at, whenever the tab or the page is opened."""
    count = 0

    def look(remembered: Any, request: gr.Request) -> ExploreView:
        nonlocal count
        count += 1
        mine = as_browser(remembered)
        watched = dict(request.query_params).get("watch") if request is not None else None
        return ExploreView(owner=mine.owner, job=watched or mine.job, opened=count)

    gr.on([opened.select, demo.load], look, browser, view, **QUICK)
