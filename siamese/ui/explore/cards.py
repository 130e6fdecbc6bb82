"""Pairs as the page's cards show them: pictures as data URIs, names, distance and force, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from siamese.data.bank import ImageBank, resize
from siamese.learning.forces import PairForces
from siamese.models.inputs import two_domains
from siamese.recipes import Recipe
from siamese.training.taken import TakenBatch, pictures, positions_of
from siamese.ui.pictures import data_uri, to_image

LARGEST = 112  # pixels of a picture's longer side on the page
WORDS = {1: "pull", -1: "push", 0: "none"}


def picture(image: Tensor) -> str:
    """One uint8 [C, H, W] image as a data URI, no larger than a card shows it."""
    scale = LARGEST / max(image.shape[1:])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[1:])
        image = resize(image[None], (height, width))[0]
    return data_uri(to_image(image))


def batch_pictures(taken: TakenBatch, bank: ImageBank, rows: Tensor, seen: bool) -> dict[int, str]:
    """row → picture, of some rows of a batch, each drawn once."""
    once = torch.unique(rows)
    images = pictures(taken, bank, once, seen).mul(255).round().byte()
    return {row: picture(image) for row, image in zip(once.tolist(), images)}


def batch_names(taken: TakenBatch, bank: ImageBank, rows: Tensor) -> dict[int, str]:
    """row → the name of its class."""
    once = torch.unique(rows)
    turns, positions = positions_of(taken, bank, once)
    labels = bank.labels.cpu()[positions].tolist()
    return {
        row: bank.class_names[label] + (f", {90 * quarter}°" if quarter else "")
        for row, label, quarter in zip(once.tolist(), labels, turns.tolist())
    }


def pairs_of(taken: TakenBatch) -> tuple[Tensor, Tensor, Tensor]:
    """left, right: int64 [n] rows, same: bool [n]: the pairs of a batch in the order of pair_forces."""
    batch = taken.drawn.batch
    rows = torch.arange(len(batch.index))
    if taken.recipe.batching == "pairs":
        left, right = rows.chunk(2)
        return left, right, batch.same
    if taken.recipe.batching == "triplets":
        anchor, positive, negative = rows.chunk(3)
        return torch.cat([anchor, anchor]), torch.cat([positive, negative]), torch.cat([batch.same, ~batch.same])
    left, right = torch.triu_indices(len(rows), len(rows), offset=1)
    return left, right, batch.same[left, right]


def pair_card(
    number: int, taken: TakenBatch, forces: PairForces | None, uris: dict[int, str], names: dict[int, str]
) -> dict[str, Any]:
    """Pair `number` of a batch."""
    left, right, same = (
        (part[number].item() for part in pairs_of(taken))
        if forces is None
        else (forces.left[number].item(), forces.right[number].item(), forces.same[number].item())
    )
    card: dict[str, Any] = {
        "number": number,
        "left": uris[int(left)],
        "right": uris[int(right)],
        "names": [names[int(left)], names[int(right)]],
        "same": bool(same),
    }
    if forces is not None:
        card |= {
            "d": round(float(forces.dissimilarity[number]), 4),
            "share": round(float(forces.share[number]), 5),
            "force": WORDS[int(forces.direction[number])],
        }
    return card


def test_cards(recipe: Recipe, bank: ImageBank, rows: Iterable[tuple[int, int, bool, float]]) -> list[dict[str, Any]]:
    """Pairs (left, right, same, dissimilarity) of images of a bank that no batch has changed."""
    second = bank.partner if two_domains(recipe, bank) else None
    labels = bank.labels.cpu()
    return [
        {
            "left": picture(bank.images[i].cpu()),
            "right": picture((bank.images if second is None else second)[j].cpu()),
            "names": [bank.class_names[int(labels[i])], bank.class_names[int(labels[j])]],
            "at": [i, j],
            "same": same,
            "d": round(d, 4),
        }
        for i, j, same, d in rows
    ]


def scale_of(distances: Tensor, *marks: float | None) -> float:
    """The end of a distance axis that shows these distances and marks: 1, 1.5, 2, 3, 5 or 7 times a power of ten."""
    largest = max([float(torch.quantile(distances[:100_000], 0.98)), *(mark for mark in marks if mark), 1e-6])
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10, 15) if step * power >= largest * 1.02)
