"""The head of the page: its name, and the switches for light, dark and a projector."""

from __future__ import annotations

from typing import Any

from siamese.ui.widget import Widget


class PageHead(Widget):
    """Name and tools beside the tabs; what they switch is kept by the browser alone."""

    def __init__(self, value: None = None, **props: Any) -> None:
        markup = "<h1>Siamese</h1><div class='page-tools'></div>"
        super().__init__({}, markup=markup, scripts=["page_head.js"], **props)


def build() -> PageHead:
    """Builds it; it needs no wiring."""
    return PageHead(elem_id="page-head")
