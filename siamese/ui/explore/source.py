"""Where pairs come from: a run, a model that ships, or a data set alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation.judge import Judge
from siamese.evaluation.protocols import Evaluator
from siamese.evaluation.subsets import first_of_each_class
from siamese.learning.sampling import check_pairs
from siamese.models.checkpoint import Checkpoint
from siamese.models.network import SiameseNetwork
from siamese.models.views import count
from siamese.recipes import Recipe
from siamese.training.jobs.job import TrainingJob
from siamese.training.look import network_now, newest_batch
from siamese.training.taken import TakenBatch, pictures, seeded_batch
from siamese.ui import choice
from siamese.ui.lab import RUN_PREFIX, current_lab

DATA_PREFIX = "data:"
PATIENCE = 3.0  # seconds that a run may take to answer: a step of a large network takes one
MOST_TEST_IMAGES = 10_000  # all pairs of more would take too long for somebody who waits
MOST_TEST_VIEWS = 15_000  # and so would embedding more, where a network looks at several views of each image
MOST_JUDGED = 16  # networks with the embeddings of a test set, up to 3 MB each, kept for the next question
MOST_TAKEN_BYTES = 64 << 20  # of batches kept, so that a pair of an earlier step can be looked into
_CHUNK = 256

_lock = threading.Lock()
_judged: OrderedDict[tuple[str, int], Judged] = OrderedDict()
_judging: dict[str, Future[Judged]] = {}  # by source: whoever asks meanwhile gets the same answer
_taken: OrderedDict[tuple[str, int], TakenBatch] = OrderedDict()
# Work that takes more than a moment: few threads with one core each, so that training keeps its speed.
_workers = ThreadPoolExecutor(2, "explore", initializer=lambda: torch.set_num_threads(1))


@dataclass(frozen=True, eq=False)
class Judged:
    """A network and what it makes of the test images: the step it stands at, and a judge of bank's images."""

    checkpoint: Checkpoint
    evaluator: Evaluator
    dataset: Dataset
    bank: ImageBank
    judge: Judge

    def place_in_test(self, image: int) -> int:
        """The number that an image of `bank` has in the test part of the data set."""
        bank, test = self.bank, self.dataset.test
        label = int(bank.labels[image])
        return image - int(bank.starts[label]) + int(test.starts[test.class_names.index(bank.class_names[label])])


@dataclass(frozen=True, eq=False)
class Source:
    """key: its name on the page.  job: the run, or None.  model: a key for Lab.comparer, or None.  data: the set's
    name.  may_control: whether this key may step the run."""

    key: str
    data: str
    recipe: Recipe
    job: TrainingJob | None = None
    model: str | None = None
    may_control: bool = False

    @property
    def alive(self) -> bool:
        return self.job is not None and self.job.alive

    def dataset(self) -> Dataset:
        if self.job is not None and self.job.dataset is not None:
            return self.job.dataset
        if self.alive:
            raise SiameseError("The run has not begun yet; wait until its data is ready.")
        return current_lab().dataset(self.data)

    def checkpoint(self) -> Checkpoint:
        """The network as it is now (a run that goes on) or as it is kept. Raises SiameseError where there is none."""
        if self.alive:
            assert self.job is not None
            checkpoint = self.job.ask(network_now, PATIENCE)
            if checkpoint is None and self.job.history.newest_step:
                raise SiameseError("The run is busy with a step; ask again in a moment.")
            if checkpoint is None:
                raise SiameseError("The run has no network to look at yet; wait for its first steps.")
            return checkpoint
        return current_lab().comparer(self._model()).checkpoint

    def network(self) -> SiameseNetwork:
        """The kept network, in evaluation mode; not to be changed."""
        return current_lab().comparer(self._model()).network

    def _model(self) -> str:
        if self.model is None:
            raise SiameseError("Only the data is chosen; choose a run or a model to see distances.")
        return self.model

    def taken(self, seed: int) -> TakenBatch | None:
        """The run's newest batch, or the one that a seed gives, seen by the network where there is one.

        None where the run has not taken a step yet, or is too busy to answer.
        """
        if self.alive:
            assert self.job is not None
            taken = self.job.ask(newest_batch, PATIENCE)
        elif self.job is not None:
            taken = self.job.batch
            if taken is None:
                raise SiameseError("The batches of this run are no longer here; train again, or choose a model.")
        else:
            drawn = seeded_batch(self.recipe, self.dataset().train, seed)
            return drawn if self.model is None else self.seen_by_model(drawn)
        if taken is not None:
            _remember(self.job.id, taken)
        return taken

    def taken_at(self, step: int) -> TakenBatch:
        """A batch of the run that a page has been shown. Raises SiameseError where it is forgotten."""
        assert self.job is not None
        with _lock:
            taken = _taken.get((self.job.id, step))
        if taken is None and self.job.batch is not None and self.job.batch.step == step:
            taken = self.job.batch
        if taken is None:
            raise SiameseError(f"The batch of step {step} is no longer here; choose a pair of the newest one.")
        return taken

    @torch.inference_mode()
    def seen_by_model(self, drawn: TakenBatch) -> TakenBatch:
        """A seeded batch with the embeddings of the kept network."""
        network, checkpoint = self.network(), self.checkpoint()
        rows = torch.arange(len(drawn.drawn.batch.index))
        images = pictures(drawn, self.dataset().train, rows)
        embeddings = network.embed_pairs(images.contiguous(memory_format=torch.channels_last))
        threshold = checkpoint.threshold
        return replace(drawn, embeddings=embeddings, similarity=network.similarity, threshold=threshold)

    def judged(self, step: int | None = None) -> Judged:
        """The test images as the network sees them. step: of a run, a step that was judged before, if it is still here.

        Takes up to a second or two; call it in the workers' threads.
        """
        if step is not None:
            with _lock:
                if (self.key, step) in _judged:
                    _judged.move_to_end((self.key, step))
                    return _judged[self.key, step]
        with _lock:
            if (going_on := _judging.get(self.key)) is None:
                mine = _judging[self.key] = Future()
        if going_on is not None:
            return going_on.result()
        try:
            mine.set_result(self._judged_now())
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with _lock:
                del _judging[self.key]
        return mine.result()

    def _judged_now(self) -> Judged:
        checkpoint = self.checkpoint()
        at = (self.key, checkpoint.step)
        with _lock:
            if at in _judged:
                return _judged[at]
        judged = judge_test(checkpoint, self.dataset())
        with _lock:
            _judged[at] = judged
            while len(_judged) > MOST_JUDGED:
                _judged.popitem(last=False)
        return judged


def judge_test(checkpoint: Checkpoint, dataset: Dataset) -> Judged:
    """The test images of a data set, at most MOST_TEST_IMAGES and MOST_TEST_VIEWS, as a network sees them; prepared a
    part at a time, so that there is no second copy of them."""
    most = min(MOST_TEST_IMAGES, MOST_TEST_VIEWS // count(checkpoint.views))
    bank = first_of_each_class(dataset.test, most)
    check_pairs(bank.select_classes([c for c in range(bank.classes) if int(bank.counts[c]) > 1] or [0]))
    evaluator = Evaluator(checkpoint)
    parts = []
    for start in range(0, len(bank), _CHUNK):
        piece = slice(start, start + _CHUNK)
        part = loose(bank.images[piece], None if bank.partner is None else bank.partner[piece])
        parts.append(evaluator.network_judge(evaluator.prepared(dataset, part)))
    left = torch.cat([part.left for part in parts])
    alike = all(part.left is part.right for part in parts)
    right = left if alike else torch.cat([part.right for part in parts])
    return Judged(checkpoint, evaluator, dataset, bank, Judge(evaluator.network.similarity, left, right))


def loose(images: torch.Tensor, partner: torch.Tensor | None = None) -> ImageBank:
    """A bank of some images, whatever they show."""
    one = torch.zeros(1, dtype=torch.long)
    return ImageBank(images, torch.tensor([len(images)]), ("",), one, ("",), partner)


def in_worker(work: Callable[[], Any]) -> Any:
    """What work() returns, computed in one of the few threads for long work."""
    return _workers.submit(work).result()


def find_source(key: Any) -> Source:
    """The source that a page asks for by its key, which may be anything. Raises SiameseError where there is none."""
    lab = current_lab()
    if not isinstance(key, str):
        raise SiameseError("Choose a run, a model or a data set.")
    if key.startswith(RUN_PREFIX):
        access = lab.jobs.access(key[len(RUN_PREFIX) :])
        if access is None:
            raise SiameseError("This run is no longer here; choose another one, a model or a data set.")
        job = access.job
        return Source(key, job.dataset_name, job.recipe, job, RUN_PREFIX + job.id, access.may_control)
    if key.startswith(DATA_PREFIX):
        data = key[len(DATA_PREFIX) :]
        return Source(key, data, choice.base_recipe(data, choice.DEFAULT_RECIPE))
    checkpoint = lab.comparer(key).checkpoint
    return Source(key, checkpoint.data["name"], checkpoint.recipe, model=key)


def _remember(job: str, taken: TakenBatch) -> None:
    with _lock:
        _taken[job, taken.step] = taken
        _taken.move_to_end((job, taken.step))
        while len(_taken) > 1 and sum(one.nbytes for one in _taken.values()) > MOST_TAKEN_BYTES:
            _taken.popitem(last=False)
