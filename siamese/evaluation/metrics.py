"""How well distances tell same from different: tensors in, Python numbers out, computed on the CPU in float64.

A pair is accepted as "same" where its dissimilarity lies below the threshold. Ties share the credit, so a network that
gives every pair the same distance scores chance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from siamese import SiameseError


class Roc(NamedTuple):
    """Operating points from accepting nothing to accepting everything, float64 [points].

    false_accept: share of the different pairs taken for same.  true_accept: share of the same pairs found.
    thresholds: rising; point i accepts the pairs with a dissimilarity below thresholds[i].
    """

    false_accept: Tensor
    true_accept: Tensor
    thresholds: Tensor


class OneShot(NamedTuple):
    """accuracy: 0 to 1.  low, high: its 95 % interval.  trials: how many, each of way classes with shot images each."""

    accuracy: float
    low: float
    high: float
    way: int
    shot: int
    trials: int


def verdict(dissimilarity: Tensor, threshold: float) -> Tensor:
    """Whether each pair is judged "same": bool, in the shape of dissimilarity."""
    return dissimilarity < threshold


def roc(dissimilarity: Tensor, same: Tensor) -> Roc:
    """The receiver operating characteristic of dissimilarity float [n] against same bool [n].

    Pairs at one distance are accepted together, as no threshold parts them. Thresholds lie midway between
    neighbouring distances and are float32 numbers where possible, so that comparing float32 distances with them gives
    the same verdicts.
    Raises SiameseError for distances that are not finite, and where there are no same or no different pairs.
    """
    distance, same = _pairs(dissimilarity, same, both=True)
    distance, order = distance.sort()
    ordered = same[order]
    last = torch.cat([distance[1:] != distance[:-1], torch.ones(1, dtype=torch.bool)])
    found, mistaken = ordered.cumsum(0)[last], (~ordered).cumsum(0)[last]
    values = distance[last]
    between = ((values[:-1] + values[1:]) / 2).float().double()
    between = torch.where((between > values[:-1]) & (between <= values[1:]), between, values[1:])
    above = torch.nextafter(values[-1:].float(), torch.tensor(torch.inf)).double()
    zero = torch.zeros(1, dtype=torch.float64)
    return Roc(
        torch.cat([zero, mistaken / mistaken[-1].double()]),
        torch.cat([zero, found / found[-1].double()]),
        torch.cat([values[:1], between, above]),
    )


def auc(dissimilarity: Tensor, same: Tensor) -> float:
    """Area under the ROC: how often a same pair is nearer than a different one, ties counting half. Chance is 0.5."""
    curve = roc(dissimilarity, same)
    return torch.trapezoid(curve.true_accept, curve.false_accept).item()


def eer(dissimilarity: Tensor, same: Tensor) -> float:
    """Equal error rate: the share of false accepts where it equals the share of false rejects. Chance is 0.5.

    Read off the straight line between the two neighbouring operating points where false accepts overtake false rejects.
    """
    curve = roc(dissimilarity, same)
    lead = curve.false_accept + curve.true_accept - 1  # false accepts less false rejects: rises from −1 to 1
    after = int((lead >= 0).double().argmax())
    before = after - 1
    part = -lead[before] / (lead[after] - lead[before])
    return torch.lerp(curve.false_accept[before], curve.false_accept[after], part).item()


def true_accept_at(dissimilarity: Tensor, same: Tensor, false_accept: float = 0.01) -> float:
    """The largest share of same pairs that a threshold finds while it mistakes at most false_accept of the others."""
    curve = roc(dissimilarity, same)
    return curve.true_accept[curve.false_accept <= false_accept].max().item()


def best_threshold(dissimilarity: Tensor, same: Tensor) -> float:
    """The threshold with the highest balanced accuracy (the mean of the shares right among same and among different).

    Midway between two neighbouring distances; the smallest where several are best. Choose it on validation pairs.
    """
    curve = roc(dissimilarity, same)
    lead = curve.true_accept - curve.false_accept
    return curve.thresholds[
        (lead >= lead.max() - 1e-12).double().argmax()
    ].item()  # values that differ only by rounding count as equal


def pair_accuracy(dissimilarity: Tensor, same: Tensor, threshold: float) -> float:
    """The plain share of pairs judged right at the threshold; on half same, half different pairs chance is 0.5."""
    distance, same = _pairs(dissimilarity, same)
    return (verdict(distance, threshold) == same).double().mean().item()


def histogram(
    dissimilarity: Tensor, same: Tensor, bins: int, upper: float
) -> tuple[list[float], list[float], list[float]]:
    """Where the pairs lie: (edges of length bins + 1, share of the same pairs in each bin, share of the different).

    The bins divide 0 to upper evenly; what lies beyond either end is counted in the bin there. The shares of a kind sum
    to 1, or are all 0 where there is no such pair. Raises SiameseError for distances that are not finite.
    """
    distance, same = _pairs(dissimilarity, same)
    bin_of = (distance / upper * bins).floor().clamp(0, bins - 1).long()

    def shares(chosen: Tensor) -> list[float]:
        return (torch.bincount(bin_of[chosen], minlength=bins) / max(1, int(chosen.sum()))).tolist()

    return [upper * i / bins for i in range(bins + 1)], shares(same), shares(~same)


def oneshot_accuracy(distances: Tensor, answer: Tensor) -> OneShot:
    """N-way K-shot accuracy: distances float [trials, way, shot] from query to support, answer int [trials].

    The class whose shot images are nearest on average is the guess; t classes tied for it share the credit, 1/t each,
    so chance is 1/way. The interval is Wilson's (1927): it never leaves 0 to 1, and it does not lie evenly around the
    accuracy.
    Raises SiameseError for distances that are not finite.
    """
    mean = _finite(distances).mean(2)
    nearest = mean == mean.min(1, keepdim=True).values
    right = nearest.gather(1, answer.cpu().long()[:, None]).squeeze(1)
    trials, way = mean.shape
    accuracy = (right / nearest.sum(1)).double().mean().item()
    z = 1.959964
    centre = (accuracy + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(accuracy * (1 - accuracy) / trials + (z / trials) ** 2 / 4) / (1 + z * z / trials)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return OneShot(accuracy, low, high, way, distances.shape[2], trials)


def precision_at_1(distances: Tensor, labels: Tensor) -> float:
    """How often an image's nearest other image is of its class: distances float [n, n], labels int [n].

    Images tied for nearest share the credit. Images alone in their class are not asked, but can be the wrong answer.
    Raises SiameseError for distances that are not finite, and where no class has two images.
    """
    labels = labels.cpu()
    distance = _finite(distances).clone().fill_diagonal_(torch.inf)
    same = (labels[:, None] == labels[None, :]).fill_diagonal_(False)
    has_partner = same.any(1)
    if not bool(has_partner.any()):
        raise SiameseError(f"None of the {len(labels)} images has another of its class; precision needs one that does.")
    nearest = distance == distance.min(1, keepdim=True).values
    credit = (nearest & same).sum(1) / nearest.sum(1).double()
    return credit[has_partner].mean().item()


def collapse_warning(dissimilarity: Tensor, same: Tensor) -> bool:
    """Whether a network has collapsed, judged by its distances, float [n], on pairs of both kinds.

    True where nearly all distances are equal (a standard deviation of at most 5 % of their mean, or no distance above
    0.001) and their small differences say hardly anything (an AUC below 0.6).
    """
    distance, _ = _pairs(dissimilarity, same, both=True)
    alike = bool(distance.std(correction=0) <= 0.05 * distance.mean()) or bool(distance.max() <= 1e-3)
    return alike and auc(dissimilarity, same) < 0.6


def _finite(values: Tensor) -> Tensor:
    values = values.detach().cpu().double()
    wrong = int((~values.isfinite()).sum())
    if wrong:
        raise SiameseError(
            f"{wrong} of {values.numel()} distances are not finite numbers: training has diverged. Start again with a "
            "lower learning rate."
        )
    return values


def _pairs(dissimilarity: Tensor, same: Tensor, both: bool = False) -> tuple[Tensor, Tensor]:
    distance, same = _finite(dissimilarity).flatten(), same.detach().cpu().bool().flatten()
    if len(distance) != len(same):
        raise SiameseError(f"{len(distance)} distances and {len(same)} marks of same or different do not fit together.")
    if len(same) == 0 or (both and (bool(same.all()) or not bool(same.any()))):
        missing = "pairs" if len(same) == 0 else "different pairs" if bool(same.all()) else "same pairs"
        raise SiameseError(f"There are no {missing} among the {len(same)} given; a score needs some.")
    return distance, same
