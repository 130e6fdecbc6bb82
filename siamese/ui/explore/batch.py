"""The wall: pairs of the batch that a run has just learnt from, or of the one that a seed gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from siamese.evaluation.metrics import best_threshold
from siamese.learning.forces import PairForces
from siamese.training.taken import TakenBatch, pictures
from siamese.ui.explore.cards import batch_names, batch_pictures, pair_card, pairs_of, scale_of
from siamese.ui.explore.source import Source

SIZES = (12, 32, 64)


def wall(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """size pairs of a batch, half of each kind: the first as they were drawn, or those with most of the loss.

    options: size, order ("drawn" or "loss"), seen (as the network got them), seed, guess (adds what raw pixels say),
    have (the step that the page shows already: then the answer is short if there is no newer one).
    """
    job = source.job
    if source.alive and job is not None and options.get("have") == job.history.newest_step != 0:
        return {"unchanged": True}
    taken = source.taken(options["seed"])
    if taken is None:
        return {"empty": True}
    bank = source.dataset().train
    forces = taken.forces()
    left, right, same = pairs_of(taken)
    share = None if forces is None or options["order"] != "loss" else forces.share
    numbers = choose(same, share, options["size"], spread=taken.recipe.batching == "all-pairs")
    rows = torch.cat([left[numbers], right[numbers]])
    uris, names = batch_pictures(taken, bank, rows, options["seen"]), batch_names(taken, bank, rows)
    cards = [pair_card(number, taken, forces, uris, names) for number in numbers.tolist()]
    if options["guess"]:
        _add_pixels(cards, taken, bank, left[numbers], right[numbers], same[numbers])
    answer: dict[str, Any] = {
        "step": taken.step,
        "cards": cards,
        "total": len(same),
        "same": int(same.sum()),
        "different": int((~same).sum()),
        "changed": taken.drawn.transforms is not None or taken.recipe.invert or taken.recipe.image_size is not None,
        "seed": options["seed"],
    }
    return answer if forces is None else answer | _about_forces(taken, forces)


def choose(same: Tensor, share: Tensor | None, size: int, spread: bool = False) -> Tensor:
    """Numbers of `size` pairs, half of each kind as far as there are so many.

    The first ones, those with the largest share of the loss, or, where the first would all be of one image, ones from
    everywhere (spread).
    """
    kinds = [same.nonzero().flatten(), (~same).nonzero().flatten()]
    if share is not None:
        kinds = [numbers[share[numbers].argsort(descending=True, stable=True)] for numbers in kinds]
    of_same = min(len(kinds[0]), max(size // 2, size - len(kinds[1])))
    counts = (of_same, min(len(kinds[1]), size - of_same))
    if share is None and spread:
        # Half a stride from the ends: neither the first nor the last image is in all of them.
        kinds = [
            numbers[((torch.arange(count) + 0.5) * len(numbers) / max(1, count)).long()]
            for numbers, count in zip(kinds, counts)
        ]
    return torch.cat([numbers[:count] for numbers, count in zip(kinds, counts)])


def _about_forces(taken: TakenBatch, forces: PairForces) -> dict[str, Any]:
    margin = taken.margin if taken.recipe.loss == "contrastive" else None
    about: dict[str, Any] = {
        "loss": None if taken.loss != taken.loss else round(taken.loss, 5),
        "threshold": None if taken.threshold is None else round(taken.threshold, 4),
        "scale": scale_of(forces.dissimilarity, taken.threshold, margin),
        "forces": {},
    }
    for word, direction in (("pull", 1), ("push", -1), ("none", 0)):
        of_word = forces.direction == direction
        about["forces"][word] = {"pairs": int(of_word.sum()), "share": round(float(forces.share[of_word].sum()), 4)}
    return about


def _add_pixels(
    cards: list[dict[str, Any]], taken: TakenBatch, bank: Any, left: Tensor, right: Tensor, same: Tensor
) -> None:
    """What raw pixels say of each card, with the threshold that is best for these very pairs."""
    distances = (pictures(taken, bank, left) - pictures(taken, bank, right)).flatten(1).norm(dim=1)
    if bool(same.all()) or not bool(same.any()):
        return
    threshold = best_threshold(distances, same)
    for card, distance in zip(cards, distances.tolist()):
        card["pixels_same"] = distance < threshold
