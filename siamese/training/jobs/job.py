"""TrainingJob: one run of one browser, from the waiting line to its last event."""

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
from siamese.training.batch_record import BatchRecord
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished, Interrupted, Paused, Progress, Stepped
from siamese.training.jobs.history import RunHistory
from siamese.training.jobs.memory import run_bytes

LONGEST_NAME = 24  # characters of a run's name


def plain_name(name: object) -> str:
    """A run's name that everybody may see: one line of at most LONGEST_NAME characters; "" for a value that is no text.

    Control characters, such as those that change the direction of writing, are left out.
    """
    if not isinstance(name, str):
        return ""
    letters = "".join(letter for letter in name[:200] if unicodedata.category(letter)[0] != "C" or letter.isspace())
    return " ".join(letters.split())[:LONGEST_NAME].strip()


LoadDataset = Callable[[Callable[[float], None]], Dataset]


class RunTraining(Protocol):
    """The function that trains: siamese.training.loop.train, or another one that yields the same events."""

    def __call__(
        self, recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device
    ) -> Iterator[Event]: ...


@dataclass(frozen=True)
class Visitor:
    """Who starts a run. owner: a secret key, one for each browser.  address: where the request came from.

    name: the run's name in the room.
    """

    owner: str
    address: str = ""
    name: str = ""


class TrainingJob:
    """One run of one browser. A worker advances it turn by turn; any thread can look at it.

    id: a secret key to watch and control it.  watch_id: a second key, only to watch it.
    state: "waiting", "preparing" (its data), "running", "paused", "done", "stopped" or "failed".
    error: a sentence that says why it failed.
    note: why it ended early or stands still: "teacher", "longest", or the reason of an Interrupted event; else None.
    note_wait: the wait of that event.
    longest: a function that returns the seconds of training after which the run ends; None: no limit.
    claim: the bytes of memory that it needs to train; 0 until its data is loaded.
    worker: the number of the only worker that can advance it; None: every worker can.
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
        self.batch: BatchRecord | None = None  # the newest one, when the run is over
        self.claim = 0
        self.worker: int | None = None
        self.submitted = self.last_seen = time.monotonic()
        self.ended_at: float | None = None
        self.ended = threading.Event()
        self._load = load
        self._longest = longest
        self._waits_to_continue = False
        self._events: Iterator[Event] | None = None
        self._lock = threading.Lock()
        self._phase = "waiting"
        self._preparing_share = 0.0
        self._version = 0
        self._history = RunHistory(recipe)
        # The visitor's request goes along into the worker: a hosted GPU charges the quota of that visitor.
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
        """Whether a worker can advance it. Not while it is paused and stands before its next step."""
        return self.control.ready or not self._waits_to_continue

    @property
    def has_begun(self) -> bool:
        """Whether its training has begun, so that it uses memory."""
        return self._events is not None

    def stop(self, note: str | None = None) -> None:
        """Ends the job; a waiting one ends at once. note: the reason, where somebody else than its owner stops it."""
        if self.alive and note is not None:
            self.note = note
        self.control.stop()
        with self._lock:
            if self._phase == "waiting" and not self.has_begun:
                self._end("stopped")

    def end_now(self) -> None:
        """Ends the job without a last checkpoint and without its calibration, which take seconds."""
        with self._lock:
            if self.alive:
                self._end("stopped")

    def load(self) -> None:
        """Loads the data in the calling thread, and sets `claim`, which depends on the data."""
        with self._lock:
            if self._phase != "waiting":
                return
            self._phase, self._version = "preparing", self._version + 1
        try:
            self.dataset = self._context.run(self._load, self._set_preparing_share)
            self.claim = run_bytes(self.recipe, self.dataset)
            with self._lock:
                self._history.recipe = self.recipe.fitted(self.dataset.train)
                if self.control.stopped:
                    self._end("stopped")
        except SiameseError as error:
            self.fail(str(error))

    def wait_again(self) -> None:
        """Puts the job back into the waiting line, with its data, until there is memory for its training."""
        with self._lock:
            if self._phase == "preparing" and not self.has_begun:
                self._phase, self._version = "waiting", self._version + 1

    def train(self, run: RunTraining, device: torch.device, turn_over: Callable[[], bool]) -> None:
        """Trains in the calling thread until the run ends, stands still, or turn_over() is True.

        An error that is no SiameseError passes through; the caller must then fail() the job.
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
        self._waits_to_continue = False
        try:
            for event in self._events:
                if isinstance(event, Paused):
                    self._waits_to_continue = True
                    return
                self._add(event)
                if isinstance(event, Progress) and self._is_late(event):
                    self.stop("longest")
                # A run that has finished goes to its very end; one that end_now() ended goes no step further.
                if not isinstance(event, Finished) and (not self.alive or turn_over()):
                    return
            with self._lock:
                if self.alive:
                    self._end("stopped")
        except SiameseError as error:
            self.fail(str(error))

    def fail(self, sentence: str) -> None:
        """Ends the job with an error, unless it has ended already."""
        with self._lock:
            if self.alive:  # else the run was complete, and only its clean-up failed
                self.error = sentence
                self._end("failed")

    def close(self) -> None:
        """Frees what a training that is over still uses. Its worker calls this, or the registry when it closes."""
        events, self._events = self._events, None
        if (close := getattr(events, "close", None)) is not None:
            with contextlib.suppress(Exception):  # after an error of the device, closing can fail too
                close()

    def _set_preparing_share(self, share: float) -> None:
        with self._lock:
            self._preparing_share, self._version = share, self._version + 1

    def _add(self, event: Event) -> None:
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
        """The run as JSON-ready values, or {"unchanged": True} where nothing has changed since version `since`."""
        self.last_seen = time.monotonic()
        with self._lock:
            # A pause is not an event of the run, so the lowest bit of the version holds it.
            version = 2 * self._version + (self.state == "paused")
            if since == version:
                return {"unchanged": True, "v": version}
            return {
                "v": version,
                "state": self.state,
                "error": self.error,
                "note": self.note,
                "note_wait": self.note_wait,
                "preparing_share": round(self._preparing_share, 3),
                "recipe": self.recipe.as_dict(),
                "dataset": self.about_data(),
                **self._history.snapshot(),
            }

    def ask(self, question: Callable[[Any], Any], timeout: float) -> Any:
        """What question(run) returns. The training thread calls it between two steps.

        None where no answer comes within `timeout` seconds, or the run has not begun or is over. Raises what the
        question raises.
        """
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
        """Name, title and unseen of the data set. Before it is loaded, only its name is certain."""
        if self.dataset is None:
            return {"name": self.dataset_name, "title": self.dataset_name, "unseen": "images"}
        return {"name": self.dataset.name, "title": self.dataset.title, "unseen": self.dataset.unseen}

    def glance(self) -> dict[str, Any]:
        """The run as a tile of the room shows it. Unlike snapshot(), it does not keep a run alive."""
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
        """A copy of the history, for readers who need longer than the lock should be held."""
        with self._lock:
            return copy.deepcopy(self._history)

    @property
    def single_step(self) -> Stepped | None:
        """The newest step that was taken singly, to be shown with its pairs."""
        return self._history.single_step

    @property
    def history(self) -> RunHistory:
        return self._history
