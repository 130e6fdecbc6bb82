"""Runs as JSON and CSV, and data sets as folders: read back with other tools, they say what the run said."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import ImageFolder

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.data.catalogue import load_dataset
from siamese.export import files as export
from siamese.recipes import Recipe
from siamese.training.events import Progress
from siamese.training.jobs.history import RunHistory
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.training.loop import train

RECIPE = Recipe(encoder="strided", embedding_dim=8, batch_size=8, steps=6, validate_every=3)


def a_job(dataset: Dataset, recipe: Recipe = RECIPE) -> TrainingJob:
    job = TrainingJob(Visitor("me"), recipe, "patterns", lambda _: dataset)
    job.load()
    job.train(train, torch.device("cpu"), lambda: False)
    assert job.state == "done"
    return job


@pytest.fixture(scope="module")
def job(make_dataset: Callable[..., Dataset]) -> TrainingJob:
    return a_job(make_dataset(groups=2))


def strict(text: str) -> Any:
    """Parses JSON and refuses NaN and Infinity, which Python's parser would take."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_says_what_the_run_was(job: TrainingJob) -> None:
    run = strict(export.run_as_json(job.snapshot()))
    assert run["format"] == export.FORMAT
    assert Recipe().with_settings(run["recipe"]) == RECIPE
    assert run["data"] == {"name": "patterns", "title": "Patterns", "unseen": "classes"}
    assert run["versions"]["torch"] == torch.__version__
    assert run["device"].startswith("CPU")
    assert run["state"] == "done" and run["step"] == run["steps"] == 6
    history = job.history
    training, validation = run["curves"]["training"], run["curves"]["validation"]
    assert training["step"] == [1, 2, 3, 4, 5, 6]
    assert training["loss"] == pytest.approx(history.loss.values, abs=1e-5)
    assert validation["step"] == [v.step for v in history.validations]
    assert run["curves"]["collapse"] == {"loss": 0.25, "name": "m²/4"}
    assert sum(run["distances"]["same"]) == pytest.approx(1, abs=0.01)
    assert len(run["embedding_map"]["x"]) == len(run["embedding_map"]["y"]) > 0


def test_every_score_has_its_protocol_and_its_baseline(job: TrainingJob) -> None:
    scores = strict(export.run_as_json(job.snapshot()))["scores"]
    ours, baseline = job.history.validations[-1].scores, job.history.baseline
    assert baseline is not None
    for name in ("pair_accuracy", "auc", "eer", "oneshot"):
        assert scores[name]["value"] == pytest.approx(getattr(ours, name), abs=1e-4)
        assert scores[name]["raw_pixels"] == pytest.approx(getattr(baseline.scores, name), abs=1e-4)
    assert f"{ours.pairs} pairs of classes that training never shows, half of them same" in scores["auc"]["protocol"]
    assert scores["oneshot"]["protocol"].startswith(f"{ours.way}-way one-shot among ")
    assert scores["oneshot"]["guess"] == pytest.approx(1 / ours.way)
    assert f"{ours.trials} trials" in scores["oneshot"]["protocol"]


def test_json_of_a_run_that_has_not_begun(dataset: Dataset) -> None:
    job = TrainingJob(Visitor("me"), RECIPE, "glyphs", lambda _: dataset)
    run = strict(export.run_as_json(job.snapshot()))
    assert run["state"] == "waiting"
    assert run["scores"] is None and run["distances"] is None and run["embedding_map"] is None
    assert run["curves"]["training"]["loss"] == []


@given(
    st.recursive(st.floats() | st.text() | st.integers() | st.none() | st.booleans(), lambda v: st.lists(v, max_size=3))
)
def test_whatever_a_snapshot_holds_the_json_is_strict(job: TrainingJob, value: Any) -> None:
    snapshot = job.snapshot() | {"seconds": value, "device": value}
    run = strict(export.run_as_json(snapshot))
    if isinstance(value, float):
        assert run["seconds"] == (value if math.isfinite(value) else None)


def rows_of(history: RunHistory) -> list[dict[str, str]]:
    return list(csv.DictReader(export.run_as_csv(history).splitlines()))


def test_csv_has_a_row_for_every_point(job: TrainingJob) -> None:
    history = job.history
    rows = rows_of(history)
    assert [int(row["step"]) for row in rows] == list(range(7))
    by_step = {int(row["step"]): row for row in rows}
    for step, seconds, value in zip(history.loss.steps, history.loss.seconds, history.loss.values, strict=True):
        assert float(by_step[step]["training loss"]) == pytest.approx(value, rel=1e-5)
        assert float(by_step[step]["time (s)"]) == pytest.approx(seconds, abs=1e-3)
    validated = {v.step: v for v in history.validations}
    way = history.validations[0].scores.way
    for step, row in by_step.items():
        if step not in validated:
            assert row["pair accuracy (0 to 1)"] == row["validation loss"] == ""
            continue
        scores = validated[step].scores
        expected = {
            "validation loss": validated[step].loss,
            "pair accuracy (0 to 1)": scores.pair_accuracy,
            "ROC AUC (0 to 1)": scores.auc,
            "equal error rate (0 to 1)": scores.eer,
            f"{way}-way one-shot accuracy (0 to 1)": scores.oneshot,
            "threshold (dissimilarity)": scores.threshold,
        }
        assert {name: float(row[name]) for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert by_step[0]["training loss"] == ""


def test_csv_leaves_out_what_is_no_finite_number() -> None:
    history = RunHistory(RECIPE)
    history.add(Progress(3, (0.5, math.nan, math.inf), 1.5, 2.0, 16.0, 0.1, 1.0))
    rows = rows_of(history)
    assert [row["training loss"] for row in rows] == ["0.5", "", ""]
    assert [row["step"] for row in rows] == ["1", "2", "3"]


def test_csv_of_nothing_is_its_header() -> None:
    assert rows_of(RunHistory(RECIPE)) == []


# -- data sets as folders


@pytest.mark.parametrize("channels", [1, 3])
def test_a_data_set_comes_back_as_it_was(channels: int, make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset(classes=12, each=3, channels=channels)
    assert export.write_dataset(dataset, tmp_path / "data") == 3 * 36
    again = load_dataset(str(tmp_path / "data"))
    for part in ("train", "validation", "test"):
        ours, theirs = getattr(dataset, part), getattr(again, part)
        assert torch.equal(theirs.images, ours.images)
        assert torch.equal(theirs.counts, ours.counts)
        assert [name.split(" ", 1)[1] for name in theirs.class_names] == list(ours.class_names)


def test_class_folders_sort_as_the_classes_do(tmp_path: Path) -> None:
    """Whatever the names are: alike but for their case, empty, with slashes, longer than a file name may be."""
    names = ["a", "A", "", "../up", "alphabet/letter", "Ω ω.", "x" * 300, "\u4e2d" * 300, 'quo"te', "a", "nul", "tab\t"]
    images = torch.arange(len(names) * 2).byte().view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    bank = ImageBank.from_labels(images, torch.arange(len(names)).repeat_interleave(2), names)
    assert export.write_class_folders(bank, tmp_path / "train") == len(images)
    folder = ImageFolder(str(tmp_path / "train"))
    assert folder.targets == bank.labels.tolist()
    assert [image.getpixel((0, 0))[0] for image, _ in folder] == list(range(len(images)))
    written = {path.relative_to(tmp_path / "train").parts[0] for path in (tmp_path / "train").rglob("*.png")}
    assert len({name.lower() for name in written}) == len(names)
    assert not any(set(name) & set('/\\:*?"<>|\t') or name.endswith((".", " ")) for name in written)
    assert max(len(name.encode()) for name in written) <= 255


def test_more_than_nine_images_keep_their_order(tmp_path: Path) -> None:
    images = torch.arange(120).byte().view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    bank = ImageBank.from_labels(images, torch.zeros(120, dtype=torch.long), ["all"])
    export.write_class_folders(bank, tmp_path / "train")
    folder = ImageFolder(str(tmp_path / "train"))
    assert [image.getpixel((0, 0))[0] for image, _ in folder] == list(range(120))


def test_the_second_domain_lies_beside(make_bank: Callable[..., ImageBank], tmp_path: Path) -> None:
    bank = make_bank(classes=3, each=2, partner=True)
    assert bank.partner is not None
    assert export.write_class_folders(bank, tmp_path / "train") == 12
    for name, expected in (("train", bank.images), ("train-partner", bank.partner)):
        folder = ImageFolder(str(tmp_path / name))
        written = torch.tensor([list(image.convert("L").tobytes()) for image, _ in folder], dtype=torch.uint8)
        assert torch.equal(written.view(expected.shape), expected)
        assert folder.targets == bank.labels.tolist()


def test_a_folder_that_holds_something_is_left_alone(make_bank: Callable[..., ImageBank], tmp_path: Path) -> None:
    bank = make_bank(classes=3, each=2, partner=True)
    (tmp_path / "train-partner").mkdir()
    (tmp_path / "train-partner" / "mine.txt").write_text("mine")
    with pytest.raises(SiameseError, match='There is something in "train-partner" already') as refusal:
        export.write_class_folders(bank, tmp_path / "train")
    assert str(tmp_path) not in str(refusal.value)
    assert not (tmp_path / "train").exists()


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(
    make_bank: Callable[..., ImageBank], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SiameseError, match='"train" cannot be written') as refusal:
        export.write_class_folders(make_bank(classes=2, each=2), tmp_path / "file" / "train")
    assert str(tmp_path) not in str(refusal.value)


def test_the_recipe_of_the_json_trains_again(job: TrainingJob, make_dataset: Callable[..., Dataset]) -> None:
    run = strict(export.run_as_json(job.snapshot()))
    again = a_job(make_dataset(groups=2), Recipe().with_settings(run["recipe"]))
    assert again.history.loss.values == job.history.loss.values
    assert replace(again.recipe, seed=1) != RECIPE
