"""A lone run takes the cores that are free where that is quicker, and gives them back when another starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from siamese.data.bank import Dataset
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Progress
from siamese.training.jobs.cores import ENOUGH_REPORTS, MEASURE_AGAIN, ThreadChoice
from siamese.training.jobs.job import Visitor
from siamese.training.jobs.registry import JobRegistry
from siamese.training.loop import train

WAIT = 60.0


def run(choice: ThreadChoice, speed: Callable[[int], float], share: int, reports: int) -> list[int]:
    """The numbers of threads that are used over some reports, where a number of threads has a speed."""
    used = []
    for _ in range(reports):
        used.append(choice.threads)
        choice.after_report(speed(choice.threads), share)
    return used


@pytest.mark.parametrize(("speed", "best"), [({1: 10.0, 2: 15.0}, 2), ({1: 10.0, 2: 3.0}, 1)])
def test_the_faster_number_of_threads_is_kept(speed: dict[int, float], best: int) -> None:
    choice = ThreadChoice()
    used = run(choice, speed.__getitem__, 2, 3 * ENOUGH_REPORTS)
    assert used[0] == 1 and set(used) == {1, 2} and set(used[2 * ENOUGH_REPORTS + 1 :]) == {best}
    used = run(choice, speed.__getitem__, 2, 10 * MEASURE_AGAIN)
    assert 0 < used.count(3 - best) <= 10 * (ENOUGH_REPORTS + 1), "the other one is measured again, and seldom"


def test_what_becomes_slow_is_left() -> None:
    """Another program takes the second core."""
    choice = ThreadChoice()
    run(choice, {1: 10.0, 2: 15.0}.__getitem__, 2, 3 * ENOUGH_REPORTS)
    assert choice.threads == 2
    used = run(choice, {1: 10.0, 2: 4.0}.__getitem__, 2, 2 * ENOUGH_REPORTS)
    assert used[-1] == 1


def test_a_lone_share_is_one_thread() -> None:
    choice = ThreadChoice()
    run(choice, {1: 10.0, 2: 15.0}.__getitem__, 2, 3 * ENOUGH_REPORTS)
    choice.after_report(15.0, 1)
    assert choice.threads == 1
    assert set(run(choice, lambda threads: 10.0, 1, 3 * MEASURE_AGAIN)) == {1}


def test_a_lone_run_gives_its_cores_back_when_another_starts(dataset: Dataset) -> None:
    """Two real runs: the threads that each uses, seen where it trains."""
    recipe = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=1_000_000, validate_every=1_000_000)
    seen: dict[int, set[int]] = {0: set(), 1: set()}
    used = threading.Condition()

    def watched(recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device) -> object:
        def events() -> object:
            for event in train(recipe, dataset, control, device=device):
                if isinstance(event, Progress):
                    with used:
                        seen[recipe.seed].add(torch.get_num_threads())
                        used.notify_all()
                yield event

        return events()

    registry = JobRegistry(2, 2, 1, run=watched, cores=2)  # type: ignore[arg-type]
    try:
        first = registry.submit(Visitor("a"), recipe, "patterns", lambda tell: dataset)
        with used:
            assert used.wait_for(lambda: seen[0] == {1, 2}, WAIT), "alone, both numbers of threads are tried"
        second = registry.submit(Visitor("b"), replace(recipe, seed=1), "patterns", lambda tell: dataset)
        with used:
            assert used.wait_for(lambda: bool(seen[1]), WAIT)
            seen[0].clear()
            assert used.wait_for(lambda: bool(seen[0]), WAIT)
            seen[0].clear()  # the report that was under way
            assert used.wait_for(lambda: bool(seen[0]), WAIT)
        assert seen == {0: {1}, 1: {1}}
    finally:
        for job in (first, second):
            job.stop()
        registry.close(WAIT)
