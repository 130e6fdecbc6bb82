"""Turned and mirrored classes: a character seen so is another character, so each one gives seven more for training.

Quarter turns as new classes: Santoro et al. 2016.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from siamese.data.bank import ImageBank


class Turn(NamedTuple):
    """quarters: quarter turns to the left.  mirrored: left and right change places, before turning."""

    quarters: int
    mirrored: bool

    def of(self, images: Tensor) -> Tensor:
        """Square images turned so, [..., H, W] of any kind."""
        return (images.flip(-1) if self.mirrored else images).rot90(self.quarters, (-2, -1))

    @property
    def words(self) -> str:
        """What is added to the name of a class: "", " turned 90°", " mirrored", " turned 90° mirrored" ..."""
        return (f" turned {90 * self.quarters}°" if self.quarters else "") + (" mirrored" if self.mirrored else "")


TURNS = tuple(Turn(quarters, mirrored) for mirrored in (False, True) for quarters in range(4))


def turned(bank: ImageBank, turn: Turn) -> ImageBank:
    """The classes of a bank turned so; the names of classes and groups say it."""
    return replace(
        bank,
        images=turn.of(bank.images).contiguous(),
        class_names=tuple(name + turn.words for name in bank.class_names),
        group_names=tuple(name + turn.words for name in bank.group_names),
    )
