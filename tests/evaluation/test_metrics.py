"""Scores against scikit-learn and slow loops; ties, collapse and distances that are no numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve
from torch import Tensor

from siamese import SiameseError
from siamese.evaluation import metrics

SEEDS = range(4)
# Few distinct values make ties, in every mixture of the two kinds.
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
    lambda pairs: 0 < sum(same for _, same in pairs) < len(pairs)
)


def drawn(seed: int, n: int = 300, step: float = 0.0) -> tuple[Tensor, Tensor]:
    """Distances in which same pairs tend to be nearer, tied to multiples of step where it is not 0."""
    generator = torch.Generator().manual_seed(seed)
    same = torch.rand(n, generator=generator) < 0.4
    distance = torch.rand(n, generator=generator) + 0.4 * (~same)
    return ((distance / step).round() * step if step else distance), same


def unzip(pairs: list[tuple[int, bool]]) -> tuple[Tensor, Tensor]:
    values, same = zip(*pairs, strict=True)
    return torch.tensor(values) / 4, torch.tensor(same)


@pytest.mark.parametrize("step", [0.0, 0.1])
@pytest.mark.parametrize("seed", SEEDS)
def test_against_scikit_learn(seed: int, step: float) -> None:
    distance, same = drawn(seed, step=step)
    assert metrics.auc(distance, same) == pytest.approx(roc_auc_score(same, -distance), abs=1e-12)
    false_accept, true_accept, _ = roc_curve(same, -distance, drop_intermediate=False)
    curve = metrics.roc(distance, same)
    np.testing.assert_allclose(curve.false_accept, false_accept)
    np.testing.assert_allclose(curve.true_accept, true_accept)
    for limit in (0.01, 0.1, 1.0):
        expected = true_accept[false_accept <= limit].max()
        assert metrics.true_accept_at(distance, same, limit) == pytest.approx(expected)
    # The equal error rate by bisection along the same polygon, measured by its length in both rates.
    walk = false_accept + true_accept
    low, high = 0.0, 2.0
    for _ in range(80):
        middle = (low + high) / 2
        accepted, found = np.interp(middle, walk, false_accept), np.interp(middle, walk, true_accept)
        low, high = (middle, high) if accepted + found < 1 else (low, middle)
    assert metrics.eer(distance, same) == pytest.approx(np.interp(low, walk, false_accept), abs=1e-9)


@settings(deadline=None)
@given(PAIRS)
def test_scores_with_ties(pairs: list[tuple[int, bool]]) -> None:
    """AUC by counting, every ROC point by its own threshold, and the best threshold by trying all."""
    distance, same = unzip(pairs)
    near, far = distance[same].tolist(), distance[~same].tolist()
    won = sum((a < b) + 0.5 * (a == b) for a in near for b in far)
    assert metrics.auc(distance, same) == pytest.approx(won / len(near) / len(far))
    assert metrics.auc(distance, same) == pytest.approx(roc_auc_score(same, -distance))

    curve = metrics.roc(distance, same)
    assert (curve.thresholds.diff() > 0).all()
    for accepted, found, threshold in zip(*(part.tolist() for part in curve), strict=True):
        judged = metrics.verdict(distance, threshold)
        assert judged[same].double().mean().item() == pytest.approx(found)
        assert judged[~same].double().mean().item() == pytest.approx(accepted)

    best = metrics.best_threshold(distance, same)
    reached = balanced_accuracy_score(same, metrics.verdict(distance, best))
    tried = [balanced_accuracy_score(same, distance < t) for t in np.arange(-0.125, 2, 0.25)]
    assert reached == pytest.approx(max(tried))
    assert metrics.pair_accuracy(distance, same, best) == pytest.approx(np.mean((distance < best).eq(same).tolist()))
    assert 0 <= metrics.eer(distance, same) <= 1


@settings(deadline=None)
@given(PAIRS)
def test_turning_distances_round_turns_the_scores_round(pairs: list[tuple[int, bool]]) -> None:
    distance, same = unzip(pairs)
    assert metrics.auc(-distance, same) == pytest.approx(1 - metrics.auc(distance, same))
    assert metrics.eer(-distance, same) == pytest.approx(1 - metrics.eer(distance, same))


def test_by_hand() -> None:
    distance = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    same = torch.tensor([True, True, False, True, False, False])
    assert metrics.auc(distance, same) == pytest.approx(8 / 9)
    assert metrics.eer(distance, same) == pytest.approx(1 / 3)
    assert metrics.true_accept_at(distance, same) == pytest.approx(2 / 3)
    assert metrics.best_threshold(distance, same) == pytest.approx(0.25)
    assert metrics.pair_accuracy(distance, same, 0.25) == pytest.approx(5 / 6)
    assert metrics.pair_accuracy(distance, same, 0.45) == pytest.approx(5 / 6)


def test_a_pair_at_the_threshold_is_different() -> None:
    assert metrics.verdict(torch.tensor([0.4, 0.5, 0.6]), 0.5).tolist() == [True, False, False]


def test_perfect_separation() -> None:
    distance, same = torch.tensor([0.1, 0.2, 0.8, 0.9]), torch.tensor([True, True, False, False])
    assert metrics.auc(distance, same) == 1 and metrics.eer(distance, same) == 0
    assert metrics.true_accept_at(distance, same) == 1
    assert metrics.best_threshold(distance, same) == pytest.approx(0.5)


@pytest.mark.parametrize("value", [0.0, 1e-7, 0.5])
def test_a_collapsed_network_scores_chance(value: float) -> None:
    distance, same = torch.full((40,), value), torch.arange(40) < 20
    assert metrics.auc(distance, same) == 0.5
    assert metrics.eer(distance, same) == 0.5
    assert metrics.true_accept_at(distance, same) == 0
    threshold = metrics.best_threshold(distance, same)
    assert metrics.pair_accuracy(distance, same, threshold) == 0.5
    score = metrics.oneshot_accuracy(torch.full((30, 20, 1), value), torch.arange(30) % 20)
    assert score.accuracy == pytest.approx(1 / 20)
    labels = torch.arange(5).repeat_interleave(4)
    assert metrics.precision_at_1(torch.full((20, 20), value), labels) == pytest.approx(3 / 19)


@pytest.mark.parametrize("steps", [0, 1])
def test_thresholds_between_neighbouring_float32_numbers_still_part_them(steps: int) -> None:
    """Of two neighbours one has an even last bit, to which the midpoint would round; either may be the lower."""
    low = torch.tensor([0.7])
    for _ in range(steps):
        low = torch.nextafter(low, torch.tensor([1.0]))
    high = torch.nextafter(low, torch.tensor([1.0]))
    distance, same = torch.cat([low, high]), torch.tensor([True, False])
    threshold = metrics.best_threshold(distance, same)
    assert metrics.verdict(distance, threshold).tolist() == [True, False]
    curve = metrics.roc(distance, same)
    assert [metrics.verdict(distance, t).sum().item() for t in curve.thresholds.tolist()] == [0, 1, 2]


@pytest.mark.parametrize("seed", SEEDS)
def test_oneshot_against_a_loop(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    distances = torch.randint(0, 4, (60, 5, 2), generator=generator).float()
    answer = torch.randint(5, (60,), generator=generator)
    credit = 0.0
    for trial, right in zip(distances.tolist(), answer.tolist(), strict=True):
        means = [sum(shots) / 2 for shots in trial]
        tied = [way for way in range(5) if means[way] == min(means)]
        credit += (right in tied) / len(tied)
    score = metrics.oneshot_accuracy(distances, answer)
    assert score.accuracy == pytest.approx(credit / 60)
    assert score[3:] == (5, 2, 60)


def test_the_interval_is_wilsons() -> None:
    """Against its definition: the two shares p at which |accuracy − p| is 1.96 standard errors of p."""
    for right, trials in ((90, 100), (400, 400), (0, 50), (1, 1)):
        distances = torch.tensor([[0.0, 1.0]]).repeat(trials, 1).unsqueeze(2)
        answer = (torch.arange(trials) >= right).long()
        score = metrics.oneshot_accuracy(distances, answer)
        assert score.accuracy == pytest.approx(right / trials)
        shares = np.linspace(0, 1, 200_001)
        inside = shares[(score.accuracy - shares) ** 2 <= 1.959964**2 * shares * (1 - shares) / trials + 1e-15]
        assert (score.low, score.high) == pytest.approx((inside.min(), inside.max()), abs=2e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_precision_at_1_against_a_loop(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0, 1, 0, 2, 1, 1, 0, 3])
    distances = torch.randint(0, 3, (8, 8), generator=generator).float()
    distances.fill_diagonal_(0)
    credits = []
    for i in range(8):
        others = [j for j in range(8) if j != i]
        nearest = [j for j in others if distances[i, j] == min(distances[i, k] for k in others)]
        if any(labels[j] == labels[i] for j in others):
            credits.append(sum(labels[j].item() == labels[i].item() for j in nearest) / len(nearest))
    before = distances.clone()
    assert metrics.precision_at_1(distances, labels) == pytest.approx(sum(credits) / len(credits))
    assert len(credits) == 6 and torch.equal(distances, before)


def test_precision_needs_a_class_with_two_images() -> None:
    with pytest.raises(SiameseError, match="None of the 3 images has another of its class"):
        metrics.precision_at_1(torch.rand(3, 3), torch.arange(3))


@pytest.mark.parametrize("seed", SEEDS)
def test_histogram_against_numpy(seed: int) -> None:
    distance, same = drawn(seed)
    edges, alike, apart = metrics.histogram(distance, same, 13, 1.1)
    assert edges == pytest.approx(np.linspace(0, 1.1, 14).tolist())
    for shares, chosen in ((alike, same), (apart, ~same)):
        counts, _ = np.histogram(distance[chosen].double().clamp(0, 1.1).numpy(), bins=13, range=(0, 1.1))
        assert shares == pytest.approx((counts / counts.sum()).tolist())
    assert metrics.histogram(distance, torch.zeros_like(same), 4, 1.0)[1] == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", SEEDS)
def test_collapse_is_noticed_and_nothing_else_is(seed: int) -> None:
    distance, same = drawn(seed)
    noise = torch.rand(300, generator=torch.Generator().manual_seed(seed + 50))
    assert metrics.collapse_warning(torch.full_like(distance, 0.5), same)
    assert metrics.collapse_warning(torch.zeros_like(distance), same)
    assert metrics.collapse_warning(0.5 + 0.01 * noise, same), "one distance, give or take"
    assert metrics.collapse_warning(1e-4 * noise, same), "one point, give or take"
    assert not metrics.collapse_warning(distance, same), "a network that has learnt"
    assert not metrics.collapse_warning(noise, same), "a network that has not learnt yet, but spreads its images"
    assert not metrics.collapse_warning(0.5 + 0.01 * distance, same), "little contrast, but the right order"


NAN_CALLS = {
    "roc": lambda d, s: metrics.roc(d, s),
    "auc": lambda d, s: metrics.auc(d, s),
    "eer": lambda d, s: metrics.eer(d, s),
    "true_accept_at": lambda d, s: metrics.true_accept_at(d, s),
    "best_threshold": lambda d, s: metrics.best_threshold(d, s),
    "pair_accuracy": lambda d, s: metrics.pair_accuracy(d, s, 0.5),
    "histogram": lambda d, s: metrics.histogram(d, s, 4, 1.0),
    "collapse_warning": lambda d, s: metrics.collapse_warning(d, s),
    "oneshot_accuracy": lambda d, s: metrics.oneshot_accuracy(d.view(2, 2, 1), s[:2].long()),
    "precision_at_1": lambda d, s: metrics.precision_at_1(d.view(2, 2), torch.zeros(2)),
}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NAN_CALLS)
def test_distances_that_are_no_numbers_are_told(name: str, bad: float) -> None:
    with pytest.raises(SiameseError, match="1 of 4 distances are not finite numbers: training has diverged"):
        NAN_CALLS[name](torch.tensor([0.1, bad, 0.3, 0.4]), torch.tensor([True, False, True, False]))


@pytest.mark.parametrize(
    ("same", "message"),
    [([True, True], "no different pairs among the 2"), ([False, False], "no same pairs among the 2"), ([], "no pairs")],
)
def test_scores_that_need_both_kinds_say_so(same: list[bool], message: str) -> None:
    marks = torch.tensor(same, dtype=torch.bool)
    for name in ("roc", "auc", "eer", "true_accept_at", "best_threshold", "collapse_warning"):
        with pytest.raises(SiameseError, match=message):
            NAN_CALLS[name](torch.rand(len(same)), marks)


def test_lengths_that_differ_are_told() -> None:
    with pytest.raises(SiameseError, match="3 distances and 2 marks"):
        metrics.pair_accuracy(torch.rand(3), torch.tensor([True, False]), 0.5)
