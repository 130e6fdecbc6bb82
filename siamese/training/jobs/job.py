"""TrainingJob: one run of one browser, from its place in the line to its last event."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as TimedOut
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished, Interrupted, Paused, Progress
from siamese.training.jobs.history import RunHistory
from siamese.training.jobs.memory import run_bytes
from siamese.training.taken import TakenBatch

LONGEST_NAME = 24  # characters of a run's name


def plain_name(name: object) -> str:
    """A run's name as everybody may read it: at most LONGEST_NAME characters of one line; "" for what is no text.

    Characters that control how others are written, such as those that turn the direction, are left out.
    """
    if not isinstance(name, str):
        return ""
    letters = "".join(letter for letter in name[:200] if unicodedata.category(letter)[0] != "C" or letter.isspace())
    return " ".join(letters.split())[:LONGEST_NAME].strip()


LoadDataset = Callable[[Callable[[float], None]], Dataset]


class RunTraining(Protocol):
    """What trains: siamese.training.loop.train, or something that yields the same events."""

    def __call__(
        self, recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device
    ) -> Iterator[Event]: ...


@dataclass(frozen=True)
class Visitor:
    """Who starts a run. owner: unguessable, one for each browser. address: where the request came from.
    name: what the run is called in the room."""

    owner: str
    address: str = ""
    name: str = ""


class TrainingJob:
    """One run of one browser: a worker advances it turn by turn, and any thread can look at it.

    id: the key that may watch and control it, unguessable; watch_id: a second key that may only watch.
    state: "waiting", "preparing" (its data), "running", "paused", "done", "stopped" or "failed".
    error: the sentence that says why it failed. note: why it ended before its time or stands
    still: "teacher", "longest", the reason of an Interrupted, or None; note_wait: its wait.
    longest: returns after how many seconds of training the run has to end; None for no limit.
    claim: the bytes of memory that it needs to train; 0 until its data is loaded.
    worker: the number of the worker that alone can advance it; None where every worker can.
    """

    def __init__(
        self,
        visitor: Visitor,
        recipe: Recipe,
        dataset_name: str,
        load: LoadDataset,
        *,
        paused: bool = False,
        on_change: Callable[[], None] = lambda: None,
        longest: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.watch_id = secrets.token_urlsafe(12)
        self.owner = visitor.owner
        self.address = visitor.address
        self.name = visitor.name
        self.recipe = recipe
        self.dataset_name = dataset_name
        self.dataset: Dataset | None = None
        self.control = TrainingControl(paused=paused, waits=False, on_change=on_change)
        self.error: str | None = None
        self.note: str | None = None
        self.note_wait = ""
        self.weights: bytes | None = None
        self.batch: TakenBatch | None = None  # the last one, once the run is over
        self.claim = 0
        self.worker: int | None = None
        self.submitted = self.last_seen = time.monotonic()
        self.ended_at: float | None = None
        self.ended = threading.Event()
        self._load = load
        self._longest = longest
        self._stands_still = False
        self._events: Iterator[Event] | None = None
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

    @property
    def ready(self) -> bool:
        """Whether a worker could advance it: not where it is paused and stands before its next step."""
        return self.control.ready or not self._stands_still

    @property
    def begun(self) -> bool:
        """Whether its training has begun, and holds memory."""
        return self._events is not None

    def stop(self, note: str | None = None) -> None:
        """Ends the job; one that still waits ends at once. note: why, where its owner did not wish it."""
        if self.alive and note is not None:
            self.note = note
        self.control.stop()
        with self._lock:
            if self._phase == "waiting" and not self.begun:
                self._end("stopped")

    def load(self) -> None:
        """Loads the data in the calling thread, and knows then what the training will claim of the memory."""
        with self._lock:
            if self._phase != "waiting":
                return
            self._phase, self._version = "preparing", self._version + 1
        try:
            self.dataset = self._context.run(self._load, self._show_preparing)
            self.claim = run_bytes(self.recipe, self.dataset)
            with self._lock:
                self._history.recipe = self.recipe.fitted(self.dataset.train)
                if self.control.stopped:
                    self._end("stopped")
        except SiameseError as error:
            self.fail(str(error))

    def wait_again(self) -> None:
        """Back into the line with its data, until there is memory for its training."""
        with self._lock:
            if self._phase == "preparing" and not self.begun:
                self._phase, self._version = "waiting", self._version + 1

    def train(self, run: RunTraining, device: torch.device, turn_over: Callable[[], bool]) -> None:
        """Goes on with the training in the calling thread until it ends, stands still, or turn_over() says so.

        Raises whatever unforeseen the training raises; the job has then neither ended nor failed.
        """
        self._context.run(self._train, run, device, turn_over)

    def _train(self, run: RunTraining, device: torch.device, turn_over: Callable[[], bool]) -> None:
        if self._events is None:
            assert self.dataset is not None, "load() comes first"
            with self._lock:
                if self.alive and self.control.stopped:
                    self._end("stopped")
                if not self.alive:
                    return
                self._phase = "preparing"
            self._events = run(self.recipe, self.dataset, self.control, device=device)
        self._stands_still = False
        try:
            for event in self._events:
                if isinstance(event, Paused):
                    self._stands_still = True
                    return
                self._take(event)
                if isinstance(event, Progress) and self._is_late(event):
                    self.stop("longest")
                if self.alive and turn_over():
                    return
            with self._lock:
                if self.alive:
                    self._end("stopped")
        except SiameseError as error:
            self.fail(str(error))

    def fail(self, sentence: str) -> None:
        """Ends the job with an error, unless it has ended already."""
        with self._lock:
            if self.alive:  # else the run was complete, and only its tidying up failed
                self.error = sentence
                self._end("failed")

    def close(self) -> None:
        """Gives back what an ended training still holds; to be called by its worker."""
        events, self._events = self._events, None
        if (close := getattr(events, "close", None)) is not None:
            with contextlib.suppress(Exception):  # a device that broke cannot be tidied up
                close()

    def _show_preparing(self, share: float) -> None:
        with self._lock:
            self._prepared, self._version = share, self._version + 1

    def _take(self, event: Event) -> None:
        with self._lock:
            self._history.add(event)
            self._version += 1
            if self._phase == "preparing":
                self._phase = "running"
            if isinstance(event, Interrupted):
                self.note, self.note_wait = event.reason, event.wait
            elif isinstance(event, Progress) and self.alive and not self.control.stopped:
                self.note = None
            if isinstance(event, Finished):
                self.weights, self.batch = event.best, event.batch
                diverged = "The loss is no longer a finite number; lower the learning rate and start again."
                self.error = diverged if event.why == "diverged" else None
                self._end({"stopped": "stopped", "diverged": "failed"}.get(event.why, "done"))

    def _is_late(self, progress: Progress) -> bool:
        longest = self._longest()
        return longest is not None and progress.seconds >= longest and progress.step < self.recipe.steps

    def _end(self, phase: str) -> None:
        self._phase, self._version = phase, self._version + 1
        self.ended_at = time.monotonic()
        self.ended.set()

    def snapshot(self, since: int = -1) -> dict[str, Any]:
        """The run as JSON-ready values, or {"same": True} where nothing has changed since version `since`."""
        self.last_seen = time.monotonic()
        with self._lock:
            # A pause is not an event of the run, so the version's last digit says it.
            version = 2 * self._version + (self.state == "paused")
            if since == version:
                return {"same": True, "v": version}
            return {
                "v": version,
                "state": self.state,
                "error": self.error,
                "note": self.note,
                "note_wait": self.note_wait,
                "prepared": round(self._prepared, 3),
                "recipe": self.recipe.as_dict(),
                "dataset": self.about_data(),
                **self._history.snapshot(),
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

    def glance(self) -> dict[str, Any]:
        """The run in a few numbers, for the room; whoever looks so does not keep a forgotten run alive."""
        with self._lock:
            return {
                "state": self.state,
                "note": self.note,
                "name": self.name,
                "recipe": self.recipe.name,
                "margin": self.recipe.margin,
                "dataset": self.about_data(),
                **self._history.glance(),
            }

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
