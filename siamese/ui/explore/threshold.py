"""Which threshold: sends the distances of test pairs once; then the page counts the errors of any threshold itself."""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.evaluation import metrics
from siamese.evaluation.protocols import PAIRS
from siamese.evaluation.validation import most_pairs
from siamese.learning.sampling import fixed_pairs
from siamese.ui.explore.cards import scale_of, test_cards
from siamese.ui.explore.source import Source, in_worker

WORST = 10  # pairs of each kind with pictures: the worst errors at any threshold
FEW_STRANGERS = 0.01  # share of different pairs below the threshold named "few"


def thresholds(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """The distances of up to 10,000 balanced test pairs (seed 0), and the thresholds with a name.

    options: step (see Source.judged).
    """
    return in_worker(lambda: _thresholds(source, options))


def _thresholds(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    test = source.judged(options.get("step"))
    checkpoint, bank = test.checkpoint, test.bank
    count = min(PAIRS, most_pairs(bank))
    if count < 2:
        raise SiameseError("The test part is too small for a same and a different pair; choose larger data.")
    pairs = fixed_pairs(bank, count, 0)
    distances = test.judge.dissimilarities(pairs.left, pairs.right)
    named = named_thresholds(distances, pairs.same) | {"validation": checkpoint.threshold}
    worst = {}
    for kind, of_kind, descending in (("same", pairs.same, True), ("different", ~pairs.same, False)):
        numbers = of_kind.nonzero().flatten()
        numbers = numbers[distances[numbers].argsort(descending=descending, stable=True)][:WORST]
        parts = (pairs.left, pairs.right, pairs.same, distances)
        worst[kind] = test_cards(checkpoint.recipe, bank, zip(*(part[numbers].tolist() for part in parts)))
    return {
        "step": checkpoint.step,
        "same": _encode(distances[pairs.same]),
        "different": _encode(distances[~pairs.same]),
        "thresholds": named,
        "eer": metrics.eer(distances, pairs.same),
        "scale": scale_of(distances, float(distances.max()), *named.values()),
        "worst": worst,
        "unseen": test.dataset.unseen,
    }


def named_thresholds(distances: Tensor, same: Tensor) -> dict[str, float]:
    """best: most pairs right.  equal: both errors equally frequent.  few: at most 1 of 100 different pairs accepted."""
    curve = metrics.roc(distances, same)
    gap = (curve.false_accept + curve.true_accept - 1).abs()
    few = curve.false_accept <= FEW_STRANGERS
    return {
        "best": metrics.best_threshold(distances, same),
        "equal": float(curve.thresholds[gap.argmin()]),
        "few": float(curve.thresholds[few][-1]),
    }


def _encode(distances: Tensor) -> str:
    """The distances in rising order, as base64 of little-endian float32."""
    return base64.b64encode(distances.sort().values.to(torch.float32).numpy().astype("<f4").tobytes()).decode()
