"""Composes new printed characters from parts of those of the fonts, so that there are as many classes as needed.

Half of the new characters are one half of a letter joined to the other half of another one, and so look much like
letters. The others take two or three letters, each turned, mirrored, stretched, moved and perhaps cut in half, and draw
them over each other. In each face all parts are of that face, so the masters differ as those of a real letter do. Each
new character has faces of several families of fonts: in an unknown alphabet a network fails most where the font changes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from siamese.data.glyphs.masters import FAMILY, FIELD, SPAN, Masters, outline_of
from siamese.data.glyphs.shapes import ALIKE, ALIKE_ACROSS_PARTS, alike, distinct
from siamese.data.ink import ink_span

MOST = 3  # parts of a new character
FACES = 4  # of a new character, from two families of fonts or more
_BOARD = 96  # side of the square on which the parts are put together, in master pixels
_CHUNK = 256
_INK = 64 / 255  # a master is ink where it is above this


class _Plan(NamedTuple):
    """How new characters are put together; each tensor is [characters, MOST, ...].

    letter: its number.  real: whether there is this part.  shape: [..., 2, 2], turns, mirrors and stretches it.
    place: [..., 2], its middle, in half sides of a master.  cut: whether half of it is left out.  side: 0 to 3, which half.
    """

    letter: Tensor
    real: Tensor
    shape: Tensor
    place: Tensor
    cut: Tensor
    side: Tensor


def compose(masters: Masters, new: int, known: Tensor, held_out: Tensor, generator: Generator) -> Masters:
    """Masters of about `new` characters composed of those given.

    known, held_out: shapes, bool [n, 32, 32], as canonical_shapes makes them. No new character looks like one of them or
    like another new one; characters that would are left out. They come in pairs that differ in one part.
    """
    table = _table(masters)
    plan, faces = _plans(table >= 0, -(-new // 2), generator)
    counts = faces.sum(1)
    character, face = faces.nonzero(as_tuple=True)  # the masters of a character stand together
    fields = torch.cat([
        _assembled(masters, _Plan(*(t[rows] for t in plan)), table[plan.letter[rows]].gather(2, at).squeeze(2))
        for rows, at in zip(character.split(_CHUNK), face.view(-1, 1, 1).expand(-1, MOST, 1).split(_CHUNK))
    ])  # fmt: skip
    shapes = _canonical(fields[counts.cumsum(0) - counts])
    usable = shapes.flatten(1).any(1) & ~alike(shapes, held_out, ALIKE_ACROSS_PARTS).any(1)
    usable &= ~alike(shapes, known, ALIKE).any(1)
    numbers = usable.nonzero().flatten()
    numbers = numbers[distinct(shapes[numbers], ALIKE)]
    stays = torch.zeros(len(counts), dtype=torch.bool).index_fill(0, numbers, True)
    rows = stays[character]
    bold = masters.bold[table[plan.letter[character, 0], face]][rows]
    fields, counts = fields[rows], counts[numbers]
    return Masters(fields, bold, torch.ones(len(fields)), outline_of(fields), counts, face[rows])


def _table(masters: Masters) -> Tensor:
    """The master of each letter in each face of all families, or −1: int64 [letters, faces]."""
    letter = torch.arange(len(masters.counts)).repeat_interleave(masters.counts)
    table = torch.full((len(masters.counts), FAMILY * (int(masters.faces.max()) // FAMILY + 1)), -1)
    table[letter, masters.faces] = torch.arange(len(letter))
    return table


def _plans(has: Tensor, pairs: int, generator: Generator) -> tuple[_Plan, Tensor]:
    """Plans of new characters in pairs, and the faces of each: bool [characters, faces], the same ones for both of a pair.

    has: bool [letters, faces]. There are fewer characters than asked where their letters have too few faces in common,
    or those of one family of fonts only.
    """
    first, other = (_plan(len(has), pairs, generator) for _ in range(2))
    part = (torch.rand(pairs, generator=generator) * first.real.sum(1)).long()
    changed = F.one_hot(part, MOST).bool()
    # The second one of a pair has another letter in one part, or has this part elsewhere, mirrored or cut otherwise.
    what = (torch.rand(pairs, 1, generator=generator) * 4).long()
    mirrored = first.shape * torch.tensor([-1.0, 1.0])
    second = _Plan(
        letter=torch.where(changed & (what == 0), other.letter, first.letter),
        real=first.real,
        shape=torch.where((changed & (what == 1))[..., None, None], mirrored, first.shape),
        place=torch.where((changed & (what == 2))[..., None], other.place, first.place),
        cut=first.cut ^ (changed & (what == 3)),
        side=first.side,
    )
    both = [(has[plan.letter] | ~plan.real[..., None]).all(1) for plan in (first, second)]
    common = both[0] & both[1]
    families = common.unflatten(1, (-1, FAMILY))
    enough = (common.sum(1) >= FACES) & (families.any(2).sum(1) > 1)
    # At random one face of each family, then a second one of each, and so on.
    chance = torch.rand(families.shape, generator=generator).masked_fill(~families, -1)
    turn = chance.argsort(2, descending=True).argsort(2)
    key = (chance - turn).masked_fill(~families, -torch.inf).flatten(1)
    faces = common & (key >= key.topk(FACES).values[:, -1:])
    plan = _Plan(*(torch.stack([a, b], 1)[enough].flatten(0, 1) for a, b in zip(first, second)))
    return plan, faces[enough].repeat_interleave(2, 0)


def _plan(letters: int, n: int, generator: Generator) -> _Plan:
    def chance(*more: int) -> Tensor:
        return torch.rand(n, MOST, *more, generator=generator)

    turn = (chance() * 4).long() * (math.pi / 2)
    cos, sin = turn.cos(), turn.sin()
    across, down = (chance(2) * 0.6 - 0.45).exp().unbind(-1)
    joined = chance()[:, :1] < 0.5
    across, down = across.masked_fill(joined, 1.0), down.masked_fill(joined, 1.0)
    across = torch.where(chance() < 0.5, -across, across)
    shape = torch.stack([cos * across, -sin * down, sin * across, cos * down], -1).unflatten(-1, (2, 2))
    side = (chance() * 4).long()
    both_sides = side[:, :1] ^ (torch.arange(MOST) % 2)  # a half and its other half take opposite sides
    return _Plan(
        letter=(chance() * letters).long(),
        real=torch.arange(MOST) < 2 + (~joined & (chance()[:, :1] < 0.35)).long(),
        # Both halves are turned and mirrored as one.
        shape=torch.where(joined[..., None, None], shape[:, :1], shape),
        place=(chance(2) - 0.5).masked_fill(joined[..., None], 0.0),
        cut=joined | (chance() < 0.45),
        side=torch.where(joined, both_sides, side),
    )


def _assembled(masters: Masters, plan: _Plan, numbers: Tensor) -> Tensor:
    """New masters, uint8 [n, FIELD, FIELD], of one plan each.  numbers: int64 [n, MOST], the masters of the parts."""
    n = len(numbers)
    board = torch.zeros(n, 1, _BOARD, _BOARD)
    halves = _halves()
    for k in range(MOST):
        part = masters.fields[numbers[:, k].clamp_min(0)].unsqueeze(1) / 255
        part = torch.where(plan.cut[:, k].view(-1, 1, 1, 1), part * halves[plan.side[:, k]], part)
        back = torch.linalg.inv(plan.shape[:, k])
        origin = -back @ plan.place[:, k].unsqueeze(2)
        theta = torch.cat([back * (_BOARD / FIELD), origin], 2)
        grid = F.affine_grid(theta, list(board.shape), align_corners=False)
        part = F.grid_sample(part, grid, align_corners=False)
        # The sum, because the edges of two halves that meet are ramps.
        board = torch.where(plan.real[:, k].view(-1, 1, 1, 1), (board + part).clamp(max=1.0), board)
    ink = board[:, 0] > _INK
    low, high = ink_span(torch.stack([ink.any(1), ink.any(2)], 1))  # as (x, y)
    middle, side = (low + high) / 2, (high - low).amax(1).clamp_min(1.0)
    zoom = (side / SPAN * FIELD / _BOARD).view(-1, 1, 1) * torch.eye(2)
    theta = torch.cat([zoom, (middle / _BOARD * 2 - 1).unsqueeze(2)], 2)
    grid = F.affine_grid(theta, [n, 1, FIELD, FIELD], align_corners=False)
    return F.grid_sample(board, grid, align_corners=False)[:, 0].mul(255).round().byte()


def _halves() -> Tensor:
    """What stays of a part that is cut: its right, left, lower or upper half, float32 [4, 1, FIELD, FIELD].

    Each and the one it is paired with (0 and 1, 2 and 3) add up to 1.
    """
    ramp = ((torch.arange(FIELD) - (FIELD - 1) / 2) / 3 + 0.5).clamp(0, 1)  # an edge as blurred as those of the letters
    right = ramp.expand(FIELD, FIELD)
    return torch.stack([right, 1 - right, right.T, 1 - right.T]).unsqueeze(1)


def _canonical(fields: Tensor) -> Tensor:
    """Masters as ink masks bool [n, 32, 32] with a longer side of 28, as canonical_shapes makes them."""
    zoom = torch.eye(2, 3) * (32 / 28 * SPAN / FIELD)
    grid = F.affine_grid(zoom.expand(len(fields), 2, 3), [len(fields), 1, 32, 32], align_corners=False)
    return F.grid_sample(fields.unsqueeze(1) / 255, grid, align_corners=False)[:, 0] > 0.5
