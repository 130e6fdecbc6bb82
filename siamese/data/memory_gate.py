"""A limit on the memory that work of one kind takes at the same time, counted in bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from siamese import SiameseError

_BUSY = "The server works on many images at once; try again in a moment."


class MemoryGate:
    """Lets work in as long as all of it together takes at most `capacity` bytes; the rest waits.

    Work that needs more than the whole capacity is let in alone.
    patience: seconds after which waiting ends with SiameseError, so that a flood of requests cannot hold every thread.
    """

    def __init__(self, capacity: int, patience: float) -> None:
        self._capacity = capacity
        self._patience = patience
        self._taken = 0
        self._changed = threading.Condition()
        self._turn = (
            threading.Lock()
        )  # one waits for room and the others behind it, so that small work starves no large

    @contextmanager
    def room(self, needed: int) -> Iterator[None]:
        """Holds `needed` bytes of the capacity inside the with block. Raises SiameseError after `patience` seconds."""
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
