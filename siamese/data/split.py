"""Splits a bank into training, validation and test: by class where there are many classes, else by image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.data.image_file import printable

HELD_OUT = 0.15
# With one class a part has no different pair; with one image a class has no same pair.
LEAST_CLASSES = 2
LEAST_IMAGES = 2
# Digits, letters, garments and ten things that somebody drew are classes that a network should see, and two or three of
# them would make no test; with more classes than this, new ones are the better question.
CLASSES_FROM = 30


class Parts(NamedTuple):
    """The three disjoint parts, and what is new in validation and test: "classes" or "images"."""

    train: ImageBank
    validation: ImageBank
    test: ImageBank
    unseen: str


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key under which s2 comes before s10."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def split(bank: ImageBank, seed: int) -> Parts:
    """About 70 % for training, 15 % for validation and 15 % for test, at least two classes with two images in each.

    From CLASSES_FROM classes on, whole classes are held out. Below, images of each class are, as held_out_images says;
    where that leaves too little, whole classes are held out after all, if there are six or more.
    The choice depends on the seed alone. Raises SiameseError for fewer than two classes, for a class of one image,
    which it names, and where neither way leaves enough.
    """
    require_classes(bank, LEAST_CLASSES, "A data set")
    require_images(bank, LEAST_IMAGES, "to make a pair of the same class")
    held = held_out_images(bank.counts.tolist(), seed)
    if bank.classes < CLASSES_FROM and held is not None:
        rest, test = hold_out_images(bank, held.test, seed)
        train, validation = hold_out_images(rest, held.validation, seed)
        return Parts(train, validation, test, "images")
    if bank.classes < 3 * LEAST_CLASSES:
        short = int(bank.counts.argmin())
        raise SiameseError(
            f'There are too few images to hold any out: class "{printable(bank.class_names[short])}" has '
            f"{int(bank.counts[short])}. Give two classes at least {3 * LEAST_IMAGES} images each, or four classes "
            f"{2 * LEAST_IMAGES}."
        )
    rest, test = hold_out_classes(bank, share(bank.classes, LEAST_CLASSES), seed)
    train, validation = hold_out_classes(rest, test.classes, seed)
    return Parts(train, validation, test, "classes")


def folds(bank: ImageBank, count: int) -> Iterator[Parts]:
    """The parts of each turn of a cross-validation by class, so many turns.

    The classes in the natural order of their names are cut into folds of equal size; those left over are always trained
    on. In its turn a fold is the test part, the one after it the validation part, and all the others are trained on.
    Raises SiameseError for fewer than three folds, or folds of fewer than two classes.
    """
    order = sorted(range(bank.classes), key=lambda c: natural(bank.class_names[c]))
    size = bank.classes // max(1, count)
    if count < 3 or size < LEAST_CLASSES:
        raise SiameseError(
            f"{count} folds of {bank.classes} classes: it has to be 3 or more, and at most half the number of classes."
        )
    for turn in range(count):
        test, validation = (order[size * place :][:size] for place in (turn, (turn + 1) % count))
        train = [c for c in order if c not in test and c not in validation]
        select = bank.select_classes
        yield Parts(select(train), select(validation), select(test), "classes")


class HeldOut(NamedTuple):
    """The number of images of each class for validation and for test, both int64 [classes]."""

    validation: Tensor
    test: Tensor


def held_out_images(counts: Sequence[int], seed: int) -> HeldOut | None:
    """How many images of each class are held out, from the number of its images. None where that gives too little.

    A class of six images or more gives to both parts. One of four or five gives two images, by turns to validation and
    to test: two for each would leave none to learn from. A smaller one is only learnt from.
    """
    shares = [share(count, LEAST_IMAGES) if count >= 3 * LEAST_IMAGES else 0 for count in counts]
    validation, test = torch.tensor(shares), torch.tensor(shares)
    few = [c for c, count in enumerate(counts) if 2 * LEAST_IMAGES <= count < 3 * LEAST_IMAGES]
    order = torch.randperm(len(few), generator=torch.Generator().manual_seed(seed)).tolist()
    for turn, place in enumerate(order):
        (validation, test)[turn % 2][few[place]] = LEAST_IMAGES
    enough = min(int((part > 0).sum()) for part in (validation, test)) >= LEAST_CLASSES
    return HeldOut(validation, test) if enough else None


def share(count: int, least: int) -> int:
    """How many of `count` are held out for one part."""
    return max(least, round(HELD_OUT * count))


def hold_out_classes(bank: ImageBank, count: int, seed: int) -> tuple[ImageBank, ImageBank]:
    """The bank without `count` classes, which the seed chooses, and a bank of these. Both keep the order of classes."""
    order = torch.randperm(bank.classes, generator=torch.Generator().manual_seed(seed)).tolist()
    return bank.select_classes(sorted(order[count:])), bank.select_classes(sorted(order[:count]))


def hold_out_images(bank: ImageBank, counts: Tensor, seed: int) -> tuple[ImageBank, ImageBank]:
    """The bank without counts[c] images of each class c, chosen by the seed, and a bank of these; counts is int64
    [classes], fewer than the class has. A class that gives none is not in the second bank."""
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(bank), dtype=torch.bool)
    for start, available, count in zip(bank.starts.tolist(), bank.counts.tolist(), counts.tolist(), strict=True):
        held[start + torch.randperm(available, generator=generator)[:count]] = True
    return _select_images(bank, ~held, bank.counts - counts), _select_images(bank, held, counts)


def _select_images(bank: ImageBank, keep: Tensor, counts: Tensor) -> ImageBank:
    """A bank of the images to keep, bool [N], of which counts[c] are of class c."""
    present = (counts > 0).nonzero().flatten().tolist()
    groups = sorted({int(bank.groups[c]) for c in present})
    return ImageBank(
        images=bank.images[keep],
        counts=counts[present],
        class_names=tuple(bank.class_names[c] for c in present),
        groups=torch.tensor([groups.index(int(bank.groups[c])) for c in present]),
        group_names=tuple(bank.group_names[group] for group in groups),
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
