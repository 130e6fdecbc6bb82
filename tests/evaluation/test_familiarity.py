"""Pictures that a network was not made for: found, without false alarms on its own test data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from siamese.data.bank import Dataset
from siamese.data.folder import load_folder
from siamese.evaluation.familiarity import foreign, image_statistics, measure_familiarity
from siamese.evaluation.protocols import Evaluator
from siamese.models.checkpoint import Checkpoint

WEIGHTS = Path(__file__).parents[2] / "weights"


def share(checkpoint: Checkpoint, dataset: Dataset, images: int = 600) -> float:
    """The share of a data set's test images that are foreign to the network."""
    assert checkpoint.calibration is not None
    bank = Evaluator(checkpoint).prepared(dataset, dataset.test)
    marks = foreign(checkpoint.calibration.familiarity, bank.images[:: max(1, len(bank) // images)])
    return sum(marks) / len(marks)


def test_false_alarms_and_photographs(built_in: Callable[[str], Dataset]) -> None:
    glyphs, faces = (Checkpoint.load(WEIGHTS / f"{name}.safetensors") for name in ("glyphs", "doodle-faces"))
    assert share(glyphs, built_in("glyphs")) <= 0.02
    assert share(faces, built_in("doodle-faces")) <= 0.02
    assert share(glyphs, built_in("doodle-faces")) >= 0.9
    assert share(faces, built_in("glyphs")) >= 0.9


@pytest.mark.skipif("SIAMESE_TEST_DATA" not in os.environ, reason="SIAMESE_TEST_DATA names no folder of real data")
def test_photographs_of_people_are_found() -> None:
    photographs = load_folder(Path(os.environ["SIAMESE_TEST_DATA"]) / "att_faces" / "training")
    for name in ("glyphs", "doodle-faces"):
        assert share(Checkpoint.load(WEIGHTS / f"{name}.safetensors"), photographs) >= 0.9


def test_the_distance_against_a_slow_formula(dataset: Dataset) -> None:
    rule = measure_familiarity(dataset.train, dataset.validation)
    statistics = image_statistics(dataset.train.images)
    inverse = torch.linalg.inv(torch.cov(statistics.T) + 1e-4 * torch.eye(13, dtype=torch.float64))
    away = statistics - statistics.mean(0)
    distance = torch.einsum("nd,de,ne->n", away, inverse, away).sqrt()
    expected = (distance > rule.limit).tolist()
    assert foreign(rule, dataset.train.images) == expected and not any(expected)
    assert all(foreign(rule, torch.randint(2, (4, 1, 16, 16), dtype=torch.uint8) * 255))


def test_colour_and_grey_have_statistics_of_their_own() -> None:
    grey, colour = (torch.randint(256, (3, channels, 8, 8), dtype=torch.uint8) for channels in (1, 3))
    assert image_statistics(grey).shape == (3, 13) and image_statistics(colour).shape == (3, 18)
