"""The Compare tab: two images and their dissimilarity, or one against many.

Its scripts ask `compare_server` directly. This module only tells them which models this browser may choose.
A link opens a pair: ?compare=<data>:<image>:<image>&model=<key>, where an image is its number in the test part of the
data set, or "v" or "t" and its number in the validation or training part.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import gradio as gr

from siamese.ui import compare_server
from siamese.ui.browser import as_browser
from siamese.ui.lab import EXAMPLES
from siamese.ui.models import usable_models
from siamese.ui.static_files import read_json
from siamese.ui.widget import Widget


class CompareView(Widget):
    """The whole tab.

    models: what this browser may choose, as [title, key].
    """

    def __init__(self, value: None = None, *, models: list[list[str]] | None = None, **props: Any) -> None:
        super().__init__(
            {"models": models or []},
            "compare",
            module="compare/view.js",
            words="compare/compare.json",
            data={"inputs": read_json("common/picture_input.json"), "examples": examples()},
            server_functions=compare_server.FUNCTIONS,
            **props,
        )


def build() -> CompareView:
    """Builds the tab; `wire` gives it life."""
    return CompareView(models=usable_models(""), elem_id="compare-view")


def wire(view: CompareView, opened: gr.Tab, browser: gr.BrowserState, demo: gr.Blocks) -> None:
    """Brings this browser's runs among the models whenever the tab or the page is opened."""
    gr.on(
        [opened.select, demo.load],
        _offer,
        browser,
        view,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=None,
    )


def _offer(browser: Any) -> CompareView:
    return CompareView(models=usable_models(as_browser(browser).owner))


@cache
def examples() -> list[dict[str, Any]]:
    """The pairs of the examples folder, with their pictures as data URIs."""
    listing = EXAMPLES / "pairs.json"
    if not listing.exists():
        return []
    pairs = json.loads(listing.read_text("utf-8"))["pairs"]
    return [pair | {side: _uri(pair[side]) for side in ("left", "right")} for pair in pairs]


def _uri(name: str) -> str:
    return "data:image/png;base64," + base64.b64encode((EXAMPLES / name).read_bytes()).decode()
