"""Line: which run a worker advances next, which runs have to wait until there is memory, and in which order."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter

from siamese import SiameseError
from siamese.training.jobs.job import TrainingJob

MOST_WAITING = 60  # runs in the line: two for each browser of a class of thirty
HEAD_START = 15.0  # seconds: a run that has not begun goes before those whose last turn was less than so long ago


class Line:
    """The open runs, which take turns, and the waiting ones, which become open when there is room.

    most_open: how many runs take turns, of which one address gets at most seven eighths.
    memory: how many bytes they may claim together; one run is always allowed.
    Methods are safe to call from any thread.
    """

    def __init__(self, most_open: int, memory: int) -> None:
        self.most_open = most_open
        self._memory = memory
        self._changed = threading.Condition()
        self._open: list[TrainingJob] = []
        self._waiting: list[TrainingJob] = []
        self._busy: dict[TrainingJob, int] = {}  # whose worker is at it now
        self._last_turn: dict[TrainingJob, float] = {}
        self._held = False
        self._closed = False

    def add(self, job: TrainingJob) -> None:
        """Raises SiameseError where the line is full, or where this address fills half of it."""
        with self._changed:
            self._settle()
            same = sum(other.address == job.address for other in self._waiting)
            if len(self._waiting) >= MOST_WAITING or same >= MOST_WAITING / 2:
                raise SiameseError(f"{len(self._waiting)} runs are waiting already; try again in a minute.")
            self._waiting.append(job)
            self._settle()
            self._changed.notify_all()

    def notify(self) -> None:
        """Wakes the workers; to be called when a run may have become ready."""
        with self._changed:
            self._changed.notify_all()

    def next_turn(self, worker: int) -> TrainingJob | None:
        """Blocks until there is a run for this worker to advance; None when the line is closed
        and nothing is left to bring to its end."""
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
        """Gives a run back whose worker has advanced it."""
        with self._changed:
            self._busy.pop(job, None)
            self._last_turn[job] = time.monotonic()
            self._settle()
            self._changed.notify_all()

    def wanted_by_others(self, worker: int) -> bool:
        """Whether this worker should turn to another run now, or to none."""
        with self._changed:
            self._settle()
            return self._held or bool(self._ready(worker))

    def place(self, job: TrainingJob) -> int:
        """How many jobs start before this one does, counted from 1 for the next; 0 once it has started."""
        with self._changed:
            self._settle()
            order = self._order()
            return order.index(job) + 1 if job in order else 0

    def waiting(self) -> list[TrainingJob]:
        """The runs that wait for room, in the order in which they will get it."""
        with self._changed:
            self._settle()
            return self._order()

    def turning(self) -> int:
        """How many runs take turns now; paused ones do not."""
        with self._changed:
            self._settle()
            return sum(job.ready for job in self._open)

    def set_most_open(self, most_open: int) -> None:
        """Changes how many runs take turns; those that do already go on."""
        with self._changed:
            self.most_open = most_open
            self._settle()
            self._changed.notify_all()

    @property
    def held(self) -> bool:
        """Whether all runs stand still."""
        return self._held

    def hold(self, held: bool) -> None:
        """Lets no run go on, whatever its own state, until it is called with False."""
        with self._changed:
            self._held = held
            self._changed.notify_all()

    def close(self) -> None:
        """Lets every worker go once no run is ready."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ready(self, worker: int) -> list[TrainingJob]:
        def is_ready(job: TrainingJob) -> bool:
            return job not in self._busy and job.ready and job.worker in (None, worker)

        # A run that is to end may do so even while all are held.
        return [job for job in self._open if is_ready(job) and (not self._held or job.control.stopped)]

    def _rest(self) -> float | None:
        """Seconds until a run in slow motion takes its next step; None where there is no such run."""
        rests = [job.control.rest for job in self._open if job not in self._busy]
        return min((rest for rest in rests if rest), default=None)

    def _due(self, job: TrainingJob) -> float:
        """When its next turn is due, on the clock of time.monotonic()."""
        if job.control.asked:
            return -math.inf  # somebody waits for the answer
        return self._last_turn.get(job, job.submitted) if job.begun else job.submitted - HEAD_START

    def _settle(self) -> None:
        """Forgets ended runs, sends back those for which the memory does not suffice, and lets in those that fit."""
        self._open = [job for job in self._open if job.alive or job in self._busy]
        self._waiting = [job for job in self._waiting if job.alive]
        for job in list(self._last_turn):
            if not job.alive:
                del self._last_turn[job]
        claimed = sum(job.claim for job in self._open if job.begun)
        for job in [job for job in self._open if not job.begun and job.claim and job not in self._busy]:
            # Its data is loaded, so its claim is known now.
            if claimed and claimed + job.claim > self._memory:
                self._open.remove(job)
                job.wait_again()
                self._waiting.append(job)
                self._waiting.sort(key=lambda other: other.submitted)
            else:
                claimed += job.claim
        for job in self._order():
            if len(self._open) >= self.most_open or (claimed and claimed + job.claim > self._memory):
                break
            if sum(other.address == job.address for other in self._open) >= self.most_open - self.most_open // 8:
                continue
            self._waiting.remove(job)
            self._open.append(job)
            claimed += job.claim

    def _order(self) -> list[TrainingJob]:
        """The waiting runs: first who came first, but an address with fewer open runs goes before one with more."""
        left, order = list(self._waiting), []
        count = Counter(job.address for job in self._open)
        while left:
            chosen = min(left, key=lambda job: count[job.address])
            count[chosen.address] += 1
            left.remove(chosen)
            order.append(chosen)
        return order
