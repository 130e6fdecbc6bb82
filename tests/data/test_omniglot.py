"""Omniglot: found in every layout, split by alphabet, light on dark."""

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
from siamese.data import omniglot
from siamese.data.bank import Dataset, ImageBank, resize


def write_alphabet(folder: Path, characters: int, drawings: int = 2, shade: int = 0) -> None:
    """Black strokes on white, 1 bit deep as the real ones; the place of the stroke tells character and drawing."""
    for character in range(1, characters + 1):
        place = folder / f"character{character:02d}"
        place.mkdir(parents=True)
        for drawing in range(drawings):
            image = Image.new("1", (105, 105), 1)
            image.paste(0, (4 * character, 10 + shade, 4 * character + 3, 60 + 20 * drawing))
            image.save(place / f"{shade:04d}_{drawing + 1:02d}.png")


def banks(dataset: Dataset) -> tuple[ImageBank, ImageBank, ImageBank]:
    return dataset.train, dataset.validation, dataset.test


def test_small_sets_are_split_by_alphabet(tmp_path: Path) -> None:
    for number, size in enumerate([22, 20, 24, 3, 21]):
        write_alphabet(tmp_path / "omniglot" / f"images_background_small{number % 2 + 1}" / f"A{number}", size)
    steps: list[float] = []
    dataset = omniglot.load(tmp_path, progress=steps.append)
    assert (dataset.name, dataset.kind, dataset.unseen) == ("omniglot", "characters", "alphabets")
    assert dataset.dark_background is True
    assert [part.group_names for part in banks(dataset)] == [("A0", "A2", "A3"), ("A4",), ("A1",)]
    assert [part.classes for part in banks(dataset)] == [49, 21, 20]
    assert dataset.train.class_names[22] == "A2/character01"
    assert dataset.train.groups.tolist() == [0] * 22 + [1] * 24 + [2] * 3
    for part in banks(dataset):
        assert part.images.shape[1:] == (1, 28, 28) and set(part.counts.tolist()) == {2}
    assert steps == sorted(steps) and steps[-1] == 1.0


def test_images_are_inverted_and_antialiased(tmp_path: Path) -> None:
    for name in "ABC":
        write_alphabet(tmp_path / "omniglot" / "images_background" / name, 2)
    dataset = omniglot.load(tmp_path)
    path = tmp_path / "omniglot" / "images_background" / dataset.test.group_names[0] / "character01" / "0000_01.png"
    ink = 255 - torch.from_numpy(np.array(Image.open(path).convert("L")))[None, None]
    assert torch.equal(dataset.test.images[:1], resize(ink, (28, 28)))
    assert dataset.test.images[0, 0, 0, -1] == 0 and len(dataset.test.images[0].unique()) > 2


def test_an_alphabet_found_twice_counts_once(tmp_path: Path) -> None:
    write_alphabet(tmp_path / "omniglot" / "images_background" / "A", 3)
    write_alphabet(tmp_path / "omniglot" / "images_background_small1" / "A", 3, shade=9)
    write_alphabet(tmp_path / "omniglot-py" / "images_background" / "A", 3, shade=9)
    for name in "BC":
        write_alphabet(tmp_path / "omniglot-py" / "images_background" / name, 3)
    dataset = omniglot.load(tmp_path)
    assert sorted(name for part in banks(dataset) for name in part.group_names) == ["A", "B", "C"]
    assert sum(len(part) for part in banks(dataset)) == 18


def test_the_evaluation_set_is_the_test(tmp_path: Path) -> None:
    for name, size in (("A", 20), ("B", 21), ("C", 2), ("D", 22)):
        write_alphabet(tmp_path / "omniglot-py" / "images_background" / name, size)
    for name in "AXY":
        write_alphabet(tmp_path / "omniglot-py" / "images_evaluation" / name, 2)
    dataset = omniglot.load(tmp_path)
    assert [part.group_names for part in banks(dataset)] == [("B", "C", "D"), ("A",), ("X", "Y")]


@settings(deadline=None)
@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 60), min_size=3, max_size=40))
def test_every_alphabet_is_in_one_part(background: dict[str, int]) -> None:
    parts = omniglot.split_alphabets(background, [])
    assert sorted(name for part in parts for name in part) == sorted(background) and all(parts)
    train, validation, test = omniglot.split_alphabets(background, ["evaluation"])
    assert test == ["evaluation"] and sorted(train + validation) == sorted(background) and train and validation


def test_held_out_alphabets_are_large_enough_for_twenty_ways() -> None:
    sizes = {
        "Tagalog": 17,
        "Latin": 26,
        "Korean": 40,
        "Greek": 24,
        "Hebrew": 22,
        "Futurama": 26,
        "N_Ko": 33,
        "Braille": 26,
    }
    assert omniglot.split_alphabets(sizes, []) == (
        ["Futurama", "Korean", "Latin", "N_Ko", "Tagalog"],
        ["Braille"],
        ["Greek", "Hebrew"],
    )


def test_decoded_images_are_kept_until_the_files_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "omniglot" / "images_background"
    for name in "ABC":
        write_alphabet(folder / name, 2)
    first = omniglot.load(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(omniglot, "read_image", None)
        second = omniglot.load(tmp_path)
    assert all(torch.equal(a.images, b.images) for a, b in zip(banks(first), banks(second), strict=True))
    write_alphabet(folder / "D", 2)
    assert sum(part.classes for part in banks(omniglot.load(tmp_path))) == 8


def test_files_in_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "omniglot" / "images_background"
    for name in "ABC":
        write_alphabet(folder / name, 2)
    (folder / ".hidden" / "x").mkdir(parents=True)
    (folder / "Empty" / "character01").mkdir(parents=True)
    (folder / "notes.txt").write_text("notes")
    (folder / "A" / "character01" / "._0000_01.png").write_bytes(b"fork")
    assert sum(part.classes for part in banks(omniglot.load(tmp_path))) == 6
    (folder / "A" / "character01" / "0000_09.png").write_bytes(b"no image")
    with pytest.raises(SiameseError, match=r'"A/character01/0000_09\.png" is not an image') as caught:
        omniglot.load(tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_too_few_alphabets_are_as_good_as_none(tmp_path: Path) -> None:
    for name in "AB":
        write_alphabet(tmp_path / "omniglot" / "images_background" / name, 2)
    assert not omniglot.is_present(tmp_path)
    with pytest.raises(SiameseError, match=r"Omniglot is not in the data folder.*data get omniglot"):
        omniglot.load(tmp_path)


def test_a_download_brings_both_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fetch(root: Path, background: bool, download: bool) -> None:
        calls.append((root, background, download))
        kind = "images_background" if background else "images_evaluation"
        for name in "ABCD" if background else "XY":
            write_alphabet(root / "omniglot-py" / kind / name, 2)

    monkeypatch.setattr("torchvision.datasets.Omniglot", fetch)
    for _ in range(2):
        assert omniglot.load(tmp_path, download=True).test.group_names == ("X", "Y")
    assert calls == [(tmp_path, True, True), (tmp_path, False, True)]


def test_a_download_that_fails_says_what_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("torchvision.datasets.Omniglot", fetch)
    with pytest.raises(SiameseError, match=r"Omniglot could not be downloaded.*glyphs or doodle-faces"):
        omniglot.load(tmp_path, download=True)


@pytest.mark.skipif("SIAMESE_TEST_DATA" not in os.environ, reason="SIAMESE_TEST_DATA names no folder of real data")
def test_the_real_small_sets(tmp_path: Path) -> None:
    source = Path(os.environ["SIAMESE_TEST_DATA"]) / "omniglot"
    if not list(source.glob("images_background_small*")):
        pytest.skip("no Omniglot in the folder")
    (tmp_path / "omniglot").mkdir()
    for name in ("images_background_small1", "images_background_small2"):
        (tmp_path / "omniglot" / name).symlink_to(source / name)
    dataset = omniglot.load(tmp_path)
    assert [len(part.group_names) for part in banks(dataset)] == [5, 1, 2]
    assert sum(part.classes for part in banks(dataset)) == 242
    for part in (dataset.validation, dataset.test):
        assert int(torch.bincount(part.groups).min()) >= 20
    assert all(set(part.counts.tolist()) == {20} for part in banks(dataset))
    assert 0.02 < float(dataset.train.images.float().mean()) / 255 < 0.3
