"""From the images of class folders to a data set: one common size, grey or colour, and three parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset, ImageBank
from siamese.data.image_file import border_median, crop_to_aspect, read_header, read_image, to_tensor
from siamese.data.layout import Member, Placed, arrange
from siamese.data.split import (
    LEAST_CLASSES,
    LEAST_IMAGES,
    Parts,
    hold_out_classes,
    hold_out_images,
    natural,
    require_classes,
    require_images,
    share,
    split,
)

Progress = Callable[[float], None]


def dataset_of_members(members: Sequence[Member], name: str, seed: int, progress: Progress | None = None) -> Dataset:
    """The data set in the given files, which lie as layout.arrange says.

    The images get one common size: the one that more than half of them have, else the median width and height, with
    no side above limits.MAX_SIDE. An image of other proportions is cropped around its centre. The bank is grey (C = 1)
    where no image holds a colour, else RGB. Parts that folders name are kept, and split.split makes those that are
    missing.
    name: the name and title of the data set.  progress: receives 0 to 1.

    Raises SiameseError for a layout that cannot be understood, a file that is no image (named), classes with too few
    images (named), and more than limits.MAX_BANK_BYTES of images.
    """
    files = arrange(members)
    pixels = _decode(files, progress)
    parts = _split(files, pixels, seed)
    dark_background = has_dark_background(parts.train.images)
    return Dataset(
        name=name,
        title=name,
        kind="photos" if dark_background is None else "images",
        unseen=parts.unseen,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        dark_background=dark_background,
    )


def has_dark_background(images: Tensor) -> bool | None:
    """True or False where 19 of 20 images (uint8 [N, C, H, W]) agree that their border is dark or that it is light;
    None where they do not, and for colour, where an inverted photograph would be no photograph."""
    if images.shape[1] != 1:
        return None
    border = border_median(images)
    if (border < 64).float().mean() >= 0.95:
        return True
    return False if (border > 191).float().mean() >= 0.95 else None


def _decode(files: Sequence[Placed], progress: Progress | None) -> Tensor:
    """uint8 [N, C, H, W] of one size; the headers of all are read before the first image is decoded."""
    headers = []
    for number, file in enumerate(files):
        headers.append(read_header(file.member.open(), str(file.member.path)))
        _report(progress, 0.2 * (number + 1) / len(files))
    size = _common_size([(header.width, header.height) for header in headers])
    grey = all(header.grey for header in headers)
    pixels = torch.empty(_within_limit(len(files), 1 if grey else 3, size), dtype=torch.uint8)
    for number, file in enumerate(files):
        # Twice the size leaves the resize something to average.
        image = read_image(file.member.open(), str(file.member.path), at_least=2 * max(size))
        pixels[number] = to_tensor(crop_to_aspect(image, size[1], size[0]), size, grey=grey, invert=False)[0]
        _report(progress, 0.2 + 0.8 * (number + 1) / len(files))
    # Grey images saved as JPEG or with a palette say "colour" in their header.
    if all(bool((part == part[:, :1]).all()) for part in pixels.split(1024)):
        return pixels[:, :1].contiguous()
    return pixels


def _common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """(height, width) for images of the given (width, height)."""
    (width, height), count = Counter(sizes).most_common(1)[0]
    if 2 * count <= len(sizes):
        width, height = round(median(w for w, _ in sizes)), round(median(h for _, h in sizes))
    scale = min(1.0, limits.MAX_SIDE / max(width, height))
    return max(limits.MIN_SIDE, round(height * scale)), max(limits.MIN_SIDE, round(width * scale))


def _within_limit(count: int, channels: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    needed = count * channels * size[0] * size[1]
    if needed > limits.MAX_BANK_BYTES:
        raise SiameseError(
            f"{count:,} images of {size[1]} × {size[0]} pixels take {needed / limits.GIB:.1f} GB of memory, and "
            f"{limits.MAX_BANK_BYTES / limits.GIB:.0f} GB is the most; leave some out or make them smaller."
        )
    return count, channels, *size


def _split(files: Sequence[Placed], pixels: Tensor, seed: int) -> Parts:
    """The parts as the folders name them, or as split makes them where they name none; files are sorted by part."""
    banks = {}
    for part in ("train", "validation", "test"):
        chosen = [number for number, file in enumerate(files) if file.part == part]
        if chosen:
            first, last = chosen[0], chosen[-1] + 1
            banks[part] = _bank(files[first:last], pixels[first:last])
    if len(banks) == 1:
        return split(next(iter(banks.values())), seed)

    # Of two parts, the one that is not for training is the test, whatever it is called.
    given = list(banks.values())
    train, test = given[0], given[-1]
    seen = set(train.class_names)
    new_classes = all(seen.isdisjoint(bank.class_names) for bank in given[1:])
    if len(given) == 3:
        validation = given[1]
    elif new_classes:
        require_classes(train, 2 * LEAST_CLASSES, f"The training folder, {LEAST_CLASSES} of them for validation,")
        train, validation = hold_out_classes(train, share(train.classes, LEAST_CLASSES), seed)
    else:
        require_images(train, 2 * LEAST_IMAGES, f"{LEAST_IMAGES} of them for validation")
        counts = torch.tensor([share(count, LEAST_IMAGES) for count in train.counts.tolist()])
        train, validation = hold_out_images(train, counts, seed)
    for part, bank in (("training", train), ("validation", validation), ("test", test)):
        require_classes(bank, LEAST_CLASSES, f"The {part} folder")
        require_images(bank, LEAST_IMAGES, f"to make a pair in the {part} folder")
    return Parts(train, validation, test, "classes" if new_classes else "images")


def _bank(files: Sequence[Placed], pixels: Tensor) -> ImageBank:
    """A bank of images (uint8 [N, C, H, W]) whose files stand sorted by class."""
    group_of = {file.class_name: file.group for file in files}
    names = list(group_of)
    groups = sorted(set(group_of.values()), key=natural)
    number = {name: index for index, name in enumerate(names)}
    labels = torch.tensor([number[file.class_name] for file in files])
    return ImageBank.from_labels(pixels, labels, names, [groups.index(group_of[name]) for name in names], groups)


def _report(progress: Progress | None, done: float) -> None:
    if progress is not None:
        progress(done)
