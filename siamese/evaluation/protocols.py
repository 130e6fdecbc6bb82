"""The protocols by which a trained network is scored, each beside the distance of raw pixels on the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation import metrics
from siamese.evaluation.judge import Judge, network_judge, pixel_judge
from siamese.evaluation.subsets import all_images, first_of_each_class, is_named, trained_on
from siamese.evaluation.validation import most_pairs
from siamese.learning.sampling import Pairs, fixed_pairs, sample_episodes
from siamese.models.checkpoint import Checkpoint

PAIRS = 10_000
WAY = 20
TRIALS = 400
# All pairs of more images than this are above five million; they are sorted in float64.
MOST_IMAGES = 3_162
_SEED = 0
PIXELS = "Baseline: the Euclidean distance of raw pixels"


@dataclass(frozen=True)
class Evaluation:
    """protocol: its name.  words: what exactly was asked, in a sentence or two.  scores: by name, shares from 0 to 1,
    what raw pixels score under "baseline_" and the same name."""

    protocol: str
    words: str
    scores: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"protocol": self.protocol, "words": self.words, **self.scores}


class Evaluator:
    """Scores one trained network on data sets that are prepared for it as its own was.

    device: where the images are embedded and compared.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device | None = None) -> None:
        self.checkpoint = checkpoint
        self.device = device or torch.device("cpu")
        self.network = checkpoint.network().to(self.device)
        self._judged: tuple[ImageBank, Judge] | None = None

    def prepared(self, dataset: Dataset, bank: ImageBank) -> ImageBank:
        """A bank of the data set as the network takes it: its size, its channels, strokes as light as it knows them."""
        checkpoint, recipe = self.checkpoint, self.checkpoint.recipe
        invert = recipe.invert
        if dataset.dark_background is not None and checkpoint.dark_background is not None:
            invert = dataset.dark_background != checkpoint.dark_background
        bank = bank.prepared(checkpoint.size, checkpoint.channels == 1, invert)
        if bank.images.shape[1] == checkpoint.channels:
            return bank
        partner = None if bank.partner is None else bank.partner.expand(-1, 3, -1, -1)
        return replace(bank, images=bank.images.expand(-1, 3, -1, -1), partner=partner)

    def network_judge(self, bank: ImageBank) -> Judge:
        """The network as the judge of a prepared bank. Raises SiameseError where its embeddings are not finite.

        The last bank's embeddings are kept: several protocols ask about the same images one after another.
        """
        if self._judged is not None:
            last, judge = self._judged
            if last.images is bank.images and last.partner is bank.partner:
                return judge
        judge = network_judge(self.network, self.checkpoint.recipe, bank.to(self.device))
        if not bool(torch.isfinite(judge.left).all() & torch.isfinite(judge.right).all()):
            raise SiameseError(
                "The network's embeddings are not finite numbers, so it cannot be scored; train it anew."
            )
        self._judged = bank, judge
        return judge

    def pixel_judge(self, bank: ImageBank) -> Judge:
        """Raw pixels as the judge of a prepared bank."""
        return pixel_judge(self.checkpoint.recipe, bank.to(self.device))

    def calibrated(self, dataset: Dataset) -> Checkpoint:
        """The checkpoint with its threshold and scores from up to 10,000 pairs of the whole validation part.

        The 2,000 pairs of a few images that a run is watched by leave a threshold that costs up to half a percent of
        the accuracy on a test.
        """
        bank = self.prepared(dataset, dataset.validation)
        pairs = _balanced_pairs(bank, "validation")
        judge = self.network_judge(bank)
        threshold = metrics.best_threshold(judge.dissimilarities(pairs.left, pairs.right), pairs.same)
        measured = _pair_scores(judge, pairs, threshold)
        scores = {name: measured[name] for name in ("pair_accuracy", "auc", "eer", "threshold")}
        scores = self.checkpoint.scores | scores | {"pairs": len(pairs.same)}
        return replace(self.checkpoint, threshold=threshold, scores=scores)

    def pairs(self, dataset: Dataset) -> Evaluation:
        """10,000 balanced pairs of distinct test images, seed 0, judged at the threshold stored with the network.

        Fewer where the test part holds fewer, which the words say. The baseline's threshold is chosen on as many
        validation pairs, never on the test. Raises SiameseError for a test part without both kinds of pairs.
        """
        bank = self.prepared(dataset, dataset.test)
        pairs = _balanced_pairs(bank, "test")
        threshold = self.checkpoint.threshold
        scores = _pair_scores(self.network_judge(bank), pairs, threshold)
        validation = self.prepared(dataset, dataset.validation)
        chosen = _balanced_pairs(validation, "validation")
        distances = self.pixel_judge(validation).dissimilarities(chosen.left, chosen.right)
        pixel_threshold = metrics.best_threshold(distances, chosen.same)
        n = len(pairs.same)
        fewer = f" ({PAIRS:,} would be asked if there were as many)" if n < PAIRS else ""
        words = (
            f"{n:,} balanced pairs{fewer} of distinct images of {self._part(dataset)}, drawn with seed {_SEED}; "
            f"accuracy at the threshold stored with the weights. {PIXELS}, its threshold chosen on validation pairs."
        )
        baseline = _pair_scores(self.pixel_judge(bank), pairs, pixel_threshold)
        return Evaluation("pairs", words, {**scores, "pairs": n, **_as_baseline(baseline)})

    def verification(self, dataset: Dataset) -> Evaluation:
        """All pairs of the images given, each once: of the test part, or of everything where the data is not a named
        set and not what the network was trained on.

        Of more than MOST_IMAGES images the first of each class are taken, which the words say.
        """
        bank, what = dataset.test, self._part(dataset)
        if not is_named(dataset) and not trained_on(self.checkpoint, dataset):
            bank, what = all_images(dataset), f"{dataset.title}, all of them"
        given = len(bank)
        bank = self.prepared(dataset, first_of_each_class(bank, MOST_IMAGES))
        taken = (
            "the images" if len(bank) == given else f"{len(bank):,} of the {given:,} images (the first of each class)"
        )
        labels = bank.labels.cpu()
        i, j = torch.triu_indices(len(bank), len(bank), 1)
        same = labels[i] == labels[j]

        def scores(judge: Judge) -> dict[str, float]:
            matrix = judge.matrix()
            distances = matrix[i, j]
            return _curve_scores(distances, same) | {"precision_at_1": metrics.precision_at_1(matrix, labels)}

        genuine, impostor = int(same.sum()), int((~same).sum())
        words = (
            f"All pairs of {taken} of {what}: {genuine:,} genuine (of one class) and {impostor:,} impostor pairs, each "
            f"compared once. {PIXELS}."
        )
        counts = {"genuine": genuine, "impostor": impostor, "images": len(bank), "classes": bank.classes}
        baseline = scores(self.pixel_judge(bank))
        return Evaluation(
            "verification", words, {**scores(self.network_judge(bank)), **counts, **_as_baseline(baseline)}
        )

    def oneshot(
        self, dataset: Dataset, way: int | None = None, shot: int = 1, trials: int = TRIALS, within_group: bool = False
    ) -> Evaluation:
        """N-way K-shot accuracy on the test part, seed 0; a class is as near as its shots are on average.

        way: None asks for 20, or for as many as there are classes. within_group: all classes of a trial come from one
        group (an alphabet). Raises SiameseError where the test part cannot fill such trials.
        """
        bank = self.prepared(dataset, dataset.test)
        way = min(WAY, bank.classes) if way is None else way
        for name, value, least in (("way", way, 2), ("shot", shot, 1), ("trials", trials, 1)):
            if value < least:
                raise SiameseError(f"{name} is {value}; it has to be at least {least}.")
        episodes = sample_episodes(bank, way, shot, trials, _SEED, within_group)

        def result(judge: Judge) -> metrics.OneShot:
            return metrics.oneshot_accuracy(judge.of_episodes(episodes), episodes.answer)

        where = "within one group" if within_group else "across all groups" if len(bank.group_names) > 1 else ""
        words = (
            f"{way}-way {shot}-shot{', ' if where else ''}{where}, {trials:,} trials drawn with seed {_SEED} from "
            f"{self._part(dataset)}. {PIXELS}; chance is {1 / way:.1%}."
        )
        settings = {"way": way, "shot": shot, "trials": trials, "within_group": within_group}
        return Evaluation(
            "oneshot",
            words,
            {**oneshot_scores(result(self.network_judge(bank))), **settings}
            | _as_baseline(oneshot_scores(result(self.pixel_judge(bank)))),
        )

    def _part(self, dataset: Dataset) -> str:
        unseen = f" ({dataset.unseen} not trained on)" if trained_on(self.checkpoint, dataset) else ""
        return f"the test part of {dataset.title}{unseen}"


def oneshot_scores(result: metrics.OneShot) -> dict[str, float]:
    """oneshot_accuracy, and oneshot_low and oneshot_high, the ends of its 95 % interval."""
    return {"oneshot_accuracy": result.accuracy, "oneshot_low": result.low, "oneshot_high": result.high}


def _balanced_pairs(bank: ImageBank, part: str) -> Pairs:
    count = min(PAIRS, most_pairs(bank))
    if count < 2:
        raise SiameseError(
            f"The {part} part has {len(bank)} images of {bank.classes} classes, which is too few for a same and a "
            "different pair; give more images."
        )
    return fixed_pairs(bank, count, _SEED)


def _pair_scores(judge: Judge, pairs: Pairs, threshold: float) -> dict[str, float]:
    distances = judge.dissimilarities(pairs.left, pairs.right)
    accuracy = metrics.pair_accuracy(distances, pairs.same, threshold)
    return {"pair_accuracy": accuracy, "threshold": threshold} | _curve_scores(distances, pairs.same)


def _curve_scores(distances: Tensor, same: Tensor) -> dict[str, float]:
    return {
        "eer": metrics.eer(distances, same),
        "auc": metrics.auc(distances, same),
        "true_accept_at_1pct": metrics.true_accept_at(distances, same),
    }


def _as_baseline(scores: Mapping[str, float]) -> dict[str, float]:
    return {f"baseline_{name}": value for name, value in scores.items()}
