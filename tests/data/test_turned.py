"""Turned classes: which way they turn, what they are called, and that nothing else about them changes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from siamese.data.bank import ImageBank
from siamese.data.turned import TURNS, Turn, turned


def test_a_turn_by_hand() -> None:
    image = torch.tensor([[1, 2], [3, 4]])
    assert Turn(0, False).of(image).tolist() == [[1, 2], [3, 4]]
    assert Turn(1, False).of(image).tolist() == [[2, 4], [1, 3]], "to the left"
    assert Turn(0, True).of(image).tolist() == [[2, 1], [4, 3]]
    assert Turn(2, True).of(image).tolist() == [[3, 4], [1, 2]], "mirrored first, then turned"


def test_the_eight_turns_differ_and_have_names_of_their_own() -> None:
    image = torch.arange(9).view(3, 3)
    assert len(TURNS) == 8 and TURNS[0] == (0, False)
    assert len({tuple(turn.of(image).flatten().tolist()) for turn in TURNS}) == 8
    assert [turn.words for turn in TURNS[:2]] == ["", " turned 90°"]
    assert TURNS[7].words == " turned 270° mirrored" and len({turn.words for turn in TURNS}) == 8


def test_a_turned_bank_has_the_same_classes_by_other_names(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(classes=4)
    after = turned(bank, Turn(3, True))
    assert torch.equal(after.images, bank.images.flip(-1).rot90(3, (2, 3))) and after.images.is_contiguous()
    assert torch.equal(after.counts, bank.counts) and torch.equal(after.groups, bank.groups)
    assert after.class_names == tuple(f"{name} turned 270° mirrored" for name in bank.class_names)
    assert after.group_names == tuple(f"{name} turned 270° mirrored" for name in bank.group_names)
