"""Calibration: what the distances of a network mean, measured once on validation images and saved with its weights.

`siamese/evaluation/calibration.py` measures it. It consists of plain numbers, because it is saved in the metadata of a
checkpoint. Numbers from a file are checked.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from siamese.data.strokes import Hand

MOST_NUMBERS = 512  # in one list of a file
_QUANTILES = 101


@dataclass(frozen=True)
class Frequency:
    """How often something is true at a distance: shares at rising distances, linear between them, constant outside."""

    distances: tuple[float, ...]
    shares: tuple[float, ...]

    def at(self, distance: float) -> float:
        """The share at this distance, from 0 to 1."""
        after = bisect_left(self.distances, distance)
        if after == 0:
            return self.shares[0]
        if after == len(self.distances):
            return self.shares[-1]
        low, high = self.distances[after - 1], self.distances[after]
        part = (distance - low) / (high - low)
        return self.shares[after - 1] + part * (self.shares[after] - self.shares[after - 1])


@dataclass(frozen=True)
class Hills:
    """The two hills that the page draws: smoothed histograms of the dissimilarity of same and of different pairs.

    Their bins have equal width and go from 0 to `upper`. The highest value of both is 1.
    """

    upper: float
    same: tuple[float, ...]
    different: tuple[float, ...]


@dataclass(frozen=True)
class BoardRule:
    """How to judge the nearest thing on a board with this many things.

    threshold: where even the nearest thing is at least this far away, a new picture shows none of the things.
    wrong: how often the nearest thing is the wrong answer, by its distance, if half of the new pictures show none of
    the things.
    """

    things: int
    threshold: float
    wrong: Frequency


@dataclass(frozen=True)
class Familiarity:
    """Simple statistics of the training images, to recognise a picture of a very different kind.

    mean: [d].  factor: the Cholesky factor of their covariance, the lower triangle of [d, d], row by row.
    limit: a picture with a larger Mahalanobis distance is foreign.
    """

    mean: tuple[float, ...]
    factor: tuple[float, ...]
    limit: float


@dataclass(frozen=True)
class Calibration:
    """What the dissimilarities of one network mean.

    pairs: how many validation pairs were measured.
    same, different: 101 quantiles of their dissimilarity, from the smallest to the largest.
    difference: how often a pair at a distance is different, if half of all pairs are same.
    board: the rules, by rising number of things.
    hand: size, place and pen of the training drawings; None for photographs.
    """

    pairs: int
    same: tuple[float, ...]
    different: tuple[float, ...]
    hills: Hills
    difference: Frequency
    board: tuple[BoardRule, ...]
    familiarity: Familiarity
    hand: Hand | None = None

    def farther_than(self, distance: float) -> int:
        """Of 100 same pairs, how many are nearer than this."""
        return _below(self.same, distance)

    def closer_than(self, distance: float) -> int:
        """Of 100 different pairs, how many are farther than this."""
        return 100 - _below(self.different, distance)

    def board_rule(self, things: int) -> BoardRule | None:
        """The rule for a board with this many things: of the next larger board with a rule, else of the largest one."""
        return next((rule for rule in self.board if rule.things >= things), self.board[-1] if self.board else None)

    def as_dict(self) -> dict[str, Any]:
        """JSON values, rounded to five significant digits."""
        return _round(asdict(self))

    @classmethod
    def from_dict(cls, values: Any) -> Calibration:
        """Reads what as_dict wrote. Raises ValueError, TypeError or LookupError for anything else."""
        hand, familiarity, hills = (values["hand"], values["familiarity"], values["hills"])
        mean = _numbers(familiarity["mean"])
        factor = _numbers(familiarity["factor"])
        if len(factor) != len(mean) * (len(mean) + 1) // 2:
            raise ValueError("a factor of another size")
        same, different = _numbers(values["same"]), _numbers(values["different"])
        if len(same) != _QUANTILES or len(different) != _QUANTILES:
            raise ValueError("another number of quantiles")
        same_hill, different_hill = _numbers(hills["same"]), _numbers(hills["different"])
        if len(same_hill) != len(different_hill):
            raise ValueError("hills of two lengths")
        if len(values["board"]) > MOST_NUMBERS:
            raise ValueError("too many boards")
        return cls(
            pairs=int(values["pairs"]),
            same=_rising(same),
            different=_rising(different),
            hills=Hills(_number(hills["upper"]), same_hill, different_hill),
            difference=_frequency(values["difference"]),
            board=tuple(
                BoardRule(int(rule["things"]), _number(rule["threshold"]), _frequency(rule["wrong"]))
                for rule in values["board"]
            ),
            familiarity=Familiarity(mean, factor, _number(familiarity["limit"])),
            hand=None if hand is None else Hand(**{name: _number(hand[name]) for name in Hand.__dataclass_fields__}),
        )


def _below(quantiles: Sequence[float], distance: float) -> int:
    """Of 100 values, how many are below the distance. quantiles: 101 rising numbers."""
    if distance <= quantiles[0]:
        return 0
    if distance > quantiles[-1]:
        return 100
    after = bisect_left(quantiles, distance)
    low, high = quantiles[after - 1], quantiles[after]
    return round(after - 1 + (distance - low) / (high - low))


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _numbers(values: Any) -> tuple[float, ...]:
    if not isinstance(values, (list, tuple)) or not 1 <= len(values) <= MOST_NUMBERS:
        raise ValueError("no list of numbers, or too many of them")
    return tuple(_number(value) for value in values)


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(a > b for a, b in pairwise(values)):
        raise ValueError("not rising")
    return values


def _frequency(values: Any) -> Frequency:
    distances, shares = (_rising(_numbers(values["distances"])), _rising(_numbers(values["shares"])))
    if len(distances) != len(shares) or not 0 <= shares[0] <= shares[-1] <= 1:
        raise ValueError("no frequency")
    return Frequency(distances, shares)


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _round(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_round(inner) for inner in value]
    return value
