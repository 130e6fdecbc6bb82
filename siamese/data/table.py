"""A CSV table such as those of MNIST: one image a line, its label first, then its pixels row by row."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset, ImageBank
from siamese.data.class_folders import has_dark_background
from siamese.data.image_file import printable
from siamese.data.split import natural, split

_MAX_LABEL = 200
_BLOCK_BYTES = 4 * limits.MIB


class _Line(NamedTuple):
    number: int
    text: bytes


class _Form(NamedTuple):
    """How to read the lines of a file. first: the number of the line that decided it."""

    name: str
    separator: bytes
    pixels: int
    first: int


def load_table(path: Path, seed: int = 0, progress: Callable[[float], None] | None = None) -> Dataset:
    """The data set in a CSV: label, then a square number of pixels, each a whole number from 0 to 255.

    A label is any text. A first line of column names is passed over. Commas, semicolons or tabs separate; numbers may
    stand in quotes or end in ".0". split.split says what is held out. Lines are read in blocks, so memory holds the
    images and a few megabytes.
    seed: of the choice of what is held out.  progress: receives 0 to 1.

    Raises SiameseError with the file's name and the line for a label or a pixel that does not fit, a line of another
    length than the first, and a number of pixels that makes no square; and for an empty file, one with too few
    images of a class (named), or one whose images take more than limits.MAX_BANK_BYTES.
    """
    try:
        with path.open("rb") as stream:
            bank = read_table(stream, printable(path.name), path.stat().st_size, progress)
    except OSError as error:
        raise SiameseError(f'"{printable(path.name)}" cannot be read: {error.strerror}.') from error
    parts = split(bank, seed)
    return Dataset(
        name=path.stem,
        title=path.stem,
        kind="images",
        unseen=parts.unseen,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        dark_background=has_dark_background(parts.train.images),
    )


def read_table(stream: BinaryIO, name: str, size: int, progress: Callable[[float], None] | None) -> ImageBank:
    """All images of a CSV, as load_table reads it.  name: what the messages call it.  size: its bytes."""
    form: _Form | None = None
    numbers: dict[str, int] = {}
    labels: list[int] = []
    blocks: list[np.ndarray] = []
    for lines in _blocks(stream, name):
        block = lines
        if form is None:
            form, block = _find_form(lines, name)
        for line in block:
            labels.append(numbers.setdefault(_label(line, form), len(numbers)))
        if len(labels) * form.pixels > limits.MAX_BANK_BYTES:
            raise SiameseError(
                f"{name} holds more than {limits.MAX_BANK_BYTES / limits.GIB:.0f} GB of images, the most that is "
                "read; leave some lines out."
            )
        blocks.append(_pixels(block, form))
        if progress is not None:
            progress(min(1.0, stream.tell() / max(1, size)))
    if form is None or not labels:
        raise SiameseError(f"{name} holds no line with an image; each has a label and then its pixels.")
    names = sorted(numbers, key=natural)
    place = torch.empty(len(names), dtype=torch.long)
    place[[numbers[known] for known in names]] = torch.arange(len(names))
    side = math.isqrt(form.pixels)
    images = torch.from_numpy(np.concatenate(blocks)).view(-1, 1, side, side)
    return ImageBank.from_labels(images, place[torch.tensor(labels)], names)


def _blocks(stream: BinaryIO, name: str) -> Iterator[list[_Line]]:
    """Blocks of some megabytes of lines, without blank ones and without spaces at the ends."""
    block, held, number = [], 0, 0
    while text := stream.readline(limits.MAX_LINE_BYTES + 1):
        number += 1
        if len(text) > limits.MAX_LINE_BYTES:
            raise SiameseError(
                f"{name}, line {number}: longer than {limits.MAX_LINE_BYTES // 1024} KB, the most that is read; one "
                "line holds one image."
            )
        held += len(text)
        text = text.removeprefix(b"\xef\xbb\xbf") if number == 1 else text
        # Tabs at the end are empty cells, and wrong; spaces and line ends are nothing.
        if text := text.strip(b" \r\n"):
            block.append(_Line(number, text))
        if held > _BLOCK_BYTES:
            yield block
            block, held = [], 0
    if block:
        yield block


def _find_form(block: list[_Line], name: str) -> tuple[_Form, list[_Line]]:
    """The form of the file, from its first line, and the block without the line of column names."""
    if not block:
        raise SiameseError(f"{name} begins with megabytes of blank lines; is it a table?")
    first = block[0]
    separator = max((b",", b";", b"\t"), key=first.text.count)
    cells = _cells(first, name, separator)
    pixels = len(cells) - 1
    side = math.isqrt(pixels)
    if side * side != pixels or side < limits.MIN_SIDE:
        raise SiameseError(
            f"{name}, line {first.number}: {pixels} pixels after the label make no square image of at least "
            f"{limits.MIN_SIDE} × {limits.MIN_SIDE}; a line is a label and then the pixels, 784 for 28 × 28."
        )
    if side > limits.MAX_SIDE:
        raise SiameseError(
            f"{name}, line {first.number}: {side} × {side} pixels, and {limits.MAX_SIDE} × {limits.MAX_SIDE} is the "
            "most in a table; give larger images as a folder."
        )
    form = _Form(name, separator, pixels, first.number)
    return form, block[1:] if _is_header(cells[1:]) else block


def _is_header(cells: list[str]) -> bool:
    """Whether a line holds column names: either no cell is a number, or the cells count from 0 or 1."""
    values = [_number(cell) for cell in cells]
    if all(math.isnan(value) for value in values):
        return True
    return values[0] in (0, 1) and all(after == before + 1 for before, after in pairwise(values))


def _number(cell: str) -> float:
    """The number in a cell, NaN where there is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _label(line: _Line, form: _Form) -> str:
    raw = line.text.partition(form.separator)[0]
    if raw.startswith(b'"'):
        label = _cells(line, form.name, form.separator)[0].strip()
    else:
        label = _decoded(raw, line, form.name).strip()
    if not label or len(label) > _MAX_LABEL:
        what = "no label" if not label else f"a label of {len(label)} letters"
        raise SiameseError(f"{form.name}, line {line.number}: {what}; a line begins with the name of its class.")
    return label


def _pixels(block: list[_Line], form: _Form) -> np.ndarray:
    """uint8 [lines, pixels]. Lines that hold only digits are read at once, others one by one."""
    rows = [line.text.partition(form.separator)[2] for line in block]
    if all(row.count(form.separator) == form.pixels - 1 for row in rows):
        joined = form.separator.join(rows)
        if not joined.translate(None, b"0123456789" + form.separator):
            values = _small_numbers(joined, form.separator)
            if values is not None:
                return values.reshape(len(block), form.pixels)
    return np.array([_pixels_of_line(line, form) for line in block], dtype=np.uint8).reshape(-1, form.pixels)


def _small_numbers(text: bytes, separator: bytes) -> np.ndarray | None:
    """The numbers in digits and separators as uint8, or None where one is empty, too long or above 255."""
    codes = np.frombuffer(separator + text + separator, dtype=np.uint8)
    ends = np.flatnonzero(codes == separator[0])
    lengths = np.diff(ends) - 1
    if not len(lengths) or lengths.min() < 1 or lengths.max() > 3:
        return None
    ends = ends[1:]
    digits = codes.astype(np.int16) - ord("0")
    values = digits[ends - 1]
    values += np.where(lengths > 1, 10 * digits[ends - 2], 0).astype(np.int16)
    values += np.where(lengths > 2, 100 * digits[np.maximum(ends - 3, 0)], 0).astype(np.int16)
    return values.astype(np.uint8) if values.max() <= 255 else None


def _pixels_of_line(line: _Line, form: _Form) -> list[int]:
    cells = _cells(line, form.name, form.separator)[1:]
    if len(cells) != form.pixels:
        raise SiameseError(
            f"{form.name}, line {line.number}: {len(cells)} pixels where line {form.first} has {form.pixels}; all "
            "lines need as many."
        )
    pixels = []
    for column, cell in enumerate(cells, start=1):
        value = _number(cell)
        if not (0 <= value <= 255 and value.is_integer()):
            raise SiameseError(
                f'{form.name}, line {line.number}: pixel {column} is "{printable(cell)}"; a pixel is a whole number '
                "from 0 to 255."
            )
        pixels.append(int(value))
    return pixels


def _cells(line: _Line, name: str, separator: bytes) -> list[str]:
    try:
        return next(csv.reader([_decoded(line.text, line, name)], delimiter=separator.decode(), strict=True))
    except (csv.Error, StopIteration) as error:
        raise SiameseError(f"{name}, line {line.number}: the quotes do not close; is it a table?") from error


def _decoded(text: bytes, line: _Line, name: str) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SiameseError(f"{name}, line {line.number}: not UTF-8 text; save the table as CSV (UTF-8).") from error
