"""The Compare tab: two images and their dissimilarity, or one against many.

Its scripts ask `server` directly. This module only tells them which models this browser may choose.
A link opens a pair: ?compare=<data>:<image>:<image>&model=<key>, where an image is its number in the test part of the
data set, or "v" or "t" and its number in the validation or training part. ?compare=board opens the board.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from siamese import SiameseError
from siamese.data.image_file import read_image
from siamese.ui.browser import as_browser
from siamese.ui.compare import server
from siamese.ui.compare.models import Model, usable_models
from siamese.ui.lab import EXAMPLES, current_lab
from siamese.ui.static_files import read_json
from siamese.ui.widget import Widget


class CompareView(Widget):
    """The whole tab.

    models: what this browser may choose, as (title, key).
    """

    def __init__(self, value: None = None, *, models: list[Model] | None = None, **props: Any) -> None:
        super().__init__(
            {"models": models or []},
            "compare",
            module="compare/view.js",
            words="compare/compare.json",
            data={"pictures": read_json("common/picture_input.json"), "examples": examples()},
            server_functions=server.FUNCTIONS,
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


def examples() -> list[dict[str, Any]]:
    """The pairs of the examples folder, with their pictures as data URIs; read once.

    A pair that cannot be read is left out, and the log says why.
    """
    return _read_examples(EXAMPLES)


@cache
def _read_examples(folder: Path) -> list[dict[str, Any]]:
    try:
        pairs = json.loads((folder / "pairs.json").read_text("utf-8"))["pairs"]
        if not isinstance(pairs, list):
            raise TypeError("no list of pairs")
    except (OSError, ValueError, LookupError, TypeError) as error:
        current_lab().leave_out("examples/pairs.json", f"{type(error).__name__}.")
        return []
    sound = []
    for number, pair in enumerate(pairs):
        try:
            known = {name: pair[name] for name in ("title", "model", "same", "wrong", "sharp")}
            sound.append(known | {side: _uri(folder / Path(pair[side]).name) for side in ("left", "right")})
        except (SiameseError, LookupError, TypeError) as error:
            current_lab().leave_out(f"example {number + 1} of examples/pairs.json", str(error))
    return sound


def _uri(path: Path) -> str:
    read_image(path, path.name)  # a damaged file is left out here, and not found in every browser
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
