"""What the page hands out: a file for every kind, a sentence for everything else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from siamese.data.bank import Dataset
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import recipe_named
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.ui.lab import Lab, open_lab
from siamese.ui.settings import Settings
from siamese.ui.train import take_home


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    opened = open_lab(Settings(tmp_path_factory.mktemp("lab"), torch.device("cpu"), jobs=1, workers=1, threads=1))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def job(lab: Lab, dataset: Dataset) -> TrainingJob:
    """A finished run of ten steps."""
    recipe = replace(recipe_named("contrastive-pairs"), steps=10, validate_every=5, encoder="strided", batch_size=16)
    submitted = lab.jobs.submit(Visitor("me"), recipe, "glyphs", lambda progress: dataset)
    assert submitted.ended.wait(60) and submitted.state == "done", submitted.error
    return submitted


@pytest.mark.parametrize("kind", take_home.FILES)
def test_every_kind_is_handed_out(job: TrainingJob, kind: str) -> None:
    for key in (job.id, job.watch_id):
        answer = take_home.download([key, kind])
        assert "error" not in answer
        assert answer["name"].startswith("glyphs-contrastive-pairs-") and base64.b64decode(answer["base64"])


def test_the_weights_are_the_runs_best(job: TrainingJob, tmp_path: Path) -> None:
    content = base64.b64decode(take_home.download([job.id, "weights"])["base64"])
    assert Checkpoint.from_bytes(content).step <= 10


def test_the_json_is_strict(job: TrainingJob) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    content = base64.b64decode(take_home.download([job.id, "json"])["base64"])
    json.loads(content, parse_constant=refuse)


@pytest.mark.parametrize("wrong", [None, [], ["x"], ["no-such-key", "weights"], [1, 2], "text", {"a": 1}, [["a"], {}]])
def test_anything_else_gets_a_sentence(lab: Lab, wrong: object) -> None:
    assert "no run" in take_home.download(wrong)["error"]["en"]


def test_an_unknown_kind_gets_a_sentence(job: TrainingJob) -> None:
    assert "choose weights" in take_home.download([job.id, "../secrets"])["error"]["en"]


def test_weights_before_the_end_get_a_sentence(lab: Lab, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = lab.jobs.submit(Visitor("other"), recipe_named("fast"), "glyphs", lambda progress: dataset, paused=True)
    try:
        assert "when a run ends" in take_home.download([waiting.id, "weights"])["error"]["en"]
    finally:
        waiting.stop()
