"""What a capture relies on, on the CPU; and on a GPU: the replayed step against the eager one, side by side with others."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import get_args

import pytest
import torch
from step_kinds import step_kinds
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.evaluation.scores import Validation
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.recipes.recipe import Optimizer
from siamese.training.control import TrainingControl
from siamese.training.cuda_graph import WARM_UP_STEPS, GraphedStep, restore_state, save_state
from siamese.training.events import Event, Finished, Progress, Stepped
from siamese.training.jobs.job import Visitor
from siamese.training.jobs.registry import JobRegistry
from siamese.training.loop import train
from siamese.training.step import TrainingStep

CPU = torch.device("cpu")
WAIT = 300.0
PAIRS = Recipe(encoder="conv4", embedding_dim=8, batch_size=16, augmentation="affine", steps=60, validate_every=20)
KINDS = step_kinds(PAIRS)
ALL_PAIRS = KINDS["all pairs"]
KINDS |= {
    "all triplets": replace(ALL_PAIRS, loss="triplet", mining="all"),
    "sgd": replace(PAIRS, optimizer="sgd", momentum=0.9),
    "adam": replace(PAIRS, optimizer="adam"),
    "bfloat16": replace(PAIRS, precision="bfloat16"),
}


def tensors(step: TrainingStep) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in save_state(step).items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("taken", [0, 2])
def test_what_a_few_steps_changed_is_put_back_in_place(kind: str, taken: int, dataset: Dataset) -> None:
    step = TrainingStep(KINDS[kind], dataset.train, CPU)
    for _ in range(taken):
        step()
    saved = save_state(step)
    before = tensors(step)
    for _ in range(WARM_UP_STEPS):
        step()
    places = {name: value.data_ptr() for name, value in step.network.state_dict().items()}
    first = step.losses[: taken + WARM_UP_STEPS].tolist()
    moved = tensors(step)
    assert not torch.equal(moved["losses"], before["losses"]) and int(moved["steps_done"]) == taken + WARM_UP_STEPS
    restore_state(step, saved)
    again = tensors(step)
    assert all(torch.equal(again[name], value) for name, value in before.items())
    # What the optimiser made meanwhile begins at zero, as if it had not been there.
    assert all(not bool(value.any()) for name, value in again.items() if name not in before)
    assert {name: value.data_ptr() for name, value in step.network.state_dict().items()} == places
    for _ in range(WARM_UP_STEPS):
        step()
    assert step.losses[: taken + WARM_UP_STEPS].tolist() == first
    assert all(torch.equal(value, moved[name]) for name, value in tensors(step).items())


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_saved_state_is_a_copy(optimizer: str, dataset: Dataset) -> None:
    step = TrainingStep(replace(PAIRS, optimizer=optimizer, momentum=0.5), dataset.train, CPU)
    step()
    saved = save_state(step)
    kept = {name: value.clone() for name, value in saved.items()}
    step()
    assert all(torch.equal(saved[name], value) for name, value in kept.items())
    names = {name.split(".")[-1] for name in saved if name.startswith("optimizer.")}
    assert names == ({"momentum_buffer"} if optimizer == "sgd" else {"step", "exp_avg", "exp_avg_sq"})


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    """The GPU with algorithms that give the same sums every time."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    yield torch.device("cuda")
    torch.backends.cudnn.deterministic = before


class Replayed:
    """A recipe's step on a stream of its own, captured."""

    def __init__(self, recipe: Recipe, data: Dataset, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)
        with torch.cuda.stream(self.stream):
            self.step = TrainingStep(recipe, data.train, device)
            self.graph = GraphedStep(self.step, self.stream)

    def run(self, steps: int) -> list[float]:
        """Replays so many steps: the losses of all steps so far."""
        with torch.cuda.stream(self.stream):
            for _ in range(steps):
                self.graph()
            return self.step.losses[: int(self.step.steps_done)].tolist()

    def weights(self) -> list[Tensor]:
        with torch.cuda.stream(self.stream):
            return [parameter.detach().cpu() for parameter in self.step.network.parameters()]


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_repeats_the_eager_step_bit_for_bit(kind: str, dataset: Dataset, cuda: torch.device) -> None:
    eager = TrainingStep(KINDS[kind], dataset.train, cuda)
    for _ in range(60):
        eager()
    replayed = Replayed(KINDS[kind], dataset, cuda)
    assert int(replayed.step.steps_done) == 0
    assert replayed.run(60) == eager.losses[:60].tolist()
    eager_weights = [parameter.detach().cpu() for parameter in eager.network.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(replayed.weights(), eager_weights))
    replayed.graph.close()


@pytest.mark.gpu
@pytest.mark.parametrize("mining", ["semi-hard", "random"])
def test_every_mining_is_captured(mining: str, dataset: Dataset, cuda: torch.device) -> None:
    replayed = Replayed(replace(ALL_PAIRS, loss="triplet", mining=mining), dataset, cuda)
    losses = replayed.run(20)
    assert len(set(losses)) == 20 and all(0 <= loss < 10 for loss in losses)
    replayed.graph.close()


@pytest.mark.gpu
@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_rate_and_margin_move_under_replay(optimizer: str, dataset: Dataset, cuda: torch.device) -> None:
    recipe = replace(PAIRS, optimizer=optimizer, momentum=0.5)
    eager, replayed = TrainingStep(recipe, dataset.train, cuda), Replayed(recipe, dataset, cuda)
    for rate, margin in ((0.003, 1.0), (0.0, 1.0), (0.01, 0.3)):
        before = replayed.weights()
        eager.set_learning_rate(rate)
        eager.set_margin(margin)
        with torch.cuda.stream(replayed.stream):
            replayed.step.set_learning_rate(rate)
            replayed.step.set_margin(margin)
        for _ in range(5):
            eager()
        losses = replayed.run(5)
        assert losses == eager.losses[: len(losses)].tolist()
        assert all(torch.equal(a, b) for a, b in zip(before, replayed.weights())) == (rate == 0)
    replayed.graph.close()


def losses_of(events: list[Event]) -> list[float]:
    return [loss for event in events if isinstance(event, Progress) for loss in event.losses]


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_learns_on_the_gpu_and_its_checkpoint_loads_on_a_cpu(
    kind: str, dataset: Dataset, cuda: torch.device
) -> None:
    events = list(train(KINDS[kind], dataset, device=cuda))
    losses, finished = losses_of(events), events[-1]
    assert len(losses) == 60 and sum(losses[-10:]) < sum(losses[:10])
    assert isinstance(finished, Finished) and finished.best is not None
    checkpoint = Checkpoint.from_bytes(finished.best)
    images = dataset.validation.images[:2].float() / 255
    assert bool(checkpoint.network()(images, images.flip(0)).isfinite().all())
    with pytest.raises(SiameseError, match="another kind of device"):
        list(train(KINDS[kind], dataset, device=CPU, resume=Checkpoint.from_bytes(finished.last)))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["contrastive", "sgd", "supcon"])
def test_single_steps_validations_and_resuming_change_nothing(kind: str, dataset: Dataset, cuda: torch.device) -> None:
    recipe = replace(KINDS[kind], steps=30)
    whole = losses_of(list(train(recipe, dataset, device=cuda)))
    often = list(train(replace(recipe, validate_every=1), dataset, device=cuda))
    assert losses_of(often) == whole and sum(isinstance(event, Validation) for event in often) == 31
    control = TrainingControl(paused=True)
    for _ in range(15):
        control.step_once()
    part = []
    for event in train(recipe, dataset, control, device=cuda):
        part.append(event)
        if isinstance(event, Stepped) and event.step == 15:
            control.stop()
    assert isinstance(part[-1], Finished)
    rest = list(train(recipe, dataset, device=cuda, resume=Checkpoint.from_bytes(part[-1].last)))
    assert losses_of(part) + losses_of(rest) == whole


@pytest.mark.gpu
def test_eight_jobs_at_once_train_as_each_would_alone(dataset: Dataset, cuda: torch.device) -> None:
    recipes = [replace(recipe, seed=seed) for seed, recipe in enumerate(list(KINDS.values())[:8])]
    registry = JobRegistry(8, 8, threads=1, device=cuda)
    jobs = [
        registry.submit(Visitor(str(n)), recipe, "patterns", lambda tell: dataset) for n, recipe in enumerate(recipes)
    ]
    for job in jobs:
        assert job.ended.wait(WAIT) and job.state == "done", job.error
    registry.close()
    for recipe, job in zip(recipes, jobs):
        alone = losses_of(list(train(recipe, dataset, device=cuda)))
        assert job.snapshot()["loss"]["value"] == [round(loss, 5) for loss in alone]


@pytest.mark.gpu
def test_a_job_that_runs_out_of_memory_leaves_the_others_alive(
    make_dataset: Callable[..., Dataset], cuda: torch.device
) -> None:
    # The soft margin over all triplets of 4,096 images needs 275 gigabytes for every number of theirs.
    enormous = replace(
        ALL_PAIRS, loss="triplet", mining="all", soft_margin=True, images_per_class=256, classes_per_batch=16
    )
    dataset = make_dataset(classes=16)
    registry = JobRegistry(3, 3, threads=1, device=cuda)
    jobs = [
        registry.submit(Visitor(str(n)), recipe, "patterns", lambda tell: dataset)
        for n, recipe in enumerate((PAIRS, enormous, KINDS["supcon"], KINDS["triplet"]))
    ]
    for job in jobs:
        assert job.ended.wait(WAIT)
    assert [job.state for job in jobs] == ["done", "failed", "done", "done"]
    assert jobs[1].error is not None and "does not suffice for this run; lower the batch" in jobs[1].error
    registry.close()


@pytest.mark.gpu
def test_finished_jobs_give_their_memory_back(dataset: Dataset, cuda: torch.device) -> None:
    registry = JobRegistry(4, 4, threads=1, device=cuda)
    held: list[int] = []
    for turn in range(5):
        jobs = [
            registry.submit(Visitor(f"{turn} {n}"), replace(PAIRS, seed=n, steps=20), "patterns", lambda tell: dataset)
            for n in range(4)
        ]
        for job in jobs:
            assert job.ended.wait(WAIT) and job.state == "done", job.error
        gc.collect()
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated())
    registry.close()
    # The first round leaves each thread's workspaces, the later ones nothing more.
    assert max(held[1:]) <= held[1] + 2**20, held
