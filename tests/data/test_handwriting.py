"""Handwriting: which characters are trained on, which are held out, and how large they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_omniglot import omniglot

from siamese import SiameseError
from siamese.data import handwriting
from siamese.data.bank import Dataset
from siamese.data.catalogue import available, load_dataset


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return handwriting.load(omniglot(tmp_path_factory.mktemp("data")))


def test_drawn_again_turned_and_composed_characters_are_classes_for_training(built: Dataset) -> None:
    assert (built.name, built.kind, built.unseen) == ("handwriting", "pen", "alphabets")
    names = built.train.class_names
    assert sum(name.startswith("Greek/character01") for name in names) == 8, "turned and mirrored"
    assert sum(name.startswith("Greek/character") for name in names) == 16, "an alphabet found twice counts once"
    counts = dict(zip(names, built.train.counts.tolist()))
    assert counts["Tagalog/character02"] == 3 + handwriting.PEN_AGAIN
    composed = [count for name, count in counts.items() if name.startswith("Composed/")]
    assert composed == [handwriting.COMPOSED[1]] * (4 * handwriting.COMPOSED[0]), "of the four characters trained on"


def test_what_is_held_out_is_never_trained_on(built: Dataset) -> None:
    assert {name.split("/")[0] for name in built.validation.class_names if "/" in name} == {"Early_Aramaic"}
    assert {name.split("/")[0] for name in built.test.class_names if "/" in name} == {"Balinese"}
    parts = [set(bank.class_names) for bank in (built.train, built.validation, built.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    for held_out in (built.validation, built.test):
        assert set(held_out.counts.tolist()) == {3}, "the images as they were given, none drawn again"
    assert built.validation.group_names == ("Early_Aramaic by pen",)


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
    assert not {entry.name: entry.present for entry in available(tmp_path)}["handwriting"]
    with pytest.raises(SiameseError, match="strokes_background_small1"):
        load_dataset("handwriting", tmp_path)


def test_an_image_without_its_strokes_is_named(tmp_path: Path) -> None:
    omniglot(tmp_path)
    next((tmp_path / "omniglot" / "strokes_background_small2" / "Tagalog" / "character02").glob("*.txt")).unlink()
    with pytest.raises(SiameseError, match="Tagalog/character02"):
        handwriting.load(tmp_path)
