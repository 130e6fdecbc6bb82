"""Every similarity against float64 formulas, at zero distance, in half precision, and far from the origin."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from siamese import SiameseError
from siamese.models import similarity
from siamese.models.similarity import Similarity
from siamese.recipes.recipe import SimilarityKind

SEEDS = range(3)


def made(kind: str, dim: int = 5, seed: int = 0) -> Similarity:
    torch.manual_seed(seed)
    return Similarity(kind, dim)


def points(n: int, dim: int, seed: int) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def slow(kind: Similarity, a: Tensor, b: Tensor) -> Tensor:
    """One pair of vectors, by the definition, in float64."""
    a, b = a.double(), b.double()
    if kind.kind == "euclidean":
        return ((a - b) ** 2).sum() ** 0.5
    if kind.kind == "squared-euclidean":
        return ((a - b) ** 2).sum()
    if kind.kind == "cosine":
        return 1 - (a * b).sum() / (a * a).sum() ** 0.5 / (b * b).sum() ** 0.5
    if kind.kind == "manhattan":
        return (a - b).abs().sum()
    if kind.kind == "exponential":
        return 1 - (-(a - b).abs().sum()).exp()
    logit = (kind.same_logit.weight.double()[0] * (a - b).abs()).sum() + kind.same_logit.bias.double()[0]
    return 1 - 1 / (1 + (-logit).exp())


@pytest.mark.parametrize(
    ("kind", "a", "b", "expected"),
    [
        ("euclidean", [0.0, 0.0], [3.0, 4.0], 5.0),
        ("squared-euclidean", [0.0, 0.0], [3.0, 4.0], 25.0),
        ("manhattan", [0.0, 0.0], [3.0, -4.0], 7.0),
        ("exponential", [0.0, 0.0], [0.5, -0.25], 1 - math.exp(-0.75)),
        ("cosine", [2.0, 0.0], [1.0, 1.0], 1 - math.sqrt(0.5)),
        ("cosine", [1.0, 2.0], [-2.0, -4.0], 2.0),
        ("cosine", [0.0, 0.0], [1.0, 1.0], 1.0),
    ],
)
def test_values_by_hand(kind: str, a: list[float], b: list[float], expected: float) -> None:
    assert made(kind, 2)(torch.tensor([a]), torch.tensor([b])).item() == pytest.approx(expected, abs=1e-6)
    assert made(kind, 2).matrix(torch.tensor([a]), torch.tensor([b])).item() == pytest.approx(expected, abs=1e-6)


def test_learned_by_hand() -> None:
    kind = made("learned", 2)
    with torch.no_grad():
        kind.same_logit.weight.copy_(torch.tensor([[-1.0, 0.5]]))
        kind.same_logit.bias.fill_(0.25)
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, -4.0]])
    assert kind.same_logits(a, b).tolist() == pytest.approx([-2 + 2 + 0.25])
    assert kind(a, b).tolist() == pytest.approx([1 / (1 + math.exp(0.25))])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", get_args(SimilarityKind))
def test_rows_and_matrix_match_the_definition(kind: str, seed: int) -> None:
    """Values and gradients of both, against one pair at a time in float64."""
    module = made(kind, 5, seed)
    a, b = points(7, 5, seed), points(4, 5, seed + 100)
    weights = points(7, 4, seed + 200)

    def value_and_gradients(compute: str) -> list[Tensor]:
        x, y = a.clone().requires_grad_(), b.clone().requires_grad_()
        if compute == "slow":
            out = torch.stack([torch.stack([slow(module, p, q) for q in y]) for p in x])
        elif compute == "matrix":
            out = module.matrix(x, y)
        else:
            out = module(x[:, None], y[None])
        assert compute == "slow" or out.dtype == torch.float32
        inputs = [x, y, *module.parameters()]
        return [out.detach(), *torch.autograd.grad((out * weights).sum(), inputs)]

    expected = value_and_gradients("slow")
    for compute in ("rows", "matrix"):
        for got, want in zip(value_and_gradients(compute), expected, strict=True):
            torch.testing.assert_close(got.float(), want.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", get_args(SimilarityKind))
def test_symmetric_to_the_last_bit(kind: str) -> None:
    module = made(kind, 37)
    a, b = points(53, 37, 1), points(53, 37, 2)
    assert torch.equal(module(a, b), module(b, a))
    full = module.matrix(a, a)
    assert torch.equal(full, full.T)
    torch.testing.assert_close(module.matrix(a, b), module.matrix(b, a).T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", get_args(SimilarityKind))
def test_zero_distance(kind: str, dtype: torch.dtype) -> None:
    """Equal points, the zero vector among them, and points that are nearly equal: near zero, with finite gradients."""
    module = made(kind, 6)
    start = torch.cat([points(3, 6, 0), points(1, 6, 1) * 1e-4, torch.zeros(2, 6)]).to(dtype)
    for compute in (module.forward, module.matrix):
        a, b = start.clone().requires_grad_(), start.clone().requires_grad_()
        for other in (a, b):
            out = compute(a, other)
            assert out.dtype == torch.float32
            at_zero = out.diagonal() if out.dim() == 2 else out
            if kind == "learned":
                torch.testing.assert_close(at_zero, torch.sigmoid(-module.same_logit.bias).expand(6))
            else:
                assert at_zero[: 4 if kind == "cosine" else 6].abs().max() < 1e-3
            gradients = torch.autograd.grad(out.sum(), (a, other))
            assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("kind", get_args(SimilarityKind))
def test_half_inputs_are_compared_in_float32(kind: str) -> None:
    module = made(kind, 64)
    a, b = points(8, 64, 0).bfloat16(), points(8, 64, 1).bfloat16()
    for compute in (module.forward, module.matrix):
        expected = compute(a.float(), b.float())
        assert torch.equal(compute(a, b), expected)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            under_autocast = compute(a.float(), b.float())
        assert under_autocast.dtype == torch.float32
        assert torch.equal(under_autocast, expected)


@pytest.mark.parametrize("gap", [1e-2, 1e-3])
def test_matrix_of_near_points_far_from_the_origin(gap: float) -> None:
    """Where |a|² + |b|² − 2ab in float32 would be off by 0.03: points around a vector of length 100."""
    base = points(1, 32, 0)
    a = 100 * base / base.norm() + gap * points(20, 32, 1)
    expected = torch.cdist(a.double(), a.double(), compute_mode="donot_use_mm_for_euclid_dist")
    torch.testing.assert_close(made("euclidean", 32).matrix(a, a).double(), expected, rtol=1e-3, atol=1e-6)


def test_learned_matrix_in_parts_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    module, a, b = made("learned", 6), points(11, 6, 0), points(5, 6, 1)
    whole = module.same_logits_matrix(a, b)
    assert whole.shape == (11, 5)
    monkeypatch.setattr(similarity, "_PAIRWISE_ELEMENTS", 70)
    torch.testing.assert_close(module.same_logits_matrix(a, b), whole)
    torch.testing.assert_close(module.matrix(a, b), torch.sigmoid(-whole))


@pytest.mark.parametrize("kind", get_args(SimilarityKind))
def test_only_the_learned_kind_has_parameters(kind: str) -> None:
    assert sum(p.numel() for p in made(kind, 9).parameters()) == (10 if kind == "learned" else 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_learned_trains_from_its_start_at_a_small_rate(seed: int) -> None:
    """|a − b| of 84 numbers, plain SGD at 0.001 with momentum 0.1: well below ln 2 after 200 batches."""
    module = made("learned", 84, seed)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.001, momentum=0.1)
    generator = torch.Generator().manual_seed(seed)
    same = torch.arange(100) < 50
    away = torch.where(same, 0.3, 3.0)[:, None]
    history = []
    for _ in range(200):
        logits = module.same_logits(away * torch.randn(100, 84, generator=generator), torch.zeros(84))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, same.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < min(0.5, history[0]), (seed, history[0], history[-1])
    assert logits[same].min() > logits[~same].max()


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(SiameseError, match='no similarity "hamming".*euclidean'):
        Similarity("hamming", 4)
