"""Line: decides which run a worker advances next, and in which order waiting runs begin."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter

from siamese import SiameseError
from siamese.training.jobs.job import TrainingJob

MOST_WAITING = 60  # runs: two for each browser of a class of thirty
HEAD_START = 15.0  # seconds; a run that has not begun goes before runs whose last turn was less than this time ago


class Line:
    """All runs of a server that have not ended. Open runs take turns; waiting runs become open when there is room.

    most_open: how many runs may be open. One address gets at most seven eighths of them.
    memory: the bytes that all open runs may claim together. One run is always allowed.
    Every thread may call the methods.
    """

    def __init__(self, most_open: int, memory: int) -> None:
        self.most_open = most_open
        self._memory = memory
        self._changed = threading.Condition()
        self._open: list[TrainingJob] = []
        self._waiting: list[TrainingJob] = []
        self._busy: dict[TrainingJob, int] = {}  # the runs that are advanced now, with the number of the worker
        self._last_turn: dict[TrainingJob, float] = {}
        self._on_hold = False
        self._closed = False

    def add(self, job: TrainingJob) -> None:
        """Adds a run. Raises SiameseError where the line is full, or where this address fills half of it."""
        with self._changed:
            self._settle()
            same = sum(other.address == job.address for other in self._waiting)
            if len(self._waiting) >= MOST_WAITING or same >= MOST_WAITING / 2:
                raise SiameseError(f"{len(self._waiting)} runs are waiting already; try again in a minute.")
            self._waiting.append(job)
            self._settle()
            self._changed.notify_all()

    def notify(self) -> None:
        """Wakes the workers. Call it when a run may have become ready."""
        with self._changed:
            self._changed.notify_all()

    def next_turn(self, worker: int) -> TrainingJob | None:
        """Waits for a run that this worker can advance. None when the line is closed and no run is left to end."""
        with self._changed:
            while True:
                self._settle()
                if ready := self._ready(worker):
                    job = min(ready, key=self._due)
                    self._busy[job] = worker
                    return job
                if self._closed:
                    return None
                self._changed.wait(self._rest())

    def end_turn(self, job: TrainingJob) -> None:
        """Takes back a run that a worker has advanced."""
        with self._changed:
            self._busy.pop(job, None)
            self._last_turn[job] = time.monotonic()
            self._settle()
            self._changed.notify_all()

    def wanted_by_others(self, worker: int) -> bool:
        """Whether this worker should leave its run now: another run is ready, or all runs stand still."""
        with self._changed:
            self._settle()
            return self._on_hold or bool(self._ready(worker))

    def place(self, job: TrainingJob) -> int:
        """The job's place among the waiting ones: 1 for the next one; 0 when it waits no longer."""
        with self._changed:
            self._settle()
            order = self._order()
            return order.index(job) + 1 if job in order else 0

    def waiting_jobs(self) -> list[TrainingJob]:
        """The waiting runs, in the order in which they will begin."""
        with self._changed:
            self._settle()
            return self._order()

    def turning(self) -> int:
        """How many runs take turns now, without the paused ones."""
        with self._changed:
            self._settle()
            return sum(job.ready for job in self._open)

    def set_most_open(self, most_open: int) -> None:
        """Changes how many runs may be open. Runs that are open stay open."""
        with self._changed:
            self.most_open = most_open
            self._settle()
            self._changed.notify_all()

    @property
    def on_hold(self) -> bool:
        """Whether all runs stand still, because the teacher has paused them."""
        return self._on_hold

    def hold(self, on_hold: bool) -> None:
        """True: no run goes on, whatever its own state. False: they go on again."""
        with self._changed:
            self._on_hold = on_hold
            self._changed.notify_all()

    def close(self) -> None:
        """Ends every worker as soon as no run is ready."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ready(self, worker: int) -> list[TrainingJob]:
        def is_ready(job: TrainingJob) -> bool:
            return job not in self._busy and job.ready and job.worker in (None, worker)

        # A run that somebody has stopped can end even while all runs stand still.
        return [job for job in self._open if is_ready(job) and (not self._on_hold or job.control.stopped)]

    def _rest(self) -> float | None:
        """Seconds until the next step of a run in slow motion; None where there is no such run."""
        rests = [job.control.rest for job in self._open if job not in self._busy]
        return min((rest for rest in rests if rest), default=None)

    def _due(self, job: TrainingJob) -> float:
        """When its next turn is due, on the clock of time.monotonic(); the smallest value goes first."""
        if job.control.has_questions:
            return -math.inf  # somebody waits for the answer
        return self._last_turn.get(job, job.submitted) if job.has_begun else job.submitted - HEAD_START

    def _settle(self) -> None:
        """Removes ended runs, sends runs without enough memory back to wait, and opens the runs that fit."""
        self._open = [job for job in self._open if job.alive or job in self._busy]
        self._waiting = [job for job in self._waiting if job.alive]
        for job in list(self._last_turn):
            if not job.alive:
                del self._last_turn[job]
        claims = sum(job.claim for job in self._open if job.has_begun)
        for job in [job for job in self._open if not job.has_begun and job.claim and job not in self._busy]:
            # Its data is loaded by now, so its claim is set.
            if claims and claims + job.claim > self._memory:
                self._open.remove(job)
                job.wait_again()
                self._waiting.append(job)
                self._waiting.sort(key=lambda other: other.submitted)
            else:
                claims += job.claim
        for job in self._order():
            if len(self._open) >= self.most_open or (claims and claims + job.claim > self._memory):
                break
            if sum(other.address == job.address for other in self._open) >= self.most_open - self.most_open // 8:
                continue
            self._waiting.remove(job)
            self._open.append(job)
            claims += job.claim

    def _order(self) -> list[TrainingJob]:
        """The waiting runs in their order: an address with fewer open runs goes first; then the earlier run."""
        remaining, order = list(self._waiting), []
        count = Counter(job.address for job in self._open)
        while remaining:
            first = min(remaining, key=lambda job: count[job.address])
            count[first.address] += 1
            remaining.remove(first)
            order.append(first)
        return order
