"""JobRegistry: all training jobs of one server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import torch

from siamese import SiameseError
from siamese.recipes import Recipe
from siamese.training.jobs.job import LoadDataset, RunTraining, TrainingJob, Visitor
from siamese.training.jobs.line import Line
from siamese.training.jobs.machine import usable_cores
from siamese.training.jobs.memory import memory_for_runs
from siamese.training.jobs.workers import TURN_SECONDS, Workers
from siamese.training.loop import train
from siamese.training.memory import give_back

# By default a thread that computes in Python keeps the interpreter for five milliseconds at a time, and an eager
# training step needs the interpreter about three hundred times. Beside such a thread, the step keeps an eighth of its
# speed at half a millisecond, and a third at a tenth. Threads of pure Python get slower by it, steps do not.
SWITCH_INTERVAL = 0.0001  # seconds, for sys.setswitchinterval at the start of the program

IDLE_SECONDS = 600.0  # a job ends when nobody has looked at it for this time
PAUSED_SECONDS = 600.0  # a job that is paused for this time ends if others wait for its place
FINISHED_SECONDS = 3600.0  # a finished job is deleted after this time
MOST_REPLACEMENTS = 3  # of workers that ended with an unknown error
MOST_FINISHED = 500  # finished jobs in memory, about a megabyte each without their weights
MOST_FINISHED_BYTES = 1 << 30  # for the weights of all finished jobs together, and as much for their data


@dataclass(frozen=True)
class Access:
    """What a key allows: the id of a job allows to control it, its watch id only to watch it."""

    job: TrainingJob
    may_control: bool


class JobRegistry:
    """All jobs of one server. Open runs take turns on the workers; the others wait in line. Every store has a limit.

    most_open: how many runs take turns, if there is memory for them.  workers: how many threads train at the same time.
    threads: CPU threads of each worker; None: torch chooses.  device: where the runs train.
    cores: how many CPU cores the runs that take turns share, so that a single run is quicker; None: each worker keeps its
        `threads`.
    longest: seconds of training after which a run ends; None: no limit. It may change at any time.
    fault: a sentence about something that does not work, such as a lost GPU; None: all is well.
    """

    def __init__(
        self,
        most_open: int,
        workers: int,
        threads: int | None = None,
        *,
        device: torch.device | None = None,
        run: RunTraining = train,
        longest: float | None = None,
        fault: str | None = None,
        memory: int | None = None,
        turn: float = TURN_SECONDS,
        cores: int | None = None,
    ) -> None:
        self.line = Line(most_open, memory_for_runs() if memory is None else memory)
        self.longest = longest
        self.fault = fault
        self._run = run
        self._turn = turn
        self._cores = cores
        self._jobs: dict[str, TrainingJob] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._replacements, self._cannot_train = 0, False
        with self._changed:  # so a worker that fails at once is replaced only after all have started
            self._start_workers(workers, device or torch.device("cpu"), threads)
        self._reaper_thread = threading.Thread(target=self._reaper, name="reaper", daemon=True)
        self._reaper_thread.start()

    @property
    def device(self) -> torch.device:
        """Where runs train now."""
        return self._workers.device

    def submit(
        self, visitor: Visitor, recipe: Recipe, dataset_name: str, load: LoadDataset, *, paused: bool = False
    ) -> TrainingJob:
        """Puts a run into the line and returns its job at once. paused: it waits for its first single step.

        Raises SiameseError where the last job of this owner still runs, or the line is full.
        """
        with self._changed:
            for job in self._jobs.values():
                if job.owner == visitor.owner and job.alive:
                    if job.control.stopped:
                        raise SiameseError("The last run of this browser is coming to its end; try again in a moment.")
                    raise SiameseError("A run of this browser is still going on; stop it before you start another.")
            if self._cannot_train:
                raise SiameseError(self.fault or "This server cannot train.")
            job = TrainingJob(
                visitor,
                recipe,
                dataset_name,
                load,
                paused=paused,
                on_change=self.line.notify,
                longest=lambda: self.longest,
            )
            self.line.add(job)
            self._jobs[job.id] = self._jobs[job.watch_id] = job
        return job

    def access(self, key: object) -> Access | None:
        """The job of a key, and what the key allows; None for anything else. Keys come from outside."""
        if not isinstance(key, str):
            return None
        with self._changed:
            job = self._jobs.get(key)
        return None if job is None else Access(job, key == job.id)

    def place(self, job: TrainingJob) -> int:
        """The job's place among the waiting ones: 1 for the next one; 0 when it waits no longer."""
        return self.line.place(job)

    def sharing(self) -> int:
        """How many other runs share a worker with a run; 0 where every run has a worker of its own."""
        return max(0, -(-self.line.turning() // self._workers.count) - 1)

    def of_owner(self, owner: str) -> list[TrainingJob]:
        """An owner's jobs, the newest last."""
        return [job for job in self.all_jobs() if job.owner == owner]

    def all_jobs(self) -> list[TrainingJob]:
        """Every job in memory, the newest last."""
        with self._changed:
            return [job for key, job in self._jobs.items() if key == job.id]

    def finished_bytes(self) -> int:
        """The memory of the networks and batches of all finished jobs."""
        return sum(_result_bytes(job) for job in self.all_jobs())

    def close(self, timeout: float = 10.0) -> None:
        """Ends every job at once and waits for the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        jobs = self.all_jobs()
        for job in jobs:
            job.end_now()
        self.line.close()
        self._workers.join(timeout)
        for job in jobs:
            job.close()  # a worker closes only the run that it advances
        self._reaper_thread.join(timeout)

    def tidy(self, now: float) -> None:
        """Ends jobs that nobody looks at, or that are paused for long while others wait; deletes old finished jobs.

        now: a time.monotonic().
        """
        others_wait = bool(self.line.waiting_jobs())
        with self._changed:
            for key, job in list(self._jobs.items()):
                paused_since = job.control.paused_since if others_wait and job.state == "paused" else None
                if job.alive and (
                    now - job.last_seen > IDLE_SECONDS
                    or (paused_since is not None and now - paused_since > PAUSED_SECONDS)
                ):
                    job.stop()
                if job.ended_at is not None and now - job.ended_at > FINISHED_SECONDS:
                    del self._jobs[key]
            ended = [job for key, job in self._jobs.items() if key == job.id and job.ended_at is not None]
            weights, data = 0, dict.fromkeys([id(job.dataset) for job in self._jobs.values() if job.alive], 0)
            for number, job in enumerate(sorted(ended, key=lambda job: job.ended_at or 0.0, reverse=True)):
                weights += _result_bytes(job)
                if weights > MOST_FINISHED_BYTES:
                    job.weights = job.batch = None
                data.setdefault(id(job.dataset), 0 if job.dataset is None else job.dataset.nbytes)
                if sum(data.values()) > MOST_FINISHED_BYTES:
                    job.dataset = None
                if number >= MOST_FINISHED:
                    del self._jobs[job.id], self._jobs[job.watch_id]

    def _start_workers(self, count: int, device: torch.device, threads: int | None) -> None:
        replace = self._replace_workers
        self._workers = Workers(self.line, count, device, threads, self._run, replace, self._turn, self._cores)
        self._workers.start()

    def _replace_workers(self, reason: str) -> None:
        """Starts new workers after the old ones failed. After a lost GPU they use the CPU, and the GPU's runs end."""
        with self._changed:
            old, alive = self._workers, [job for job in self.all_jobs() if job.alive]
            if old.device.type == "cuda":
                self.fault = f"The GPU does not work ({reason}); runs train on the CPU until this server starts again."
                for job in alive:
                    if job.has_begun:
                        job.fail(f"The GPU stopped working ({reason}). Start again: runs train on the CPU now.")
                self._cores = usable_cores()
                self._start_workers(usable_cores(), torch.device("cpu"), 1)
            elif self._replacements < MOST_REPLACEMENTS:
                self._replacements += 1
                self._start_workers(old.count, old.device, old.threads)
            else:
                self._cannot_train = True
                self.fault = f"This server cannot train ({reason}); its log has the details."
                for job in alive:
                    job.fail(self.fault)
        self.line.notify()

    def _reaper(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, timeout=20.0):
                    return
            self.tidy(time.monotonic())
            give_back()


def _result_bytes(job: TrainingJob) -> int:
    return len(job.weights or b"") + (0 if job.batch is None else job.batch.nbytes)
