"""Room: every run of a room on one screen. A page with "?room" in its address shows only this."""

from __future__ import annotations

from typing import Any

from siamese.ui.room.server import LONGEST_CHOICES, room, teach
from siamese.ui.texts import data_titles
from siamese.ui.widget import Widget


class Room(Widget):
    """All runs as small live charts, ranked within each data set. The teacher can also pause, limit and end them."""

    def __init__(self, value: None = None, **props: Any) -> None:
        super().__init__(
            {},
            "room",
            module="room/room.js",
            words="room/room.json",
            data={"titles": data_titles(), "longest": list(LONGEST_CHOICES)},
            server_functions=[room, teach],
            **props,
        )


def build() -> Room:
    """Builds the widget; it needs no events."""
    return Room(elem_id="room")
