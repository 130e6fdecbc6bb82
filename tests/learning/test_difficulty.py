"""Kinds of triplets against a slow look at every triplet."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.learning.difficulty import EASY, HARD, SEMI_HARD, count_difficulties, difficulty


def test_the_three_kinds_by_hand() -> None:
    positive, negative = torch.tensor([0.5] * 5), torch.tensor([0.4, 0.5, 0.6, 0.7, 0.9])
    assert difficulty(positive, negative, 0.2).tolist() == [HARD, SEMI_HARD, SEMI_HARD, EASY, EASY]


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    margin=st.sampled_from([0.0, 0.25, 0.5]),
    seed=st.integers(0, 500),
)
def test_counts_equal_a_loop_over_all_triplets(labels: list[int], margin: float, seed: int) -> None:
    # Quarters, so that ties and exact margins occur. Of the images of each class two are the same one.
    n = len(labels)
    images = [labels[i] if labels[:i].count(labels[i]) < 2 else 10 + i for i in range(n)]
    distances = torch.randint(0, 5, (n, n), generator=torch.Generator().manual_seed(seed)) / 4
    distances = ((distances + distances.T) / 2).fill_diagonal_(0)
    counts = [0, 0, 0]
    for a in range(n):
        for p in range(n):
            for other in range(n):
                if images[a] != images[p] and labels[a] == labels[p] and labels[a] != labels[other]:
                    counts[int(difficulty(distances[a, p][None], distances[a, other][None], margin))] += 1
    classes, index = torch.tensor(labels), torch.tensor(images)
    counted = count_difficulties(distances, classes[:, None] == classes, index[:, None] == index, margin)
    assert list(counted) == counts
