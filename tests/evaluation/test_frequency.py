"""Isotonic regression against a slow search, and what a small sample may not say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from siamese.evaluation import frequency
from siamese.evaluation.frequency import rising_frequency


def slow_isotonic(holds: Tensor) -> Tensor:
    """Of each example in order of distance: the largest mean that begins at or before it, over the smallest that ends at
    or after it (the min-max formula of isotonic regression)."""
    n = len(holds)
    means = [[float(holds[i : j + 1].float().mean()) for j in range(n)] for i in range(n)]
    return torch.tensor([max(min(means[i][j] for j in range(k, n)) for i in range(k + 1)) for k in range(n)])


@given(st.lists(st.booleans(), min_size=1, max_size=25))
def test_it_is_isotonic_regression(holds: list[bool]) -> None:
    distance, marks = torch.arange(len(holds)).float(), torch.tensor(holds)
    least, frequency.LEAST = frequency.LEAST, 1
    try:
        found = rising_frequency(distance, marks)
    finally:
        frequency.LEAST = least
    expected = slow_isotonic(marks)
    sizes = torch.tensor([int((expected == v).sum()) for v in expected])
    shares = torch.cummax((expected * sizes + 0.5) / (sizes + 1), 0).values
    for at, share in zip(distance.tolist(), shares.tolist()):
        assert found.at(at) == pytest.approx(share, abs=1e-5)


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), min_size=1, max_size=300))
def test_it_never_falls_and_never_says_always(examples: list[tuple[float, bool]]) -> None:
    distance, holds = torch.tensor([d for d, _ in examples]), torch.tensor([h for _, h in examples])
    found = rising_frequency(distance, holds)
    values = [found.at(x / 10) for x in range(-5, 110)]
    assert all(a <= b + 1e-9 for a, b in zip(values, values[1:]))
    assert 0 < values[0] and values[-1] < 1


def test_few_examples_make_no_step_of_their_own() -> None:
    distance = torch.linspace(0, 1, 200)
    holds = distance > 0.5
    holds[-1], holds[0] = True, False
    assert len(rising_frequency(distance, holds).shares) == 4
    assert len(rising_frequency(distance[:30], holds[:30]).shares) == 2


def test_equal_distances_are_one_step() -> None:
    found = rising_frequency(torch.zeros(100), torch.arange(100) < 30)
    assert found.at(0.0) == found.at(5.0) == pytest.approx(30.5 / 101)
