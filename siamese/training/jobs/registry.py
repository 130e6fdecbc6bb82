"""Training jobs: runs in background threads that belong to the server, not to a page."""

from __future__ import annotations

import contextvars
import copy
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as TimedOut
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished
from siamese.training.jobs.history import RunHistory
from siamese.training.loop import train
from siamese.training.taken import TakenBatch

# A thread that computes in Python keeps the interpreter for five milliseconds at a time unless told otherwise, and an
# eager training step asks for it some three hundred times. At a tenth of a millisecond it keeps a third of its speed
# beside such a thread, where half a millisecond left an eighth; threads of pure Python lose by it, steps do not.
SWITCH_INTERVAL = 0.0001  # seconds, for sys.setswitchinterval where the program starts

IDLE_SECONDS = 600.0  # a job nobody has asked about for so long ends
PAUSED_SECONDS = 600.0  # a job that has been paused for so long ends once others wait for its place
KEPT_SECONDS = 3600.0  # a finished job is forgotten after so long
MOST_WAITING = 60  # jobs in the waiting line: two for each browser of a class of thirty
MOST_KEPT = 500  # finished jobs that are remembered, of about a megabyte each beside their weights
MOST_KEPT_BYTES = 1 << 30  # of the weights, and of the data, that finished jobs keep in memory, all together

LoadDataset = Callable[[Callable[[float], None]], Dataset]
RunTraining = Callable[[Recipe, Dataset, TrainingControl], Iterator[Event]]


class TrainingJob:
    """One run of one browser: waits its turn, runs in a worker thread, and can be looked at from any thread.

    id: the key that may watch and control it, unguessable; watch_id: a second key that may only watch.
    state: "waiting", "preparing" (its data), "running", "paused", "done", "stopped" or "failed".
    error: the sentence that says why it failed.
    """

    def __init__(
        self, owner: str, recipe: Recipe, dataset_name: str, load: LoadDataset, run: RunTraining, paused: bool
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.watch_id = secrets.token_urlsafe(12)
        self.owner = owner
        self.recipe = recipe
        self.dataset_name = dataset_name
        self.dataset: Dataset | None = None
        self.control = TrainingControl(paused=paused)
        self.error: str | None = None
        self.weights: bytes | None = None
        self.batch: TakenBatch | None = None  # the last one, once the run is over
        self.last_seen = time.monotonic()
        self.ended_at: float | None = None
        self.ended = threading.Event()
        self._load = load
        self._run = run
        self._lock = threading.Lock()
        self._phase = "waiting"
        self._prepared = 0.0
        self._version = 0
        self._history = RunHistory(recipe)
        # Carries the clicking user's request into the worker, where hosted GPUs look up whose quota it is.
        self._context = contextvars.copy_context()

    @property
    def state(self) -> str:
        if self._phase == "running" and self.control.paused:
            return "paused"
        return self._phase

    @property
    def alive(self) -> bool:
        return self.ended_at is None

    def stop(self) -> None:
        """Ends the job; one that still waits ends at once."""
        self.control.stop()
        with self._lock:
            if self._phase == "waiting":
                self._end("stopped")

    def work(self) -> None:
        """Runs the job in the calling thread to its end, whatever happens."""
        self._context.run(self._work)

    def _work(self) -> None:
        with self._lock:
            if self._phase != "waiting":
                return
            self._phase, self._version = "preparing", self._version + 1
        try:
            self.dataset = self._load(self._tell_preparing)
            with self._lock:
                self._history.recipe = self.recipe.fitted(self.dataset.train)
            if self.control.stopped:
                with self._lock:
                    self._end("stopped")
                return
            with closing(self._run(self.recipe, self.dataset, self.control)) as events:  # type: ignore[type-var]
                for event in events:
                    self._take(event)
            with self._lock:
                if self.ended_at is None:
                    self._end("stopped")
        except SiameseError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - a worker thread must outlive every job
            traceback.print_exception(error, file=sys.stderr)
            self._fail(f"Training ended with an unforeseen {type(error).__name__}; the server's log has the details.")

    def _tell_preparing(self, share: float) -> None:
        with self._lock:
            self._prepared, self._version = share, self._version + 1

    def _take(self, event: Event) -> None:
        with self._lock:
            self._history.add(event)
            self._version += 1
            if self._phase == "preparing":
                self._phase = "running"
            if isinstance(event, Finished):
                self.weights, self.batch = event.best, event.batch
                diverged = "The loss is no longer a finite number; lower the learning rate and start again."
                self.error = diverged if event.why == "diverged" else None
                self._end({"stopped": "stopped", "diverged": "failed"}.get(event.why, "done"))

    def _fail(self, sentence: str) -> None:
        with self._lock:
            if self.ended_at is None:  # else the run was complete, and only its tidying up failed
                self.error = sentence
                self._end("failed")

    def _end(self, phase: str) -> None:
        self._phase, self._version = phase, self._version + 1
        self.ended_at = time.monotonic()
        self.ended.set()

    def snapshot(self, since: int = -1) -> dict[str, Any]:
        """The run as JSON-ready values, or {"same": True} where nothing has changed since version `since`."""
        self.last_seen = time.monotonic()
        with self._lock:
            # A pause is not an event of the run, so it is told by the version's last digit.
            version = 2 * self._version + (self.state == "paused")
            if since == version:
                return {"same": True, "v": version}
            return {
                "v": version,
                "state": self.state,
                "error": self.error,
                "prepared": round(self._prepared, 3),
                "recipe": self.recipe.as_dict(),
                "dataset": self.about_data(),
                **self._history.told(),
            }

    def ask(self, question: Callable[[Any], Any], timeout: float) -> Any:
        """What question(run) returns, called by the training thread between two steps; None where no answer comes in
        time (seconds), or the run has not begun or is over. Raises what the question raises."""
        self.last_seen = time.monotonic()
        if self._phase != "running":
            return None
        future = self.control.ask(question)
        try:
            return future.result(timeout)
        except (CancelledError, TimedOut):
            future.cancel()
            return None

    def about_data(self) -> dict[str, str]:
        """Name, title and unseen of the data set, as far as they are known before it is loaded."""
        if self.dataset is None:
            return {"name": self.dataset_name, "title": self.dataset_name, "unseen": "images"}
        return {"name": self.dataset.name, "title": self.dataset.title, "unseen": self.dataset.unseen}

    def frame(self, index: int) -> dict[str, Any] | None:
        """The histogram and map of one earlier validation."""
        with self._lock:
            return self._history.frame(index)

    def history_copy(self) -> RunHistory:
        """The run so far, to be read at leisure while the run goes on."""
        with self._lock:
            return copy.deepcopy(self._history)

    @property
    def stepped(self) -> Any:
        """The newest single step that was asked for, or None."""
        return self._history.stepped

    @property
    def history(self) -> RunHistory:
        return self._history


@dataclass(frozen=True)
class Access:
    """A job as a key opens it: the job's own id controls it, its watch id only shows it."""

    job: TrainingJob
    may_control: bool


class JobRegistry:
    """All jobs of a server: so many run at once, the rest wait in order; everything is bounded.

    running: how many at once, each in a worker thread of its own that lives as long as the server.
    threads: CPU threads of each, None for torch's own choice.
    """

    def __init__(self, running: int, threads: int | None = None, run: RunTraining = train) -> None:
        self._run = run
        self._threads = threads
        self._jobs: dict[str, TrainingJob] = {}
        self._line: list[TrainingJob] = []
        self._changed = threading.Condition()
        self._closed = False
        self._workers = [
            threading.Thread(target=self._worker, name=f"trainer-{n}", daemon=True) for n in range(running)
        ]
        self._workers.append(threading.Thread(target=self._reaper, name="reaper", daemon=True))
        for worker in self._workers:
            worker.start()

    def submit(
        self, owner: str, recipe: Recipe, dataset_name: str, load: LoadDataset, *, paused: bool = False
    ) -> TrainingJob:
        """Puts a run into the line and returns its job at once; paused, it waits for its first single step.

        Raises SiameseError where this owner's last job still runs, or the line is full.
        """
        with self._changed:
            for job in self._jobs.values():
                if job.owner == owner and job.alive:
                    if job.control.stopped:
                        raise SiameseError("The last run of this browser is coming to its end; try again in a moment.")
                    raise SiameseError("A run of this browser is still going on; stop it before you start another.")
            self._line = self._waiting()
            if len(self._line) >= MOST_WAITING:
                raise SiameseError(f"{len(self._line)} runs are waiting already; try again in a minute.")
            job = TrainingJob(owner, recipe, dataset_name, load, self._run, paused)
            self._jobs[job.id] = self._jobs[job.watch_id] = job
            self._line.append(job)
            self._changed.notify_all()  # the reaper waits on it too
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
        with self._changed:
            waiting = self._waiting()
            return waiting.index(job) + 1 if job in waiting else 0

    def of_owner(self, owner: str) -> list[TrainingJob]:
        """An owner's jobs, the newest last."""
        return [job for job in self.all_jobs() if job.owner == owner]

    def all_jobs(self) -> list[TrainingJob]:
        """Every job that is not forgotten yet, the newest last."""
        with self._changed:
            return [job for key, job in self._jobs.items() if key == job.id]

    def close(self, timeout: float = 10.0) -> None:
        """Stops every job and waits for the workers."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job.stop()
            self._changed.notify_all()
        for worker in self._workers:
            worker.join(timeout)

    def tidy(self, now: float) -> None:
        """Ends what nobody looks at, or what stands still while others wait, and forgets what is long finished; now is a
        time.monotonic()."""
        with self._changed:
            wanted = bool(self._waiting())
            for key, job in list(self._jobs.items()):
                still_since = job.control.paused_since if wanted and job.state == "paused" else None
                if job.alive and (
                    now - job.last_seen > IDLE_SECONDS
                    or (still_since is not None and now - still_since > PAUSED_SECONDS)
                ):
                    job.stop()
                if job.ended_at is not None and now - job.ended_at > KEPT_SECONDS:
                    del self._jobs[key]
            self._line = self._waiting()
            ended = [job for key, job in self._jobs.items() if key == job.id and job.ended_at is not None]
            weights, data = 0, dict.fromkeys([id(job.dataset) for job in self._jobs.values() if job.alive], 0)
            for number, job in enumerate(sorted(ended, key=lambda job: job.ended_at or 0.0, reverse=True)):
                weights += len(job.weights or b"") + (0 if job.batch is None else job.batch.nbytes)
                if weights > MOST_KEPT_BYTES:
                    job.weights = job.batch = None
                data.setdefault(id(job.dataset), 0 if job.dataset is None else job.dataset.nbytes)
                if sum(data.values()) > MOST_KEPT_BYTES:
                    job.dataset = None
                if number >= MOST_KEPT:
                    del self._jobs[job.id], self._jobs[job.watch_id]

    def _waiting(self) -> list[TrainingJob]:
        return [job for job in self._line if job.state == "waiting"]

    def _worker(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        if not torch.cuda.is_available():
            self._work_through_line()
            return
        # One stream for life: a new one for each job would leave tens of megabytes of workspace behind every time.
        with torch.cuda.stream(torch.cuda.Stream()):
            self._work_through_line()

    def _work_through_line(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._line or self._closed)
                if self._closed:
                    return
                job = self._line.pop(0)
            job.work()

    def _reaper(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, timeout=20.0):
                    return
            self.tidy(time.monotonic())
