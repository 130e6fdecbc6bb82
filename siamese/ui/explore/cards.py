"""Pairs as JSON values for the cards of the page: pictures as data URIs, names, distance and force."""

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
from siamese.training.batch_record import BatchRecord, pictures, positions_of
from siamese.ui.pictures import data_uri, to_image

LARGEST = 112  # pixels; the longer side of a picture on the page
WORDS = {1: "pull", -1: "push", 0: "none"}


def picture(image: Tensor) -> str:
    """One uint8 [C, H, W] image as a data URI, not larger than on a card."""
    scale = LARGEST / max(image.shape[1:])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[1:])
        image = resize(image[None], (height, width))[0]
    return data_uri(to_image(image))


def batch_pictures(record: BatchRecord, bank: ImageBank, rows: Tensor, as_input: bool) -> dict[int, str]:
    """row → picture, for rows of a batch. as_input: as the network sees them."""
    distinct = torch.unique(rows)
    images = pictures(record, bank, distinct, as_input).mul(255).round().byte()
    return {row: picture(image) for row, image in zip(distinct.tolist(), images)}


def batch_names(record: BatchRecord, bank: ImageBank, rows: Tensor) -> dict[int, str]:
    """row → the name of its class."""
    distinct = torch.unique(rows)
    turns, positions = positions_of(record, bank, distinct)
    labels = bank.labels.cpu()[positions].tolist()
    return {
        row: bank.class_names[label] + (f", {90 * quarter}°" if quarter else "")
        for row, label, quarter in zip(distinct.tolist(), labels, turns.tolist())
    }


def pair_card(
    number: int,
    pairs: tuple[Tensor, Tensor, Tensor],
    forces: PairForces | None,
    uris: dict[int, str],
    names: dict[int, str],
) -> dict[str, Any]:
    """The card of pair `number` of a batch. pairs: of BatchRecord.pairs."""
    left, right, same = (part[number].item() for part in pairs)
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
    """Cards of pairs of test images. rows: (left, right, same, dissimilarity), left and right: numbers in the bank."""
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
    """The end of a distance axis for these distances and marks: 1, 1.5, 2, 3, 5 or 7 times a power of ten."""
    largest = max([float(torch.quantile(distances[:100_000], 0.98)), *(mark for mark in marks if mark), 1e-6])
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10, 15) if step * power >= largest * 1.02)
