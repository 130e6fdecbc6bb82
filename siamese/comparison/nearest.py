"""One against many: finds the thing that a new picture is nearest to, or says that it is none of them.

Nothing is trained: one picture or a few stand for a thing, which is one-shot learning (Koch, Zemel & Salakhutdinov
2015). "None of these" is open-set recognition by a threshold, which depends on the number of things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from siamese import SiameseError
from siamese.comparison.compare import Comparer, distances

MOST_THINGS = 20
MOST_PICTURES = 6  # of one thing


@dataclass(frozen=True)
class Ranked:
    """name: of a thing.  dissimilarity: to its nearest picture, which is the one of that number, from 0."""

    name: str
    dissimilarity: float
    picture: int


@dataclass(frozen=True)
class Nearest:
    """ranking: the nearest thing first.  threshold: from here on the answer is "none of these".  none: whether it is.
    wrong: how often the nearest thing is the wrong answer at this distance (0 to 1, when every second newcomer is not
    on the board); None without calibration."""

    ranking: tuple[Ranked, ...]
    threshold: float
    none: bool
    wrong: float | None


def rank(comparer: Comparer, newcomer: Tensor, things: Mapping[str, Sequence[Tensor]]) -> Nearest:
    """Ranks things by their nearest picture.

    newcomer: embedding, float32 [D].  things: by name, the embeddings of their pictures, float32 [D] each.
    Raises SiameseError for no thing, too many things or pictures, a thing without a picture, and a network whose
    answers are not finite.
    """
    if not 1 <= len(things) <= MOST_THINGS:
        raise SiameseError(f"There are {len(things)} things on the board; it takes from 1 to {MOST_THINGS}.")
    ranking: list[Ranked] = []
    for name, pictures in things.items():
        if not 1 <= len(pictures) <= MOST_PICTURES:
            raise SiameseError(f'"{name}" has {len(pictures)} pictures; each thing takes from 1 to {MOST_PICTURES}.')
        away = distances(comparer, newcomer, pictures)
        place = int(away.argmin())
        ranking.append(Ranked(name, float(away[place]), place))
    if not all(math.isfinite(one.dissimilarity) for one in ranking):
        raise SiameseError(
            "This network gives no finite number for these images; choose one whose training did not diverge."
        )
    ranking.sort(key=lambda one: one.dissimilarity)
    calibration = comparer.checkpoint.calibration
    rule = None if calibration is None else calibration.board_rule(len(things))
    threshold = comparer.checkpoint.threshold if rule is None else rule.threshold
    nearest = ranking[0].dissimilarity
    return Nearest(tuple(ranking), threshold, nearest >= threshold, None if rule is None else rule.wrong.at(nearest))
