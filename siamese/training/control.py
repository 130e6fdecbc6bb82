"""TrainingControl: the only thing that flows back into a running training."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from siamese import SiameseError
from siamese.training.pacing import Pacer

MOST_QUESTIONS = 32  # that wait for an answer at the same time: one for each browser of a class


class TrainingControl:
    """Pause, step, stop, speed, live settings and questions of one run; safe to use from any thread.

    learning_rate, margin: None leaves the recipe's value; set, they take effect with the next step.
    waits: whether a run that is paused, or rests between two slow steps, blocks its thread; where it does not, the run
        yields Paused and can be asked again.
    on_change: called after every change, in the thread that asked for it.
    """

    def __init__(
        self, *, paused: bool = False, waits: bool = True, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._waits = waits
        self._on_change = on_change
        self._changed = threading.Condition()
        self._paused_at = time.monotonic() if paused else None
        self._stopped = False
        self._permits = 0
        self._pacer = Pacer()
        self._questions: list[tuple[Callable[[Any], Any], Future[Any]]] = []
        self._over = False
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

    @property
    def ready(self) -> bool:
        """Whether the run has something to do now: steps to take, a question to answer, or to come to its end."""
        return self.rest == 0

    @property
    def rest(self) -> float | None:
        """Seconds until the run has something to do; None where only somebody's word ends its rest."""
        if self._stopped or self._permits > 0 or self.asked:
            return 0.0
        return None if self._paused_at is not None else self._pacer.rest(time.monotonic())

    @property
    def steps_per_second(self) -> float | None:
        """The speed that was asked for; None for as fast as the device can."""
        return self._pacer.rate

    def set_speed(self, steps_per_second: float | None) -> None:
        """Slow motion, or full speed again (None); takes effect at once."""
        with self._changed:
            self._pacer.set_rate(steps_per_second, time.monotonic())
            self._changed.notify_all()
        self._on_change()

    @property
    def asked(self) -> bool:
        """Whether a question waits for its answer."""
        return bool(self._questions)

    def pause(self) -> None:
        with self._changed:
            self._paused_at = time.monotonic()
        self._on_change()

    def resume(self) -> None:
        with self._changed:
            self._paused_at = None
            self._permits = 0
            self._changed.notify_all()
        self._on_change()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._on_change()

    def step_once(self) -> None:
        """Pauses, and lets exactly one more optimiser step through for each call."""
        with self._changed:
            self._paused_at = time.monotonic()
            self._permits = min(self._permits + 1, 100)
            self._changed.notify_all()
        self._on_change()

    def ask(self, question: Callable[[Any], Any]) -> Future[Any]:
        """Has the training thread call question(run) between two steps, also while the run is paused.

        The future holds what it returns or raises. It is cancelled when the run ends first. Nobody else may touch what
        a run holds on its device, so whoever wants to look inside asks. Raises SiameseError where too many wait already.
        """
        future: Future[Any] = Future()
        with self._changed:
            if self._over:
                future.cancel()
            elif len(self._questions) >= MOST_QUESTIONS:
                raise SiameseError(f"{len(self._questions)} pages look into this run already; try again in a moment.")
            else:
                self._questions.append((question, future))
                self._changed.notify_all()
        self._on_change()
        return future

    def answer(self, run: Any) -> None:
        """Answers every question that waits; the training thread calls this between two steps."""
        if not self._questions:
            return
        with self._changed:
            questions, self._questions = self._questions, []
        for question, future in questions:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(question(run))
                except Exception as error:  # noqa: BLE001 - a question must not end a training
                    future.set_exception(error)

    def close(self) -> None:
        """Ends the questions of a run that is over: those that wait and those still to come are cancelled."""
        with self._changed:
            self._over = True
            questions, self._questions = self._questions, []
        for _, future in questions:
            future.cancel()

    def next_steps(self, wanted: int, run: Any = None) -> tuple[int, bool]:
        """Blocks while paused or resting; then how many steps may run now, and whether to look closely at a single one.

        run: what the questions that arrive meanwhile are asked of.  (0, False) once stopped; also while paused or
        resting, for a control that does not wait.
        """
        with self._changed:
            if self._paused_at is not None:  # a run that was paused before it began stands still from now on
                self._paused_at = time.monotonic()
        while True:
            self.answer(run)
            with self._changed:
                while self._waits and self.rest != 0:
                    self._changed.wait(self.rest)
                if self._stopped:
                    return 0, False
                if self._paused_at is None:
                    if self._pacer.rest(now := time.monotonic()) == 0:
                        return self._pacer.take(wanted, now)
                elif self._permits:
                    self._permits -= 1
                    return 1, True
                if not self._waits:
                    return 0, False
