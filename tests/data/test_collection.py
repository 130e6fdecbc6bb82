"""Pictures that somebody brings: what is taken in, what is skipped, and the data set that they make."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from symbols import drawing, painted, png, symbol, zipped

from siamese import SiameseError
from siamese.data import limits
from siamese.data.archive import load_zip
from siamese.data.collection import TWICE, Collection, class_name, thumbnail

SIDE = 32


def collected(classes: int, images: int) -> Collection:
    collection = Collection("Our doodles")
    for c in range(classes):
        for n in range(images):
            collection.add(f"sign {c}", "drawing.png", png(c, 100 * c + n))
    return collection


def test_ten_drawn_classes_make_a_data_set_with_a_test() -> None:
    collection = collected(10, 5)
    plan, dataset = collection.plan(), collection.dataset("own:abc")
    assert (dataset.name, dataset.title, dataset.kind, dataset.unseen) == (
        "own:abc",
        "Our doodles",
        "drawings",
        "images",
    )
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [30, 10, 10]
    for planned, part in zip(plan[:3], (dataset.train, dataset.validation, dataset.test)):
        assert planned.class_names == part.class_names and torch.equal(planned.counts, part.counts)
    assert dataset.train.images.shape[1:] == (1, SIDE, SIDE) and dataset.dark_background is False
    assert collection.dataset("own:abc") is dataset  # built once


def test_what_goes_home_is_what_the_command_line_reads(tmp_path: Path) -> None:
    collection = collected(10, 5)
    collection.add("lonely", "drawing.png", png(77, 0))
    (tmp_path / "my.zip").write_bytes(collection.as_zip())
    here, there = collection.dataset("own:abc"), load_zip(tmp_path / "my.zip")
    for mine, read in ((here.train, there.train), (here.validation, there.validation), (here.test, there.test)):
        assert mine.class_names == read.class_names and torch.equal(mine.images, read.images)
    assert "lonely" in collection.classes and "lonely" not in here.train.class_names
    again = Collection.read("my.zip", collection.as_zip())
    assert again.title == "my" and torch.equal(again.dataset("x").test.images, here.test.images)


def test_a_zip_is_taken_in_and_what_is_no_picture_is_skipped_with_its_reason() -> None:
    files = {f"set/{c}/{n}.png": png(c, n) for c in range(4) for n in range(6)}
    files |= {"set/0/copy.png": png(0, 3), "set/1/notes.txt": b"hello", "set/2/cut.png": png(2, 9)[:200]}
    collection = Collection.read("signs.zip", zipped(files))
    assert {name: len(pictures) for name, pictures in collection.classes.items()} == dict.fromkeys("0123", 6)
    reasons = {skipped.name.rsplit("/", 1)[1]: skipped.why for skipped in collection.skipped}
    assert reasons["copy.png"] == TWICE and "damaged" in reasons["cut.png"] and "not an image" in reasons["notes.txt"]
    assert collection.skipped_count == 3
    for bank in (collection.dataset("own:x").train, collection.dataset("own:x").test):
        for image, c in zip(bank.images, bank.labels.tolist(), strict=True):
            name = int(bank.class_names[c])
            assert any(
                np.array_equal(image[0].numpy(), np.asarray(painted(drawing(symbol(name), n), SIDE))) for n in range(6)
            )


def test_a_table_becomes_pictures() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (12, 64))
    text = "\n".join(f"c{i % 2}," + ",".join(map(str, row)) for i, row in enumerate(rows))
    collection = Collection.read("digits.csv", text.encode())
    assert collection.count == 12 and collection.title == "digits" and collection.size() == (8, 8)
    dataset = collection.dataset("own:x")
    found = {
        image.numpy().tobytes() for part in (dataset.train, dataset.validation, dataset.test) for image in part.images
    }
    assert found == {row.astype(np.uint8).tobytes() for row in rows}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("broken.zip", b"PK\x03\x04" + bytes(200), "no zip, or damaged"),
        ("bomb.zip", zipped({"a/0.png": bytes(8_000_000), "a/1.png": bytes(8_000_000)}), "as a bomb does"),
        ("text.zip", zipped({"a/notes.txt": b"x", "b/notes.txt": b"y"}), "can be read"),
        ("letter.csv", b"Dear all,\n", "make no square image"),
        ("empty.zip", zipped({}), "no image"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(name: str, content: bytes, says: str) -> None:
    with pytest.raises(SiameseError, match=says):
        Collection.read(name, content)


def test_one_class_is_kept_though_it_cannot_be_trained_on() -> None:
    collection = Collection.read("one.zip", zipped({f"a/{n}.png": png(0, n) for n in range(6)}))
    assert collection.count == 6
    with pytest.raises(SiameseError, match="at least 2 classes"):
        collection.dataset("own:x")
    other = collected(3, 6)
    other.merge(collection)
    assert len(other.dataset("own:x").train.class_names) == 4


def test_changes_by_hand() -> None:
    collection = collected(2, 6)
    before = collection.dataset("own:x")
    collection.add("sign 0", "again.png", png(0, 0))
    assert collection.count == 12 and collection.skipped[-1].why == TWICE
    collection.rename_class("sign 0", "sun")
    collection.remove(collection.classes["sign 1"][0].number)
    assert {name: len(pictures) for name, pictures in collection.classes.items()} == {"sun": 6, "sign 1": 5}
    with pytest.raises(SiameseError, match="no longer here"):
        collection.remove(10_000)
    collection.rename_class("sign 1", "sun")
    assert {name: len(pictures) for name, pictures in collection.classes.items()} == {"sun": 11}
    assert before.train.class_names == ("sign 0", "sign 1")  # a run that has it keeps it
    collection.add("moon", "x.png", collection.classes["sun"][0].content)
    assert collection.shared() == [("sun", "moon")]
    with pytest.raises(SiameseError, match="not an image"):
        collection.add("sun", "x.png", b"nonsense")


def test_drawings_in_colour_modes_are_known_as_grey() -> None:
    collection = Collection("x")
    collection.add("a", "d.png", png(0, 0, mode="RGBA"))
    assert collection.classes["a"][0].header.grey
    assert Image.open(io.BytesIO(thumbnail(collection.classes["a"][0]))).size == (SIDE, SIDE)


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = collected(2, 2)
    for name in ("MAX_OWN_PICTURES", "MAX_OWN_FILES_BYTES"):
        with monkeypatch.context() as patch, pytest.raises(SiameseError, match="at most"):
            patch.setattr(limits, name, 4)
            collection.add("sign 0", "d.png", png(0, 99))
    monkeypatch.setattr(limits, "MAX_OWN_CLASSES", 2)
    with pytest.raises(SiameseError, match="at most 2 classes"):
        collection.add_class("third")
    assert collection.count == 4


@pytest.mark.parametrize(
    ("text", "kept"),
    [("  sun \n", "sun"), ("a/../b", "a/b"), ("..", None), ("x" * 99, "x" * 40), ("<b>", "-b-"), ("", None), (7, None)],
)
def test_names_fit_for_folders(text: object, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(SiameseError):
            class_name(text)
    else:
        assert class_name(text) == kept
