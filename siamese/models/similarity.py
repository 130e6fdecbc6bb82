"""The dissimilarity of two embeddings: for matching rows, and for every pair of rows.

Everything is computed in float32 or better, whatever the encoder's precision. No operation waits for the device, so a
CUDA graph can capture it.
"""

from __future__ import annotations

from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese import SiameseError
from siamese.recipes.recipe import SimilarityKind

# The square root has an infinite slope at zero. Below this squared distance the root is 1e-7 and its gradient is zero.
# That is also correct: between two equal points there is no direction to move apart.
_SQUARED_FLOOR = 1e-14
_ZERO_LENGTH = 1e-12  # below this squared length a vector counts as zero for cosine
_PAIRWISE_ELEMENTS = 2**24  # 64 MiB of float32 for the widest temporary of the learned similarity


class Similarity(nn.Module):
    """Compares embeddings of length embedding_dim; smaller is more alike, and swapping the two changes nothing.

    kind:
        "euclidean": the length of a − b.  "squared-euclidean": its square.
        "cosine": 1 − cos(a, b), from 0 to 2; a zero vector is at 1 from everything.
        "manhattan": the sum of |a − b|.
        "exponential": 1 − exp(−‖a − b‖₁), from 0 to 1 (Mueller & Thyagarajan 2016).
        "learned": sigmoid(−logit), the probability that the two are different, where logit = w·|a − b| + c says "same"
            (Koch, Zemel & Salakhutdinov 2015). The only kind with parameters. They start as in nn.Linear, uniform in
            ±1/√embedding_dim, so the first logits are near zero and favour neither verdict.

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

        matrix(a, a), called with the same tensor twice, is exactly symmetric. Dot products are summed in float64: for
        near points |a|² + |b|² − 2ab is a small difference of large numbers. In float32 the distance would have an
        error of about 3e-4·|a|, in TF32 a far larger one; in float64 it is about 1e-8·|a|.
        """
        itself = a is b
        with _without_autocast(a):
            a = a.float()
            dissimilarity = self._matrix(a, a if itself else b.float())
            return _symmetric(dissimilarity) if itself else dissimilarity

    def same_logits(self, a: Tensor, b: Tensor) -> Tensor:
        """The logit of "same" of matching rows, only for the learned kind: a, b [..., D] to float32 [...]."""
        with _without_autocast(a):
            return self._logits((a.float() - b.float()).abs())

    def same_logits_matrix(self, a: Tensor, b: Tensor) -> Tensor:
        """The logit of "same" of every row of a [n, D] with every row of b [m, D], only for the learned kind.

        float32 [n, m]. Without gradients it never needs n·m·D numbers in memory.
        """
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
        # With squared lengths from the dot products themselves, the diagonal is exactly zero.
        a_squared = dots.diagonal() if a is b else a.double().square().sum(1)
        b_squared = a_squared if a is b else b.double().square().sum(1)
        squared = a_squared[:, None] + b_squared[None, :] - 2 * dots
        return self._from_squared(squared.float().clamp_min(0.0))

    def _logits_matrix(self, a: Tensor, b: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            # w·|a − b| is a difference of two Manhattan distances: of embeddings stretched by the positive weights, and
            # of embeddings stretched by the negative ones. That needs no n·m·D numbers.
            weight = self.same_logit.weight.float()[0]
            return _stretched_distance(a, b, weight) - _stretched_distance(a, b, -weight) + self.same_logit.bias
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


def _stretched_distance(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """The Manhattan distance of every two rows, each dimension multiplied by its weight where that is positive."""
    stretch = weight.clamp_min(0)
    # Leaving out the dimensions of weight 0 halves the time. On CUDA the choice would wait for the device: keep all.
    dimensions = slice(None) if a.is_cuda else stretch > 0
    return torch.cdist((a * stretch)[:, dimensions], (b * stretch)[:, dimensions], p=1.0)


def _unit(vectors: Tensor) -> Tensor:
    squared = vectors.square().sum(-1, keepdim=True)
    # A zero vector has no direction: it stays zero, and so does its gradient, which would overflow in float16.
    return vectors * squared.clamp_min(_ZERO_LENGTH).rsqrt().masked_fill(squared < _ZERO_LENGTH, 0.0)


def _symmetric(square: Tensor) -> Tensor:
    """The mean of a matrix and its transpose: their elements can differ in the last bit."""
    return (square + square.T) / 2
