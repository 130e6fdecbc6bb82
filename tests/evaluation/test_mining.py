"""Mined pairs against a slow look at every pair."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.evaluation import mining
from siamese.evaluation.judge import Judge
from siamese.evaluation.mining import MinedPairs, mine
from siamese.models.similarity import Similarity


def everything(judge: Judge, labels: torch.Tensor) -> list[tuple[float, bool, int, int]]:
    """(distance, same, left, right) of every pair, one at a time."""
    once = judge.left is judge.right
    matrix = judge.matrix()
    return [
        (float(matrix[i, j]), bool(labels[i] == labels[j]), i, j)
        for i, j in itertools.product(range(len(labels)), repeat=2)
        if (i < j if once else i != j)
    ]


def check(mined: MinedPairs, wanted: list[tuple[float, bool, int, int]], judge: Judge, labels: torch.Tensor) -> None:
    torch.testing.assert_close(mined.dissimilarity, torch.tensor([d for d, *_ in wanted]).float(), atol=1e-6, rtol=1e-6)
    own = judge.dissimilarities(mined.left, mined.right)
    torch.testing.assert_close(mined.dissimilarity, own, atol=1e-5, rtol=1e-5)
    assert mined.same.tolist() == (labels[mined.left] == labels[mined.right]).tolist()
    pairs = set(zip(mined.left.tolist(), mined.right.tolist()))
    assert len(pairs) == len(mined.left)


@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=7).filter(lambda c: sum(c) > 1),
    kind=st.sampled_from(["euclidean", "cosine", "manhattan", "learned"]),
    towers=st.booleans(),
    threshold=st.floats(0.0, 2.0),
    most=st.integers(1, 12),
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_every_order_equals_brute_force(
    counts: list[int], kind: str, towers: bool, threshold: float, most: int, rows: int, columns: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    left = torch.randn(len(labels), 5, generator=generator)
    right = torch.randn(len(labels), 5, generator=generator) if towers else left
    judge = Judge(Similarity(kind, 5), left, right)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining, "_ROWS", rows)
        patch.setattr(mining, "_COLUMNS", columns)
        mined = mine(judge, labels, threshold, most)
        by_three = mine(judge, labels, threshold, most, threads=3)
    for of_one, of_three in zip(vars(mined).values(), vars(by_three).values()):
        same_pairs = isinstance(of_one, MinedPairs) and all(map(torch.equal, of_one, of_three))
        assert same_pairs or (not isinstance(of_one, MinedPairs) and of_one == of_three)
    pairs = everything(judge, labels)
    same, different = [p for p in pairs if p[1]], [p for p in pairs if not p[1]]
    check(mined.hardest_same, sorted(same, reverse=True)[:most], judge, labels)
    check(mined.hardest_different, sorted(different)[:most], judge, labels)
    check(mined.nearest, sorted(pairs, key=lambda p: abs(p[0] - threshold))[:most], judge, labels)
    assert (mined.same, mined.different) == (len(same), len(different))
    # A distance within rounding of the threshold may fall on either side.
    unsure = sum(abs(d - threshold) < 1e-6 for d, *_ in pairs)
    wrong_same, wrong_different = sum(p[0] >= threshold for p in same), sum(p[0] < threshold for p in different)
    assert abs(mined.wrong_same - wrong_same) <= unsure and abs(mined.wrong_different - wrong_different) <= unsure
    worst = mined.mistakes
    if not unsure:
        assert bool(((worst.dissimilarity < threshold) != worst.same).all())
        assert len(worst.left) == min(most, wrong_same + wrong_different)
        for kind in (worst.same, ~worst.same):
            beyond = (worst.dissimilarity[kind] - threshold).abs()
            assert beyond.tolist() == sorted(beyond.tolist(), reverse=True)


def test_mistakes_share_the_places_between_both_kinds() -> None:
    points = torch.tensor([[0.0], [4.0], [8.0], [0.5], [4.5], [8.5]])
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    mined = mine(Judge(Similarity("euclidean", 1), points, points), labels, 2.0, 4)
    assert (mined.wrong_same, mined.wrong_different) == (6, 3)
    assert mined.mistakes.same.tolist() == [True, False, True, False]
    assert mined.mistakes.dissimilarity.tolist() == [8.0, 0.5, 8.0, 0.5]


def test_numbers_that_are_not_finite_get_a_sentence() -> None:
    points = torch.tensor([[0.0], [float("nan")]])
    judge = Judge(Similarity("euclidean", 1), points, points)
    with pytest.raises(SiameseError, match="not finite"):
        mine(judge, torch.tensor([0, 1]), 1.0, 3)
    with pytest.raises(SiameseError, match="at least 2 images"):
        mine(judge, torch.tensor([0]), 1.0, 3)
