"""Every loss and every miner against a slow loop over single pairs and triplets, and against pytorch-metric-learning."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss, SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer, DoNothingReducer, MeanReducer
from scipy.stats import chisquare
from torch import Tensor
from waiting import NothingWaits

from siamese import SiameseError
from siamese.learning import losses
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.recipes.recipe import Mining

SEEDS = range(4)
# Classes of unequal size, one of them alone, in no order.
LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 2, 1, 0])


def embeddings(seed: int, n: int = len(LABELS), dim: int = 4) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def pair_mask(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(same, valid), both bool [B, B], of labels int [B]; valid is the strict upper triangle: each pair once."""
    same = labels[:, None] == labels[None, :]
    return same, torch.ones_like(same).triu(1)


def distances(seed: int) -> Tensor:
    """Not symmetric, so that a miner that mixes up rows and columns is caught."""
    n = len(LABELS)
    return torch.rand(n, n, generator=torch.Generator().manual_seed(seed)) * 2


def mean(values: list[Any]) -> Any:
    return sum(values) / len(values) if values else 0.0


def agree(compute: Callable[[Tensor], Tensor], oracle: Callable[[Tensor], Any], inputs: Tensor) -> None:
    """The same value and the same gradient; the oracle sees float64."""
    x = inputs.clone().requires_grad_()
    y = inputs.double().requires_grad_()
    got, want = compute(x), oracle(y)
    assert got.dtype == torch.float32 and got.shape == ()
    assert got.item() == pytest.approx(want.item(), rel=2e-5, abs=1e-6)
    got.backward()
    want.backward()
    assert x.grad is not None and y.grad is not None
    rough = inputs.dtype == torch.bfloat16
    torch.testing.assert_close(
        x.grad.double(), y.grad, rtol=1e-2 if rough else 1e-4, atol=2e-3 if rough else 1e-6, check_dtype=False
    )


def slow_contrastive(d: Tensor, same: Tensor, valid: Tensor, margin: float) -> Any:
    alike, apart = [], []
    for i, j in itertools.product(range(len(d)), repeat=2):
        if valid[i, j]:
            if same[i, j]:
                alike.append(d[i, j] ** 2)
            else:
                apart.append(torch.relu(margin - d[i, j]) ** 2)
    return mean(alike) / 2 + mean(apart) / 2


def slow_bce(logits: Tensor, same: Tensor, valid: Tensor) -> Any:
    alike, apart = [], []
    for i, j in itertools.product(range(len(logits)), repeat=2):
        if valid[i, j]:
            probability = 1 / (1 + (-logits[i, j]).exp())
            if same[i, j]:
                alike.append(-probability.log())
            else:
                apart.append(-(1 - probability).log())
    return mean(alike) / 2 + mean(apart) / 2


def slow_triplets(d: Tensor, labels: Tensor, mining: str, margin: float, soft: bool) -> Any:
    def term(p: Tensor, q: Tensor) -> Tensor:
        return (1 + (p - q).exp()).log() if soft else torch.relu(p - q + margin)

    terms = []
    for a in range(len(labels)):
        positives = [d[a, p] for p in range(len(labels)) if p != a and labels[p] == labels[a]]
        negatives = [d[a, n] for n in range(len(labels)) if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if mining == "hard":
            terms.append(term(max(positives), min(negatives)))
        for p in positives:
            if mining == "all":
                terms += [term(p, q) for q in negatives]
            if mining == "semi-hard":
                farther = [q for q in negatives if q > p]
                terms.append(term(p, min(farther) if farther else max(negatives)))
    if mining == "all" and not soft:
        terms = [t for t in terms if t > 0]
    return mean(terms)


def slow_supcon(similarity: Tensor, labels: Tensor, temperature: float) -> Any:
    anchors = []
    for a in range(len(labels)):
        others = [i for i in range(len(labels)) if i != a]
        total = sum((similarity[a, i] / temperature).exp() for i in others)
        terms = [-((similarity[a, p] / temperature).exp() / total).log() for p in others if labels[p] == labels[a]]
        if terms:
            anchors.append(mean(terms))
    return mean(anchors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", SEEDS)
def test_pair_losses_against_a_double_loop(seed: int, dtype: torch.dtype) -> None:
    same, valid = pair_mask(LABELS)
    values = distances(seed).to(dtype)
    for margin in (0.5, 1.3):
        agree(
            lambda d, m=margin: losses.contrastive_loss(d, same, m, valid),
            lambda d, m=margin: slow_contrastive(d, same, valid, m),
            values,
        )
    agree(
        lambda x: losses.bce_loss(x * 3 - 2, same, valid),
        lambda x: slow_bce((values.to(dtype) * 3 - 2).double() + 3 * (x - values.double()), same, valid),
        values,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
@pytest.mark.parametrize("seed", SEEDS)
def test_miners_against_a_triple_loop(seed: int, mining: str, soft: bool, dtype: torch.dtype) -> None:
    same, _ = pair_mask(LABELS)
    values = distances(seed)
    if dtype == torch.bfloat16:
        # Distances that bfloat16 holds exactly and that never tie, as a tie may share its gradient either way.
        order = values.flatten().argsort().argsort().view_as(values)
        values = (128 + order) / 128
    for margin in (0.2, 1.0):
        agree(
            lambda d, m=margin: losses.mined_triplet_loss(d, same, mining, m, soft),
            lambda d, m=margin: slow_triplets(d, LABELS, mining, m, soft),
            values.to(dtype),
        )


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
@pytest.mark.parametrize("seed", SEEDS)
def test_miners_with_ties(seed: int, mining: str, soft: bool) -> None:
    """Distances in quarters, so that negatives lie exactly at the positive, or exactly at its margin."""
    same, _ = pair_mask(LABELS)
    d = (distances(seed) * 4).round() / 4
    for margin in (0.25, 0.5):
        expected = slow_triplets(d.double(), LABELS, mining, margin, soft)
        assert losses.mined_triplet_loss(d, same, mining, margin, soft).item() == pytest.approx(
            expected.item(), rel=1e-5
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_supcon_against_a_double_loop(seed: int, temperature: float, dtype: torch.dtype) -> None:
    same, _ = pair_mask(LABELS)
    agree(
        lambda s: losses.supcon_loss(s, same, temperature),
        lambda s: slow_supcon(s, LABELS, temperature),
        (distances(seed) - 1).to(dtype),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["contrastive", "all", "all soft", "hard", "hard soft", "supcon"])
def test_against_pytorch_metric_learning(name: str, seed: int, dtype: torch.dtype) -> None:
    """From embeddings to the loss and back, value and gradient, with the other library in float64."""
    same, valid = pair_mask(LABELS)
    lp = LpDistance(normalize_embeddings=False)
    soft, mining = name.endswith("soft"), name.split()[0]

    def ours(z: Tensor) -> Tensor:
        if name == "supcon":
            return losses.supcon_loss(1 - Similarity("cosine", 4).matrix(z, z), same, 0.1)
        d = Similarity("euclidean", 4).matrix(z, z)
        if name == "contrastive":
            return losses.contrastive_loss(d, same, 1.2, valid)
        return losses.mined_triplet_loss(d, same, mining, 0.3, soft)

    def theirs(z: Tensor) -> Tensor:
        if name == "supcon":
            return SupConLoss(temperature=0.1, distance=CosineSimilarity())(z, LABELS)
        if name == "contrastive":
            # The library leaves out the squares, so its terms of each pair are squared here.
            parts = ContrastiveLoss(pos_margin=0, neg_margin=1.2, distance=lp, reducer=DoNothingReducer())(z, LABELS)
            pulled, pushed = parts["pos_loss"]["losses"], parts["neg_loss"]["losses"]
            return pulled.square().mean() / 2 + pushed.square().mean() / 2
        reducer = MeanReducer() if soft or mining == "hard" else AvgNonZeroReducer()
        # Its softplus adds the margin, ours has none.
        loss = TripletMarginLoss(margin=0 if soft else 0.3, smooth_loss=soft, distance=lp, reducer=reducer)
        return loss(z, LABELS, BatchHardMiner(distance=lp)(z, LABELS) if mining == "hard" else None)

    agree(ours, theirs, embeddings(seed).to(dtype))


def test_contrastive_by_hand() -> None:
    d, same = torch.tensor([0.5, 2.0, 0.25, 1.5]), torch.tensor([True, True, False, False])
    assert losses.contrastive_terms(d, same, 1.0).tolist() == [0.25, 4.0, 0.5625, 0.0]
    assert losses.contrastive_loss(d, same, 1.0).item() == pytest.approx((0.25 + 4.0 + 0.5625) / 4)
    assert losses.contrastive_loss(d[:3], same[:3], 1.0).item() == pytest.approx((0.25 + 4) / 4 + 0.5625 / 2)


def test_triplets_by_hand() -> None:
    positive, negative = torch.tensor([0.5, 1.0, 0.2]), torch.tensor([1.0, 0.5, 0.3])
    assert losses.triplet_terms(positive, negative, 0.25, False).tolist() == pytest.approx([0.0, 0.75, 0.15])
    assert losses.triplet_loss(positive, negative, 0.25, False).item() == pytest.approx(0.3)
    soft = [math.log(1 + math.exp(x)) for x in (-0.5, 0.5, -0.1)]
    assert losses.triplet_loss(positive, negative, 0.25, True).item() == pytest.approx(sum(soft) / 3)


def test_bce_by_hand() -> None:
    terms = losses.bce_terms(torch.tensor([2.0, 2.0]), torch.tensor([True, False]))
    assert terms.tolist() == pytest.approx([math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_balanced_batch_gives_the_plain_mean(seed: int) -> None:
    values, same = distances(seed).flatten(), torch.arange(100) < 50
    torch.testing.assert_close(
        losses.contrastive_loss(values, same, 1.0), losses.contrastive_terms(values, same, 1.0).mean()
    )
    torch.testing.assert_close(losses.bce_loss(values, same), losses.bce_terms(values, same).mean())


def test_random_mining_draws_each_negative_equally_often() -> None:
    """One anchor has three negatives with distances that tell which was drawn; the other's all lie at 9."""
    same = torch.tensor([0, 0, 1, 2, 3])[:, None] == torch.tensor([0, 0, 1, 2, 3])[None]
    d = torch.full((5, 5), 9.0)
    d[0] = torch.tensor([0.0, 9.0, 3.0, 1.0, 2.0])
    generator = torch.Generator().manual_seed(0)
    seen = []
    for _ in range(900):
        loss = losses.mined_triplet_loss(d, same, "random", 1.0, False, generator)
        seen.append(round(1 + 9 - (2 * loss.item() - 1)))
    assert set(seen) == {1, 2, 3}
    assert chisquare([seen.count(i) for i in (1, 2, 3)]).pvalue > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_random_mining_repeats_from_its_seed_and_stays_between_the_extremes(seed: int) -> None:
    same, _ = pair_mask(LABELS)
    d = distances(seed)

    def draw(start: int) -> float:
        return losses.mined_triplet_loss(d, same, "random", 0.5, False, torch.Generator().manual_seed(start)).item()

    assert draw(seed) == draw(seed)
    assert len({draw(start) for start in range(5)}) > 1
    lower, upper = [], []
    for a, p in itertools.product(range(len(LABELS)), repeat=2):
        negatives = d[a][LABELS != LABELS[a]]
        if a != p and same[a, p]:
            lower.append(max(0.0, (d[a, p] - negatives.max() + 0.5).item()))
            upper.append(max(0.0, (d[a, p] - negatives.min() + 0.5).item()))
    assert all(mean(lower) - 1e-5 <= draw(start) <= mean(upper) + 1e-5 for start in range(20))


ALL_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "contrastive": lambda d, same: losses.contrastive_loss(d, same, 1.0, torch.ones_like(same).triu(1)),
    "bce": lambda d, same: losses.bce_loss(d, same, torch.ones_like(same).triu(1)),
    "supcon": lambda d, same: losses.supcon_loss(d - 1, same, 0.1),
    "triplets": lambda d, same: losses.triplet_loss(d[0], d[1], 1.0, False),
    **{
        f"{mining} {soft}": lambda d, same, m=mining, s=soft: losses.mined_triplet_loss(
            d, same, m, 1.0, s, torch.Generator().manual_seed(0)
        )
        for mining in get_args(Mining)
        for soft in (False, True)
    },
}


@pytest.mark.parametrize("name", [name for name in ALL_LOSSES if name not in ("contrastive", "bce", "triplets")])
@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [0, 1, 2]])
def test_nothing_to_learn_from_is_zero_and_goes_back(name: str, labels: list[int]) -> None:
    """One image, one class, or no class twice. One class still teaches supcon, which needs no negative."""
    if name == "supcon" and labels == [0, 0, 0]:
        return
    same = torch.tensor(labels)[:, None] == torch.tensor(labels)[None]
    d = distances(0)[: len(labels), : len(labels)].clone().requires_grad_()
    loss = ALL_LOSSES[name](d, same)
    loss.backward()
    assert loss.item() == 0
    assert d.grad is not None and torch.equal(d.grad, torch.zeros_like(d))


@pytest.mark.parametrize("name", ["contrastive", "bce"])
def test_pairs_of_one_kind_alone_count_half(name: str) -> None:
    compute, terms = (
        (lambda d, s, v=None: losses.contrastive_loss(d, s, 1.0, v), lambda d, s: losses.contrastive_terms(d, s, 1.0))
        if name == "contrastive"
        else (losses.bce_loss, losses.bce_terms)
    )
    d = torch.tensor([0.3, 0.6], requires_grad=True)
    for kind in (True, False):
        same = torch.full((2,), kind)
        assert compute(d, same).item() == pytest.approx(terms(d, same).mean().item() / 2)
    none = compute(d, same, torch.zeros(2, dtype=torch.bool))
    none.backward()
    assert none.item() == 0 and torch.equal(d.grad, torch.zeros(2))


def test_an_empty_set_of_triplets_is_zero() -> None:
    none = torch.zeros(0, requires_grad=True)
    loss = losses.triplet_loss(none, none, 1.0, False)
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("name", ["contrastive", *(m for m in get_args(Mining) if m != "random")])
def test_the_margin_may_be_a_tensor(name: str) -> None:
    same, valid = pair_mask(LABELS)

    def compute(margin: float | Tensor) -> Tensor:
        if name == "contrastive":
            return losses.contrastive_loss(distances(0), same, margin, valid)
        return losses.mined_triplet_loss(distances(0), same, name, margin, False)

    assert compute(torch.tensor(0.7)).item() == pytest.approx(compute(0.7).item())
    assert compute(torch.tensor(0.9)).item() != pytest.approx(compute(0.7).item())


@pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
def test_collapse_values_are_what_one_distance_gives(margin: float) -> None:
    """The loss of all pairs at one distance, with the distance searched for where it matters."""
    labels = torch.arange(5).repeat_interleave(4)
    same, valid = pair_mask(labels)
    flat = torch.ones(20, 20)
    whole = Recipe(batching="all-pairs", classes_per_batch=5, images_per_class=4)
    best = min(losses.contrastive_loss(flat * d, same, margin, valid).item() for d in torch.linspace(0, 3, 301))
    assert losses.collapse_value(whole, margin) == (pytest.approx(best), "m²/4")
    for mining in get_args(Mining):
        hinge = losses.mined_triplet_loss(flat, same, mining, margin, False).item()
        soft = losses.mined_triplet_loss(flat, same, mining, margin, True).item()
        triplet = replace(whole, loss="triplet", mining=mining)
        assert losses.collapse_value(triplet, margin) == (pytest.approx(hinge), "margin")
        assert losses.collapse_value(replace(triplet, soft_margin=True), margin) == (pytest.approx(soft), "ln 2")
    best = min(losses.bce_loss(flat * x, same, valid).item() for x in torch.linspace(-3, 3, 301))
    bce = replace(whole, loss="bce", similarity="learned")
    assert losses.collapse_value(bce, margin) == (pytest.approx(best), "ln 2")
    supcon = losses.supcon_loss(flat, same, 0.1).item()
    recipe = replace(whole, loss="supcon", similarity="cosine")
    assert losses.collapse_value(recipe, margin) == (pytest.approx(supcon), "ln(B − 1)")


@pytest.mark.parametrize(
    ("similarity", "normalize", "largest"),
    [
        ("exponential", False, 1.0),
        ("cosine", False, 1.0),
        ("euclidean", True, math.sqrt(2)),
        ("squared-euclidean", True, 2.0),
        ("euclidean", False, 50.0),
        ("manhattan", False, 50.0),
    ],
)
@pytest.mark.parametrize("margin", [0.5, 2.0, 2.5, 4.0])
def test_the_collapse_line_of_a_bounded_distance_can_be_reached(
    similarity: str, normalize: bool, largest: float, margin: float
) -> None:
    """largest: the distance at which many orthogonal vectors, or very long ones, all are from each other."""
    vectors = torch.eye(64)[:20] * (1.0 if normalize else 500.0)
    apart = Similarity(similarity, 64).matrix(vectors, vectors)[0, 1].item()
    assert min(apart, 50.0) == pytest.approx(largest, abs=1e-3)
    same, valid = pair_mask(torch.arange(5).repeat_interleave(4))
    one = torch.ones(20, 20)
    reachable = [d for d in torch.linspace(0, 4, 2001).tolist() if d <= largest]
    best = min(losses.contrastive_loss(one * d, same, margin, valid).item() for d in reachable)
    recipe = Recipe(batching="all-pairs", similarity=similarity, normalize=normalize, margin=margin)
    value, name = losses.collapse_value(recipe, margin)
    assert value == pytest.approx(best, rel=1e-3)
    shown = name.split(" = ")[0].replace("m²/4", "m*m/4").replace("√2", "2**0.5").replace("−", "-").replace("²", "**2")
    assert eval(shown, {"m": margin}) == pytest.approx(value)  # noqa: S307 - our own formula


def test_unknown_names_are_told() -> None:
    with pytest.raises(SiameseError, match='no mining "easy".*semi-hard'):
        losses.mined_triplet_loss(torch.ones(2, 2), torch.eye(2, dtype=torch.bool), "easy", 1.0, False)


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_no_loss_waits_for_the_device(name: str) -> None:
    labels = torch.arange(4).repeat_interleave(3)
    z = embeddings(0, 12).requires_grad_()
    module = Similarity("learned" if name == "bce" else "cosine" if name == "supcon" else "euclidean", 4)
    with NothingWaits():
        same, _ = pair_mask(labels)
        matrix = module.same_logits_matrix(z, z) if name == "bce" else module.matrix(z, z)
        ALL_LOSSES[name](matrix, same).backward()
    assert z.grad is not None and z.grad.isfinite().all()


def test_the_watch_for_waiting_can_fail() -> None:
    for act in (lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: x.nonzero()):
        with pytest.raises(AssertionError), NothingWaits():
            act(torch.ones(3))
