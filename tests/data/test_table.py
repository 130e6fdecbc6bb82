"""CSV tables: read as the csv module reads them, only faster, and refused by line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.data import limits, table
from siamese.data.bank import Dataset
from siamese.data.split import natural
from siamese.data.table import load_table

SIDE = 8
PIXELS = SIDE * SIDE
HEADER = "label," + ",".join(f"pixel{number}" for number in range(PIXELS))


def row(label: str, value: int = 0, pixels: int = PIXELS) -> str:
    return ",".join([label] + [str(value)] * pixels)


def good_rows(classes: int = 2, images: int = 6) -> list[str]:
    return [row(f"c{c}", 20 * c + i) for i in range(images) for c in range(classes)]


def load(tmp_path: Path, lines: list[str] | bytes, **options: object) -> Dataset:
    path = tmp_path / "digits.csv"
    path.write_bytes(lines if isinstance(lines, bytes) else "\n".join(lines).encode())
    return load_table(path, **options)


def contents(dataset: Dataset) -> list[tuple[str, bytes]]:
    """The class name and the pixels of every image of the three parts, sorted."""
    return sorted(
        (part.class_names[c], image.numpy().tobytes())
        for part in (dataset.train, dataset.validation, dataset.test)
        for image, c in zip(part.images, part.labels.tolist(), strict=True)
    )


def by_the_csv_module(text: bytes, delimiter: str = ",") -> list[tuple[str, bytes]]:
    rows = csv.reader(io.StringIO(text.decode()), delimiter=delimiter)
    return sorted((cells[0].strip(), bytes(int(float(cell)) for cell in cells[1:])) for cells in rows if cells)


labels = st.text("abc019 éひ._-\"',", min_size=1, max_size=6).filter(lambda text: text.strip() == text)


@settings(deadline=None, max_examples=40)
@given(
    names=st.lists(labels, min_size=2, max_size=4, unique=True),
    seed=st.integers(0, 2**31),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    ending=st.sampled_from(["\n", "\r\n", "\n\n"]),
    mark=st.booleans(),
    header=st.booleans(),
    block=st.sampled_from([1, 1000, 10**6]),
)
def test_a_table_is_read_as_the_csv_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    seed: int,
    delimiter: str,
    quoting: int,
    ending: str,
    mark: bool,
    header: bool,
    block: int,
) -> None:
    rng = np.random.default_rng(seed)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    for number in range(6 * len(names)):
        top = (2, 11, 256)[number % 3]
        writer.writerow([names[number % len(names)], *map(int, rng.integers(0, top, PIXELS))])
    rows = text.getvalue().encode()
    first = HEADER.replace(",", delimiter).encode() + b"\n" if header else b""
    path = tmp_path_factory.mktemp("data") / "t.csv"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + first + rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_BLOCK_BYTES", block)
        dataset = load_table(path)
    assert contents(dataset) == by_the_csv_module(rows, delimiter)
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.images.dtype == torch.uint8 and part.images.shape[1:] == (1, SIDE, SIDE)
        assert int(part.counts.sum()) == len(part) and int(part.counts.min()) >= 2
        assert part.class_names == tuple(sorted(names, key=natural))


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    steps: list[float] = []
    dataset = load(tmp_path, good_rows(), progress=steps.append)
    assert (dataset.name, dataset.title, dataset.kind, dataset.unseen) == ("digits", "digits", "images", "images")
    assert dataset.dark_background is True and steps[-1] == 1.0


def test_rows_of_pixels_lie_from_left_to_right_and_top_to_bottom(tmp_path: Path) -> None:
    dataset = load(tmp_path, [f"{c}," + ",".join(map(str, range(2, 2 + PIXELS))) for c in "ab" for _ in range(6)])
    assert torch.equal(dataset.train.images[0, 0].flatten(), torch.arange(2, 2 + PIXELS, dtype=torch.uint8))
    assert dataset.train.images[0, 0, 0].tolist() == list(range(2, 10))


@pytest.mark.parametrize(
    "first", [HEADER, "label," + ",".join(map(str, range(PIXELS))), "," + ",".join(map(str, range(1, 65)))]
)
def test_column_names_are_passed_over(first: str, tmp_path: Path) -> None:
    assert contents(load(tmp_path, [first, *good_rows()])) == contents(load(tmp_path, good_rows()))


def test_numbers_with_decimals_and_spaces(tmp_path: Path) -> None:
    rows = [line.replace(",20,", ", 20.0 ,") for line in good_rows()]
    assert rows != good_rows()
    assert contents(load(tmp_path, rows)) == contents(load(tmp_path, good_rows()))


def test_labels_sort_as_people_count(tmp_path: Path) -> None:
    rows = [row(str(label), label) for label in (10, 9, 2) for _ in range(6)]
    dataset = load(tmp_path, rows)
    assert dataset.train.class_names == ("2", "9", "10")
    assert [int(image.max()) for image in dataset.test.images] == [2, 2, 9, 9, 10, 10]


@pytest.mark.parametrize(("classes", "unseen"), [(29, "images"), (30, "classes")])
def test_many_classes_are_split_by_class(classes: int, unseen: str, tmp_path: Path) -> None:
    dataset = load(tmp_path, [row(f"c{c}", c) for c in range(classes) for _ in range(6)])
    assert dataset.unseen == unseen
    assert len(contents(dataset)) == 6 * classes


def test_the_seed_chooses_what_is_held_out(tmp_path: Path) -> None:
    chosen = [load(tmp_path, good_rows(images=12), seed=seed).test.images[:, 0, 0, 0].tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (3, row("c0", 256), r'pixel 1 is "256"; a pixel is a whole number from 0 to 255'),
        (7, row("c0", 1000), 'pixel 1 is "1000"'),
        (1, row("c0", 0).replace(",0", ",x", 1), 'pixel 1 is "x"'),
        (4, "c0,-1" + ",0" * 63, 'pixel 1 is "-1"'),
        (5, "c0" + ",0" * 62 + ",0.5,0", 'pixel 63 is "0.5"'),
        (5, "c0" + ",0" * 63 + ",", 'pixel 64 is ""'),
        (5, "c0" + ",0" * 63 + ",nan", 'pixel 64 is "nan"'),
        (5, "c0" + ",0" * 63 + ",1e999", 'pixel 64 is "1e999"'),
        (6, row("c0", 0, 63), "63 pixels where line 1 has 64"),
        (6, row("c0", 0, 65), "65 pixels where line 1 has 64"),
        (2, row(""), "no label"),
        (2, row("  "), "no label"),
        (2, row("x" * 201), "a label of 201 letters"),
        (8, '"c0' + ",0" * 64, "quotes do not close"),
        (8, '"c0"x' + ",0" * 64, "quotes do not close"),
    ],
)
@pytest.mark.parametrize("block", [1, 10**6])
def test_what_is_wrong_is_told_by_line(
    line: int, text: str, message: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_BLOCK_BYTES", block)
    rows = good_rows()
    rows[line - 1] = text
    if line == 1:
        message = message.replace("line 1", "line 2")
    with pytest.raises(SiameseError, match=rf"^digits\.csv, line {line}: .*{message}") as caught:
        load(tmp_path, rows)
    assert str(tmp_path) not in str(caught.value)


def test_blank_lines_count_but_do_not_matter(tmp_path: Path) -> None:
    rows = ["", *good_rows()[:3], "", "  ", row("c0", 300)]
    with pytest.raises(SiameseError, match=r"^digits\.csv, line 7: "):
        load(tmp_path, rows)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (63, "63 pixels after the label make no square"),
        (0, "0 pixels"),
        (49, "49 pixels .* at least 8 × 8"),
        (129 * 129, "129 × 129 pixels, and 128 × 128 is the most"),
    ],
)
def test_pixels_that_make_no_square(pixels: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match=rf"^digits\.csv, line 1: .*{message}"):
        load(tmp_path, [row("a", 0, pixels)] * 12)


@pytest.mark.parametrize("data", [b"", b"\n\n\n", HEADER.encode() + b"\n"])
def test_a_table_without_images(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match=r"digits\.csv holds no line with an image"):
        load(tmp_path, data)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match=r"digits\.csv, line 2: not UTF-8"):
        load(tmp_path, good_rows()[0].encode() + b"\n\xff\xfe" + good_rows()[0].encode())
    with pytest.raises(SiameseError, match=r"digits\.csv, line 1: not UTF-8"):
        load(tmp_path, "\n".join(good_rows()).encode("utf-16"))


def test_a_picture_with_the_wrong_name(tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match=r"digits\.csv, line 1"):
        load(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)


def test_lines_too_long_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LINE_BYTES", 1024)
    with pytest.raises(SiameseError, match=r"digits\.csv, line 3: longer than 1 KB"):
        load(tmp_path, [*good_rows()[:2], "c0" + ",000" * 300])


def test_more_images_than_memory_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(limits, "MAX_BANK_BYTES", 12 * PIXELS - 1)
    with pytest.raises(SiameseError, match=r"digits\.csv holds more than"):
        load(tmp_path, good_rows())
    monkeypatch.setattr(limits, "MAX_BANK_BYTES", 12 * PIXELS)
    assert len(contents(load(tmp_path, good_rows()))) == 12


def test_classes_that_are_too_small_are_named(tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match='Class "rare" has 1 image; it needs at least 2'):
        load(tmp_path, good_rows() + [row("rare")])
    with pytest.raises(SiameseError, match="at least 2 classes; it has 1"):
        load(tmp_path, good_rows(classes=1))
