"""Turns images in class folders into a data set: one size for all, grey or colour, three parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset, ImageBank
from siamese.data.image_file import Header, border_median, crop_to_aspect, read_header, read_image
from siamese.data.layout import Member, Placed, arrange
from siamese.data.progress import ReportProgress
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


def dataset_of_members(
    members: Sequence[Member], name: str, seed: int, progress: ReportProgress | None = None
) -> Dataset:
    """The data set of some files, arranged as layout.arrange says.

    The parts that folders name are kept; split.split makes the missing ones.
    name: the name and title of the data set.  progress: receives 0 to 1.

    Raises SiameseError for a layout that cannot be understood, a file that is no image (named), classes with too few
    images (named), and more than limits.MAX_BANK_BYTES of images.
    """
    files = arrange(members)
    return dataset_of_pixels(files, decode(files, progress).pixels, name, name, seed)


def dataset_of_pixels(files: Sequence[Placed], pixels: Tensor, name: str, title: str, seed: int) -> Dataset:
    """The data set of decoded files, uint8 [N, C, H, W], sorted by part and class."""
    parts = _split(files, pixels, seed)
    dark_background = has_dark_background(parts.train.images)
    return Dataset(
        name=name,
        title=title,
        kind="photos" if dark_background is None else "drawings",
        unseen=parts.unseen,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        dark_background=dark_background,
    )


def has_dark_background(images: Tensor) -> bool | None:
    """Whether the border is dark, where 19 of 20 images (uint8 [N, C, H, W]) agree on dark or on light.

    None where they do not agree, and for colour images: an inverted photograph is no photograph.
    """
    if images.shape[1] != 1:
        return None
    border = border_median(images)
    if (border < 64).float().mean() >= 0.95:
        return True
    return False if (border > 191).float().mean() >= 0.95 else None


class Decoded(NamedTuple):
    """pixels: uint8 [N, C, H, W].  kept: the place of each image in the list of files; files may be left out.
    headers: of these images."""

    pixels: Tensor
    kept: list[int]
    headers: list[Header]


def decode(
    files: Sequence[Placed],
    progress: ReportProgress | None = None,
    most_side: int = limits.MAX_SIDE,
    most_bytes: int | None = None,
    skip: Callable[[int, SiameseError], None] | None = None,
) -> Decoded:
    """Decodes some files and brings all images to one size. All headers are read before the first image is decoded.

    The size is the one that more than half of the images have, else the median width and height; no side is longer
    than most_side. An image of other proportions is cropped around its centre. The result is grey (C = 1) where no
    image has colour, else RGB.
    skip: is called with the place of a file that cannot be read, and the error. Without it, the error is raised.

    Raises SiameseError for images that take more than most_bytes (limits.MAX_BANK_BYTES), and where no file is left.
    """
    headers = {}
    for number, file in enumerate(files):
        with _skipping(number, skip):
            headers[number] = read_header(file.member.open(), str(file.member.path))
        _report(progress, 0.2 * (number + 1) / len(files))
    if not headers:
        raise SiameseError("There is no image among these files that can be read.")
    size = common_size([(header.width, header.height) for header in headers.values()], most_side)
    grey = all(header.grey for header in headers.values())
    # NumPy copies a small image by itself; torch would wake all of its threads.
    pixels = np.empty(
        _within_limit(len(headers), 1 if grey else 3, size, most_bytes or limits.MAX_BANK_BYTES), dtype=np.uint8
    )
    kept: list[int] = []
    for done, number in enumerate(headers):
        file = files[number]
        with _skipping(number, skip):
            # Twice the final size, so that the resize can average pixels.
            image = read_image(file.member.open(), str(file.member.path), at_least=2 * max(size))
            pixels[len(kept)] = _fitted(image, size, grey)
            kept.append(number)
        _report(progress, 0.2 + 0.8 * (done + 1) / len(headers))
    images = torch.from_numpy(pixels[: len(kept)])
    # The header of a grey JPEG or a grey palette image may say "colour".
    if all(bool((part == part[:, :1]).all()) for part in images.split(1024)):
        images = images[:, :1].contiguous()
    return Decoded(images, kept, [headers[number] for number in kept])


@contextmanager
def _skipping(number: int, skip: Callable[[int, SiameseError], None] | None) -> Iterator[None]:
    try:
        yield
    except SiameseError as error:
        if skip is None:
            raise
        skip(number, error)


def _fitted(image: Image.Image, size: tuple[int, int], grey: bool) -> np.ndarray:
    """uint8 [C, H, W] of size (height, width), cropped around the centre.

    Pillow resizes as ImageBank.prepared does (antialiased bilinear; they differ by one grey level at most). For single
    images it is many times faster, and it takes no threads from a run that trains.
    """
    height, width = size
    image = crop_to_aspect(image, width, height).convert("L" if grey else "RGB")
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def common_size(sizes: Sequence[tuple[int, int]], most_side: int) -> tuple[int, int]:
    """One (height, width) for images of these (width, height). The longer side is at most most_side."""
    (width, height), count = Counter(sizes).most_common(1)[0]
    if 2 * count <= len(sizes):
        width, height = round(median(w for w, _ in sizes)), round(median(h for _, h in sizes))
    scale = min(1.0, most_side / max(width, height))
    return max(limits.MIN_SIDE, round(height * scale)), max(limits.MIN_SIDE, round(width * scale))


def _within_limit(count: int, channels: int, size: tuple[int, int], most_bytes: int) -> tuple[int, int, int, int]:
    needed = count * channels * size[0] * size[1]
    if needed > most_bytes:
        raise SiameseError(
            f"{count:,} images of {size[1]} × {size[0]} pixels take {needed / limits.MIB:,.0f} MB of memory, and "
            f"{most_bytes / limits.MIB:,.0f} MB is the most; leave some out or make them smaller."
        )
    return count, channels, *size


def _split(files: Sequence[Placed], pixels: Tensor, seed: int) -> Parts:
    """The parts that the folders name, or those of split.split. Files are sorted by part."""
    banks = {}
    for part in ("train", "validation", "test"):
        chosen = [number for number, file in enumerate(files) if file.part == part]
        if chosen:
            first, last = chosen[0], chosen[-1] + 1
            banks[part] = _bank(files[first:last], pixels[first:last])
    if len(banks) == 1:
        return split(next(iter(banks.values())), seed)

    # Where there are two parts, the one that is not for training is the test, whatever its name.
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


def _report(progress: ReportProgress | None, done: float) -> None:
    if progress is not None:
        progress(done)
