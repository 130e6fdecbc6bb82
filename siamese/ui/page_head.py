"""The head of the page: its name, and the switches for light, dark and a projector."""

from __future__ import annotations

from typing import Any

from siamese.ui.widget import Widget


class PageHead(Widget):
    """Name and tools beside the tabs; what they switch is kept by the browser alone."""

    def __init__(self, value: None = None, **props: Any) -> None:
        super().__init__({}, "page-head", module="common/page_head.js", words="common/page_head.json", **props)


def build() -> PageHead:
    """Builds it; it needs no wiring."""
    return PageHead(elem_id="page-head")
