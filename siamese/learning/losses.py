"""Losses over sampled pairs and triplets and over every pair of a batch.

Each takes distances (or logits) of any float type and returns a float32 scalar. None waits for the device: terms that do
not count are masked, not removed, so a training step can be captured as a CUDA graph. Where no term counts, the loss is
0 and its gradients are zeros.
"""

from __future__ import annotations

import math
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese import SiameseError
from siamese.recipes.recipe import Mining, Recipe


def contrastive_terms(dissimilarity: Tensor, same: Tensor, margin: float | Tensor) -> Tensor:
    """d² for a same pair and max(0, margin − d)² for a different one, elementwise, float32.

    Hadsell, Chopra & LeCun 2006, without their factor ½. margin: a number or a 0-dim tensor.
    """
    distance = dissimilarity.float()
    return torch.where(same, distance.square(), (margin - distance).clamp_min(0).square())


def contrastive_loss(
    dissimilarity: Tensor, same: Tensor, margin: float | Tensor, valid: Tensor | None = None
) -> Tensor:
    """Half the mean term of the same pairs plus half that of the different ones: both kinds have equal weight.

    dissimilarity float, same bool and valid bool (which pairs count; None: all) are [n] or [B, B]. On a batch of as
    many same pairs as different ones this is the plain mean of contrastive_terms.
    """
    return _balanced_mean(contrastive_terms(dissimilarity, same, margin), same, valid)


def bce_terms(same_logits: Tensor, same: Tensor) -> Tensor:
    """−log of the probability that the logit of "same" gives to the truth, elementwise, float32."""
    return F.binary_cross_entropy_with_logits(same_logits.float(), same.float(), reduction="none")


def bce_loss(same_logits: Tensor, same: Tensor, valid: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of "same" against "different", both weighted half as in contrastive_loss.

    same_logits float, same bool and valid bool (None: all) are [n] or [B, B].
    """
    return _balanced_mean(bce_terms(same_logits, same), same, valid)


def triplet_terms(positive: Tensor, negative: Tensor, margin: float | Tensor, soft: bool) -> Tensor:
    """max(0, margin + positive − negative), or softplus(positive − negative) where soft; elementwise, float32.

    positive, negative: the anchor's distances to its positive and its negative. The hinge is that of Schroff,
    Kalenichenko & Philbin 2015, the soft margin that of Hermans, Beyer & Leibe 2017; the margin has no part in it.
    """
    difference = positive.float() - negative.float()
    return F.softplus(difference) if soft else (difference + margin).clamp_min(0)


def triplet_loss(positive: Tensor, negative: Tensor, margin: float | Tensor, soft: bool) -> Tensor:
    """Mean of triplet_terms over sampled triplets, positive and negative float [n]."""
    terms = triplet_terms(positive, negative, margin, soft)
    return _masked_mean(terms, torch.ones_like(terms, dtype=torch.bool))


def mined_triplet_loss(
    dissimilarity: Tensor,
    same: Tensor,
    mining: str,
    margin: float | Tensor,
    soft: bool,
    generator: torch.Generator | None = None,
    itself: Tensor | None = None,
) -> Tensor:
    """Triplet loss over a batch embedded once: dissimilarity float [B, B], same bool [B, B] with a True diagonal.

    Row a holds anchor a's distances. itself: bool [B, B], where both are one image (None: the diagonal); these are no
    positives. mining says which triplets of an anchor count:
        "all": every one; the mean is over those with a loss above zero for the hinge, over all for the soft margin
            ("batch all" of Hermans, Beyer & Leibe 2017; the soft margin needs B³ numbers of memory, the hinge B²).
        "hard": an anchor's farthest positive with its nearest negative ("batch hard" of the same paper).
        "semi-hard": each anchor and positive with the nearest negative beyond the positive, or with the farthest
            negative where none is (Schroff, Kalenichenko & Philbin 2015).
        "random": each anchor and positive with one negative drawn by generator, which lives on the same device.

    Raises SiameseError for another mining.
    """
    distance = dissimilarity.float()
    positive = same & ~(_diagonal(same) if itself is None else itself)
    negative = ~same
    negatives = negative.sum(1, keepdim=True)
    if mining == "all":
        if not soft:
            return _all_hinge(distance, positive, negative, margin)
        valid = positive[:, :, None] & negative[:, None, :]
        return _masked_mean(triplet_terms(distance[:, :, None], distance[:, None, :], margin, soft), valid)
    if mining == "hard":
        valid = positive.any(1) & negative.any(1)
        farthest = distance.masked_fill(~positive, -torch.inf).amax(1)
        nearest = distance.masked_fill(~negative, torch.inf).amin(1)
        terms = triplet_terms(_where_valid(farthest, valid), _where_valid(nearest, valid), margin, soft)
        return _masked_mean(terms, valid)
    # Both remaining ways pick one negative by its rank among the anchor's negatives, sorted by distance.
    ranked = distance.masked_fill(~negative, torch.inf).sort(1).values
    if mining == "semi-hard":
        rank = torch.searchsorted(ranked.detach(), distance.detach().contiguous(), right=True)
    elif mining == "random":
        chance = torch.rand(distance.shape, device=distance.device, generator=generator)
        rank = (chance * negatives).long()
    else:
        raise SiameseError(f'There is no mining "{mining}"; it has to be one of {", ".join(get_args(Mining))}.')
    valid = positive & (negatives > 0)
    chosen = ranked.gather(1, torch.minimum(rank, negatives - 1).clamp_min(0))
    return _masked_mean(triplet_terms(distance, _where_valid(chosen, valid), margin, soft), valid)


def supcon_loss(similarity: Tensor, same: Tensor, temperature: float, itself: Tensor | None = None) -> Tensor:
    """Supervised contrastive loss: similarity float [B, B], cosines from −1 to 1; same bool [B, B].

    itself: bool [B, B], where both are one image (None: the diagonal); these are left out.
    In the softmax of an anchor over all other images, each positive has a share. The loss is −log of that share,
    averaged over the anchor's positives, then over the anchors: L_out of Khosla et al. 2020. Anchors without a
    positive are left out.
    """
    itself = _diagonal(same) if itself is None else itself
    positive = same & ~itself
    logits = (similarity.float() / temperature).masked_fill(
        itself, -1e9
    )  # finite, so that a batch of one image gives no NaN
    log_share = logits - logits.logsumexp(1, keepdim=True)
    positives = positive.sum(1)
    per_anchor = -_where_valid(log_share, positive).sum(1) / positives.clamp_min(1)
    return _masked_mean(per_anchor, positives > 0)


def collapse_value(recipe: Recipe, margin: float) -> tuple[float, str]:
    """The loss of a network that gives all pairs one and the same distance, the best one, and a short name for the chart.

    margin: as it is now. A loss that rests at this value has learnt nothing.
    """
    if recipe.loss == "triplet":
        return (math.log(2), "ln 2") if recipe.soft_margin else (float(margin), "margin")
    if recipe.loss == "bce":
        return math.log(2), "ln 2"
    if recipe.loss == "supcon":
        images = recipe.classes_per_batch * recipe.images_per_class
        return math.log(max(1, images - 1)), "ln(B − 1)"
    # ½d² + ½(m − d)² is lowest at d = m/2, or at the largest distance there is.
    largest, square, root = _common_distance(recipe)
    if margin / 2 <= largest:
        return margin * margin / 4, "m²/4"
    return (largest**2 + (margin - largest) ** 2) / 2, f"({square} + (m − {root})²)/2"


def _common_distance(recipe: Recipe) -> tuple[float, str, str]:
    """The largest distance that many points can all have from each other, with text for its square and for itself."""
    if recipe.similarity in ("cosine", "exponential"):
        return 1.0, "1", "1"  # many vectors can all be at right angles to each other, but hardly farther apart
    if recipe.normalize and recipe.similarity == "euclidean":
        return math.sqrt(2), "2", "√2"
    if recipe.normalize and recipe.similarity == "squared-euclidean":
        return 2.0, "4", "2"
    return math.inf, "", ""


def _diagonal(square: Tensor) -> Tensor:
    return torch.eye(len(square), dtype=torch.bool, device=square.device)


def _all_hinge(distance: Tensor, positive: Tensor, negative: Tensor, margin: float | Tensor) -> Tensor:
    """Mean hinge over the triplets that have one, from counts instead of B³ terms.

    The sum over active triplets of (margin + d_ap − d_an) is, collected by distance, each margin + d_ap times the
    number of nearer negatives, less each d_an times the number of positives it is too near for. The counts are
    constant around the point, so the gradient is exact as well.
    """
    reach = distance + margin
    with torch.no_grad():
        negatives = distance.masked_fill(~negative, torch.inf).sort(1).values
        reaches = reach.masked_fill(~positive, torch.inf).sort(1).values
        too_near = torch.searchsorted(negatives, reach.contiguous()) * positive
        satisfied = torch.searchsorted(reaches, distance.contiguous(), right=True)
        broken = (positive.sum(1, keepdim=True) - satisfied) * negative
    total = (too_near * reach).sum() - (broken * distance).sum()
    return total / too_near.sum().clamp_min(1)


def _where_valid(values: Tensor, valid: Tensor) -> Tensor:
    # masked_fill takes the 0 as an argument; torch.where would copy it to the device and wait.
    return values.masked_fill(~valid, 0.0)


def _masked_mean(terms: Tensor, valid: Tensor) -> Tensor:
    return _where_valid(terms, valid).sum() / valid.sum().clamp_min(1)


def _balanced_mean(terms: Tensor, same: Tensor, valid: Tensor | None) -> Tensor:
    different = ~same
    if valid is not None:
        same, different = same & valid, different & valid
    return (_masked_mean(terms, same) + _masked_mean(terms, different)) / 2
