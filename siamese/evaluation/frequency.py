"""How often something is true at a distance, estimated from examples: isotonic regression."""

from __future__ import annotations

import torch
from torch import Tensor

from siamese.models.calibration import Frequency

LEAST = 25  # examples in a step; fewer are too few for "8 of 10"


def rising_frequency(distance: Tensor, holds: Tensor) -> Frequency:
    """The share of true examples as a function that rises with distance: float [n], bool [n], n at least 1.

    Pool-adjacent-violators (Ayer et al. 1955; for calibration Zadrozny & Elkan 2002): the rising step function with the
    least squared error. Steps of fewer than LEAST examples are joined to their neighbour; each step then reaches from its
    first distance to its last with (k + ½) / (n + 1) of its k of n examples, so that no finite sample says "always".
    """
    distance, order = distance.detach().cpu().double().sort()
    values, places = torch.unique_consecutive(distance, return_inverse=True)
    count = torch.bincount(places).double()
    found = torch.zeros(len(values), dtype=torch.float64).index_add_(0, places, holds.cpu()[order].double())
    blocks: list[list[float]] = []  # examples, those that hold, first and last distance
    for n, k, at in zip(count.tolist(), found.tolist(), values.tolist()):
        blocks.append([n, k, at, at])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            _join_last(blocks)
    joined: list[list[float]] = []
    for block in blocks:
        joined.append(block)
        if len(joined) > 1 and joined[-2][0] < LEAST:
            _join_last(joined)
    if len(joined) > 1 and joined[-1][0] < LEAST:
        _join_last(joined)
    shares = torch.tensor([(k + 0.5) / (n + 1) for n, k, *_ in joined], dtype=torch.float64)
    shares = torch.cummax(shares, 0).values.repeat_interleave(2)
    return Frequency(tuple(end for *_, first, last in joined for end in (first, last)), tuple(shares.tolist()))


def _join_last(blocks: list[list[float]]) -> None:
    last = blocks.pop()
    before = blocks[-1]
    blocks[-1] = [before[0] + last[0], before[1] + last[1], before[2], last[3]]
