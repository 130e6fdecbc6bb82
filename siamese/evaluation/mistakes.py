"""The pairs of unseen images that a trained network gets most wrong: the quickest way to see what it goes by."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation.protocols import Evaluator
from siamese.evaluation.validation import PAIRS, most_pairs, validation_pool
from siamese.learning.sampling import fixed_pairs


@dataclass(frozen=True, eq=False)
class Mistakes:
    """bank: of the images, as the data set holds them.  left, right: int64 [n], images of it; same: bool [n], the
    truth, which the verdict is not; dissimilarity: float32 [n]; the worst first, same and different pairs in turn.
    wrong, asked: how many pairs were judged wrongly, of how many."""

    bank: ImageBank
    left: Tensor
    right: Tensor
    same: Tensor
    dissimilarity: Tensor
    wrong: int
    asked: int


def worst_mistakes(evaluator: Evaluator, dataset: Dataset, most: int, seed: int) -> Mistakes:
    """The at most `most` worst of the network's mistakes on up to 2,000 balanced pairs of the test part.

    Asked are pairs of at most 800 images, drawn with the seed and judged at the network's threshold; the worst are
    farthest from it, half of them same pairs and half different ones as far as there are so many. Raises SiameseError
    for a test part without both kinds of pairs, and for a network whose embeddings are not finite.
    """
    bank = validation_pool(dataset.test)
    pairs = fixed_pairs(bank, min(PAIRS, most_pairs(bank)), seed)
    judge = evaluator.network_judge(evaluator.prepared(dataset, bank))
    distances = judge.dissimilarities(pairs.left, pairs.right)
    threshold = evaluator.checkpoint.threshold
    beyond = torch.where(pairs.same, distances - threshold, threshold - distances)
    # A dissimilarity at the threshold is "different", so a same pair there is a mistake and a different one is not.
    wrong = (distances < threshold) != pairs.same
    ranked = torch.argsort(beyond.masked_fill(~wrong, -torch.inf), descending=True)[: int(wrong.sum())]
    same, different = ranked[pairs.same[ranked]], ranked[~pairs.same[ranked]]
    half = most // 2
    of_same = min(len(same), max(half, most - len(different)))
    same, different = same[:of_same], different[: most - of_same]
    in_turn = [index for two in zip(same.tolist(), different.tolist()) for index in two]
    longer = same if len(same) > len(different) else different
    shown = torch.tensor(in_turn + longer[len(in_turn) // 2 :].tolist(), dtype=torch.long)
    return Mistakes(
        bank,
        pairs.left[shown],
        pairs.right[shown],
        pairs.same[shown],
        distances[shown],
        int(wrong.sum()),
        len(pairs.same),
    )
