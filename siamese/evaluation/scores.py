"""What a validation says of a network: its scores, the distances of its pairs and its map, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """How well a network does on a fixed sample of pairs and episodes. Shares from 0 to 1.

    pair_accuracy is at `threshold`; oneshot is way-way with one example each, over `trials` trials.
    """

    pair_accuracy: float
    auc: float
    eer: float
    threshold: float
    oneshot: float
    way: int
    trials: int
    within_group: bool
    pairs: int


@dataclass(frozen=True)
class Validation:
    """The network seen from outside, on images it is not trained on.

    loss: the training loss on fixed validation batches. edges, same, different: histogram of the dissimilarity of same
    and of different pairs (shares that sum to 1 each; len(edges) = len(same) + 1). overlap: share of pairs on the wrong
    side of the threshold. x, y: the embedding map; explained: share of the variance it shows.
    """

    step: int
    seconds: float
    loss: float
    scores: Scores
    overlap: float
    edges: tuple[float, ...]
    same: tuple[float, ...]
    different: tuple[float, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    explained: float
    collapsed: bool
