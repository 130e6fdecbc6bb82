"""JobRegistry: all training jobs of one server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import torch

from siamese import SiameseError
from siamese.recipes import Recipe
from siamese.training.jobs.cores import Cores
from siamese.training.jobs.job import LoadDataset, RunTraining, TrainingJob, Visitor
from siamese.training.jobs.line import Line
from siamese.training.jobs.machine import usable_cores
from siamese.training.jobs.memory import memory_for_runs
from siamese.training.jobs.workers import TURN_SECONDS, Workers
from siamese.training.loop import train
from siamese.training.memory import give_back

# A thread that computes in Python keeps the interpreter for five milliseconds at a time unless told otherwise, and an
# eager training step asks for it some three hundred times. At a tenth of a millisecond it keeps a third of its speed
# beside such a thread, where half a millisecond left an eighth; threads of pure Python lose by it, steps do not.
SWITCH_INTERVAL = 0.0001  # seconds, for sys.setswitchinterval where the program starts

IDLE_SECONDS = 600.0  # a job nobody has asked about for so long ends
PAUSED_SECONDS = 600.0  # a job that has been paused for so long ends once others wait for its place
KEPT_SECONDS = 3600.0  # a finished job is forgotten after so long
MOST_REPLACEMENTS = 3  # of workers that die for no reason that is known
MOST_KEPT = 500  # finished jobs that are remembered, of about a megabyte each beside their weights
MOST_KEPT_BYTES = 1 << 30  # of the weights, and of the data, that finished jobs keep in memory, all together


@dataclass(frozen=True)
class Access:
    """A job as a key opens it: the job's own id controls it, its watch id only shows it."""

    job: TrainingJob
    may_control: bool


class JobRegistry:
    """All jobs of one server. Open runs take turns on the workers; further ones wait in line; everything is bounded.

    most_open: how many runs take turns, where their memory suffices; workers: threads that train at the same time.
    threads: CPU threads of each worker, None for torch's own choice. device: where they train.
    cores: of the CPU, which the runs that train share, so that a lone run is quicker; None: each keeps its `threads`.
    longest: seconds of training after which a run ends; None for no limit. It may be changed at any time.
    fault: a sentence on what does not work, such as a GPU that was lost; None while all is well.
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
        cores: Cores | None = None,
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
        self._replacements, self._dead = 0, False
        with self._changed:  # workers that cannot start are replaced once they stand here
            self._workers = self._start_workers(workers, device or torch.device("cpu"), threads)
        self._reaper_thread = threading.Thread(target=self._reaper, name="reaper", daemon=True)
        self._reaper_thread.start()

    @property
    def device(self) -> torch.device:
        """Where runs train now."""
        return self._workers.device

    def submit(
        self, visitor: Visitor, recipe: Recipe, dataset_name: str, load: LoadDataset, *, paused: bool = False
    ) -> TrainingJob:
        """Puts a run into the line and returns its job at once; paused, it waits for its first single step.

        Raises SiameseError where this owner's last job still runs, or the line is full.
        """
        with self._changed:
            for job in self._jobs.values():
                if job.owner == visitor.owner and job.alive:
                    if job.control.stopped:
                        raise SiameseError("The last run of this browser is coming to its end; try again in a moment.")
                    raise SiameseError("A run of this browser is still going on; stop it before you start another.")
            if self._dead:
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
        """The job that a key opens, or None for anything that is no key; keys come from outside."""
        if not isinstance(key, str):
            return None
        with self._changed:
            job = self._jobs.get(key)
        return None if job is None else Access(job, key == job.id)

    def place(self, job: TrainingJob) -> int:
        """How many jobs start before this one does, counted from 1 for the next; 0 once it has started."""
        return self.line.place(job)

    def sharing(self) -> int:
        """With how many other runs a run shares its worker; 0 where every run has one of its own."""
        return max(0, -(-self.line.turning() // self._workers.count) - 1)

    def of_owner(self, owner: str) -> list[TrainingJob]:
        """An owner's jobs, the newest last."""
        return [job for job in self.all_jobs() if job.owner == owner]

    def all_jobs(self) -> list[TrainingJob]:
        """Every job that is not forgotten yet, the newest last."""
        with self._changed:
            return [job for key, job in self._jobs.items() if key == job.id]

    def kept_bytes(self) -> int:
        """What the finished jobs that are remembered hold of their networks and batches."""
        return sum(_kept(job) for job in self.all_jobs())

    def close(self, timeout: float = 10.0) -> None:
        """Stops every job and waits for the workers."""
        with self._changed:
            self._closed = True
            jobs = list(self._jobs.values())
            self._changed.notify_all()
        for job in jobs:
            job.stop()
        self.line.close()
        self._workers.join(timeout)
        self._reaper_thread.join(timeout)

    def tidy(self, now: float) -> None:
        """Ends what nobody looks at, or what stands still while others wait, and forgets what is long finished; now is a
        time.monotonic()."""
        wanted = bool(self.line.waiting())
        with self._changed:
            for key, job in list(self._jobs.items()):
                still_since = job.control.paused_since if wanted and job.state == "paused" else None
                if job.alive and (
                    now - job.last_seen > IDLE_SECONDS
                    or (still_since is not None and now - still_since > PAUSED_SECONDS)
                ):
                    job.stop()
                if job.ended_at is not None and now - job.ended_at > KEPT_SECONDS:
                    del self._jobs[key]
            ended = [job for key, job in self._jobs.items() if key == job.id and job.ended_at is not None]
            weights, data = 0, dict.fromkeys([id(job.dataset) for job in self._jobs.values() if job.alive], 0)
            for number, job in enumerate(sorted(ended, key=lambda job: job.ended_at or 0.0, reverse=True)):
                weights += _kept(job)
                if weights > MOST_KEPT_BYTES:
                    job.weights = job.batch = None
                data.setdefault(id(job.dataset), 0 if job.dataset is None else job.dataset.nbytes)
                if sum(data.values()) > MOST_KEPT_BYTES:
                    job.dataset = None
                if number >= MOST_KEPT:
                    del self._jobs[job.id], self._jobs[job.watch_id]

    def _start_workers(self, count: int, device: torch.device, threads: int | None) -> Workers:
        return Workers(self.line, count, device, threads, self._run, self._replace_workers, self._turn, self._cores)

    def _replace_workers(self, reason: str) -> None:
        """New workers in the place of those that are lost: on the CPU where a GPU was lost. Runs begun there end."""
        with self._changed:
            lost, alive = self._workers, [job for job in self.all_jobs() if job.alive]
            if lost.device.type == "cuda":
                self.fault = f"The GPU does not work ({reason}); runs train on the CPU until this server starts again."
                for job in alive:
                    if job.begun:
                        job.fail(f"The GPU stopped working ({reason}). Start again: runs train on the CPU now.")
                self._cores = Cores(usable_cores())
                self._workers = self._start_workers(usable_cores(), torch.device("cpu"), 1)
            elif self._replacements < MOST_REPLACEMENTS:
                self._replacements += 1
                self._workers = self._start_workers(lost.count, lost.device, lost.threads)
            else:
                self._dead = True
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


def _kept(job: TrainingJob) -> int:
    return len(job.weights or b"") + (0 if job.batch is None else job.batch.nbytes)
