"""One against many: the order, the answer, "none of these", and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from siamese import SiameseError
from siamese.comparison.compare import MOST_KEPT, Comparer
from siamese.comparison.nearest import MOST_PICTURES, MOST_THINGS, rank
from siamese.data.bank import Dataset
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train


@pytest.fixture(scope="module")
def comparer(make_dataset: Callable[..., Dataset]) -> Comparer:
    recipe = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=40, similarity="euclidean")
    *_, end = train(recipe, make_dataset(classes=12, each=10), device=torch.device("cpu"))
    assert isinstance(end, Finished) and end.best is not None
    return Comparer(Checkpoint.from_bytes(end.best))


def test_the_nearest_comes_first_by_its_nearest_picture(comparer: Comparer) -> None:
    at = lambda x: torch.tensor([x] + [0.0] * 7)  # noqa: E731
    answer = rank(comparer, at(0.0), {"far": [at(0.9)], "near": [at(0.5), at(0.1)], "middle": [at(0.4)]})
    assert [(one.name, one.picture) for one in answer.ranking] == [("near", 1), ("middle", 0), ("far", 0)]
    assert [one.dissimilarity for one in answer.ranking] == pytest.approx([0.1, 0.4, 0.9])


def test_none_of_these_is_beyond_the_threshold_of_such_a_board(comparer: Comparer) -> None:
    calibration = comparer.checkpoint.calibration
    assert calibration is not None
    for things in (1, 2, 4, 8, 20):
        rule = calibration.board_rule(things)
        assert rule is not None and (rule.things >= min(things, calibration.board[-1].things))
        for away, none in ((0.999 * rule.threshold, False), (1.001 * rule.threshold, True)):
            newcomer = torch.zeros(8)
            board = {str(n): [torch.tensor([away + n] + [0.0] * 7)] for n in range(things)}
            answer = rank(comparer, newcomer, board)
            assert answer.none is none and answer.threshold == rule.threshold
            assert answer.wrong == pytest.approx(rule.wrong.at(answer.ranking[0].dissimilarity))


def test_without_calibration_the_threshold_of_pairs_decides(comparer: Comparer) -> None:
    plain = Comparer(replace(comparer.checkpoint, calibration=None))
    answer = rank(plain, torch.zeros(8), {"a": [torch.zeros(8)]})
    assert answer.wrong is None and answer.threshold == plain.checkpoint.threshold and not answer.none


def test_what_is_refused(comparer: Comparer) -> None:
    one = torch.zeros(8)
    for board in (
        {},
        {str(n): [one] for n in range(MOST_THINGS + 1)},
        {"empty": []},
        {"many": [one] * (MOST_PICTURES + 1)},
        {"nan": [torch.full((8,), torch.nan)]},
    ):
        with pytest.raises(SiameseError):
            rank(comparer, one, board)


def test_embeddings_are_kept_up_to_a_limit(comparer: Comparer) -> None:
    made = []

    def make() -> torch.Tensor:
        made.append(1)
        return torch.zeros(8)

    assert comparer.kept("a") is None
    assert comparer.kept("a", make) is comparer.kept("a", make) and len(made) == 1
    for n in range(MOST_KEPT):
        comparer.kept(str(n), make)
    assert comparer.kept("a") is None and comparer.kept(str(MOST_KEPT - 1)) is not None
