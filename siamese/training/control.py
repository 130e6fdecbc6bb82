"""TrainingControl: pauses, stops and steers a run. Nothing else reaches a run from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from siamese import SiameseError
from siamese.training.pacing import Pacer

MOST_QUESTIONS = 32  # may wait for an answer at the same time: one for each browser of a class


class TrainingControl:
    """Pause, single steps, stop, speed, live settings and questions of one run. Every thread may call it.

    learning_rate, margin: a new value for the next steps; None keeps the recipe's value.
    waits: True: a run that is paused, or rests between two slow steps, blocks its thread. False: it yields Paused
        instead, and its owner calls it again later.
    on_change: called after every change, in the thread that made the change.
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
        """The moment from which a paused run stands still (a time.monotonic()); None while it is not paused."""
        return None if self._stopped else self._paused_at

    @property
    def stopped(self) -> bool:
        return self._stopped

    @property
    def ready(self) -> bool:
        """Whether the run has something to do now: a step, an answer, or its end."""
        return self.rest == 0

    @property
    def rest(self) -> float | None:
        """Seconds until the run has something to do; None where it waits for a person."""
        if self._stopped or self._permits > 0 or self.has_questions:
            return 0.0
        return None if self._paused_at is not None else self._pacer.rest(time.monotonic())

    @property
    def steps_per_second(self) -> float | None:
        """The speed that somebody has set; None: as fast as the device can."""
        return self._pacer.rate

    def set_speed(self, steps_per_second: float | None) -> None:
        """Sets slow motion, or full speed again (None). It takes effect at once."""
        with self._changed:
            self._pacer.set_rate(steps_per_second, time.monotonic())
            self._changed.notify_all()
        self._on_change()

    @property
    def has_questions(self) -> bool:
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
        """Pauses the run. Each call allows exactly one more optimiser step."""
        with self._changed:
            self._paused_at = time.monotonic()
            self._permits = min(self._permits + 1, 100)
            self._changed.notify_all()
        self._on_change()

    def ask(self, question: Callable[[Any], Any]) -> Future[Any]:
        """Asks the training thread to call question(run) between two steps, also while the run is paused.

        Only the training thread may touch the tensors of a run, so every look inside the run is such a question.
        The future holds what the question returns or raises; it is cancelled when the run ends before the answer.
        Raises SiameseError where too many questions wait already.
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
        """For a run that is over: cancels the questions that wait, and every later one."""
        with self._changed:
            self._over = True
            questions, self._questions = self._questions, []
        for _, future in questions:
            future.cancel()

    def next_steps(self, most: int, run: Any = None) -> tuple[int, bool]:
        """How many steps the run may take now, at most `most`, and whether it is one step that somebody wants to see.

        Blocks while the run is paused or rests, and answers questions meanwhile; `run` is passed to them. (0, False)
        once the run is stopped. A control with waits=False does not block and returns (0, False) at once.
        """
        with self._changed:
            if self._paused_at is not None:  # a run that was paused before its first step stands still only from now
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
                        return self._pacer.take(most, now)
                elif self._permits:
                    self._permits -= 1
                    return 1, True
                if not self._waits:
                    return 0, False
