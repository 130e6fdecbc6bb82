"""One-shot episodes as the papers draw them: a question, a support set, and who finds the class it belongs to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.evaluation.judge import Judge
from siamese.evaluation.metrics import oneshot_accuracy
from siamese.learning.sampling import Episodes, sample_episodes
from siamese.models.inputs import two_domains
from siamese.ui.explore.cards import picture
from siamese.ui.explore.source import Judged, Source, in_worker, loose

WAYS, SHOTS = (5, 10, 20), (1, 3, 5)
MANY = 100  # further episodes at a click


def episode(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """One N-way K-shot episode of the test images: pictures, the distances of the network and of raw pixels.

    options: way, shot, seed, step (of a network judged before).
    """
    return in_worker(lambda: _episode(source, options))


def many_episodes(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """A hundred episodes after the one on screen: accuracy of the network and of raw pixels, with 95 % intervals."""
    return in_worker(lambda: _many(source, options))


def guess_score(right: int, asked: int, way: int) -> dict[str, Any]:
    """How often a person was right, with the 95 % interval of the same kind."""
    distances = torch.ones(asked, way, 1)
    distances[:, 0] = 0  # each guess is class 0, which is the answer as often as the person was right
    return _score(distances, (torch.arange(asked) >= right).long())


def _episode(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    judged = source.judged(options.get("step"))
    one, within = _draw(judged, options["way"], options["shot"], 1, options["seed"])
    bank, labels = judged.bank, judged.bank.labels.cpu()
    second = two_domains(judged.checkpoint.recipe, bank)
    support = (bank.partner if second and bank.partner is not None else bank.images)[one.support[0].flatten()].cpu()
    shot = one.support.shape[2]
    pictures = [picture(image) for image in support]
    by_network, by_pixels = (distances[0].mean(1) for distances in _distances(judged, one))
    return {
        "step": judged.checkpoint.step,
        "query": picture(bank.images[int(one.query[0])].cpu()),
        "answer": int(one.answer[0]),
        "within": within,
        "group": bank.group_names[int(bank.groups[labels[one.query[0]]])] if within else None,
        "classes": [
            {
                "name": bank.class_names[int(labels[one.support[0, place, 0]])],
                "pictures": pictures[place * shot : (place + 1) * shot],
                "at": [int(one.query[0]), int(one.support[0, place, 0])],
                "d": round(float(by_network[place]), 4),
                "pixels": round(float(by_pixels[place]), 3),
            }
            for place in range(one.support.shape[1])
        ],
    }


def _many(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    judged = source.judged(options.get("step"))
    # Another seed than that of the single episode, whose answer has been seen.
    asked, _ = _draw(judged, options["way"], options["shot"], MANY, options["seed"] + 1_000_003)
    by_network, by_pixels = _distances(judged, asked)
    return {
        "episodes": MANY,
        "way": asked.support.shape[1],
        "network": _score(by_network, asked.answer),
        "pixels": _score(by_pixels, asked.answer),
    }


def _draw(judged: Judged, way: int, shot: int, trials: int, seed: int) -> tuple[Episodes, bool]:
    bank = judged.bank
    usable = bank.counts.cpu() > shot
    way = min(way, int(usable.sum()))
    if way < 2:
        raise SiameseError(
            f"{int(usable.sum())} classes have the {shot + 1} images that an episode takes; ask for fewer examples."
        )
    groups = torch.bincount(bank.groups.cpu()[usable], minlength=1)
    within = len(bank.group_names) > 1 and int(groups.max()) >= way
    return sample_episodes(bank, way, shot, trials, seed % 2**31, within), within


def _distances(judged: Judged, episodes: Episodes) -> tuple[Tensor, Tensor]:
    """Distances from each question to its support images, float32 [trials, way, shot]: the network's, raw pixels'."""
    trials, way, shot = episodes.support.shape
    queries, support = episodes.query.repeat_interleave(way * shot), episodes.support.flatten()
    network = judged.judge.dissimilarities(queries, support).view(trials, way, shot)
    once, places = torch.unique(torch.cat([queries, support]), return_inverse=True)
    bank = judged.bank
    some = loose(bank.images[once].cpu(), None if bank.partner is None else bank.partner[once].cpu())
    pixels: Judge = judged.evaluator.pixel_judge(judged.evaluator.prepared(judged.dataset, some))
    first, second = places.chunk(2)
    return network, pixels.dissimilarities(first, second).view(trials, way, shot)


def _score(distances: Tensor, answer: Tensor) -> dict[str, Any]:
    result = oneshot_accuracy(distances, answer)
    return {"accuracy": round(result.accuracy, 4), "low": round(result.low, 4), "high": round(result.high, 4)}
