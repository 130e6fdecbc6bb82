"""Composes new characters from the strokes of recorded ones, so that there are as many training classes as needed.

Twenty people have drawn each character of Omniglot. A new character takes strokes of different characters, turns,
mirrors and scales them, and joins most of them (the stroke relations of Lake, Salakhutdinov, Tenenbaum 2015). In each
image of a new character, every stroke comes from a random person, so its images vary as those of a real character.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from siamese.data.pen import POINTS

MOST = 5  # strokes of a new character
_CHANCES = (0.04, 0.2, 0.32, 0.26, 0.18)  # that a new character has one stroke, two, ...
_FAR = 0.12  # share of the side: a drawing with a stroke farther than this from the median one was drawn differently


class _Plan(NamedTuple):
    """How new characters are put together; each tensor is [characters, MOST, ...].

    part: the number of the recorded stroke.  shape: [..., 2, 2], the matrix that turns, mirrors and scales it.
    touches: whether it touches an earlier stroke.  earlier: the number of that stroke.  own_point, earlier_point: the
    points of both strokes that touch.  place: [..., 2], the middle of a stroke that touches none.
    """

    part: Tensor
    shape: Tensor
    touches: Tensor
    earlier: Tensor
    earlier_point: Tensor
    own_point: Tensor
    place: Tensor


def compose(characters: Sequence[Sequence[Tensor]], new: int, images: int, generator: Generator) -> list[Tensor]:
    """Drawings of `new` characters, `images` of each, one character after the other: float32 [strokes, POINTS, 2].

    They have any size and place; pen.sized gives them one.

    characters: the drawings of each recorded character, in the same form. The new characters come in pairs: the second
    one differs from the first only in one stroke, or in the place of one stroke.
    """
    parts = [part for drawings in characters for part in _parts(drawings)]
    most = max(len(part) for part in parts)
    recorded = torch.stack([part[torch.arange(most) % len(part)] for part in parts])
    strokes = torch.multinomial(torch.tensor(_CHANCES), -(-new // 2), True, generator=generator) + 1
    strokes = strokes.repeat_interleave(2)[:new]
    plan = _Plan(*(t.repeat_interleave(images, 0) for t in _siblings(len(recorded), strokes, generator)))
    curves = _assemble(plan, recorded, generator)
    return [curve[:count] for curve, count in zip(curves, strokes.repeat_interleave(images).tolist())]


def _parts(drawings: Sequence[Tensor]) -> list[Tensor]:
    """The strokes of a character, each float32 [people, POINTS, 2] with its middle at 0.

    Only the people count who used the most frequent number of strokes. The order and direction of the first of them
    holds for all. People who drew the character very differently are left out.
    """
    common = int(torch.tensor([len(strokes) for strokes in drawings]).mode().values)
    alike = [
        strokes - (strokes.amin((0, 1)) + strokes.amax((0, 1))) / 2 for strokes in drawings if len(strokes) == common
    ]
    ordered = torch.stack([_in_order_of(alike[0], strokes) for strokes in alike])
    distance = (ordered - ordered.median(0).values).square().sum(-1).mean(-1).sqrt().amax(1)
    ordered = ordered[distance <= distance.median().clamp_min(_FAR)]
    return list((ordered - (ordered.amin(2, True) + ordered.amax(2, True)) / 2).transpose(0, 1))


def _in_order_of(first: Tensor, strokes: Tensor) -> Tensor:
    """The strokes in the order and direction of the nearest strokes of the first drawing."""
    both_ways = torch.stack([strokes, strokes.flip(1)], 1)
    apart, way = (both_ways - first[:, None, None]).square().sum(-1).mean(-1).min(2)
    remaining, chosen = list(range(len(strokes))), []
    for i in range(len(first)):
        nearest = min(remaining, key=lambda j: float(apart[i, j]))
        remaining.remove(nearest)
        chosen.append(both_ways[nearest, way[i, nearest]])
    return torch.stack(chosen)


def _siblings(parts: int, strokes: Tensor, generator: Generator) -> _Plan:
    """Plans of characters in pairs: the second one changes one stroke of the first, or only the place of it."""
    n = len(strokes)
    first, other = (_plan(parts, n, generator) for _ in range(2))
    second = torch.arange(n) % 2 == 1
    changed = (torch.rand(n, generator=generator) * strokes).long()
    whole = torch.rand(n, generator=generator) < 0.5
    result = []
    for name, of_first, of_other in zip(_Plan._fields, first, other):
        of_pair = of_first[torch.arange(n) // 2 * 2].clone()
        rows = (second & whole if name in ("part", "shape") else second).nonzero().flatten()
        of_pair[rows, changed[rows]] = of_other[rows, changed[rows]]
        result.append(of_pair)
    return _Plan(*result)


def _plan(parts: int, n: int, generator: Generator) -> _Plan:
    def chance(*more: int) -> Tensor:
        return torch.rand(n, MOST, *more, generator=generator)

    def point() -> Tensor:
        ends = (chance() * 3).long() * (POINTS - 1) // 2  # the start, the middle, the end
        return torch.where(chance() < 0.6, ends, (chance() * POINTS).long())

    turn = (chance() * 4).long() * (chance() < 0.5) * (math.pi / 2)
    mirror = torch.where(chance() < 0.25, -1.0, 1.0)
    scale = (chance() * 0.8 - 0.4).exp()
    cos, sin = turn.cos() * scale, turn.sin() * scale
    return _Plan(
        part=(chance() * parts).long(),
        shape=torch.stack([cos * mirror, sin * mirror, -sin, cos], -1).unflatten(-1, (2, 2)),
        touches=chance() < 0.75,
        earlier=(chance() * torch.arange(MOST).clamp_min(1)).long(),
        earlier_point=point(),
        own_point=point(),
        place=chance(2) * 0.6 - 0.3,
    )


def _assemble(plan: _Plan, recorded: Tensor, generator: Generator) -> Tensor:
    """The strokes of each drawing in their places, float32 [n, MOST, POINTS, 2].

    recorded: [parts, people, POINTS, 2].
    """
    n = len(plan.part)
    rows = torch.arange(n)
    person = (torch.rand(n, MOST, generator=generator) * recorded.shape[1]).long()
    curves = torch.zeros(n, MOST, POINTS, 2)
    for k in range(MOST):
        curve = recorded[plan.part[:, k], person[:, k]] @ plan.shape[:, k]
        if k > 0:
            to_joint = curves[rows, plan.earlier[:, k], plan.earlier_point[:, k]] - curve[rows, plan.own_point[:, k]]
            # People hit a joint more exactly than a free place.
            joint_error, place_error = (spread * torch.randn(n, 2, generator=generator) for spread in (0.012, 0.03))
            shift = torch.where(plan.touches[:, k, None], to_joint + joint_error, plan.place[:, k] + place_error)
            curve = curve + shift[:, None]
        curves[:, k] = curve
    return curves
