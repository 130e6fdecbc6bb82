"""Lab: what the tabs of one server share: settings, data sets, training jobs and models to compare with."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from siamese import SiameseError
from siamese.comparison.compare import Comparer
from siamese.data import Dataset
from siamese.data.catalogue import NAMES, load_dataset
from siamese.models.checkpoint import Checkpoint
from siamese.models.encoders import imagenet_weights_here
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event
from siamese.training.jobs.budget import memory_of_runs, require_memory
from siamese.training.jobs.job import TrainingJob
from siamese.training.jobs.registry import JobRegistry
from siamese.training.loop import train
from siamese.ui.settings import Settings

_log = logging.getLogger("siamese")
ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "weights"
EXAMPLES = ROOT / "examples"
RUN_PREFIX = "run:"  # a model named so is the best checkpoint of that training job
BUILT_IN = ("glyphs", "doodle-faces")
MOST_COMPARERS = 32  # networks kept ready in memory


class Lab:
    """Settings, training jobs, data sets and models of one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._memory = memory_of_runs(settings.memory, settings.device)
        self.jobs = JobRegistry(
            settings.jobs,
            settings.workers,
            settings.threads,
            device=settings.device,
            run=self._train,
            memory=self._memory // 2,
        )
        self._comparers: OrderedDict[str, Comparer] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._left_out: set[str] = set()  # files that the log has named already
        self._warming: threading.Thread | None = None
        self.ready = threading.Event()  # the built-in data sets have been loaded, or could not be

    def _train(
        self, recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device
    ) -> Iterator[Event]:
        """train(), for recipes of strangers: within this server's memory, and with nothing fetched on their word."""
        for encoder in (recipe.encoder, recipe.second_tower):
            if recipe.pretrained and encoder and not imagenet_weights_here(encoder):
                raise SiameseError(
                    f"The ImageNet weights of {encoder} are not on this server, and a run here fetches nothing; set "
                    "pretrained to false."
                )
        require_memory(recipe, dataset, self._memory, self.settings.workers)
        yield from train(recipe, dataset, control, device=device)

    def dataset(self, name: str, progress: Callable[[float], None] | None = None) -> Dataset:
        """A data set by name; built, read or taken from memory.

        Raises SiameseError for any other name: it comes from outside, and is never taken for a path.
        """
        if name not in NAMES:
            raise SiameseError(f'There is no data set "{str(name)[:40]}"; the sets are {", ".join(NAMES)}.')
        return load_dataset(name, self.settings.data_dir, progress=progress)

    def warm_up(self) -> None:
        """Renders or reads the built-in sets in the background, so that the first click does not wait for them."""

        def load() -> None:
            for name in BUILT_IN:
                # A set that fails to load here is loaded again, and its error shown, when somebody selects it.
                with contextlib.suppress(SiameseError):
                    self.dataset(name, self._unless_closed)
            self.ready.set()

        self._warming = threading.Thread(target=load, name="warm-up", daemon=True)
        self._warming.start()

    def _unless_closed(self, share: float) -> None:
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
        """Notes in the log, once, that the server runs without a file of its own."""
        if name not in self._left_out:
            self._left_out.add(name)
            _log.warning("%s is left out: %s", name, why)

    def comparer(self, model: object) -> Comparer:
        """A network ready to compare, by a shipped model's name or "run:" and a job's key.

        Raises SiameseError for a model that does not exist; the name comes from outside and is never used as a path.
        """
        if not isinstance(model, str):
            raise SiameseError("Choose a model to compare with.")
        if model.startswith(RUN_PREFIX):
            return self._of_run(model)
        shipped = {path.stem: path for path in self.shipped_paths()}
        if model not in shipped:
            raise SiameseError(f'There is no model "{model[:40]}" here; the models are {", ".join(shipped)}.')
        return self._kept(model, lambda: Checkpoint.load(shipped[model]))

    def _of_run(self, model: str) -> Comparer:
        access = self.jobs.access(model[len(RUN_PREFIX) :])
        weights = None if access is None else access.job.weights
        if weights is None:
            raise SiameseError("The weights of this run are no longer here; train again, or choose another model.")
        return self._kept(model, lambda: Checkpoint.from_bytes(weights))

    def _kept(self, model: str, load: Callable[[], Checkpoint]) -> Comparer:
        with self._lock:
            if model not in self._comparers:
                self._comparers[model] = Comparer(load())
                while len(self._comparers) > MOST_COMPARERS:
                    self._comparers.popitem(last=False)
            self._comparers.move_to_end(model)
            return self._comparers[model]

    def finished_runs(self, owner: str) -> list[TrainingJob]:
        """An owner's runs that have weights, the newest first."""
        return [job for job in reversed(self.jobs.of_owner(owner)) if job.weights is not None]

    def close(self) -> None:
        """Ends every run and all loading, and waits for that."""
        self._closed.set()
        self.jobs.close()
        if self._warming is not None:
            self._warming.join(10.0)


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
