"""New printed characters: how their pairs differ, that none looks like another or like one held out, and their size."""

from __future__ import annotations

import pytest
import torch

from siamese.data.glyphs.composed import FACES, MOST, _assembled, _canonical, _plan, _plans, compose
from siamese.data.glyphs.masters import FAMILY, SPAN, Masters, make_masters
from siamese.data.glyphs.shapes import ALIKE, ALIKE_ACROSS_PARTS, canonical_shapes, nearest_ink

LETTERS = list("ABEFGHKLPRSabdefghknpqrt2345679")
HELD_OUT = list("ႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯ")


@pytest.fixture(scope="module")
def letters() -> Masters:
    return make_masters(LETTERS, lambda done: None)


def composed(letters: Masters, new: int = 60, seed: int = 0) -> Masters:
    known, held_out = canonical_shapes(LETTERS), canonical_shapes(HELD_OUT)
    return compose(letters, new, known, held_out, torch.Generator().manual_seed(seed))


def test_a_new_character_has_several_faces_each_once_and_is_as_large_as_a_letter(letters: Masters) -> None:
    new = composed(letters)
    assert 30 < len(new.counts) <= 60 and int(new.counts.sum()) == len(new.fields) == len(new.faces) == len(new.bold)
    assert set(new.counts.tolist()) == {FACES}
    for faces in new.faces.split(FACES):
        assert len(faces.unique()) == FACES and len((faces // FAMILY).unique()) == 3, "every family has these letters"
    # The designs' faces in turn: regular, bold.
    assert torch.equal(new.bold, new.faces % 2 == 1)
    ink = new.fields > 64
    longer = torch.stack([ink.any(axis).sum(1) for axis in (1, 2)]).amax(0)
    assert int(longer.max()) <= SPAN + 2 and float(longer.float().median()) >= SPAN - 2, (
        "faint ink may fade when it shrinks"
    )
    assert new.outline.abs().max() <= 32


@pytest.mark.parametrize("seed", range(3))
def test_faces_are_spread_over_the_families_that_all_letters_of_a_pair_have(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    has = torch.rand(8, 3 * FAMILY, generator=generator) < 0.7
    plan, faces = _plans(has, 300, generator)
    assert 60 < len(faces) < 600 and torch.equal(faces[::2], faces[1::2])
    for letters, real, chosen in zip(plan.letter.unflatten(0, (-1, 2)), plan.real.unflatten(0, (-1, 2)), faces[::2]):
        common = has[letters[real]].all(0)
        assert int(chosen.sum()) == FACES and bool((common | ~chosen).all())
        families, used = common.view(3, FAMILY), chosen.view(3, FAMILY).sum(1)
        assert int((used > 0).sum()) > 1
        spare = families.sum(1) > used
        assert not spare.any() or int(used.max()) <= int(used[spare].min()) + 1, "no second face before a first one"


def test_none_looks_like_another_or_like_a_letter_or_like_one_that_is_held_out(letters: Masters) -> None:
    new = composed(letters)
    shapes = _canonical(new.fields[new.counts.cumsum(0) - new.counts])
    unlike = nearest_ink(shapes, shapes).fill_diagonal_(torch.inf)
    assert float(unlike.min()) >= ALIKE
    assert float(nearest_ink(shapes, canonical_shapes(LETTERS)).min()) >= ALIKE
    assert float(nearest_ink(shapes, canonical_shapes(HELD_OUT)).min()) >= ALIKE_ACROSS_PARTS
    # Without the held out letters there would be more.
    free = compose(letters, 60, canonical_shapes(LETTERS), shapes[:0], torch.Generator().manual_seed(0))
    assert len(free.counts) >= len(new.counts)


@pytest.mark.parametrize("seed", range(3))
def test_half_of_the_characters_are_two_halves_of_letters(seed: int, letters: Masters) -> None:
    plan = _plan(len(LETTERS), 400, torch.Generator().manual_seed(seed))
    joined = (plan.place == 0).flatten(1).all(1)
    assert 150 < int(joined.sum()) < 250
    halves = type(plan)(*(part[joined] for part in plan))
    assert torch.equal(halves.real, torch.arange(MOST).expand_as(halves.real) < 2) and bool(halves.cut.all())
    assert torch.equal(halves.shape[:, 0], halves.shape[:, 1]), "they are turned as one"
    # Two halves of one letter are the letter.
    whole = halves._replace(letter=halves.letter[:, :1].expand(-1, MOST), shape=torch.eye(2).expand_as(halves.shape))
    first = letters.counts.cumsum(0) - letters.counts
    numbers = first[whole.letter]
    mended, own = _canonical(_assembled(letters, whole, numbers)), _canonical(letters.fields[numbers[:, 0]])
    assert float(nearest_ink(mended, own).diagonal().max()) < ALIKE


def test_a_character_is_one_character_in_all_its_faces(letters: Masters) -> None:
    """Its masters are more alike than those of two characters, nearly always."""
    new = composed(letters)
    shapes = _canonical(new.fields)
    unlike = nearest_ink(shapes, shapes)
    owner = torch.arange(len(new.counts)).repeat_interleave(new.counts)
    same = owner[:, None] == owner
    assert float(unlike[same].median()) < 0.5 * float(unlike[~same].median())


def test_a_seed_repeats_them(letters: Masters) -> None:
    assert torch.equal(composed(letters).fields, composed(letters).fields)
    assert not torch.equal(composed(letters).fields[:20], composed(letters, seed=1).fields[:20])
