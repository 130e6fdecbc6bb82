"""The Explore pairs tab on the page: one widget, which gets everything it shows from the server."""

from __future__ import annotations

from typing import Any

import gradio as gr

from siamese.ui.browser import as_browser
from siamese.ui.compare.server import bring
from siamese.ui.explore.server import control, explore, score, sources
from siamese.ui.widget import Widget

QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class ExploreView(Widget):
    """The whole tab. owner: the browser whose runs can be chosen.  job: the key of the run on screen, shown first.

    visits: how often the tab was opened; a new number makes the widget look for new runs.
    """

    def __init__(
        self, value: None = None, *, owner: str = "", job: str | None = None, visits: int = 0, **props: Any
    ) -> None:
        super().__init__(
            {"owner": owner, "job": job, "visits": visits},
            "explore",
            module="explore/explore.js",
            words="explore/explore.json",
            server_functions=[explore, control, sources, score, bring],
            **props,
        )


def build() -> ExploreView:
    """Builds the view; wire() connects it."""
    return ExploreView(elem_id="explore")


def wire(view: ExploreView, tab: gr.Tab, browser: gr.BrowserState, demo: gr.Blocks) -> None:
    """Gives the view the run of its browser whenever the tab or the page is opened."""
    count = 0

    def look(remembered: Any, request: gr.Request) -> ExploreView:
        nonlocal count
        count += 1
        mine = as_browser(remembered)
        watch_id = dict(request.query_params).get("watch") if request is not None else None
        return ExploreView(owner=mine.owner, job=watch_id or mine.job, visits=count)

    gr.on([tab.select, demo.load], look, browser, view, **QUICK)
