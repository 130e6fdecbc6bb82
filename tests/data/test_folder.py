"""A folder of class folders becomes a data set, or a sentence that says which file or class is in the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset, ImageBank
from siamese.data.class_folders import has_dark_background
from siamese.data.folder import load_folder


def put(root: Path, name: str, value: object = 0, size: tuple[int, int] = (12, 10), mode: str = "L") -> None:
    """Writes an image of one colour."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def put_classes(root: Path, classes: int, images: int, prefix: str = "") -> None:
    """Image i of class c is filled with the value 20 c + i."""
    for c in range(classes):
        for i in range(images):
            put(root, f"{prefix}c{c}/{i}.png", 20 * c + i)


def banks(dataset: Dataset) -> tuple[ImageBank, ImageBank, ImageBank]:
    return dataset.train, dataset.validation, dataset.test


def contents(bank: ImageBank) -> set[tuple[str, int]]:
    return {
        (bank.class_names[c], int(image[0, 5, 5])) for image, c in zip(bank.images, bank.labels.tolist(), strict=True)
    }


@settings(deadline=None, max_examples=15)
@given(classes=st.integers(2, 12), images=st.integers(6, 9), grouped=st.booleans(), seed=st.integers(0, 9))
def test_any_bank_is_sorted_complete_and_disjoint(
    tmp_path_factory: pytest.TempPathFactory, classes: int, images: int, grouped: bool, seed: int
) -> None:
    root = tmp_path_factory.mktemp("data")
    for c in range(classes):
        for i in range(images):
            put(root, (f"g{c % 2}/" if grouped else "") + f"c{c}/{i}.png", 20 * c + i)
    dataset = load_folder(root, seed)
    assert dataset.unseen == "images"
    found = [contents(part) for part in banks(dataset)]
    assert sum(len(part) for part in found) == len(set.union(*found)) == classes * images
    for part in banks(dataset):
        assert part.images.dtype == torch.uint8 and part.images.shape[1:] == (1, 10, 12)
        assert part.classes >= 2 and int(part.counts.min()) >= 2 and int(part.counts.sum()) == len(part)
        assert torch.equal(part.labels, part.labels.sort().values)
        for name, value in contents(part):
            assert name.endswith(f"c{value // 20}")
        for name, group in zip(part.class_names, part.groups.tolist(), strict=True):
            assert part.group_names[group] == (name.split("/")[0] if grouped else "all")


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    put_classes(tmp_path / "My faces", 3, 6)
    steps: list[float] = []
    dataset = load_folder(tmp_path / "My faces", 0, steps.append)
    assert (dataset.name, dataset.title, dataset.kind, dataset.unseen) == ("My faces", "My faces", "drawings", "images")
    assert steps == sorted(steps) and steps[-1] == 1.0


def test_pixels_are_those_of_the_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    written = {}
    for c in "abcdef":
        for i in range(2):
            pixels = rng.integers(0, 256, (16, 9, 3), dtype=np.uint8)
            written[c, i] = pixels
            put(tmp_path, f"{c}/{i}.png")
            Image.fromarray(pixels).save(tmp_path / c / f"{i}.png")
    for part in banks(load_folder(tmp_path)):
        for image, c in zip(part.images.view(-1, 2, 3, 16, 9), part.class_names, strict=True):
            for i in range(2):
                assert np.array_equal(image[i].permute(1, 2, 0).numpy(), written[c, i])


def test_named_parts_are_kept(tmp_path: Path) -> None:
    for part, classes in (("train", "abc"), ("val", "ab"), ("test", "abc")):
        for number, c in enumerate(classes):
            for i in range(3):
                put(tmp_path, f"{part}/{c}/{i}.png", 10 * number + i + {"train": 0, "val": 100, "test": 200}[part])
    dataset = load_folder(tmp_path)
    assert dataset.unseen == "images"
    assert [part.counts.tolist() for part in banks(dataset)] == [[3, 3, 3], [3, 3], [3, 3, 3]]
    assert {value // 100 for _, value in contents(dataset.validation)} == {1}
    assert {value // 100 for _, value in contents(dataset.test)} == {2}


@pytest.mark.parametrize("second", ["test", "val"])
def test_validation_is_taken_from_training_where_it_is_missing(second: str, tmp_path: Path) -> None:
    put_classes(tmp_path, 3, 6, "train/")
    put_classes(tmp_path, 3, 2, f"{second}/")
    dataset = load_folder(tmp_path)
    assert dataset.unseen == "images"
    assert [part.counts.tolist() for part in banks(dataset)] == [[4] * 3, [2] * 3, [2] * 3]
    assert not contents(dataset.train) & contents(dataset.validation)


def test_new_classes_in_the_test_folder_are_a_split_by_class(tmp_path: Path) -> None:
    put_classes(tmp_path, 8, 3, "training/")
    for c in ("x", "y"):
        for i in range(2):
            put(tmp_path, f"testing/{c}/{i}.png")
    dataset = load_folder(tmp_path)
    assert dataset.unseen == "classes"
    assert dataset.test.class_names == ("x", "y")
    assert (dataset.train.classes, dataset.validation.classes) == (6, 2)
    assert not set(dataset.train.class_names) & set(dataset.validation.class_names)


def test_one_part_alone_is_the_whole_set(tmp_path: Path) -> None:
    put_classes(tmp_path, 6, 2, "training/")
    put_classes(tmp_path / "again", 6, 2)
    whole, inner = load_folder(tmp_path / "again"), load_folder(tmp_path / "training")
    assert [contents(part) for part in banks(whole)] == [contents(part) for part in banks(inner)]
    (tmp_path / "training" / "README").write_text("notes")
    assert load_folder(tmp_path / "training").train.class_names == inner.train.class_names


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(30, 20)] * 12, (20, 30)),
        ([(30, 20)] * 7 + [(50, 10)] * 5, (20, 30)),
        ([(20, 20)] * 4 + [(30, 40)] * 4 + [(60, 50)] * 4, (40, 30)),
        ([(400, 300)] * 12, (96, 128)),
        ([(300, 2)] * 12, (8, 128)),
    ],
)
def test_the_common_size(sizes: list[tuple[int, int]], expected: tuple[int, int], tmp_path: Path) -> None:
    for number, size in enumerate(sizes):
        put(tmp_path, f"{'ab'[number % 2]}/{number}.png", 0, size)
    assert tuple(load_folder(tmp_path).train.images.shape[2:]) == expected


def test_other_proportions_are_cropped_around_the_centre(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 8)
    wide = Image.new("L", (48, 10), 255)
    wide.paste(99, (18, 0, 30, 10))
    wide.save(tmp_path / "c0" / "wide.png")
    found = [image for part in banks(load_folder(tmp_path)) for image in part.images if int(image.max()) == 99]
    assert len(found) == 1 and int(found[0].min()) == 99


def test_colour_is_kept_where_there_is_any_and_only_there(tmp_path: Path) -> None:
    for c in "ab":
        for i in range(6):
            put(tmp_path, f"{c}/{i}.jpg", (100, 100, 100), mode="RGB")
    assert load_folder(tmp_path).train.images.shape[1] == 1
    put(tmp_path, "a/7.png", (255, 0, 0), mode="RGB")
    put(tmp_path, "b/7.png", 50, mode="L")
    assert load_folder(tmp_path).train.images.shape[1] == 3


@pytest.mark.parametrize("extension", ["pgm", "bmp", "gif", "tif", "jpg", "webp", "PNG"])
def test_formats(extension: str, tmp_path: Path) -> None:
    for c in range(2):
        for i in range(6):
            put(tmp_path, f"{c}/{i}.{extension}", 100 * c + i)
    dataset = load_folder(tmp_path)
    for part in banks(dataset):
        assert part.images.shape[1:] == (1, 10, 12)
        assert (part.images[:, 0, 5, 5].int() // 50 - 2 * part.labels).abs().max() == 0


def test_orientation_counts_for_the_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for c in "ab":
        for i in range(6):
            put(tmp_path, f"{c}/{i}.jpg")
            Image.new("L", (30, 20)).save(tmp_path / c / f"{i}.jpg", exif=exif)
    assert tuple(load_folder(tmp_path).train.images.shape[2:]) == (30, 20)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 6)
    (tmp_path / "c1" / "notes.txt").write_text("not an image")
    with pytest.raises(SiameseError, match=r'"c1/notes\.txt" is not an image') as caught:
        load_folder(tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 6)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 12), dtype=np.uint8)).save(tmp_path / "c0/0.png")
    data = (tmp_path / "c0/0.png").read_bytes()
    (tmp_path / "c0/0.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(SiameseError, match=r'"c0/0\.png" is damaged'):
        load_folder(tmp_path)


def test_classes_that_are_too_small_are_named(tmp_path: Path) -> None:
    put_classes(tmp_path, 6, 3)
    put(tmp_path, "lonely/0.png")
    with pytest.raises(SiameseError, match='Class "lonely" has 1 image; it needs at least 2'):
        load_folder(tmp_path)
    put_classes(tmp_path / "few", 3, 4)
    with pytest.raises(SiameseError, match='too few images to hold any out: class "c0" has 4'):
        load_folder(tmp_path / "few")


def test_parts_that_are_too_small_are_named(tmp_path: Path) -> None:
    put_classes(tmp_path / "one", 6, 4, "train/")
    put_classes(tmp_path / "one", 1, 4, "test/")
    with pytest.raises(SiameseError, match="test folder needs at least 2 classes; it has 1"):
        load_folder(tmp_path / "one")
    put_classes(tmp_path / "two", 3, 4, "train/")
    for c in "xy":
        for i in range(2):
            put(tmp_path / "two", f"test/{c}/{i}.png")
    with pytest.raises(SiameseError, match=r"training folder.* needs at least 4 classes; it has 3"):
        load_folder(tmp_path / "two")
    put_classes(tmp_path / "three", 3, 4, "train/")
    put_classes(tmp_path / "three", 3, 1, "test/")
    with pytest.raises(SiameseError, match=r'"c0" has 1 image; it needs at least 2, .* test folder'):
        load_folder(tmp_path / "three")


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 6)
    (tmp_path / "c2").symlink_to(tmp_path / "c1")
    (tmp_path / "c0" / "x.png").symlink_to(tmp_path / "c1" / "3.png")
    dataset = load_folder(tmp_path)
    assert sum(len(part) for part in banks(dataset)) == 19
    assert dataset.train.class_names == ("c0", "c1", "c2")


@pytest.mark.parametrize("kind", ["file", "folder", "missing", "relative", "ring"])
def test_links_that_lead_out_are_refused(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    put_classes(root, 2, 6)
    put(tmp_path, "secret/1.png")
    link = root / "c0" / "link.png"
    target = {
        "file": tmp_path / "secret" / "1.png",
        "folder": tmp_path / "secret",
        "missing": tmp_path / "nowhere",
        "relative": Path("../../secret/1.png"),
        "ring": link,
    }[kind]
    link.symlink_to(target)
    with pytest.raises(SiameseError, match=r'"c0/link\.png"') as caught:
        load_folder(root)
    assert str(tmp_path) not in str(caught.value)


def test_a_link_to_its_own_parent_ends(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 6)
    (tmp_path / "c0" / "again").symlink_to(tmp_path)
    with pytest.raises(SiameseError, match="lies too deep"):
        load_folder(tmp_path)


def test_pipes_and_hidden_folders_are_not_entered(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 6)
    put(tmp_path, ".cache/c9/1.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "c0" / "pipe.png")
    assert sum(len(part) for part in banks(load_folder(tmp_path))) == 12


def test_limits_come_before_the_first_image_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_classes(tmp_path, 2, 6)

    def read(*_: object, **__: object) -> None:
        raise AssertionError("an image was opened")

    monkeypatch.setattr("siamese.data.class_folders.read_header", read)
    monkeypatch.setattr(limits, "MAX_FILES", 11)
    with pytest.raises(SiameseError, match="holds more than 11 files"):
        load_folder(tmp_path)
    monkeypatch.setattr(limits, "MAX_FILES", 12)
    monkeypatch.setattr(limits, "MAX_TOTAL_BYTES", limits.GIB)
    with (tmp_path / "c0" / "huge.png").open("wb") as file:
        file.truncate(limits.GIB)  # a hole: no disk is used
    monkeypatch.setattr(limits, "MAX_FILES", 13)
    with pytest.raises(SiameseError, match="holds more than 1 GB of files"):
        load_folder(tmp_path)


def test_memory_is_counted_before_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_classes(tmp_path, 2, 6)
    monkeypatch.setattr(limits, "MAX_BANK_BYTES", 12 * 120 - 1)
    with pytest.raises(SiameseError, match="12 images of 12 × 10 pixels"):
        load_folder(tmp_path)
    monkeypatch.setattr(limits, "MAX_BANK_BYTES", 12 * 120)
    assert len(load_folder(tmp_path).train) == 4


def test_an_image_of_a_hundred_megapixels_is_refused(tmp_path: Path) -> None:
    put_classes(tmp_path, 2, 6)
    (tmp_path / "c1" / "0.png").unlink()
    (tmp_path / "c1" / "0.pgm").write_bytes(b"P5 10000 10000 255\n")
    with pytest.raises(SiameseError, match=r'"c1/0\.pgm" has 100 megapixels'):
        load_folder(tmp_path)


def test_backgrounds_that_agree_are_told() -> None:
    ink = torch.zeros(20, 1, 10, 10, dtype=torch.uint8)
    ink[:, :, 3:7, 3:7] = 255
    mixed = torch.cat([ink[:10], 255 - ink[:10]])
    assert has_dark_background(ink) is True
    assert has_dark_background(255 - ink) is False
    assert has_dark_background(mixed) is None
    assert has_dark_background(ink.expand(-1, 3, -1, -1)) is None
    assert has_dark_background(torch.full((20, 1, 10, 10), 128, dtype=torch.uint8)) is None


@pytest.mark.skipif("SIAMESE_TEST_DATA" not in os.environ, reason="SIAMESE_TEST_DATA names no folder of real data")
def test_the_att_faces() -> None:
    root = Path(os.environ["SIAMESE_TEST_DATA"]) / "att_faces"
    if not root.is_dir():
        pytest.skip("no AT&T faces in the folder")
    dataset = load_folder(root)
    assert (dataset.kind, dataset.unseen, dataset.dark_background) == ("photos", "classes", None)
    assert [part.classes for part in banks(dataset)] == [25, 6, 6]
    for part in banks(dataset):
        assert part.images.shape[1:] == (1, 112, 92) and set(part.counts.tolist()) == {10}
    path = root / "training" / dataset.train.class_names[0] / "1.pgm"
    assert np.array_equal(dataset.train.images[0, 0].numpy(), np.array(Image.open(path)))
