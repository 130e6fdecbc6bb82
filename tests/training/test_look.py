"""Questions asked of a run: what they answer, and that they leave it as it was."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest
import torch

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.recipes import Recipe
from siamese.training import control as controls
from siamese.training.batch_record import BatchRecord, pictures, seeded_batch
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished
from siamese.training.look import look_inside, network_now, newest_batch
from siamese.training.loop import train
from siamese.training.step import StepInputs, TrainingStep

WAIT = 30.0
CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "precision": "float32",
    "encoder": "strided",
    "embedding_dim": 8,
    "batch_size": 8,
    "steps": 30,
    "validate_every": 10,
}
RECIPES = {
    "pairs": Recipe(**SMALL, augmentation="affine"),
    "towers": Recipe(**SMALL, second_tower="strided", augmentation="shift"),
    "turned": Recipe(**SMALL, rotations_as_classes=True, image_size=20, invert=True, augmentation="faces"),
    "triplets": Recipe(**SMALL, loss="triplet", batching="triplets", margin=0.2),
    "all-pairs": Recipe(**SMALL, batching="all-pairs", classes_per_batch=4, images_per_class=3, augmentation="koch"),
}


class Paused:
    """A run in a thread of its own that takes the steps it is told to."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        self.control = TrainingControl(paused=True)
        self.events: list[Event] = []
        self.thread = threading.Thread(target=self._run, args=(recipe, dataset), daemon=True)
        self.thread.start()

    def _run(self, recipe: Recipe, dataset: Dataset) -> None:
        self.events.extend(train(recipe, dataset, self.control, device=CPU))

    def ask(self, question: Callable[[Any], Any]) -> Any:
        return self.control.ask(question).result(WAIT)

    def step_to(self, wanted: int) -> None:
        while self.ask(lambda run: run.steps_done) < wanted:
            self.control.step_once()
            self.ask(lambda run: None)

    def stop(self) -> Finished:
        self.control.stop()
        self.thread.join(WAIT)
        (finished,) = [event for event in self.events if isinstance(event, Finished)]
        return finished


def losses(events: list[Event]) -> list[float]:
    return [loss for event in events for loss in getattr(event, "losses", ())]


@pytest.mark.parametrize("name", RECIPES)
def test_the_newest_batch_is_the_steps_own(name: str, make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(partner=name == "towers")
    run = Paused(RECIPES[name], dataset)
    assert run.ask(newest_batch) is None
    run.step_to(3)
    record, original = run.ask(lambda r: (newest_batch(r), r.step))
    assert record.step == 3
    assert record.inputs.batch.index.tolist() == original.inputs.batch.index.tolist()
    assert record.inputs.batch.same.tolist() == original.inputs.batch.same.tolist()
    assert torch.equal(record.embeddings, original.embeddings)
    assert record.inputs.batch.index.data_ptr() != original.inputs.batch.index.data_ptr(), "a copy of its own"
    assert record.loss == pytest.approx(losses([e for e in run.events])[-1])
    # What is shown is what went into the network.
    fed: list[torch.Tensor] = []

    def capture(images: torch.Tensor) -> torch.Tensor:
        fed.append(images)
        return torch.zeros(len(images), 8)

    step = original
    real, step.network.embed_pairs = step.network.embed_pairs, capture
    step.embed(record.inputs)
    step.network.embed_pairs = real
    rows = torch.randperm(len(fed[0]), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(pictures(record, dataset.train, rows), fed[0][rows].contiguous(), atol=1e-5, rtol=0)
    finished = run.stop()
    assert (
        finished.batch is not None and finished.batch.inputs.batch.index.tolist() == record.inputs.batch.index.tolist()
    )


def test_the_shares_of_a_batch_are_those_of_its_loss(dataset: Dataset) -> None:
    run = Paused(RECIPES["pairs"], dataset)
    run.step_to(2)
    record: BatchRecord = run.ask(newest_batch)
    forces = record.forces()
    assert forces is not None and float(forces.share.sum()) == pytest.approx(1.0, abs=1e-5)
    distance, same = forces.dissimilarity, forces.same
    terms = torch.where(same, distance**2, (1 - distance).clamp_min(0) ** 2)
    assert float(terms.mean()) == pytest.approx(record.loss, abs=1e-5)
    run.stop()


@pytest.mark.parametrize("name", ["pairs", "towers", "all-pairs"])
def test_looking_leaves_the_run_as_it_was(name: str, make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(partner=name == "towers")
    undisturbed = list(train(RECIPES[name], dataset, device=CPU))
    run = Paused(RECIPES[name], dataset)
    run.step_to(4)
    record = run.ask(newest_batch)
    half = len(record.inputs.batch.index) // 2
    run.ask(lambda r: look_inside(r, record.inputs, 0, half))
    run.ask(network_now)
    run.step_to(7)
    run.ask(lambda r: look_inside(r, record.inputs, 1, half + 1))
    run.control.resume()
    run.thread.join(WAIT)
    assert losses(run.events) == losses(undisturbed)


@pytest.mark.parametrize("name", ["pairs", "towers"])
def test_inside_a_pair_is_what_the_network_does(name: str, make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(partner=name == "towers")
    run = Paused(RECIPES[name], dataset)
    run.step_to(2)
    record = run.ask(newest_batch)
    n = len(record.inputs.batch.index) // 2
    network = copy.deepcopy(run.ask(lambda r: r.step.network)).train()
    images = pictures(record, dataset.train, torch.arange(2 * n))
    left_images, right_images = (images, images) if name == "pairs" else images.chunk(2)
    number, seen = run.ask(lambda r: look_inside(r, record.inputs, 3, n + 3))
    assert number == 2
    towers = [network.encoder] if name == "pairs" else [network.encoder, network.right_encoder]
    assert seen.towers == len(towers)
    with torch.no_grad():
        embeddings = network.embed_pairs(images)
        torch.testing.assert_close(seen.embeddings, embeddings[[3, n + 3]], atol=1e-4, rtol=1e-4)
        assert seen.dissimilarity == pytest.approx(
            float(network.similarity(embeddings[3], embeddings[n + 3])), abs=1e-4
        )
        assert float(seen.parts.sum()) == pytest.approx(seen.dissimilarity**2, abs=1e-4)
        for side, (batch, row) in enumerate([(left_images, 3), (right_images, n + 3 if name == "pairs" else 3)]):
            convolutions = towers[side % len(towers)][0]
            first = convolutions[:3](batch)
            second = convolutions[3:6](first)
            for stage, maps in zip(seen.stages, (first, second)):
                wanted = maps[row][list(stage.channels)]
                torch.testing.assert_close(stage.maps[side], wanted, atol=1e-4, rtol=1e-3)
    assert [stage.filters for stage in seen.stages] == [16, 32]
    again = run.ask(lambda r: look_inside(r, record.inputs, 3, n + 3, [[0, 1, 2, 3], [4, 5, 6, 7]]))[1]
    assert [stage.channels for stage in again.stages] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    run.stop()


def test_a_seeded_batch_is_the_first_that_training_draws(dataset: Dataset) -> None:
    for name in ("pairs", "turned", "triplets", "all-pairs"):
        recipe = RECIPES[name].with_settings({"seed": 5})
        step = TrainingStep(recipe, dataset.train, CPU)
        step()
        record = seeded_batch(recipe, dataset.train, 5)
        assert isinstance(step.inputs, StepInputs)
        assert record.inputs.batch.index.tolist() == step.inputs.batch.index.tolist()
        assert torch.equal(record.inputs.batch.same, step.inputs.batch.same)
        if step.inputs.transforms is not None and record.inputs.transforms is not None:
            assert torch.equal(record.inputs.transforms.matrices, step.inputs.transforms.matrices)
        assert record.forces() is None


def test_questions_end_with_the_run(dataset: Dataset) -> None:
    run = Paused(RECIPES["pairs"], dataset)
    with pytest.raises(ZeroDivisionError):
        run.ask(lambda r: 1 / 0)
    run.step_to(1)  # a question that fails ends nothing
    run.stop()
    with pytest.raises(CancelledError):
        run.control.ask(lambda r: 1).result(WAIT)


def test_too_many_questions_get_a_sentence() -> None:
    control = TrainingControl()
    waiting = [control.ask(lambda run: run) for _ in range(controls.MOST_QUESTIONS)]
    with pytest.raises(SiameseError, match="look into this run"):
        control.ask(lambda run: run)
    control.answer("the run")
    assert [future.result(0) for future in waiting] == ["the run"] * len(waiting)
    control.ask(lambda run: run)
    control.close()
    assert control.ask(lambda run: run).cancelled()
