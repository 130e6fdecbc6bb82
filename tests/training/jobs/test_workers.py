"""Workers: turns that change nothing about a run, streams of the right device, and a device that breaks."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from siamese.data.bank import Dataset
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished, Progress, Started
from siamese.training.jobs import workers as workers_module
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.training.jobs.registry import JobRegistry
from siamese.training.loop import train

WAIT = 60.0  # seconds after which a hanging test gives up; none that passes waits
CPU = torch.device("cpu")
SMALL = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=25, validate_every=10, augmentation="affine")


@pytest.fixture
def open_registry() -> Iterator[Callable[..., JobRegistry]]:
    opened: list[JobRegistry] = []

    def make(*arguments: Any, **options: Any) -> JobRegistry:
        opened.append(JobRegistry(*arguments, threads=1, **options))
        return opened[-1]

    yield make
    for registry in opened:
        registry.close(WAIT)


Open = Callable[..., JobRegistry]


def ended(job: TrainingJob) -> str:
    assert job.ended.wait(WAIT)
    return job.state


def test_turns_change_nothing_about_a_run(open_registry: Open, dataset: Dataset) -> None:
    recipes = [
        SMALL,
        replace(SMALL, seed=1, optimizer="sgd", momentum=0.9, precision="bfloat16"),
        replace(SMALL, seed=2, loss="triplet", batching="triplets"),
        replace(SMALL, seed=3, batching="all-pairs", classes_per_batch=6, loss="supcon", similarity="cosine"),
        replace(SMALL, seed=4, learning_rate=10.0, optimizer="sgd", normalize=False, similarity="squared-euclidean"),
    ]
    switches: list[str] = []

    def watched(recipe: Recipe, *arguments: Any, **options: Any) -> Iterator[Event]:
        for event in train(recipe, *arguments, **options):
            switches.append(str(recipe.seed))
            yield event

    registry = open_registry(10, 2, run=watched, turn=0.0)  # a turn is one event
    held = threading.Event()
    line = [
        registry.submit(
            Visitor(str(n), str(n)), recipe, "patterns", lambda tell: held.wait(WAIT) and dataset or dataset
        )
        for n, recipe in enumerate(recipes)
    ]
    held.set()
    assert [ended(job) for job in line] == ["done"] * 4 + ["failed"]
    assert sum(a != b for a, b in zip(switches, switches[1:])) > 40, "they really took turns"
    for recipe, job in zip(recipes, line):
        alone = list(train(recipe, dataset, device=CPU))
        losses = [loss for event in alone if isinstance(event, Progress) for loss in event.losses]
        sent = job.snapshot()["loss"]["value"]
        assert len(sent) == len(losses)
        for mine, theirs in zip(sent, losses):
            assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-5) if math.isfinite(theirs) else mine is None
        mine, theirs = (Checkpoint.from_bytes(weights).weights for weights in (job.weights, alone[-1].best))
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_room_of_runs_advances_evenly(open_registry: Open, dataset: Dataset) -> None:
    steps: dict[str, int] = {}
    spread: list[int] = []
    submitted = threading.Event()

    def counting(recipe: Recipe, _: Dataset, control: TrainingControl, **__: Any) -> Iterator[Event]:
        for step in range(1, 31):
            steps[recipe.name] = step
            if len(steps) == 12:
                spread.append(max(steps.values()) - min(steps.values()))
            yield Progress(step, (0.5,), 0.1 * step, 10.0, 10.0, 0.1, 1.0)
        yield Finished(30, 3.0, "steps", b"")

    registry = open_registry(12, 1, run=counting, turn=0.0)

    def load(_: Any) -> Dataset:
        assert submitted.wait(WAIT)
        return dataset

    jobs = [registry.submit(Visitor(str(n), str(n)), Recipe(name=str(n)), "patterns", load) for n in range(12)]
    submitted.set()
    assert [ended(job) for job in jobs] == ["done"] * 12
    assert max(spread) <= 1, "no run is ever more than one turn ahead of another"


def test_runs_know_how_many_share_their_core(open_registry: Open, dataset: Dataset) -> None:
    gate = threading.Event()

    def waiting(*_: Any, **__: Any) -> Iterator[Event]:
        gate.wait(WAIT)
        yield Finished(1, 0.1, "steps", b"")

    registry = open_registry(32, 2, run=waiting)
    jobs = [registry.submit(Visitor(str(n), str(n)), Recipe(), "patterns", lambda _: dataset) for n in range(2)]
    alone = registry.sharing()
    jobs += [registry.submit(Visitor(str(n), str(n)), Recipe(), "patterns", lambda _: dataset) for n in range(2, 30)]
    together = registry.sharing()
    gate.set()
    assert (alone, together) == (0, 14)
    assert [ended(job) for job in jobs] == ["done"] * 30


def test_the_longest_run_ends_with_its_weights(open_registry: Open, dataset: Dataset) -> None:
    registry = open_registry(1, 1, longest=0.0)
    job = registry.submit(Visitor("me"), replace(SMALL, steps=10**5), "patterns", lambda _: dataset)
    assert ended(job) == "stopped" and job.note == "longest" and job.weights
    assert job.snapshot()["note"] == "longest"


class FakeStream:
    made: list[torch.device]

    def __init__(self, device: torch.device) -> None:
        FakeStream.made.append(device)


def echo(*_: Any, device: torch.device, **__: Any) -> Iterator[Event]:
    """A run that names its device."""
    yield Started(str(device), 10, 48, 8, 0.1, 0.25, "m²/4")
    yield Finished(1, 0.1, "steps", str(device).encode())


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """A torch that believes in two GPUs: the devices of the streams that were made."""
    FakeStream.made = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    return FakeStream.made


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_pages_go_before_training(open_registry: Open, dataset: Dataset) -> None:
    found: list[int] = []

    def run(*arguments: Any, **options: Any) -> Iterator[Event]:
        found.append(os.getpriority(os.PRIO_PROCESS, 0))
        yield from train(*arguments, **options)

    job = open_registry(1, 1, run=run).submit(Visitor("a"), replace(SMALL, steps=1), "patterns", lambda _: dataset)
    assert ended(job) == "done"
    here = os.getpriority(os.PRIO_PROCESS, 0)
    assert found == [min(19, here + 5)], "a higher number is a lower priority"


@pytest.mark.parametrize("name, made", [("cpu", 0), ("cuda:1", 3)])
def test_each_worker_has_one_stream_of_the_chosen_device(
    name: str, made: int, streams: list[torch.device], open_registry: Open, dataset: Dataset
) -> None:
    registry = open_registry(8, 3, run=echo, device=torch.device(name))
    jobs = [registry.submit(Visitor(str(n), str(n)), Recipe(), "patterns", lambda _: dataset) for n in range(9)]
    assert {ended(job) for job in jobs} == {"done"} and {job.weights for job in jobs} == {name.encode()}
    assert streams == [torch.device(name)] * made


def test_without_a_working_gpu_the_cpu_takes_over(
    open_registry: Open, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(device: torch.device) -> None:
        raise RuntimeError("CUDA error: out of luck\nmore lines")

    monkeypatch.setattr(torch.cuda, "Stream", refuse)
    registry = open_registry(8, 3, run=echo, device=torch.device("cuda"))
    job = registry.submit(Visitor("me"), Recipe(), "patterns", lambda _: dataset)
    assert ended(job) == "done" and job.weights == b"cpu" and registry.device == CPU
    assert registry.fault is not None and "CUDA error: out of luck" in registry.fault
    assert "more lines" not in registry.fault and "train on the CPU" in registry.fault
    assert "out of luck" in capsys.readouterr().err


def test_a_gpu_that_breaks_ends_its_runs_and_the_next_ones_train_on_the_cpu(
    streams: list[torch.device],
    open_registry: Open,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    both, breaks = threading.Barrier(2), threading.Event()
    monkeypatch.setattr(workers_module, "works", lambda device: not breaks.is_set())

    def run(recipe: Recipe, _: Dataset, control: TrainingControl, *, device: torch.device) -> Iterator[Event]:
        yield Started(str(device), 10, 48, 8, 0.1, 0.25, "m²/4")
        if device.type == "cuda":
            both.wait(WAIT)
            if recipe.name == "breaks":
                breaks.set()
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            assert breaks.wait(WAIT)
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        yield Finished(1, 0.1, "steps", str(device).encode())

    registry = open_registry(8, 2, run=run, device=torch.device("cuda"))
    jobs = [
        registry.submit(Visitor(name), Recipe(name=name), "patterns", lambda _: dataset)
        for name in ("breaks", "innocent")
    ]
    assert [ended(job) for job in jobs] == ["failed"] * 2
    for job in jobs:
        assert job.error is not None and job.error.startswith("The GPU stopped working (CUDA error: an illegal")
    after = registry.submit(Visitor("after"), Recipe(), "patterns", lambda _: dataset)
    assert ended(after) == "done" and after.weights == b"cpu" and registry.fault is not None


def test_an_error_that_the_gpu_survives_fails_one_run_alone(
    streams: list[torch.device],
    open_registry: Open,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(workers_module, "works", lambda device: True)

    def run(recipe: Recipe, *_: Any, device: torch.device, **__: Any) -> Iterator[Event]:
        if recipe.name == "breaks":
            raise RuntimeError("a shape is wrong")
        yield from echo(device=device)

    registry = open_registry(8, 1, run=run, device=torch.device("cuda"))
    broken, after = (
        registry.submit(Visitor(name), Recipe(name=name), "patterns", lambda _: dataset) for name in ("breaks", "after")
    )
    assert ended(broken) == "failed" and ended(after) == "done" and after.weights == b"cuda"
    assert registry.fault is None


@pytest.mark.parametrize("dies", [1, 100])
def test_a_worker_that_dies_is_replaced_and_a_server_without_workers_says_so(
    dies: int,
    open_registry: Open,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deaths: list[int] = []

    def opened(device: torch.device) -> contextlib.AbstractContextManager[None]:
        if len(deaths) < dies:
            deaths.append(1)
            raise OSError("no thread for you")
        return contextlib.nullcontext()

    monkeypatch.setattr(workers_module, "stream_of_its_own", opened)
    registry = open_registry(8, 1, run=echo)
    if dies == 1:
        job = registry.submit(Visitor("me"), Recipe(), "patterns", lambda _: dataset)
        assert ended(job) == "done" and registry.fault is None
        return
    deadline = threading.Event()
    while registry.fault is None and not deadline.wait(0.01):
        pass
    assert "This server cannot train (OSError: no thread for you)" in registry.fault
    with pytest.raises(Exception, match="This server cannot train"):
        registry.submit(Visitor("me"), Recipe(), "patterns", lambda _: dataset)
