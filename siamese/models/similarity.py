"""The dissimilarity of two embeddings: for matching rows, and for every pair of rows.

All of it runs in float32 or better, whatever the encoder's precision, and no operation waits for the device, so a step
that holds it can be captured as a CUDA graph.
"""

from __future__ import annotations

from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese import SiameseError
from siamese.recipes.recipe import SimilarityKind

# The square root has an infinite slope at zero. Below this squared distance the root is held at 1e-7 and its gradient
# is zero, which is also the honest answer: two equal points have no direction to move apart in.
_SQUARED_FLOOR = 1e-14
_ZERO_LENGTH = 1e-12  # cosine takes a vector for zero below this squared length
_PAIRWISE_ELEMENTS = 2**24  # 64 MiB of float32 for the widest temporary of the learned similarity


class Similarity(nn.Module):
    """Compares embeddings of length embedding_dim; smaller is more alike, and swapping the two changes nothing.

    kind:
        "euclidean": the length of a − b.  "squared-euclidean": its square.
        "cosine": 1 − cos(a, b), from 0 to 2; a zero vector is at 1 from everything.
        "manhattan": the sum of |a − b|.
        "exponential": 1 − exp(−‖a − b‖₁), from 0 to 1 (Mueller & Thyagarajan 2016).
        "learned": sigmoid(−logit), the probability that the two are different, where logit = w·|a − b| + c says "same"
            (Koch, Zemel & Salakhutdinov 2015). The only kind with parameters. They start as nn.Linear starts them,
            weights and bias uniform in ±1/√embedding_dim: logits near zero, neither verdict favoured.

    Raises SiameseError for another kind.
    """

    def __init__(self, kind: str, embedding_dim: int) -> None:
        super().__init__()
        if kind not in get_args(SimilarityKind):
            raise SiameseError(
                f'There is no similarity "{kind}"; it has to be one of {", ".join(get_args(SimilarityKind))}.'
            )
        self.kind = kind
        if kind == "learned":
            self.same_logit = nn.Linear(embedding_dim, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Dissimilarity of matching rows: a, b [..., D] of any float type, broadcast, to float32 [...]."""
        if self.kind == "learned":
            return torch.sigmoid(-self.same_logits(a, b))
        with _without_autocast(a):
            a, b = a.float(), b.float()
            if self.kind == "cosine":
                return 1 - (_unit(a) * _unit(b)).sum(-1)
            if self.kind in ("manhattan", "exponential"):
                return self._from_manhattan((a - b).abs().sum(-1))
            return self._from_squared((a - b).square().sum(-1))

    def matrix(self, a: Tensor, b: Tensor) -> Tensor:
        """Dissimilarity of every row of a [n, D] to every row of b [m, D]: float32 [n, m].

        matrix(a, a), called with one and the same tensor, is exactly symmetric. Dot products are summed in float64:
        |a|² + |b|² − 2ab cancels for nearby points, where float32 would leave an error of about 3e-4·|a| in the
        distance and TF32 far more; float64 leaves about 1e-8·|a|.
        """
        itself = a is b
        with _without_autocast(a):
            a = a.float()
            dissimilarity = self._matrix(a, a if itself else b.float())
            return _symmetric(dissimilarity) if itself else dissimilarity

    def same_logits(self, a: Tensor, b: Tensor) -> Tensor:
        """The logit of "same" of matching rows, for the learned kind alone: a, b [..., D] to float32 [...]."""
        with _without_autocast(a):
            return self._logits((a.float() - b.float()).abs())

    def same_logits_matrix(self, a: Tensor, b: Tensor) -> Tensor:
        """The logit of "same" of every row of a [n, D] with every row of b [m, D], for the learned kind alone:
        float32 [n, m], a few rows at a time so that n·m·D numbers never stand in memory at once without gradients."""
        with _without_autocast(a):
            logits = self._logits_matrix(a.float(), b.float())
            return _symmetric(logits) if a is b else logits

    def _matrix(self, a: Tensor, b: Tensor) -> Tensor:
        if self.kind == "learned":
            return torch.sigmoid(-self._logits_matrix(a, b))
        if self.kind in ("manhattan", "exponential"):
            return self._from_manhattan(torch.cdist(a, b, p=1.0))
        if self.kind == "cosine":
            return (1 - _unit(a).double() @ _unit(b).double().T).float()
        dots = a.double() @ b.double().T
        # Squared lengths taken from the dot products themselves make the diagonal exactly zero.
        a_squared = dots.diagonal() if a is b else a.double().square().sum(1)
        b_squared = a_squared if a is b else b.double().square().sum(1)
        squared = a_squared[:, None] + b_squared[None, :] - 2 * dots
        return self._from_squared(squared.float().clamp_min(0.0))

    def _logits_matrix(self, a: Tensor, b: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            # w·|a − b| is the Manhattan distance of embeddings stretched by the positive weights, less that of those
            # stretched by the negative ones, which needs no n·m·D numbers.
            weight = self.same_logit.weight.float()[0]
            return _stretched(a, b, weight) - _stretched(a, b, -weight) + self.same_logit.bias
        rows = max(1, _PAIRWISE_ELEMENTS // max(1, b.numel()))
        return torch.cat([self._logits((part[:, None] - b[None]).abs()) for part in a.split(rows)])

    def _logits(self, difference: Tensor) -> Tensor:
        return F.linear(difference, self.same_logit.weight.float(), self.same_logit.bias.float()).squeeze(-1)

    def _from_squared(self, squared: Tensor) -> Tensor:
        return squared if self.kind == "squared-euclidean" else squared.clamp_min(_SQUARED_FLOOR).sqrt()

    def _from_manhattan(self, distance: Tensor) -> Tensor:
        return distance if self.kind == "manhattan" else -torch.expm1(-distance)


def _without_autocast(like: Tensor) -> torch.autocast:
    return torch.autocast(like.device.type, enabled=False)


def _stretched(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """The Manhattan distance of every two rows, each dimension stretched by its weight where that is positive."""
    stretch = weight.clamp_min(0)
    # Dimensions that count nothing are left out, which halves the time; on CUDA, where the choice would wait, not.
    kept = slice(None) if a.is_cuda else stretch > 0
    return torch.cdist((a * stretch)[:, kept], (b * stretch)[:, kept], p=1.0)


def _unit(vectors: Tensor) -> Tensor:
    squared = vectors.square().sum(-1, keepdim=True)
    # A zero vector has no direction: it stays zero, and so does its gradient, which would overflow half precision.
    return vectors * squared.clamp_min(_ZERO_LENGTH).rsqrt().masked_fill(squared < _ZERO_LENGTH, 0.0)


def _symmetric(square: Tensor) -> Tensor:
    """The mean of a matrix and its transpose: neither a matrix product nor an exp is bound to give (i, j) and (j, i)
    the same last bit."""
    return (square + square.T) / 2
