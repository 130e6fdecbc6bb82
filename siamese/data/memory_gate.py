"""A limit on the memory of work of one kind that runs at the same time, in bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from siamese import SiameseError

_BUSY = "The server works on many images at once; try again in a moment."


class MemoryGate:
    """Lets work begin while all work inside needs at most `capacity` bytes together. Other work waits.

    Work that needs more than the capacity runs alone.
    patience: the longest wait in seconds. Then SiameseError is raised, so a flood of requests cannot hold all threads.
    """

    def __init__(self, capacity: int, patience: float) -> None:
        self._capacity = capacity
        self._patience = patience
        self._taken = 0
        self._changed = threading.Condition()
        self._turn = (
            threading.Lock()
        )  # one waits for room and the others behind it; otherwise small work could starve large work

    @contextmanager
    def room(self, needed: int) -> Iterator[None]:
        """Holds `needed` bytes inside the `with` block. Raises SiameseError after `patience` seconds of waiting."""
        needed = min(needed, self._capacity)
        end = time.monotonic() + self._patience
        if not self._turn.acquire(timeout=self._patience):
            raise SiameseError(_BUSY)
        try:
            with self._changed:
                if not self._changed.wait_for(
                    lambda: self._taken + needed <= self._capacity, max(0.0, end - time.monotonic())
                ):
                    raise SiameseError(_BUSY)
                self._taken += needed
        finally:
            self._turn.release()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed
                self._changed.notify_all()
