"""Drawings: which characters are trained on, in print and by pen, and which are held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.data import drawings, glyphs_and_signs
from siamese.data.bank import Dataset
from siamese.data.catalogue import available, load_dataset
from siamese.data.glyphs import alphabets

SMALL = ("Greek capitals", "Greek small letters", "N'Ko", "Hebrew")


def omniglot(root: Path, characters: int = 2, each: int = 3) -> Path:
    """Omniglot's small sets in small: four alphabets, one of them in both."""
    generator = np.random.default_rng(0)
    folders = {"small1": ("Balinese", "Early_Aramaic", "Greek"), "small2": ("Greek", "Tagalog")}
    for collection, names in folders.items():
        for alphabet in names:
            for number in range(characters):
                for drawer in range(each):
                    place = Path(alphabet) / f"character{number + 1:02}"
                    stem = f"{number}_{drawer}"
                    picture = root / "omniglot" / f"images_background_{collection}" / place / f"{stem}.png"
                    strokes = root / "omniglot" / f"strokes_background_{collection}" / place / f"{stem}.txt"
                    picture.parent.mkdir(parents=True, exist_ok=True)
                    strokes.parent.mkdir(parents=True, exist_ok=True)
                    ink = np.full((105, 105), 255, np.uint8)
                    ink[20 : 60 + number * 20, 50:53] = 0
                    Image.fromarray(ink).save(picture)
                    lines = [f"{x:.2f},{-y:.2f},0" for x, y in generator.uniform(20, 80, (4, 2))]
                    strokes.write_text("\n".join(["START", *lines, "BREAK"]))
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alphabets, "ALPHABETS", tuple(a for a in alphabets.ALPHABETS if a[0] in SMALL))
        patch.setattr(glyphs_and_signs, "signs", lambda letters, held_out: list("&%7"))
        return drawings.load(omniglot(tmp_path_factory.mktemp("data")))


def test_print_and_pen_are_classes_of_one_set(built: Dataset) -> None:
    assert (built.name, built.kind) == ("drawings", "pen-and-print")
    names = built.train.class_names
    assert {"AMPERSAND &", "PERCENT SIGN %", "DIGIT SEVEN 7"} <= set(names)
    assert sum(name.startswith("Greek/character01") for name in names) == 8, "turned and mirrored"
    assert sum(name.startswith("Greek/character") for name in names) == 16, "an alphabet found twice counts once"
    counts = dict(zip(names, built.train.counts.tolist()))
    assert counts["DIGIT SEVEN 7"] == glyphs_and_signs.IMAGES_PER_CHARACTER
    assert counts["Tagalog/character02"] == 3 + drawings.PEN_AGAIN
    composed = [count for name, count in counts.items() if name.startswith("Composed/")]
    assert composed == [drawings.COMPOSED[1]] * (4 * drawings.COMPOSED[0]), "of the four characters trained on"


def test_what_is_held_out_is_never_trained_on(built: Dataset) -> None:
    assert {name.split("/")[0] for name in built.validation.class_names if "/" in name} == {"Early_Aramaic"}
    assert {name.split("/")[0] for name in built.test.class_names if "/" in name} == {"Balinese"}
    parts = [set(bank.class_names) for bank in (built.train, built.validation, built.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    for held_out in (built.validation, built.test):
        assert held_out.counts[-1] == 3, "the images as they were given, none drawn again"
    assert {"N'Ko", "Greek small letters", "Early_Aramaic by pen"} == set(built.validation.group_names)


def test_handwriting_is_as_large_in_every_part(built: Dataset) -> None:
    """People write larger or smaller, and the network is not to lose a small character's pixels."""
    for bank in (built.train, built.validation, built.test):
        by_pen = [i for i, name in enumerate(bank.class_names) if "/" in name and "Composed" not in name]
        ink = bank.select_classes(by_pen).images[:, 0] > 40
        longer = torch.stack([ink.any(axis).sum(1) for axis in (1, 2)]).amax(0) / 28
        assert 0.7 < float(longer.float().median()) < 0.9 and float(longer.min()) > 0.5


def test_a_turned_class_is_the_same_drawings_turned(built: Dataset) -> None:
    bank = built.train

    def of(name: str) -> torch.Tensor:
        number = bank.class_names.index(name)
        return bank.images[int(bank.starts[number]) :][: int(bank.counts[number])]

    upright = of("Tagalog/character01")
    assert torch.equal(of("Tagalog/character01 turned 90°"), upright.rot90(1, (2, 3)))
    assert torch.equal(of("Tagalog/character01 mirrored"), upright.flip(-1))


def test_without_the_folders_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    assert not {entry.name: entry.present for entry in available(tmp_path)}["drawings"]
    with pytest.raises(SiameseError, match="strokes_background_small1"):
        load_dataset("drawings", tmp_path)


def test_an_image_without_its_strokes_is_named(tmp_path: Path) -> None:
    omniglot(tmp_path)
    next((tmp_path / "omniglot" / "strokes_background_small2" / "Tagalog" / "character02").glob("*.txt")).unlink()
    with pytest.raises(SiameseError, match="Tagalog/character02"):
        drawings.load(tmp_path)
