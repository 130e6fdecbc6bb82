"""New characters of known strokes: how many, what their siblings share, and that people's hands are kept."""

from __future__ import annotations

import torch
from torch import Tensor

from siamese.data.composed import MOST, compose
from siamese.data.pen import POINTS


def line(start: tuple[float, float], end: tuple[float, float]) -> Tensor:
    return torch.stack([torch.linspace(a, b, POINTS) for a, b in zip(start, end)], 1)


def people(strokes: list[Tensor], number: int, seed: int) -> list[Tensor]:
    """A character as several people draw it."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.stack(strokes) + 0.01 * torch.randn(len(strokes), 1, 2, generator=generator) for _ in range(number)]


UPRIGHT, ACROSS = line((0.5, 0.1), (0.5, 0.9)), line((0.1, 0.5), (0.9, 0.5))
KNOWN = [people([UPRIGHT, ACROSS], 4, 0), people([line((0.2, 0.2), (0.8, 0.8))], 3, 1)]


def composed(seed: int = 0, new: int = 40, images: int = 5) -> list[Tensor]:
    return compose(KNOWN, new, images, torch.Generator().manual_seed(seed))


def test_each_new_character_has_its_drawings() -> None:
    drawings = composed()
    assert len(drawings) == 40 * 5
    for character in range(40):
        counts = {len(strokes) for strokes in drawings[5 * character :][:5]}
        assert len(counts) == 1 and counts <= set(range(1, MOST + 1)), "a character has one number of strokes"
    assert all(strokes.shape[1:] == (POINTS, 2) for strokes in drawings)


def test_siblings_have_as_many_strokes_and_are_not_equal() -> None:
    drawings = composed(new=60)
    for first in range(0, 60, 2):
        one, other = drawings[5 * first], drawings[5 * first + 5]
        assert one.shape == other.shape and not torch.allclose(one, other)


def test_a_seed_repeats_them() -> None:
    assert all(torch.equal(a, b) for a, b in zip(composed(), composed()))
    assert not all(torch.equal(a, b) for a, b in zip(composed(0), composed(1)))


def test_a_stroke_is_the_same_stroke_whoever_drew_it_and_in_whatever_direction() -> None:
    """Half of the people draw the strokes in the other order, and backwards: their hands count all the same."""
    turned = [
        strokes.flip(0).flip(1) if i % 2 else strokes for i, strokes in enumerate(people([UPRIGHT, ACROSS], 6, 2))
    ]
    for strokes in compose([turned], 30, 4, torch.Generator().manual_seed(0)):
        step = strokes[:, -1] - strokes[:, 0]
        # An upright stroke is never taken for the one across: all remain straight, and parallel to an axis.
        assert bool((step.abs().amin(1) < 0.05).all())


def test_who_draws_it_in_quite_another_way_is_left_out() -> None:
    odd = torch.stack([UPRIGHT, line((0.1, 0.1), (0.9, 0.9))])
    for strokes in compose([[*people([UPRIGHT, ACROSS], 6, 3), odd]], 30, 4, torch.Generator().manual_seed(0)):
        assert bool(((strokes[:, -1] - strokes[:, 0]).abs().amin(1) < 0.05).all())
