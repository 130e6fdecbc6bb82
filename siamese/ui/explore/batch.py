"""The wall: pairs of the batch that a run has just learnt from, or of the batch of a seed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from siamese.evaluation.metrics import best_threshold
from siamese.learning.forces import PairForces
from siamese.training.batch_record import BatchRecord, pictures
from siamese.ui.explore.cards import batch_names, batch_pictures, pair_card, scale_of
from siamese.ui.explore.source import Source

SIZES = (12, 32, 64)


def wall(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """`size` pairs of a batch, half of them same: the first ones, or those with the largest share of the loss.

    options: size; order ("drawn" or "loss"); seen (pictures as the network sees them); seed; guess (adds the verdict of
    raw pixels); have (the step on the page; without a newer one the answer is {"unchanged": True}).
    """
    job = source.job
    if source.alive and job is not None and options.get("have") == job.history.newest_step != 0:
        return {"unchanged": True}
    record = source.batch_record(options["seed"])
    if record is None:
        return {"empty": True}
    bank = source.dataset().train
    forces = record.forces()
    left, right, same = pairs = record.pairs()
    share = None if forces is None or options["order"] != "loss" else forces.share
    numbers = choose(same, share, options["size"], spread=record.recipe.batching == "all-pairs")
    rows = torch.cat([left[numbers], right[numbers]])
    uris, names = batch_pictures(record, bank, rows, options["seen"]), batch_names(record, bank, rows)
    cards = [pair_card(number, pairs, forces, uris, names) for number in numbers.tolist()]
    if options["guess"]:
        _add_pixels(cards, record, bank, left[numbers], right[numbers], same[numbers])
    answer: dict[str, Any] = {
        "step": record.step,
        "cards": cards,
        "total": len(same),
        "same": int(same.sum()),
        "different": int((~same).sum()),
        "changed": record.inputs.transforms is not None or record.recipe.invert or record.recipe.image_size is not None,
        "seed": options["seed"],
    }
    return answer if forces is None else answer | _force_summary(record, forces)


def choose(same: Tensor, share: Tensor | None, size: int, spread: bool = False) -> Tensor:
    """Numbers of `size` pairs, half of them same, if there are enough of each kind.

    share: takes the pairs with the largest share of the loss; None: the first ones.  spread: takes pairs from the whole
    batch instead of the first ones, which would all have the same left image.
    """
    kinds = [same.nonzero().flatten(), (~same).nonzero().flatten()]
    if share is not None:
        kinds = [numbers[share[numbers].argsort(descending=True, stable=True)] for numbers in kinds]
    of_same = min(len(kinds[0]), max(size // 2, size - len(kinds[1])))
    counts = (of_same, min(len(kinds[1]), size - of_same))
    if share is None and spread:
        # Start half a stride from the beginning, so that the pairs do not all contain the first image.
        kinds = [
            numbers[((torch.arange(count) + 0.5) * len(numbers) / max(1, count)).long()]
            for numbers, count in zip(kinds, counts)
        ]
    return torch.cat([numbers[:count] for numbers, count in zip(kinds, counts)])


def _force_summary(record: BatchRecord, forces: PairForces) -> dict[str, Any]:
    margin = record.margin if record.recipe.loss == "contrastive" else None
    answer: dict[str, Any] = {
        "loss": None if record.loss != record.loss else round(record.loss, 5),
        "threshold": None if record.threshold is None else round(record.threshold, 4),
        "scale": scale_of(forces.dissimilarity, record.threshold, margin),
        "forces": {},
    }
    for word, direction in (("pull", 1), ("push", -1), ("none", 0)):
        of_word = forces.direction == direction
        answer["forces"][word] = {"pairs": int(of_word.sum()), "share": round(float(forces.share[of_word].sum()), 4)}
    return answer


def _add_pixels(
    cards: list[dict[str, Any]], record: BatchRecord, bank: Any, left: Tensor, right: Tensor, same: Tensor
) -> None:
    """Adds the verdict of raw pixels to each card, with the threshold that is best for exactly these pairs."""
    distances = (pictures(record, bank, left) - pictures(record, bank, right)).flatten(1).norm(dim=1)
    if bool(same.all()) or not bool(same.any()):
        return
    threshold = best_threshold(distances, same)
    for card, distance in zip(cards, distances.tolist()):
        card["pixels_same"] = distance < threshold
