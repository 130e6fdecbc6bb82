"""Looking at a network from outside: fixed pairs and one-shot episodes of images it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.evaluation import metrics
from siamese.evaluation.scores import Scores, Validation
from siamese.learning.batches import Batch, batch_loss, draw_batch
from siamese.learning.sampling import Episodes, Pairs, fixed_pairs, sample_episodes
from siamese.models.inputs import as_floats, images_per_chunk, rows_per_chunk, two_domains
from siamese.models.network import SiameseNetwork
from siamese.models.similarity import Similarity
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
        """Balanced pairs of distinct images, and 20-way one-shot episodes within a group where a group is large enough,
        with as many ways as there are classes otherwise. Raises SiameseError for a bank too small for either."""
        usable = bank.groups[bank.counts > 1]  # a class of one image has no second one to ask about
        sizes = torch.bincount(usable, minlength=1)
        within = len(sizes) > 1 and int(sizes.max()) >= min(WAY, len(usable))
        way = min(WAY, int(sizes.max()) if within else len(usable))
        episodes = sample_episodes(bank, way, 1, trials, seed, within)
        return cls(fixed_pairs(bank, min(pairs, most_pairs(bank)), seed), episodes, within)


def most_pairs(bank: ImageBank) -> int:
    """How many distinct balanced pairs a bank holds (an even number)."""
    counts = bank.counts.double()
    same = float((counts * (counts - 1) / 2).sum())
    different = float((counts.sum() ** 2 - (counts**2).sum()) / 2)
    return 2 * int(min(same, different))


def score(
    similarity: Similarity, left: Tensor, right: Tensor, sample: Sample, threshold: float | None = None
) -> tuple[Scores, Tensor]:
    """Scores of embeddings of the whole bank (float32 [N, D], or uint8 pixels; right: of its second domain, else the same) on a sample,
    and the dissimilarity of its pairs, float32 [n] on the CPU.

    threshold None chooses the best one on these very pairs: right on validation, wrong on test.
    Raises SiameseError where an embedding is not finite.
    """
    pairs, episodes = sample.pairs, sample.episodes
    with torch.no_grad():
        distances = _dissimilarities(similarity, left, right, pairs.left, pairs.right)
        trials, way, shot = episodes.support.shape
        queries = episodes.query.repeat_interleave(way * shot)
        of_queries = _dissimilarities(similarity, left, right, queries, episodes.support.reshape(-1))
    oneshot = metrics.oneshot_accuracy(of_queries.view(trials, way, shot), episodes.answer)
    if threshold is None:
        threshold = metrics.best_threshold(distances, pairs.same)
    scores = Scores(
        pair_accuracy=metrics.pair_accuracy(distances, pairs.same, threshold),
        auc=metrics.auc(distances, pairs.same),
        eer=metrics.eer(distances, pairs.same),
        threshold=threshold,
        oneshot=oneshot.accuracy,
        way=way,
        trials=trials,
        within_group=sample.within_group,
        pairs=len(pairs.same),
    )
    return scores, distances


def _dissimilarities(similarity: Similarity, left: Tensor, right: Tensor, i: Tensor, j: Tensor) -> Tensor:
    i, j = i.to(left.device), j.to(left.device)
    rows = rows_per_chunk(left.shape[1])
    parts = [similarity(_floats(left[a]), _floats(right[b])) for a, b in zip(i.split(rows), j.split(rows))]
    return torch.cat(parts).cpu()


def _floats(rows: Tensor) -> Tensor:
    """Rows of embeddings as they are, and rows of pixels, uint8, as float32 from 0 to 1."""
    return rows.float() / 255 if rows.dtype == torch.uint8 else rows


def pixel_scores(recipe: Recipe, bank: ImageBank, sample: Sample, threshold: float | None = None) -> Scores:
    """The trivial baseline: the Euclidean distance of raw pixels, on the same questions."""
    left = right = bank.images.flatten(1)
    if two_domains(recipe, bank):
        assert bank.partner is not None
        right = bank.partner.flatten(1)
    return score(Similarity("euclidean", left.shape[1]), left, right, sample, threshold)[0]


@torch.no_grad()
def embed_bank(
    network: SiameseNetwork, recipe: Recipe, bank: ImageBank, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """Embeddings of a whole prepared bank, float32 [N, D] as left and as right images, in evaluation mode.

    chunk: images at a time; None: as many as fit into the memory of a chunk.
    """
    chunk = chunk or images_per_chunk(*bank.images.shape[2:])

    def embed(images: Tensor, right: bool) -> Tensor:
        run = network.embed_right if right else network.embed
        return torch.cat([run(as_floats(part)) for part in images.split(chunk)])

    was_training = network.training
    network.eval()
    try:
        left = embed(bank.images, right=False)
        if two_domains(recipe, bank):
            assert bank.partner is not None
            return left, embed(bank.partner, right=True)
        return left, embed(bank.images, right=True) if recipe.second_tower else left
    finally:
        network.train(was_training)


class Validator:
    """Validates a network in one embedding pass over at most 800 images of a prepared validation bank.

    baseline: what raw pixels score on the same questions.  map_images: int64 [m], the images of the embedding map, as
    indices into `pool`.  Raises SiameseError for a bank that is too small to ask anything.
    """

    def __init__(self, recipe: Recipe, bank: ImageBank, device: torch.device) -> None:
        pool = validation_pool(bank)
        if pool.classes < 2:
            raise SiameseError(f"Validation needs at least 2 classes, and there is {pool.classes}.")
        self.recipe = recipe
        self.pool = pool.to(device)
        self.sample = Sample.draw(pool, PAIRS, TRIALS, recipe.seed)
        self.baseline = pixel_scores(recipe, pool, self.sample)
        self.batch = self._loss_batch(pool, device)
        self.map_images = map_images(pool)
        self._placed: Tensor | None = None

    def _loss_batch(self, pool: ImageBank, device: torch.device) -> Batch:
        generator = torch.Generator().manual_seed(self.recipe.seed)
        recipe = replace(self.recipe, rotations_as_classes=False).fitted(pool)
        batch = draw_batch(recipe, pool, generator, size=512)
        return Batch(batch.index.to(device), batch.same.to(device))

    def __call__(self, network: SiameseNetwork, step: int, seconds: float, margin: float) -> Validation:
        """Validates the network as it is after `step` steps; leaves it in the mode it was in.

        Raises Diverged where its embeddings, or distances between them, are no finite numbers.
        """
        left, right = embed_bank(network, self.recipe, self.pool)
        # |a − b|² is at most 2|a|² + 2|b|², so where this is finite, distances are.
        largest_square = 4 * torch.stack([left.square().sum(1).max(), right.square().sum(1).max()])
        if not bool(torch.isfinite(largest_square).all()):
            raise Diverged(f"The embeddings are no longer finite numbers at step {step}; lower the learning rate.")
        scores, distances = score(network.similarity, left, right, self.sample)
        same = self.sample.pairs.same
        upper = _LARGEST.get(self.recipe.similarity)
        if upper is None:
            largest = float(torch.quantile(distances, 0.995))
            upper = 2.0 if self.recipe.normalize and largest <= 2 else max(1.05 * largest, 1e-6)
        edges, of_same, of_different = metrics.histogram(distances, same, BINS, upper)
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
            x=tuple(round(v, 4) for v in placed[:, 0].tolist()),
            y=tuple(round(v, 4) for v in placed[:, 1].tolist()),
            explained=explained,
            collapsed=metrics.collapse_warning(distances, same),
        )

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
    """At most POOL_IMAGES images of a bank, of whole groups of classes, evenly over the classes, the first of each."""
    order = torch.argsort(bank.groups, stable=True).tolist()
    classes = sorted(order[:POOL_CLASSES])
    each = max(2, POOL_IMAGES // len(classes))
    pool = bank.select_classes(classes)
    keep = torch.cat([torch.arange(min(each, int(c))) + s for c, s in zip(pool.counts, pool.starts)])
    return replace(
        pool,
        images=pool.images[keep],
        counts=pool.counts.clamp_max(each),
        partner=None if pool.partner is None else pool.partner[keep],
    )


def map_images(pool: ImageBank) -> Tensor:
    """int64 [m]: the images of a pool that the embedding map shows, the first of its first classes."""
    classes = range(min(MAP_CLASSES, pool.classes))
    return torch.cat([torch.arange(min(MAP_IMAGES, int(pool.counts[c]))) + pool.starts[c].cpu() for c in classes])
