"""The head of the page: its name, and the switches for light, dark and a projector."""

from __future__ import annotations

from typing import Any

import gradio as gr

from siamese.ui.texts import STATIC


class PageHead(gr.HTML):
    """Name and tools beside the tabs; what they switch is kept by the browser alone."""

    def __init__(self, value: None = None, **props: Any) -> None:
        super().__init__(
            value=value,
            html_template="<h1>Siamese</h1><div class='page-tools'></div>",
            js_on_load=(STATIC / "page_head.js").read_text("utf-8"),
            apply_default_css=False,
            **props,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "null"}


def build() -> PageHead:
    """Builds it; it needs no wiring."""
    return PageHead(elem_id="page-head")
