"""An exception in any stage of a run, SystemExit included, ends that run with a sentence, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from siamese.data.bank import Dataset
from siamese.evaluation.validation import Validator
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training import loop, step
from siamese.training.jobs.job import Visitor
from siamese.training.jobs.registry import JobRegistry

STAGES: dict[str, tuple[Any, str]] = {
    "the network is built": (step, "build_network"),
    "validation is prepared": (loop, "Validator"),
    "the network is validated": (Validator, "__call__"),
    "a step is taken": (step.TrainingStep, "__call__"),
    "the best checkpoint is kept": (loop, "make_checkpoint"),
    "the weights are written": (Checkpoint, "to_bytes"),
}


@pytest.fixture
def registry() -> Iterator[JobRegistry]:
    registry = JobRegistry(1, 1, threads=1, device=torch.device("cpu"), memory=10**9)
    yield registry
    registry.close(60)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("stage", ["the data is loaded", *STAGES])
def test_a_run_that_breaks_takes_no_other_with_it(
    registry: JobRegistry, dataset: Dataset, stage: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise error("/secret/path")

    def submit(owner: str, load: Any = lambda progress: dataset) -> Any:
        return registry.submit(Visitor(owner), Recipe(encoder="strided", steps=2, batch_size=4), "patterns", load)

    with monkeypatch.context() as patch:
        if stage in STAGES:
            patch.setattr(*STAGES[stage], breaks)
        broken = submit("unlucky", *([breaks] if stage not in STAGES else []))
        assert broken.ended.wait(60)
    assert broken.state == "failed"
    assert str(broken.error).endswith(".") and "/secret" not in str(broken.error)
    following = submit("lucky")
    assert following.ended.wait(60)
    assert following.state == "done", following.error
