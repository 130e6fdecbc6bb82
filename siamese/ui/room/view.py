"""Room: every run of a room on one screen. The page with "?room" in its address shows it and nothing else."""

from __future__ import annotations

from typing import Any

from siamese.ui.room.server import LONGEST_CHOICES, room, teach
from siamese.ui.texts import data_titles
from siamese.ui.widget import Widget


class Room(Widget):
    """All runs as small live charts, ranked within each data set; for the teacher also what holds, bounds and ends them."""

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
    """Builds it; it needs no wiring."""
    return Room(elem_id="room")
