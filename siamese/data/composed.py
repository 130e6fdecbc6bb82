"""New characters, composed of the strokes of known ones: as many classes to learn from as one likes.

Omniglot's characters were drawn by twenty people each. A new character takes some strokes of different characters,
turned, mirrored and scaled, and joins most of them (the stroke relations of Lake, Salakhutdinov, Tenenbaum 2015). Each
of its images takes every stroke from another person, so a new character varies as a real one does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from siamese.data.pen import POINTS, extent

MOST = 5  # strokes of a new character
_CHANCES = (0.04, 0.2, 0.32, 0.26, 0.18)  # of one stroke, two, ...
_FAR = 0.12  # share of the side: a stroke that lies farther from the others' on average was drawn in another way


class _Plan(NamedTuple):
    """How new characters are put together, for [characters, MOST] strokes.

    part: which known stroke.  shape: [..., 2, 2], how it is turned, mirrored and scaled.  joined: whether it touches an
    earlier stroke, the one of number before, its point here on that stroke's point there.  place: [..., 2], where its
    middle lies if it touches none.
    """

    part: Tensor
    shape: Tensor
    joined: Tensor
    before: Tensor
    there: Tensor
    here: Tensor
    place: Tensor


def compose(characters: Sequence[Sequence[Tensor]], new: int, images: int, generator: Generator) -> list[Tensor]:
    """So many drawings of each of new characters, float32 [strokes, POINTS, 2] each, character by character.

    characters: the drawings of each known character, in the same form. Every other new character differs from the one
    before it in one stroke, or in where that stroke is put.
    """
    parts = [part for drawings in characters for part in _parts(drawings)]
    most = max(len(part) for part in parts)
    known = torch.stack([part[torch.arange(most) % len(part)] for part in parts])
    strokes = torch.multinomial(torch.tensor(_CHANCES), -(-new // 2), True, generator=generator) + 1
    strokes = strokes.repeat_interleave(2)[:new]
    plan = _Plan(*(t.repeat_interleave(images, 0) for t in _siblings(len(known), strokes, generator)))
    real = (torch.arange(MOST) < strokes[:, None]).repeat_interleave(images, 0)
    curves = _assembled(plan, known, generator)
    low, high = extent(curves, real)
    size = (0.5 + 0.42 * torch.rand(new, generator=generator)).repeat_interleave(images)
    size = size * (0.1 * torch.randn(len(curves), generator=generator)).exp()
    scale = size / (high - low).amax(1).clamp_min(0.05)
    curves = (curves - ((low + high) / 2)[:, None, None]) * scale.view(-1, 1, 1, 1) + 0.5
    return [curve[: int(n)] for curve, n in zip(curves, real.sum(1))]


def _parts(drawings: Sequence[Tensor]) -> list[Tensor]:
    """The strokes of a character, float32 [people, POINTS, 2] each, its middle at 0.

    Of those who drew it with the commonest number of strokes, in the order and direction of the first of them; who
    drew it in quite another way is left out.
    """
    common = int(torch.tensor([len(strokes) for strokes in drawings]).mode().values)
    alike = [
        strokes - (strokes.amin((0, 1)) + strokes.amax((0, 1))) / 2 for strokes in drawings if len(strokes) == common
    ]
    ordered = torch.stack([_in_order_of(alike[0], strokes) for strokes in alike])
    off = (ordered - ordered.median(0).values).square().sum(-1).mean(-1).sqrt().amax(1)
    ordered = ordered[off <= off.median().clamp_min(_FAR)]
    return list((ordered - (ordered.amin(2, True) + ordered.amax(2, True)) / 2).transpose(0, 1))


def _in_order_of(first: Tensor, strokes: Tensor) -> Tensor:
    """The strokes, each put where the nearest stroke of the first drawing stands and drawn in its direction."""
    both_ways = torch.stack([strokes, strokes.flip(1)], 1)
    apart, way = (both_ways - first[:, None, None]).square().sum(-1).mean(-1).min(2)
    left, chosen = list(range(len(strokes))), []
    for i in range(len(first)):
        nearest = min(left, key=lambda j: float(apart[i, j]))
        left.remove(nearest)
        chosen.append(both_ways[nearest, way[i, nearest]])
    return torch.stack(chosen)


def _siblings(parts: int, strokes: Tensor, generator: Generator) -> _Plan:
    """Plans of characters, two by two: the second changes one stroke of the first, or only where it is put."""
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
        joined=chance() < 0.75,
        before=(chance() * torch.arange(MOST).clamp_min(1)).long(),
        there=point(),
        here=point(),
        place=chance(2) * 0.6 - 0.3,
    )


def _assembled(plan: _Plan, known: Tensor, generator: Generator) -> Tensor:
    """The strokes of each drawing where they belong, float32 [n, MOST, POINTS, 2]; known: [parts, people, POINTS, 2]."""
    n = len(plan.part)
    rows = torch.arange(n)
    person = (torch.rand(n, MOST, generator=generator) * known.shape[1]).long()
    curves = torch.zeros(n, MOST, POINTS, 2)
    for k in range(MOST):
        curve = known[plan.part[:, k], person[:, k]] @ plan.shape[:, k]
        if k > 0:
            joint = curves[rows, plan.before[:, k], plan.there[:, k]] - curve[rows, plan.here[:, k]]
            # A joint is hit more exactly than a place is.
            touching, apart = (spread * torch.randn(n, 2, generator=generator) for spread in (0.012, 0.03))
            shift = torch.where(plan.joined[:, k, None], joint + touching, plan.place[:, k] + apart)
            curve = curve + shift[:, None]
        curves[:, k] = curve
    return curves
