"""TrainingControl: the only thing that flows back into a running training."""

from __future__ import annotations

import threading
import time


class TrainingControl:
    """Pause, step, stop and live settings of one run; safe to use from any thread.

    learning_rate, margin: None leaves the recipe's value; set, they take effect with the next step.
    """

    def __init__(self, *, paused: bool = False) -> None:
        self._changed = threading.Condition()
        self._paused_at = time.monotonic() if paused else None
        self._stopped = False
        self._permits = 0
        self.learning_rate: float | None = None
        self.margin: float | None = None

    @property
    def paused(self) -> bool:
        return self._paused_at is not None and not self._stopped

    @property
    def paused_since(self) -> float | None:
        """Since when a paused run has stood still (a time.monotonic()); None while it is not paused."""
        return None if self._stopped else self._paused_at

    @property
    def stopped(self) -> bool:
        return self._stopped

    def pause(self) -> None:
        with self._changed:
            self._paused_at = time.monotonic()

    def resume(self) -> None:
        with self._changed:
            self._paused_at = None
            self._permits = 0
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def step_once(self) -> None:
        """Pauses, and lets exactly one more optimiser step through for each call."""
        with self._changed:
            self._paused_at = time.monotonic()
            self._permits = min(self._permits + 1, 100)
            self._changed.notify_all()

    def next_steps(self, wanted: int) -> tuple[int, bool]:
        """Blocks while paused; then how many steps may run now, and whether it is a single step that was asked for.

        (0, False) once stopped.
        """
        with self._changed:
            if self._paused_at is not None:  # a run that was paused before it began stands still from now on
                self._paused_at = time.monotonic()
            self._changed.wait_for(lambda: self._stopped or self._paused_at is None or self._permits)
            if self._stopped:
                return 0, False
            if self._paused_at is not None:
                self._permits -= 1
                return 1, True
            return wanted, False
