"""Pacer: slow motion, so that people can follow a run that would be over before they have seen it."""

from __future__ import annotations

BUNCH_SECONDS = 0.05  # steps that fit into so short a time are taken together; nobody sees them one by one
WATCHED_RATE = 1.0  # steps a second at which each single step is looked at


class Pacer:
    """Says when the next steps of a run may be taken. All times are those of time.monotonic(), in seconds.

    rate: steps a second, or None for as many as the device can do.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._next = 0.0

    def set_rate(self, rate: float | None, now: float) -> None:
        """Another speed, from now on: what was left of the last rest is forgotten."""
        self.rate = rate
        self._next = now

    def rest(self, now: float) -> float:
        """Seconds until the next steps may be taken; 0 where they may be taken now."""
        return 0.0 if self.rate is None else max(0.0, self._next - now)

    def take(self, wanted: int, now: float) -> tuple[int, bool]:
        """How many of the wanted steps to take now, and whether to look at the step closely. Call it after the rest.

        A run that is slower than its rate takes its steps without a rest and does not try to catch up.
        """
        if self.rate is None:
            return wanted, False
        steps = max(1, min(wanted, int(self.rate * BUNCH_SECONDS)))
        self._next = max(self._next, now - BUNCH_SECONDS) + steps / self.rate
        return steps, self.rate <= WATCHED_RATE
