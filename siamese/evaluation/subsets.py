"""Which images of a data set are asked about: the part that was not trained on, all that are given, or some of each."""

from __future__ import annotations

import zlib

import torch

from siamese.data.bank import Dataset, ImageBank
from siamese.data.catalogue import NAMES
from siamese.models.checkpoint import Checkpoint


def fingerprint(dataset: Dataset) -> str:
    """Tells the training images of one data set from those of another: a checksum of their pixels."""
    return f"{zlib.crc32(dataset.train.images.cpu().numpy().tobytes()):08x}"


def trained_on(checkpoint: Checkpoint, dataset: Dataset) -> bool:
    """Whether the network was trained on this very data set: by its training images where they are known, else by its
    name."""
    saved = checkpoint.data.get("fingerprint")
    return checkpoint.data.get("name") == dataset.name if saved is None else saved == fingerprint(dataset)


def is_named(dataset: Dataset) -> bool:
    """Whether the data set is one of those with a name, whose test part is fixed."""
    return dataset.name in NAMES


def all_images(dataset: Dataset) -> ImageBank:
    """Training, validation and test images in one bank; a class that is in several parts is one class again."""
    banks = (dataset.train, dataset.validation, dataset.test)
    group_of = {name: bank.group_names[g] for bank in banks for name, g in zip(bank.class_names, bank.groups.tolist())}
    names, groups = sorted(group_of), sorted(set(group_of.values()))
    labels = [torch.tensor([names.index(name) for name in bank.class_names])[bank.labels.cpu()] for bank in banks]
    partners = [bank.partner for bank in banks if bank.partner is not None]
    return ImageBank.from_labels(
        torch.cat([bank.images.cpu() for bank in banks]),
        torch.cat(labels),
        names,
        [groups.index(group_of[name]) for name in names],
        groups,
        torch.cat(partners) if len(partners) == len(banks) else None,
    )


def first_of_each_class(bank: ImageBank, most: int) -> ImageBank:
    """At most so many images of a bank, spread evenly: the first of every class, or, of more classes than that leaves
    two images each, of every second, third ... class."""
    if len(bank) <= most:
        return bank
    every = max(1, -(-2 * bank.classes // most))
    classes = range(0, bank.classes, every)
    counts = bank.counts.cpu()[::every]
    each = max(n for n in range(2, int(counts.max()) + 1) if n == 2 or int(counts.clamp_max(n).sum()) <= most)
    return bank.select_classes(classes, each)
