"""Training, validation and test parts of a bank that comes as one: by class where there are enough, else by image."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.data.image_file import printable

HELD_OUT = 0.15
# A part of one class has no different pairs, a class of one image in a part no same pair.
LEAST_CLASSES = 2
LEAST_IMAGES = 2


class Parts(NamedTuple):
    """The three disjoint parts, and what the held-out ones show that training never saw ("classes", "images")."""

    train: ImageBank
    validation: ImageBank
    test: ImageBank
    unseen: str


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key under which s2 comes before s10."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def split(bank: ImageBank, seed: int, classes_from: int = 3 * LEAST_CLASSES) -> Parts:
    """70 % for training, 15 % for validation, 15 % for test, at least two classes or two images a class in each.

    classes_from: from this many classes on, whole classes are held out; below, images of each class.
    The choice depends on the seed alone. Raises SiameseError for fewer than two classes, and for a class with too few
    images, which it names.
    """
    require_classes(bank, LEAST_CLASSES, "A data set")
    if bank.classes >= classes_from:
        require_images(bank, LEAST_IMAGES, "to make a pair of the same class")
        rest, test = hold_out_classes(bank, share(bank.classes, LEAST_CLASSES), seed)
        train, validation = hold_out_classes(rest, test.classes, seed)
        return Parts(train, validation, test, "classes")
    require_images(bank, 3 * LEAST_IMAGES, f"{LEAST_IMAGES} for each of training, validation and test")
    counts = torch.tensor([share(count, LEAST_IMAGES) for count in bank.counts.tolist()])
    rest, test = hold_out_images(bank, counts, seed)
    train, validation = hold_out_images(rest, counts, seed)
    return Parts(train, validation, test, "images")


def share(count: int, least: int) -> int:
    """How many of count are held out for one part."""
    return max(least, round(HELD_OUT * count))


def hold_out_classes(bank: ImageBank, count: int, seed: int) -> tuple[ImageBank, ImageBank]:
    """The bank without count classes chosen by the seed, and a bank of these; both keep the order of the classes."""
    order = torch.randperm(bank.classes, generator=torch.Generator().manual_seed(seed)).tolist()
    return bank.select_classes(sorted(order[count:])), bank.select_classes(sorted(order[:count]))


def hold_out_images(bank: ImageBank, counts: Tensor, seed: int) -> tuple[ImageBank, ImageBank]:
    """The bank without counts[c] images of each class c, chosen by the seed, and a bank of these; counts is int64
    [classes], at least 1 and fewer than the class has."""
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(bank), dtype=torch.bool)
    for start, available, count in zip(bank.starts.tolist(), bank.counts.tolist(), counts.tolist(), strict=True):
        held[start + torch.randperm(available, generator=generator)[:count]] = True
    return _select_images(bank, ~held, bank.counts - counts), _select_images(bank, held, counts)


def _select_images(bank: ImageBank, keep: Tensor, counts: Tensor) -> ImageBank:
    return ImageBank(
        images=bank.images[keep],
        counts=counts,
        class_names=bank.class_names,
        groups=bank.groups,
        group_names=bank.group_names,
    )


def require_classes(bank: ImageBank, least: int, what: str) -> None:
    """Raises SiameseError where what the bank holds, "A data set", has fewer than the least number of classes."""
    if bank.classes < least:
        raise SiameseError(f"{what} needs at least {least} classes; it has {bank.classes}.")


def require_images(bank: ImageBank, least: int, reason: str) -> None:
    """Raises SiameseError, naming the class, where one has fewer than the least number of images."""
    if int(bank.counts.min()) < least:
        short = int(bank.counts.argmin())
        count = int(bank.counts[short])
        raise SiameseError(
            f'Class "{printable(bank.class_names[short])}" has {count} image{"s" if count > 1 else ""}; '
            f"it needs at least {least}, {reason}."
        )
