"""Source: where pairs come from. It is a run, a trained model, or only a data set."""

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
from siamese.training.batch_record import BatchRecord, pictures, seeded_batch
from siamese.training.jobs.job import TrainingJob
from siamese.training.look import network_now, newest_batch
from siamese.ui import choice
from siamese.ui.lab import RUN_PREFIX, current_lab

DATA_PREFIX = "data:"
PATIENCE = 3.0  # seconds to wait for the answer of a run; a step of a large network takes one second
MOST_TEST_IMAGES = 10_000  # more would take too long: all their pairs are compared while somebody waits
MOST_TEST_VIEWS = 10_000  # the same limit for a network that embeds several views of each image
MOST_JUDGED = 16  # with the embeddings of a test set, up to 3 MB each, kept for the next request
MOST_RECORD_BYTES = 64 << 20  # of batches, kept so that the page can open a pair of an earlier step
_CHUNK = 256

_lock = threading.Lock()
_judged: OrderedDict[tuple[str, int], Judged] = OrderedDict()
_in_progress: dict[str, Future[Judged]] = {}  # by source; a second request waits for the first one
_records: OrderedDict[tuple[str, int], BatchRecord] = OrderedDict()
# Threads for longer work: few, with one core each, so that training keeps its speed.
_workers = ThreadPoolExecutor(2, "explore", initializer=lambda: torch.set_num_threads(1))


@dataclass(frozen=True, eq=False)
class Judged:
    """A network with the embeddings of test images: `judge` compares the images of `bank`, by their numbers there."""

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
    """Where pairs come from.

    key: its name on the page.  data: the name of the data set.  job: the run, or None.  model: a key for Lab.comparer,
    or None.  may_control: whether this key may control the run.
    """

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
        """The network as it is now in a run that goes on, else the saved one. Raises SiameseError where there is none."""
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
        """The saved network, in evaluation mode. Do not change it."""
        return current_lab().comparer(self._model()).network

    def _model(self) -> str:
        if self.model is None:
            raise SiameseError("Only the data is chosen; choose a run or a model to see distances.")
        return self.model

    def batch_record(self, seed: int) -> BatchRecord | None:
        """The run's newest batch. Without a run, the batch of a seed, with embeddings if there is a model.

        None where the run has not taken a step yet, or is too busy to answer.
        """
        if self.alive:
            assert self.job is not None
            record = self.job.ask(newest_batch, PATIENCE)
        elif self.job is not None:
            record = self.job.batch
            if record is None:
                raise SiameseError("The batches of this run are no longer here; train again, or choose a model.")
        else:
            record = seeded_batch(self.recipe, self.dataset().train, seed)
            return record if self.model is None else self.embedded_by_model(record)
        if record is not None:
            _remember(self.job.id, record)
        return record

    def record_at(self, step: int) -> BatchRecord:
        """The batch of an earlier step that a page has shown. Raises SiameseError where it is no longer kept."""
        assert self.job is not None
        with _lock:
            record = _records.get((self.job.id, step))
        if record is None and self.job.batch is not None and self.job.batch.step == step:
            record = self.job.batch
        if record is None:
            raise SiameseError(f"The batch of step {step} is no longer here; choose a pair of the newest one.")
        return record

    @torch.inference_mode()
    def embedded_by_model(self, record: BatchRecord) -> BatchRecord:
        """The batch with the embeddings of the saved network."""
        network, checkpoint = self.network(), self.checkpoint()
        rows = torch.arange(len(record.inputs.batch.index))
        images = pictures(record, self.dataset().train, rows)
        embeddings = network.embed_pairs(images.contiguous(memory_format=torch.channels_last))
        threshold = checkpoint.threshold
        return replace(record, embeddings=embeddings, similarity=network.similarity, threshold=threshold)

    def judged(self, step: int | None = None) -> Judged:
        """The network of this source with the embeddings of the test images.

        step: of a run, an earlier step, if its embeddings are still kept; else the newest.
        Takes up to two seconds, and five for a network with many views; call it through in_worker().
        """
        if step is not None:
            with _lock:
                if (self.key, step) in _judged:
                    _judged.move_to_end((self.key, step))
                    return _judged[self.key, step]
        with _lock:
            if (other_request := _in_progress.get(self.key)) is None:
                mine = _in_progress[self.key] = Future()
        if other_request is not None:
            return other_request.result()
        try:
            mine.set_result(self._judge_now())
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with _lock:
                del _in_progress[self.key]
        return mine.result()

    def _judge_now(self) -> Judged:
        checkpoint = self.checkpoint()
        at = (self.key, checkpoint.step)
        with _lock:
            if at in _judged:
                return _judged[at]
        test = judge_test(checkpoint, self.dataset())
        with _lock:
            _judged[at] = test
            while len(_judged) > MOST_JUDGED:
                _judged.popitem(last=False)
        return test


def judge_test(checkpoint: Checkpoint, dataset: Dataset) -> Judged:
    """Embeds the test images of a data set, at most MOST_TEST_IMAGES and MOST_TEST_VIEWS of them.

    A chunk of them is prepared at a time, so that there is no second copy of all.
    """
    most = min(MOST_TEST_IMAGES, MOST_TEST_VIEWS // count(checkpoint.views))
    bank = first_of_each_class(dataset.test, most)
    check_pairs(bank.select_classes([c for c in range(bank.classes) if int(bank.counts[c]) > 1] or [0]))
    evaluator = Evaluator(checkpoint)
    parts = []
    for start in range(0, len(bank), _CHUNK):
        piece = slice(start, start + _CHUNK)
        part = bank_of(bank.images[piece], None if bank.partner is None else bank.partner[piece])
        parts.append(evaluator.network_judge(evaluator.prepared(dataset, part)))
    left = torch.cat([part.left for part in parts])
    alike = all(part.left is part.right for part in parts)
    right = left if alike else torch.cat([part.right for part in parts])
    return Judged(checkpoint, evaluator, dataset, bank, Judge(evaluator.network.similarity, left, right))


def bank_of(images: torch.Tensor, partner: torch.Tensor | None = None) -> ImageBank:
    """A bank of one class with these images, for functions that need a bank."""
    one = torch.zeros(1, dtype=torch.long)
    return ImageBank(images, torch.tensor([len(images)]), ("",), one, ("",), partner)


def in_worker(work: Callable[[], Any]) -> Any:
    """What work() returns. It runs in one of the few threads for longer work."""
    return _workers.submit(work).result()


def find_source(key: Any) -> Source:
    """The source of a key from the page, which may be anything. Raises SiameseError where there is none."""
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


def _remember(job: str, record: BatchRecord) -> None:
    with _lock:
        _records[job, record.step] = record
        _records.move_to_end((job, record.step))
        while len(_records) > 1 and sum(one.nbytes for one in _records.values()) > MOST_RECORD_BYTES:
            _records.popitem(last=False)
