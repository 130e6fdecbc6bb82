"""Drawings: print and handwriting in one set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_omniglot import omniglot

from siamese import SiameseError
from siamese.data import drawings, glyphs_and_signs, handwriting
from siamese.data.catalogue import available, load_dataset
from siamese.data.glyphs import alphabets

SMALL = ("Greek capitals", "Greek small letters", "N'Ko", "Hebrew")


def test_each_part_holds_print_and_handwriting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alphabets, "ALPHABETS", tuple(a for a in alphabets.ALPHABETS if a[0] in SMALL))
    monkeypatch.setattr(glyphs_and_signs, "signs", lambda letters, held_out: list("&%7"))
    monkeypatch.setattr(glyphs_and_signs, "COMPOSED", 20)
    done: list[float] = []
    built = drawings.load(omniglot(tmp_path), progress=done.append)
    assert (built.name, built.title, built.kind, built.unseen) == ("drawings", "Drawings", "pen-and-print", "alphabets")
    assert done == sorted(done) and done[-1] == 1.0
    written, printed = handwriting.load(tmp_path), glyphs_and_signs.build()
    for part in ("train", "validation", "test"):
        ours, *others = (getattr(dataset, part) for dataset in (built, printed, written))
        assert torch.equal(ours.images, torch.cat([bank.images for bank in others]))
        assert ours.class_names == others[0].class_names + others[1].class_names
        assert set(ours.group_names) == {*others[0].group_names, *others[1].group_names}


def test_without_the_folders_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    assert not {entry.name: entry.present for entry in available(tmp_path)}["drawings"]
    with pytest.raises(SiameseError, match="strokes_background_small1"):
        load_dataset("drawings", tmp_path)
