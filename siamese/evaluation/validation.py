"""Looking at a network from outside: fixed pairs and one-shot episodes of images it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.evaluation import metrics
from siamese.evaluation.judge import Judge, network_judge, pixel_judge
from siamese.evaluation.numbers import significant
from siamese.evaluation.scores import Scores, Validation
from siamese.learning.batches import Batch, batch_loss, draw_batch
from siamese.learning.sampling import Episodes, Pairs, fixed_pairs, holds_a_large_group, sample_episodes
from siamese.models.inputs import prepare_bank
from siamese.models.network import SiameseNetwork
from siamese.recipes import Recipe

POOL_IMAGES = 800  # one embedding pass of these costs less than a tenth of the steps between two validations
POOL_CLASSES = 60
PAIRS = 2000
TRIALS = 400
WAY = 20
MAP_CLASSES = 10
MAP_IMAGES = 12
BINS = 40
_LARGEST = {"cosine": 2.0, "exponential": 1.0, "learned": 1.0}  # bounded dissimilarities have a fixed axis


class Diverged(SiameseError):
    """The network's answers are no longer finite numbers."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Fixed pairs and one-shot episodes over a bank: the same questions for every network (indices on the CPU)."""

    pairs: Pairs
    episodes: Episodes
    within_group: bool

    @classmethod
    def draw(cls, bank: ImageBank, pairs: int, trials: int, seed: int) -> Sample:
        """Balanced pairs of distinct images, and 20-way one-shot episodes, within a group where one is large enough.

        Of fewer than 20 classes an episode takes all of them. Raises SiameseError for a bank too small for either.
        """
        within = holds_a_large_group(bank, WAY)
        way = min(WAY, int((bank.counts > 1).sum()))  # a class of one image has no second one to ask about
        episodes = sample_episodes(bank, way, 1, trials, seed, within)
        return cls(fixed_pairs(bank, min(pairs, most_pairs(bank)), seed), episodes, within)


def most_pairs(bank: ImageBank) -> int:
    """How many distinct balanced pairs a bank holds (an even number)."""
    counts = bank.counts.double()
    same = float((counts * (counts - 1) / 2).sum())
    different = float((counts.sum() ** 2 - (counts**2).sum()) / 2)
    return 2 * int(min(same, different))


def score(judge: Judge, sample: Sample, threshold: float | None = None) -> tuple[Scores, Tensor]:
    """A judge's scores on a sample of its bank, and the dissimilarities of the sample's pairs, float32 [n] on the CPU.

    threshold: None chooses the best one on these very pairs, which is right on validation images and wrong on test
    images. Raises SiameseError where a dissimilarity is not finite.
    """
    pairs, episodes = sample.pairs, sample.episodes
    distances = judge.dissimilarities(pairs.left, pairs.right)
    oneshot = metrics.oneshot_accuracy(judge.of_episodes(episodes), episodes.answer)
    if threshold is None:
        threshold = metrics.best_threshold(distances, pairs.same)
    scores = Scores(
        pair_accuracy=metrics.pair_accuracy(distances, pairs.same, threshold),
        auc=metrics.auc(distances, pairs.same),
        eer=metrics.eer(distances, pairs.same),
        threshold=threshold,
        oneshot=oneshot.accuracy,
        way=oneshot.way,
        trials=oneshot.trials,
        within_group=sample.within_group,
        pairs=len(pairs.same),
    )
    return scores, distances


class Validator:
    """Validates a network in one embedding pass over at most 800 images of a data set's validation part.

    baseline: the scores of raw pixels on the same sample.  map_images: int64 [m], the images of the embedding map, as
    indices into `pool`.  Raises SiameseError for a bank that is too small for a sample.
    """

    def __init__(self, recipe: Recipe, bank: ImageBank, device: torch.device) -> None:
        pool = prepare_bank(recipe, validation_pool(bank))
        if pool.classes < 2:
            raise SiameseError(f"Validation needs at least 2 classes, and there is {pool.classes}.")
        self.recipe = recipe
        self.pool = pool.to(device)
        self.sample = Sample.draw(pool, PAIRS, TRIALS, recipe.seed)
        self.baseline, _ = score(pixel_judge(recipe, pool), self.sample)
        self.batch = self._loss_batch(pool, device)
        self.map_images = map_images(pool)
        self._placed: Tensor | None = None
        self._first_axis: float | None = None

    def _loss_batch(self, pool: ImageBank, device: torch.device) -> Batch:
        generator = torch.Generator().manual_seed(self.recipe.seed)
        recipe = replace(self.recipe, rotations_as_classes=False).fitted(pool)
        batch = draw_batch(recipe, pool, generator, size=512)
        return Batch(batch.index.to(device), batch.same.to(device))

    def __call__(self, network: SiameseNetwork, step: int, seconds: float, margin: float) -> Validation:
        """Validates the network as it is after `step` steps; leaves it in the mode it was in.

        Raises Diverged where its embeddings, or distances between them, are no finite numbers.
        """
        judge = network_judge(network, self.recipe, self.pool)
        left, right = judge.left, judge.right
        # |a − b|² is at most 2|a|² + 2|b|², so where this is finite, distances are.
        largest_square = 4 * torch.stack([left.square().sum(1).max(), right.square().sum(1).max()])
        if not bool(torch.isfinite(largest_square).all()):
            raise Diverged(f"The embeddings are no longer finite numbers at step {step}; lower the learning rate.")
        scores, distances = score(judge, self.sample)
        same = self.sample.pairs.same
        edges, of_same, of_different = metrics.histogram(distances, same, BINS, self._axis(distances))
        placed, explained = self._map(left)
        return Validation(
            step=step,
            seconds=seconds,
            loss=self._loss(network, left, right, margin),
            scores=scores,
            overlap=1 - scores.pair_accuracy,
            edges=tuple(edges),
            same=tuple(of_same),
            different=tuple(of_different),
            x=tuple(significant(v) for v in placed[:, 0].tolist()),
            y=tuple(significant(v) for v in placed[:, 1].tolist()),
            explained=explained,
            collapsed=metrics.collapse_warning(distances, same),
        )

    def _axis(self, distances: Tensor) -> float:
        """How far the histogram reaches. It never gets narrower than at the first validation: where a network collapses,
        both kinds of pairs are then seen to fall onto one point."""
        bound = _LARGEST.get(self.recipe.similarity)
        if bound is not None:
            return bound
        largest = float(torch.quantile(distances, 0.995))
        upper = 2.0 if self.recipe.normalize and largest <= 2 else max(1.05 * largest, 1e-6)
        if self._first_axis is None:
            self._first_axis = upper
        return max(upper, self._first_axis)

    @torch.no_grad()
    def _loss(self, network: SiameseNetwork, left: Tensor, right: Tensor, margin: float) -> float:
        index = self.batch.index
        embeddings = left[index]
        if self.recipe.batching == "pairs":
            first, second = index.chunk(2)
            embeddings = torch.cat([left[first], right[second]])
        generator = torch.Generator(index.device).manual_seed(self.recipe.seed)
        return float(batch_loss(self.recipe, network.similarity, embeddings, self.batch, margin, generator))

    def _map(self, embeddings: Tensor) -> tuple[Tensor, float]:
        """The map's images on a plane, float [m, 2] in units of the embedding, and the share of the variance it shows.

        Two dimensions are shown as they are. More are projected on their two principal axes and turned onto the last
        map (orthogonal Procrustes, Schönemann 1966), so that the picture moves only where the network moved.
        """
        points = embeddings[self.map_images.to(embeddings.device)].double().cpu()
        if points.shape[1] == 1:
            points = torch.cat([points, torch.zeros_like(points)], 1)
        points = points - points.mean(0)
        explained = 1.0
        if points.shape[1] > 2:
            left, spread, _ = torch.linalg.svd(points, full_matrices=False)
            explained = float((spread[:2] ** 2).sum() / (spread**2).sum().clamp_min(1e-30))
            points = left[:, :2] * spread[:2]
            if self._placed is not None:
                u, _, v = torch.linalg.svd(points.T @ self._placed)
                points = points @ (u @ v)
        self._placed = points
        return points, explained


def validation_pool(bank: ImageBank) -> ImageBank:
    """At most POOL_IMAGES images of at most POOL_CLASSES classes of a bank, as many of each class: its first ones.

    The classes are those of the first group, then of the second, and so on, so that all groups but the last are whole.
    """
    classes = sorted(torch.argsort(bank.groups, stable=True).tolist()[:POOL_CLASSES])
    return bank.select_classes(classes, each=max(2, POOL_IMAGES // len(classes)))


def map_images(pool: ImageBank) -> Tensor:
    """int64 [m]: the images of a pool that the embedding map shows, the first ones of its first classes."""
    first = list(zip(pool.starts.tolist(), pool.counts.tolist()))[:MAP_CLASSES]
    return torch.cat([torch.arange(start, start + min(MAP_IMAGES, count)) for start, count in first])


def map_bank(recipe: Recipe, validation: ImageBank) -> ImageBank:
    """The images of the embedding map, in its order, as a recipe's network takes them in; on the bank's device.

    validation: the validation part of the data set, unprepared.
    """
    pool = validation_pool(validation)
    mapped = pool.select_classes(range(min(MAP_CLASSES, pool.classes)), each=MAP_IMAGES)
    return prepare_bank(recipe, mapped)
