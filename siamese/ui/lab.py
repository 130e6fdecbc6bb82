"""Lab: what the tabs of one server share: settings, data sets, training jobs and models to compare with."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from siamese import SiameseError
from siamese.comparison.compare import Comparer
from siamese.data import Dataset, limits
from siamese.data.catalogue import OFFERED, load_dataset
from siamese.data.image_file import printable
from siamese.evaluation.calibration import calibrate
from siamese.models.checkpoint import Checkpoint
from siamese.models.devices import unusable_gpu
from siamese.models.encoders import imagenet_weights_here
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event
from siamese.training.jobs.budget import memory_of_runs, require_memory
from siamese.training.jobs.job import TrainingJob
from siamese.training.jobs.machine import usable_cores
from siamese.training.jobs.registry import Access, JobRegistry
from siamese.training.loop import train
from siamese.ui.own.sets import PREFIX, OwnSets
from siamese.ui.settings import Settings
from siamese.ui.zero_gpu import on_zero_gpu, runs_in_segments

_log = logging.getLogger("siamese")
ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "weights"
EXAMPLES = ROOT / "examples"
RUN_PREFIX = "run:"  # this prefix and a job's key name the best checkpoint of that job
FIRST = "glyphs"  # the set that the page opens with
LATER: tuple[str, ...] = ("doodle-faces",)  # rendered while nothing trains, or when somebody asks for it
FILE_PREFIX = "file:"  # this prefix and a key name an uploaded checkpoint
MOST_COMPARERS = 32  # networks kept ready in memory
MOST_BROUGHT = 8  # uploaded checkpoints kept in memory
MOST_BROUGHT_BYTES = 64 * limits.MIB  # of one uploaded checkpoint: a ResNet-18 has 45 MB
SNAPSHOT_SECONDS = 10.0  # seconds to wait for a snapshot of a run


class Lab:
    """Settings, training jobs, data sets and models of one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._memory = memory_of_runs(settings.memory, settings.device)
        self._run = runs_in_segments(settings.data_dir) if on_zero_gpu() else train
        self.jobs = JobRegistry(
            settings.jobs,
            settings.workers,
            settings.threads,
            device=settings.device,
            run=self._train,
            memory=self._memory // 2,
            longest=settings.longest,
            fault=None if on_zero_gpu() else unusable_gpu(settings.device),
            cores=usable_cores() if settings.device.type == "cpu" and not on_zero_gpu() else None,
        )
        self.address = ""  # where others reach the page, once it is served
        self.room_key = secrets.token_urlsafe(9)  # opens the teacher's page of the room
        self.overview: tuple[float, dict[str, Any]] | None = (
            None  # the last answer for the page of the room, and its time
        )
        self.own = OwnSets()
        self._comparers: OrderedDict[str, Comparer] = OrderedDict()
        self._brought: OrderedDict[str, Comparer] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._left_out: set[str] = set()  # files that the log has named already
        self._warming: threading.Thread | None = None
        self._wanted: set[str] = set()  # data sets that somebody has asked for
        self.ready = threading.Event()  # set when loading the first data set has ended

    def _train(
        self, recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device
    ) -> Iterator[Event]:
        """train() for recipes of strangers: it stays within the memory of this server and downloads nothing."""
        for encoder in (recipe.encoder, recipe.second_tower):
            if recipe.pretrained and encoder and not imagenet_weights_here(encoder):
                raise SiameseError(
                    f"The ImageNet weights of {encoder} are not on this server, and a run here fetches nothing; set "
                    "pretrained to false."
                )
        require_memory(recipe, dataset, self._memory, self.settings.workers)
        yield from self._run(recipe, dataset, control, device=device)

    def dataset(self, name: str, progress: Callable[[float], None] | None = None) -> Dataset:
        """A data set by name; built, read or taken from memory.

        Raises SiameseError for any other name: it comes from outside, and is never taken for a path.
        """
        if isinstance(name, str) and name.startswith(PREFIX):
            return self.own.dataset(name, progress)
        if name not in OFFERED:
            raise SiameseError(f'There is no data set "{str(name)[:40]}"; the sets are {", ".join(OFFERED)}.')
        self._wanted.add(name)
        return load_dataset(name, self.settings.data_dir, progress=progress)

    def warm_up(self) -> None:
        """Draws or reads the built-in sets in the background, so that the first click does not wait for them."""

        def load() -> None:
            # A set that fails to load here is loaded again, and its error shown, when somebody selects it.
            with contextlib.suppress(SiameseError):
                load_dataset(FIRST, self.settings.data_dir, progress=self._unless_closed)
            self.ready.set()
            # The first step of the first optimiser makes torch load its compiler, for two seconds. Better now than
            # after the first click on Start.
            torch.optim.AdamW([torch.zeros(1, requires_grad=True)]).step()
            for name in LATER:
                with contextlib.suppress(SiameseError):
                    self._when_idle(name)
                    load_dataset(name, self.settings.data_dir, progress=partial(self._when_idle, name))

        self._warming = threading.Thread(target=load, name="warm-up", daemon=True)
        self._warming.start()

    def _when_idle(self, name: str, share: float = 0.0) -> None:
        """Returns once no run trains, or somebody waits for that set."""
        while not self._closed.is_set() and self.jobs.line.turning() and name not in self._wanted:
            self._closed.wait(0.2)
        self._unless_closed()

    def _unless_closed(self, share: float = 0.0) -> None:
        if self._closed.is_set():
            raise SiameseError("The server is closing.")

    def shipped_paths(self) -> list[Path]:
        """The models of the weights folder that can be loaded. The log names, once, each one that cannot."""
        sound = []
        for path in sorted(WEIGHTS.glob("*.safetensors")):
            try:
                self._kept(path.stem, partial(Checkpoint.load, path))
                sound.append(path)
            except SiameseError as error:
                self.leave_out(f"weights/{path.name}", str(error))
        return sound

    def leave_out(self, name: str, why: str) -> None:
        """Writes to the log, once, that the server runs without one of its files."""
        if name not in self._left_out:
            self._left_out.add(name)
            _log.warning("%s is left out: %s", name, why)

    def comparer(self, model: object, renew: bool = False) -> Comparer:
        """A network ready to compare, by a shipped model's name, "run:" and a job's key, or "file:" and a key of `bring`.

        A running run gives a snapshot of its weights, which it takes between two steps; renew asks for a newer one.
        Raises SiameseError for a model that does not exist; the name comes from outside and is never used as a path.
        """
        if not isinstance(model, str):
            raise SiameseError("Choose a model to compare with.")
        if model.startswith(RUN_PREFIX):
            return self._of_run(model, renew)
        if model.startswith(FILE_PREFIX):
            with self._lock:
                found = self._brought.get(model)
            if found is None:
                raise SiameseError("This file is no longer here; choose it again.")
            return found
        shipped = {path.stem: path for path in self.shipped_paths()}
        if model not in shipped:
            raise SiameseError(f'There is no model "{model[:40]}" here; the models are {", ".join(shipped)}.')
        return self._kept(model, lambda: Checkpoint.load(shipped[model]))

    def run_of(self, model: object) -> Access | None:
        """The run behind a model's key, or None for every other model."""
        if not isinstance(model, str) or not model.startswith(RUN_PREFIX):
            return None
        return self.jobs.access(model[len(RUN_PREFIX) :])

    def _of_run(self, model: str, renew: bool) -> Comparer:
        access = self.run_of(model)
        if access is None:
            raise SiameseError("This run is no longer here; train again, or choose another model.")
        weights = access.job.weights
        if weights is not None:
            return self._kept(f"{model} at its end", lambda: Checkpoint.from_bytes(weights))
        if renew:
            with self._lock:
                self._comparers.pop(model, None)
        return self._kept(model, lambda: _snapshot(access.job))

    def bring(self, path: Path, name: str) -> dict[str, str]:
        """Reads an uploaded checkpoint and keeps it; returns {"key", "title"}.

        At most MOST_BROUGHT files are kept, the oldest is forgotten. Raises SiameseError for a file that is too large
        or is no checkpoint; nothing in it is unpickled.
        """
        if path.stat().st_size > MOST_BROUGHT_BYTES:
            raise SiameseError(
                f'"{printable(name)}" is larger than {MOST_BROUGHT_BYTES // limits.MIB} MB, the most for a model here.'
            )
        comparer = Comparer(Checkpoint.from_bytes(path.read_bytes(), f'"{printable(name)}"'))
        key = FILE_PREFIX + secrets.token_urlsafe(9)
        with self._lock:
            self._brought[key] = comparer
            while len(self._brought) > MOST_BROUGHT:
                self._brought.popitem(last=False)
        return {"key": key, "title": printable(name)}

    def _kept(self, model: str, load: Callable[[], Checkpoint]) -> Comparer:
        with self._lock:
            found = self._comparers.get(model)
            if found is not None:
                self._comparers.move_to_end(model)
                return found
        loaded = Comparer(load())  # outside the lock: a snapshot waits for its run, and the others compare meanwhile
        with self._lock:
            self._comparers[model] = loaded
            while len(self._comparers) > MOST_COMPARERS:
                self._comparers.popitem(last=False)
        return loaded

    def usable_runs(self, owner: str) -> list[TrainingJob]:
        """An owner's runs that can compare, the newest first: those with weights, and those that run."""
        return [
            job
            for job in reversed(self.jobs.of_owner(owner))
            if job.weights is not None or job.state in ("running", "paused")
        ]

    def close(self) -> None:
        """Ends every run and all loading, and waits for that."""
        self._closed.set()
        self.jobs.close()
        self.own.close()
        if self._warming is not None:
            self._warming.join(10.0)


def _snapshot(job: TrainingJob) -> Checkpoint:
    """A running run's network as it is now, calibrated here, so that its training does not wait for it."""
    checkpoint = job.ask(lambda run: run.checkpoint(), SNAPSHOT_SECONDS)
    if checkpoint is None or job.dataset is None:
        raise SiameseError("This run has no network to show yet; try again in a moment.")
    on_cpu = replace(checkpoint, weights={name: tensor.cpu() for name, tensor in checkpoint.weights.items()})
    return calibrate(on_cpu, job.dataset)


_open: Lab | None = None


def open_lab(settings: Settings) -> Lab:
    """Opens the process's lab, closing the one before. The page's polling functions find it by current_lab."""
    global _open
    if _open is not None:
        _open.close()
    _open = Lab(settings)
    return _open


def current_lab() -> Lab:
    """The open lab."""
    assert _open is not None, "open_lab comes first"
    return _open
