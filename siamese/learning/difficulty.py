"""Triplets by difficulty: easy, semi-hard or hard (Schroff, Kalenichenko & Philbin 2015)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

EASY, SEMI_HARD, HARD = 0, 1, 2


class Difficulties(NamedTuple):
    """How many triplets are of each kind."""

    easy: int
    semi_hard: int
    hard: int


def difficulty(positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """EASY, SEMI_HARD or HARD for each triplet, int8 [n].

    positive, negative: float [n], the anchor's distances to its positive and its negative. A hard triplet has the
    negative nearer than the positive; in a semi-hard one it is farther, but by less than the margin; in an easy one by
    the margin or more, so that a hinge has nothing left to teach.
    """
    kinds = torch.where(negative < positive, HARD, torch.where(negative < positive + margin, SEMI_HARD, EASY))
    return kinds.to(torch.int8)


def count_difficulties(distances: Tensor, same: Tensor, itself: Tensor, margin: float) -> Difficulties:
    """Counts the triplets of a batch of each kind, without a list of them.

    distances: float [B, B], row a holds anchor a's; same, itself: bool [B, B], as in Batch. Each anchor with each other
    image of its class and each image of another one is a triplet.
    """
    positive = same & ~itself
    negatives = distances.masked_fill(same, torch.inf).sort(1).values.contiguous()
    each = (~same).sum(1, keepdim=True)
    hard = torch.minimum(torch.searchsorted(negatives, distances.contiguous()), each)
    not_easy = torch.minimum(torch.searchsorted(negatives, (distances + margin).contiguous()), each)
    total = int((positive * each).sum())
    hards, not_easies = int(hard[positive].sum()), int(not_easy[positive].sum())
    return Difficulties(total - not_easies, not_easies - hards, hards)
