"""Widget: a piece of the page that draws itself in the browser from its props."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from siamese.ui.texts import STATIC


class Widget(gr.HTML):
    """A gr.HTML whose markup is fixed and whose script does the rest; whatever comes from outside reaches it as props.

    own: the props by which Python tells it something; the subclass names each in its constructor, where Gradio looks
        for them.
    markup: its HTML, with nothing to fill in.  scripts: files of the static folder, put together in this order.
    data: JSON values that the scripts find as constants, such as their words in every language.
    """

    def __init__(
        self,
        own: dict[str, Any],
        *,
        markup: str,
        scripts: Sequence[str],
        data: dict[str, Any] | None = None,
        server_functions: list[Callable[..., Any]] | None = None,
        **props: Any,
    ) -> None:
        # Gradio takes every name that stands in quotes in the script for an event, unless the component has it.
        self.__dict__.update(own)
        constants = [f"const {name} = {json.dumps(value, ensure_ascii=False)};" for name, value in (data or {}).items()]
        sources = [(STATIC / name).read_text("utf-8") for name in scripts]
        super().__init__(
            html_template=markup,
            js_on_load="\n".join(constants + sources),
            apply_default_css=False,
            server_functions=server_functions,
            **own,
            **props,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "null"}


def words(name: str) -> dict[str, dict[str, str]]:
    """A file of the static folder with words in every language: language → key → text."""
    return json.loads((STATIC / name).read_text("utf-8"))
