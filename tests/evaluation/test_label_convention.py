"""One meaning of "same" from sampler to loss to metric to verdict: swap it anywhere and one of these fails.

The images of a class are of nearly one grey, so the grey alone is a perfect embedding and every number has a side it
must be on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from siamese.data.bank import ImageBank
from siamese.evaluation import metrics
from siamese.learning import losses, sampling
from siamese.models.similarity import Similarity
from siamese.recipes.recipe import SimilarityKind

GREYS = (10, 90, 170, 250)
DISTANCES = [kind for kind in get_args(SimilarityKind) if kind != "learned"]


@pytest.fixture(scope="module")
def bank() -> ImageBank:
    images = torch.tensor([grey + jitter for grey in GREYS for jitter in range(-3, 3)], dtype=torch.uint8)
    labels = torch.arange(len(GREYS)).repeat_interleave(6)
    return ImageBank.from_labels(images.view(-1, 1, 1, 1), labels, [f"grey {grey}" for grey in GREYS])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair_mask(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(same, valid), both bool [B, B], of labels int [B]; valid is the strict upper triangle: each pair once."""
    same = labels[:, None] == labels[None, :]
    return same, torch.ones_like(same).triu(1)


def embed(bank: ImageBank, index: Tensor) -> Tensor:
    """The grey as a place on half a circle, float [n, 2]: near for one class, far for two, in every similarity."""
    angle = bank.images[index].flatten().float() / 255 * 3
    return torch.stack([angle.cos(), angle.sin()], 1)


def grey_gap(bank: ImageBank, left: Tensor, right: Tensor) -> Tensor:
    return (bank.images[left].int() - bank.images[right].int()).abs().flatten()


@pytest.mark.parametrize("kind", ["sampled", "fixed"])
def test_samplers_call_same_what_looks_the_same(bank: ImageBank, kind: str) -> None:
    left, right, same = (
        sampling.sample_pairs(bank, 64, seeded()) if kind == "sampled" else sampling.fixed_pairs(bank, 64, 0)
    )
    assert same.dtype == torch.bool and same.sum() == 32
    assert torch.equal(grey_gap(bank, left, right) < 40, same)


def test_a_triplets_positive_looks_like_its_anchor(bank: ImageBank) -> None:
    anchor, positive, negative = sampling.sample_triplets(bank, 64, seeded())
    assert (grey_gap(bank, anchor, positive) < 40).all()
    assert (grey_gap(bank, anchor, negative) > 40).all()


def test_batches_and_episodes_label_what_looks_the_same(bank: ImageBank) -> None:
    index, labels = sampling.sample_classes_images(bank, 3, 4, seeded())
    same, _ = pair_mask(labels)
    assert torch.equal(grey_gap(bank, index[:, None], index[None]).view(12, 12) < 40, same)
    support, query, answer = sampling.sample_episodes(bank, 4, 1, 20, 0, within_group=False)
    gaps = grey_gap(bank, support[:, :, 0], query[:, None].expand(20, 4)).view(20, 4)
    assert torch.equal(gaps.argmin(1), answer)


@pytest.mark.parametrize("kind", DISTANCES)
def test_from_the_sampler_to_the_verdict(bank: ImageBank, kind: str) -> None:
    left, right, same = sampling.sample_pairs(bank, 200, seeded())
    d = Similarity(kind, 2)(embed(bank, left), embed(bank, right))
    assert d[same].max() < d[~same].min()
    assert losses.contrastive_loss(d, same, 1.0) < losses.contrastive_loss(d, ~same, 1.0)
    assert metrics.auc(d, same) == 1
    assert metrics.eer(d, same) == 0
    assert metrics.true_accept_at(d, same) == 1
    threshold = metrics.best_threshold(d, same)
    assert torch.equal(metrics.verdict(d, threshold), same)
    assert metrics.pair_accuracy(d, same, threshold) == 1
    edges, alike, apart = metrics.histogram(d, same, 50, d.max().item())
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    assert sum(m * s for m, s in zip(middles, alike, strict=True)) < sum(
        m * s for m, s in zip(middles, apart, strict=True)
    )
    index = torch.arange(len(bank))
    matrix = Similarity(kind, 2).matrix(embed(bank, index), embed(bank, index))
    assert metrics.precision_at_1(matrix, bank.labels) == 1
    support, query, answer = sampling.sample_episodes(bank, 4, 2, 20, 0, within_group=False)
    spread = Similarity(kind, 2)(embed(bank, support.flatten()).view(20, 4, 2, 2), embed(bank, query)[:, None, None])
    assert metrics.oneshot_accuracy(spread, answer).accuracy == 1


def trained(bank: ImageBank, kind: str, step: Callable[[nn.Module, Similarity], Tensor]) -> None:
    """Lowers the loss from a random start, then asks the metrics: the loss has to teach what they reward."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 8))
    similarity = Similarity(kind, 8)
    optimizer = torch.optim.Adam([*encoder.parameters(), *similarity.parameters()], lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        step(encoder, similarity).backward()
        optimizer.step()
    left, right, same = sampling.fixed_pairs(bank, 100, 0)
    with torch.no_grad():
        d = similarity(encoder(scrambled(bank, left)), encoder(scrambled(bank, right)))
    assert metrics.auc(d, same) > 0.98
    assert d[same].mean() < d[~same].mean()
    assert metrics.pair_accuracy(d, same, metrics.best_threshold(d, same)) > 0.95


def scrambled(bank: ImageBank, index: Tensor) -> Tensor:
    """Features [n, 8] in which a class is a random place, so that nothing is near before training says so."""
    places = torch.randn(len(GREYS), 8, generator=seeded(1))
    noise = torch.randn(len(bank), 8, generator=seeded(2))
    return places[bank.labels[index]] + 0.7 * noise[index]


def test_contrastive_teaches_it(bank: ImageBank) -> None:
    generator = seeded()

    def step(encoder: nn.Module, similarity: Similarity) -> Tensor:
        left, right, same = sampling.sample_pairs(bank, 64, generator)
        d = similarity(encoder(scrambled(bank, left)), encoder(scrambled(bank, right)))
        return losses.contrastive_loss(d, same, 1.0)

    trained(bank, "euclidean", step)


def test_cross_entropy_teaches_it(bank: ImageBank) -> None:
    generator = seeded()

    def step(encoder: nn.Module, similarity: Similarity) -> Tensor:
        left, right, same = sampling.sample_pairs(bank, 64, generator)
        logits = similarity.same_logits(encoder(scrambled(bank, left)), encoder(scrambled(bank, right)))
        return losses.bce_loss(logits, same)

    trained(bank, "learned", step)


def test_triplets_teach_it(bank: ImageBank) -> None:
    generator = seeded()

    def step(encoder: nn.Module, similarity: Similarity) -> Tensor:
        anchor, positive, negative = (
            encoder(scrambled(bank, i)) for i in sampling.sample_triplets(bank, 64, generator)
        )
        return losses.triplet_loss(similarity(anchor, positive), similarity(anchor, negative), 1.0, False)

    trained(bank, "euclidean", step)


@pytest.mark.parametrize("loss", ["contrastive", "bce", "all", "hard", "semi-hard", "random", "supcon"])
def test_every_pair_of_a_batch_teaches_it(bank: ImageBank, loss: str) -> None:
    generator = seeded()

    def step(encoder: nn.Module, similarity: Similarity) -> Tensor:
        index, labels = sampling.sample_classes_images(bank, 4, 4, generator)
        same, valid = pair_mask(labels)
        z = encoder(scrambled(bank, index))
        if loss == "bce":
            return losses.bce_loss(similarity.same_logits_matrix(z, z), same, valid)
        d = similarity.matrix(z, z)
        if loss == "contrastive":
            return losses.contrastive_loss(d, same, 1.0, valid)
        if loss == "supcon":
            return losses.supcon_loss(1 - d, same, 0.1)
        return losses.mined_triplet_loss(d, same, loss, 1.0, False, generator)

    trained(bank, {"bce": "learned", "supcon": "cosine"}.get(loss, "euclidean"), step)


def test_a_high_logit_of_same_is_a_small_dissimilarity() -> None:
    similarity = Similarity("learned", 3)
    a, b = torch.randn(20, 3, generator=seeded()), torch.randn(20, 3, generator=seeded(1))
    logits, d = similarity.same_logits(a, b), similarity(a, b)
    assert torch.equal(logits.argsort(descending=True), d.argsort())
    assert torch.equal(logits > 0, metrics.verdict(d, 0.5))
    assert losses.bce_loss(logits, logits > 0) < losses.bce_loss(logits, logits < 0)
