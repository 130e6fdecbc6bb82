"""One-shot episodes as in the papers: a question, a support set, and the answers of the network and of raw pixels."""

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
from siamese.ui.explore.source import Judged, Source, bank_of, in_worker

WAYS, SHOTS = (5, 10, 20), (1, 3, 5)
MANY = 100  # more episodes after one click


def episode(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """One N-way K-shot episode of test images: pictures, and the distances of the network and of raw pixels.

    options: way, shot, seed, step (see Source.judged).
    """
    return in_worker(lambda: _episode(source, options))


def many_episodes(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """The accuracy of the network and of raw pixels in a hundred more episodes, with 95 % intervals."""
    return in_worker(lambda: _many(source, options))


def guess_score(right: int, guesses: int, way: int) -> dict[str, Any]:
    """The accuracy of a person with `right` right guesses, and its 95 % interval."""
    distances = torch.ones(guesses, way, 1)
    distances[:, 0] = 0  # each guess is class 0, and class 0 is the answer in `right` of the episodes
    return _score(distances, (torch.arange(guesses) >= right).long())


def _episode(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    test = source.judged(options.get("step"))
    one, within = _draw(test, options["way"], options["shot"], 1, options["seed"])
    bank, labels = test.bank, test.bank.labels.cpu()
    second = two_domains(test.checkpoint.recipe, bank)
    support = (bank.partner if second and bank.partner is not None else bank.images)[one.support[0].flatten()].cpu()
    shot = one.support.shape[2]
    pictures = [picture(image) for image in support]
    by_network, by_pixels = (distances[0].mean(1) for distances in _distances(test, one))
    return {
        "step": test.checkpoint.step,
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
    test = source.judged(options.get("step"))
    # Another seed than that of the episode on the page, because the answer of that one is known.
    episodes, _ = _draw(test, options["way"], options["shot"], MANY, options["seed"] + 1_000_003)
    by_network, by_pixels = _distances(test, episodes)
    return {
        "episodes": MANY,
        "way": episodes.support.shape[1],
        "network": _score(by_network, episodes.answer),
        "pixels": _score(by_pixels, episodes.answer),
    }


def _draw(test: Judged, way: int, shot: int, trials: int, seed: int) -> tuple[Episodes, bool]:
    bank = test.bank
    usable = bank.counts.cpu() > shot
    way = min(way, int(usable.sum()))
    if way < 2:
        raise SiameseError(
            f"{int(usable.sum())} classes have the {shot + 1} images that an episode takes; ask for fewer examples."
        )
    groups = torch.bincount(bank.groups.cpu()[usable], minlength=1)
    within = len(bank.group_names) > 1 and int(groups.max()) >= way
    return sample_episodes(bank, way, shot, trials, seed % 2**31, within), within


def _distances(test: Judged, episodes: Episodes) -> tuple[Tensor, Tensor]:
    """Distances from each question to its support images, float32 [trials, way, shot]: network, raw pixels."""
    trials, way, shot = episodes.support.shape
    queries, support = episodes.query.repeat_interleave(way * shot), episodes.support.flatten()
    network = test.judge.dissimilarities(queries, support).view(trials, way, shot)
    distinct, places = torch.unique(torch.cat([queries, support]), return_inverse=True)
    bank = test.bank
    images = bank_of(bank.images[distinct].cpu(), None if bank.partner is None else bank.partner[distinct].cpu())
    pixels: Judge = test.evaluator.pixel_judge(test.evaluator.prepared(test.dataset, images))
    first, second = places.chunk(2)
    return network, pixels.dissimilarities(first, second).view(trials, way, shot)


def _score(distances: Tensor, answer: Tensor) -> dict[str, Any]:
    result = oneshot_accuracy(distances, answer)
    return {"accuracy": round(result.accuracy, 4), "low": round(result.low, 4), "high": round(result.high, 4)}
