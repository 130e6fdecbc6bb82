"""Pacer: slow motion. At full speed many runs are over before anybody can follow them."""

from __future__ import annotations

BUNCH_SECONDS = 0.05  # at a high rate, the steps of this time are taken together; nobody can see them one by one
WATCHED_RATE = 1.0  # steps a second; at this rate or a slower one every step is shown with its pairs


class Pacer:
    """Says when the next steps of a run may be taken. All times are those of time.monotonic(), in seconds.

    rate: steps a second, or None for as many as the device can do.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._next = 0.0

    def set_rate(self, rate: float | None, now: float) -> None:
        """Sets another speed, from now on. The rest of the last pause no longer counts."""
        self.rate = rate
        self._next = now

    def rest(self, now: float) -> float:
        """Seconds until the next steps may be taken; 0 where they may be taken now."""
        return 0.0 if self.rate is None else max(0.0, self._next - now)

    def take(self, most: int, now: float) -> tuple[int, bool]:
        """How many steps to take now, at most `most`, and whether to show what the step does. Call it after the rest.

        A run that is slower than its rate takes its steps without a rest and does not try to catch up.
        """
        if self.rate is None:
            return most, False
        steps = max(1, min(most, int(self.rate * BUNCH_SECONDS)))
        self._next = max(self._next, now - BUNCH_SECONDS) + steps / self.rate
        return steps, self.rate <= WATCHED_RATE
