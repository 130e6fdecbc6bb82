"""Glyphs and signs: more characters for training, none twice in any turn, none like a character that is held out."""

from __future__ import annotations

import pytest
import torch

from siamese.data import glyphs_and_signs
from siamese.data.bank import Dataset
from siamese.data.glyphs import alphabets
from siamese.data.glyphs import dataset as glyphs
from siamese.data.glyphs.composed import FACES
from siamese.data.glyphs.shapes import ALIKE, ALIKE_ACROSS_PARTS, canonical_shapes, nearest_ink
from siamese.data.turned import TURNS

SMALL = ("Greek capitals", "Greek small letters", "N'Ko", "Hebrew")


@pytest.fixture(scope="module")
def built() -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alphabets, "ALPHABETS", tuple(a for a in alphabets.ALPHABETS if a[0] in SMALL))
        patch.setattr(glyphs_and_signs, "signs", lambda letters, held_out: list("&%7"))
        patch.setattr(glyphs_and_signs, "COMPOSED", 40)
        return glyphs_and_signs.build()


def test_the_test_part_is_that_of_the_glyphs_and_two_alphabets_go_over_to_validation(built: Dataset) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alphabets, "ALPHABETS", tuple(a for a in alphabets.ALPHABETS if a[0] in SMALL))
        plain = glyphs.build()
    assert (built.name, built.title, built.kind) == (plain.name, plain.title, plain.kind)
    assert torch.equal(built.test.images, plain.test.images) and built.test.class_names == plain.test.class_names
    assert built.validation.group_names == ("N'Ko", "Greek small letters")
    before = len(plain.validation)
    assert torch.equal(built.validation.images[:before], plain.validation.images)
    group = plain.train.group_names.index("Greek small letters")
    small = [name for name, own in zip(plain.train.class_names, plain.train.groups.tolist()) if own == group]
    assert list(built.validation.class_names[plain.validation.classes :]) == small
    characters = {name.split(" turned")[0].removesuffix(" mirrored") for name in built.train.class_names}
    assert not characters & set(small) and {"GREEK CAPITAL LETTER OMEGA Ω", "AMPERSAND &"} < characters


def test_signs_and_turned_characters_are_classes_of_their_own(built: Dataset) -> None:
    bank = built.train
    names = bank.class_names
    assert {"AMPERSAND &", "DIGIT SEVEN 7", "AMPERSAND & turned 90°", "AMPERSAND & mirrored"} <= set(names)
    assert len(set(names)) == len(names)
    images_of = {name: int(count) for name, count in zip(names, bank.counts)}
    assert images_of["AMPERSAND &"] == images_of["AMPERSAND & turned 90°"] == glyphs_and_signs.IMAGES_PER_CHARACTER
    # Ο looks the same in every turn, Α when it is mirrored.
    assert [name for name in names if "OMICRON" in name] == ["GREEK CAPITAL LETTER OMICRON Ο"]
    assert "GREEK CAPITAL LETTER ALPHA Α mirrored" not in names and "GREEK CAPITAL LETTER ALPHA Α turned 90°" in names
    groups = dict(zip(names, (bank.group_names[group] for group in bank.groups.tolist())))
    assert groups["DIGIT SEVEN 7 turned 180°"] == "Signs turned 180°"
    assert groups["GREEK CAPITAL LETTER GAMMA Γ"] == "Greek capitals"

    def images(name: str) -> torch.Tensor:
        number = names.index(name)
        return bank.images[int(bank.starts[number]) :][: glyphs_and_signs.IMAGES_PER_CHARACTER]

    assert torch.equal(images("AMPERSAND & turned 270° mirrored"), images("AMPERSAND &").flip(-1).rot90(3, (2, 3)))
    composed = [name for name in names if groups[name] == "Composed"]
    assert 10 < len(composed) <= 40 and composed[0] == "Composed 1"
    assert {images_of[name] for name in composed} == {FACES}


def test_no_character_looks_like_another_in_any_turn_or_like_one_held_out() -> None:
    characters, held_out = list("AbCdEfGpqu69"), list("dmЭ")
    kept = glyphs_and_signs.distinct_turns(characters, held_out)
    assert kept[0] == list(range(len(characters))), "what stands upright stays"
    upright = canonical_shapes(characters)
    shapes = torch.cat([turn.of(upright[numbers]) for turn, numbers in zip(TURNS, kept)])
    unlike = nearest_ink(shapes, shapes)[len(characters) :]
    unlike[torch.arange(len(unlike)), torch.arange(len(unlike)) + len(characters)] = torch.inf
    assert len(unlike) > 20 and float(unlike.min()) >= ALIKE_ACROSS_PARTS
    assert float(nearest_ink(shapes[len(characters) :], canonical_shapes(held_out)).min()) >= ALIKE_ACROSS_PARTS
    # Everything that is missing looks like something that is there or is held out.
    for turn, numbers in zip(TURNS, kept):
        gone = turn.of(upright[[i for i in range(len(characters)) if i not in numbers]])
        if len(gone):
            near = nearest_ink(gone, torch.cat([shapes, canonical_shapes(held_out)]))
            assert float(near.amin(1).max()) < ALIKE_ACROSS_PARTS


def test_signs_have_shapes_of_their_own() -> None:
    letters = alphabets.distinct_letters()
    held_out = [letter.character for letter in letters if letter.part != "train"]
    trained = [letter.character for letter in letters if letter.part == "train"]
    signs = glyphs_and_signs.signs(trained, held_out)
    assert len(signs) > 1000 and not set(signs) & {letter.character for letter in letters}
    assert float(nearest_ink(canonical_shapes(signs), canonical_shapes(held_out)).min()) >= ALIKE_ACROSS_PARTS
    assert float(nearest_ink(canonical_shapes(signs), canonical_shapes(trained)).min()) >= ALIKE
    assert not set("ℵℶℷℸ") & set(signs), "the letters of the test part in another style"
