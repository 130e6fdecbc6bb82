"""What a network's distances mean: the promises that are kept on images it was not calibrated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from siamese.data.bank import Dataset
from siamese.data.strokes import Hand, draw_strokes
from siamese.evaluation import metrics
from siamese.evaluation.calibration import calibrate, measure_hand
from siamese.evaluation.frequency import rising_frequency
from siamese.evaluation.protocols import Evaluator
from siamese.learning.sampling import fixed_pairs, sample_episodes
from siamese.models.calibration import Calibration
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train

WEIGHTS = Path(__file__).parents[2] / "weights"
RECIPE = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=40, precision="float32")


def finished(dataset: Dataset) -> Checkpoint:
    *_, end = train(RECIPE, dataset, device=torch.device("cpu"))
    assert isinstance(end, Finished) and end.best is not None
    return Checkpoint.from_bytes(end.best)


@pytest.fixture(scope="module")
def calibrated(make_dataset: Callable[..., Dataset]) -> tuple[Checkpoint, Dataset]:
    dataset = make_dataset(classes=12, each=10)
    return finished(dataset), dataset


@pytest.mark.parametrize(("name", "worse"), [("glyphs", 1.5), ("doodle-faces", 3.0)])
def test_of_pairs_called_8_of_10_different_7_to_9_are(
    name: str, worse: float, built_in: Callable[[str], Dataset]
) -> None:
    """Also of those called 2 of 10, and of those called more than 9 of 10 more than 9 are; on unseen test pairs."""
    checkpoint, dataset = Checkpoint.load(WEIGHTS / f"{name}.safetensors"), built_in(name)
    calibration = checkpoint.calibration
    assert calibration is not None, f"python -m siamese calibrate weights/{name}.safetensors"
    evaluator = Evaluator(checkpoint)
    bank = evaluator.prepared(dataset, dataset.test)
    pairs = fixed_pairs(bank, 10_000, seed=1)
    distance = evaluator.network_judge(bank).dissimilarities(pairs.left, pairs.right)
    called = torch.tensor([calibration.difference.at(d) for d in distance.tolist()])
    different = (~pairs.same).float()
    for tenths, low, high in ((8, 0.7, 0.9), (2, 0.1, 0.4)):
        chosen = (10 * called).round() == tenths
        if int(chosen.sum()) >= 50:
            assert low <= float(different[chosen].mean()) <= high
    assert float(different[called > 0.9].mean()) > 0.9 and float(different[called < 0.1].mean()) < 0.1
    # The frequencies of these very pairs are the best promise. On faces both logarithmic losses are below 0.03.
    ideal = rising_frequency(distance, ~pairs.same)
    best = F.binary_cross_entropy(torch.tensor([ideal.at(d) for d in distance.tolist()]), different)
    assert float(F.binary_cross_entropy(called, different)) < worse * float(best)
    # "Farther apart than n of 100 same pairs": nearly uniform over test pairs, and exactly so where nothing is unseen.
    below = torch.tensor([calibration.farther_than(d) for d in distance[pairs.same].tolist()]).float()
    assert 35 < float(below.median()) < 65


def test_boards_of_unseen_letters_drawn_by_a_bent_hand(built_in: Callable[[str], Dataset]) -> None:
    """Newcomers on the board are found and strangers turned away, about as often; a larger board asks for more."""
    checkpoint, dataset = Checkpoint.load(WEIGHTS / "glyphs.safetensors"), built_in("glyphs")
    calibration = checkpoint.calibration
    assert calibration is not None
    thresholds = [rule.threshold for rule in calibration.board]
    assert [rule.things for rule in calibration.board] == [1, 2, 3, 5, 8, 12, 20]
    assert thresholds == sorted(thresholds, reverse=True)
    evaluator = Evaluator(checkpoint)
    bank = evaluator.prepared(dataset, dataset.test)
    judge = evaluator.network_judge(bank)
    things, trials = 8, 1_000
    episodes = sample_episodes(bank, things + 1, 1, trials, 5, False)
    distance = judge.dissimilarities(episodes.query.repeat_interleave(things + 1), episodes.support.reshape(-1)).view(
        trials, things + 1
    )
    rule = calibration.board_rule(things)
    assert rule is not None
    strangers = distance.scatter(1, episodes.answer[:, None], torch.inf).amin(1)
    own = distance.gather(1, episodes.answer[:, None]).squeeze(1)
    found = ((own < rule.threshold) & (own < strangers)).float().mean()
    turned_away = (strangers >= rule.threshold).float().mean()
    assert float(found) > 0.75 and float(turned_away) > 0.75


def test_a_run_ends_calibrated_and_the_calibration_travels(calibrated: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, _ = calibrated
    calibration = checkpoint.calibration
    assert calibration is not None and calibration.pairs >= 100
    again = Checkpoint.from_bytes(checkpoint.to_bytes()).calibration
    assert again is not None and again == Calibration.from_dict(calibration.as_dict())


def test_percentiles_against_counting(calibrated: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, dataset = calibrated
    photographs = replace(checkpoint, dark_background=None, recipe=replace(checkpoint.recipe, augmentation="none"))
    calibration = calibrate(photographs, replace(dataset, dark_background=None)).calibration
    assert calibration is not None
    evaluator = Evaluator(photographs)
    bank = evaluator.prepared(dataset, dataset.validation)
    pairs = fixed_pairs(bank, calibration.pairs, 0)
    distance = evaluator.network_judge(bank).dissimilarities(pairs.left, pairs.right)
    for value in distance[:40].tolist():
        nearer = 100 * float((distance[pairs.same] < value).float().mean())
        farther = 100 * float((distance[~pairs.same] > value).float().mean())
        assert abs(calibration.farther_than(value) - nearer) <= 2
        assert abs(calibration.closer_than(value) - farther) <= 2
    threshold = metrics.best_threshold(distance, pairs.same)
    assert calibration.difference.at(threshold / 2) < 0.5 < calibration.difference.at(2 * threshold)


def test_too_few_pairs_say_nothing(make_dataset: Callable[..., Dataset]) -> None:
    assert finished(make_dataset(classes=3, each=3)).calibration is None


def test_damaged_calibrations_are_refused(calibrated: tuple[Checkpoint, Dataset]) -> None:
    calibration = calibrated[0].calibration
    assert calibration is not None
    good = calibration.as_dict()
    wrong = (
        good | {"same": good["same"][:50]},
        good | {"same": [float("nan"), *good["same"][1:]]},
        good | {"different": list(reversed(good["different"]))},
        good | {"difference": {"distances": [1, 0], "shares": [0, 1]}},
        good | {"difference": {"distances": [0, 1], "shares": [0, 1.5]}},
        good | {"familiarity": good["familiarity"] | {"factor": [1.0]}},
        good | {"hills": {"upper": 1, "same": [0.0] * 600, "different": [0.0] * 600}},
        good | {"board": [{"things": 1}]},
        {},
    )
    for values in wrong:
        with pytest.raises((ValueError, TypeError, LookupError)):
            Calibration.from_dict(values)


def test_the_hand_of_drawings_is_measured() -> None:
    """A square of known size, place and pen, by the same renderer as the page's drawings."""
    wanted = Hand(extent=0.5, off_centre=0.0, pen=0.1)
    square = (((0.1, 0.1), (0.3, 0.1), (0.3, 0.3), (0.1, 0.3), (0.1, 0.1)),)
    pixels = torch.frombuffer(bytearray(draw_strokes(square, 100, wanted).tobytes()), dtype=torch.uint8)
    hand = measure_hand(pixels.view(1, 1, 100, 100), dark_background=False)
    assert hand is not None
    assert hand.extent == pytest.approx(0.5, abs=0.02) and hand.off_centre <= 0.02
    assert hand.pen == pytest.approx(0.1, abs=0.015)
    assert measure_hand(torch.full((2, 1, 10, 10), 200, dtype=torch.uint8), dark_background=True) is None
