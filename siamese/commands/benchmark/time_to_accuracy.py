"""The time that three ways of training need for the same accuracy on the same held-out pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from siamese.commands.benchmark.bench import Bench, Clock, Engine
from siamese.commands.benchmark.mnist_post import PostTraining
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation import metrics
from siamese.evaluation.judge import embed_bank
from siamese.evaluation.validation import most_pairs
from siamese.learning.sampling import Pairs, fixed_pairs
from siamese.models.inputs import prepare_bank
from siamese.recipes import Recipe, recipe_named

ABOUT = (
    "Seconds until 90, 96, 98 and 99 % of held-out pairs are right. All networks get the same 10,000 balanced pairs of "
    "test images (seed 0), at the threshold that is best on as many validation pairs. "
    "`post` is the MNIST post's procedure as such posts write it: a Python loop puts batches of "
    "100 pairs together from NumPy arrays, two forward passes, BCE, SGD 0.001. `post_on_our_engine` is the same network, "
    "loss and optimiser as a recipe of this project, `ours` the recipe named. The seconds are those of training with "
    "its set-up (network, data to the device, graph capture), which `setup` also shows alone; the time of checking the "
    "accuracy is left out for all of them. Accuracy is measured each time that the number of steps has grown by an "
    "eighth, so a time is at most an eighth too long. The post trains 5,000 batches; here it may go on to 10,000. "
    "Where `extrapolated` says yes, only its speed was measured here, over fewer batches; the number of batches that it "
    "needs is known from an earlier whole run on MNIST."
)
TARGETS = (0.90, 0.96, 0.98, 0.99)
# Accuracy on MNIST → batches that the post's procedure needed for it, in a whole run of `post` on two CPU cores.
POST_BATCHES = {"0.90": 800, "0.96": 5254}
CHUNK = 25  # steps between two checks of the time limit


class Sizes(NamedTuple):
    """pairs: of the test, and as many of the validation.
    post_seconds, engine_seconds: the time limits of the two runs of the post's procedure; what they did not reach is
    extrapolated.
    steps: of the post's procedure.  ours: steps of our recipe (None: as the recipe has it).
    """

    pairs: int
    post_seconds: float
    engine_seconds: float
    steps: int
    ours: int | None


FULL = Sizes(10_000, 440.0, 60.0, 10_000, None)
QUICK = Sizes(10_000, 15.0, 8.0, 10_000, None)


class Contender(Protocol):
    """Something that trains, embeds a bank and compares embeddings."""

    @property
    def pairs_per_step(self) -> int: ...

    def advance(self, steps: int) -> None: ...

    def embed(self, bank: ImageBank) -> Tensor: ...

    def dissimilarity(self, a: Tensor, b: Tensor) -> Tensor: ...


class OnEngine:
    """A recipe, trained by our engine."""

    def __init__(self, recipe: Recipe, bank: ImageBank, device: torch.device, mode: str) -> None:
        self.engine = Engine(recipe, bank, device, mode)
        self.pairs_per_step = self.engine.recipe.pairs_per_step

    def advance(self, steps: int) -> None:
        self.engine.advance(steps)

    def embed(self, bank: ImageBank) -> Tensor:
        # The engine has waited for its steps, so this may run on another stream.
        return embed_bank(self.engine.step.network, self.engine.recipe, bank, chunk=1000)[0]

    @torch.no_grad()
    def dissimilarity(self, a: Tensor, b: Tensor) -> Tensor:
        distances: Tensor = self.engine.step.network.similarity(a, b)
        return distances


class Exam:
    """The same test for all: balanced pairs of test images, and validation pairs to choose the threshold."""

    def __init__(self, dataset: Dataset, recipe: Recipe, pairs: int, device: torch.device) -> None:
        self.validation = self._part(prepare_bank(recipe, dataset.validation), pairs, device)
        self.test = self._part(prepare_bank(recipe, dataset.test), pairs, device)

    @staticmethod
    def _part(bank: ImageBank, pairs: int, device: torch.device) -> tuple[ImageBank, Pairs]:
        return bank.to(device), fixed_pairs(bank, min(pairs, most_pairs(bank)), seed=0)

    def accuracy(self, contender: Contender) -> float:
        """The share of test pairs judged right, at the threshold that is best on the validation pairs."""

        def answers(bank: ImageBank, pairs: Pairs) -> Tensor:
            embeddings = contender.embed(bank)
            left, right = (index.to(embeddings.device) for index in pairs[:2])
            return contender.dissimilarity(embeddings[left], embeddings[right]).cpu()

        threshold = metrics.best_threshold(answers(*self.validation), self.validation[1].same)
        return metrics.pair_accuracy(answers(*self.test), self.test[1].same, threshold)


class Race(NamedTuple):
    """seconds_to: accuracy → seconds with the set-up, None where it was not reached.  seconds: of the steps alone."""

    seconds_to: dict[str, float | None]
    steps_to: dict[str, int]
    steps: int
    seconds: float
    accuracy: float


def race(contender: Contender, exam: Exam, clock: Clock, steps: int, first: int, limit: float = math.inf) -> Race:
    """Trains until every accuracy is reached, the steps are done, or the steps have taken `limit` seconds.

    clock: has counted the set-up already. It counts the steps too, but not the exams.
    first: the step of the first exam. Each later exam comes at a step an eighth larger.
    """
    setup = clock.seconds
    seconds_to: dict[str, float | None] = {f"{target:.2f}": None for target in TARGETS}
    steps_to: dict[str, int] = {}
    done, accuracy = 0, 0.0
    while done < steps and clock.seconds - setup < limit and None in seconds_to.values():
        upcoming = min(steps, done + max(first, done // 8))
        while done < upcoming and clock.seconds - setup < limit:
            chunk = upcoming - done if limit == math.inf else min(CHUNK, upcoming - done)
            with clock:
                contender.advance(chunk)
            done += chunk
        accuracy = exam.accuracy(contender)
        for name, seconds in seconds_to.items():
            if seconds is None and accuracy >= float(name):
                seconds_to[name], steps_to[name] = clock.seconds, done
    return Race(seconds_to, steps_to, done, clock.seconds - setup, accuracy)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row for each of `post`, `post_on_our_engine` and `ours`; one more where our fast recipe ends below 99 %."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    dataset = bench.digits()
    post = recipe_named("mnist-post", dataset.kind)
    post_exam = Exam(dataset, post, sizes.pairs, bench.device)

    def row(who: str, contender: Contender, clock: Clock, result: Race, **more: Any) -> dict[str, Any]:
        return bench.row(
            "time_to_accuracy",
            who=who,
            data=dataset.name,
            pairs_per_s=result.steps * contender.pairs_per_step / result.seconds,
            setup_s=clock.seconds - result.seconds,
            **{"seconds_to": result.seconds_to, "extrapolated": False, **more},
            steps=result.steps,
            steps_to=result.steps_to,
            accuracy=result.accuracy,
        )

    clock = bench.clock()
    with clock:
        by_post = PostTraining(prepare_bank(post, dataset.train), bench.device)
    result = race(by_post, post_exam, clock, sizes.steps, 100, sizes.post_seconds)
    slow = _extrapolated(result, clock.seconds - result.seconds, sizes.steps, dataset.name)
    yield row("post", by_post, clock, result, mode="eager", **slow)

    clock = bench.clock()
    with clock:
        engine = OnEngine(post, dataset.train, bench.device, bench.best_mode)
    result = race(engine, post_exam, clock, sizes.steps, 100, sizes.engine_seconds)
    extrapolated = _extrapolated(result, clock.seconds - result.seconds, sizes.steps, dataset.name)
    yield row("post_on_our_engine", engine, clock, result, recipe=post.name, mode=bench.best_mode, **extrapolated)
    engine.engine.close()

    for name in ("fast", "accurate"):
        recipe = recipe_named(name, dataset.kind)
        recipe = recipe if sizes.ours is None else replace(recipe, steps=sizes.ours)
        exam = Exam(dataset, recipe, sizes.pairs, bench.device)
        clock = bench.clock()
        with clock:
            engine = OnEngine(recipe, dataset.train, bench.device, bench.best_mode)
        result = race(engine, exam, clock, recipe.steps, 5 if name == "fast" else 100)
        faster = _times_faster(slow["seconds_to"]["0.96"], result.seconds_to["0.96"], clock.seconds - result.seconds)
        yield row("ours", engine, clock, result, recipe=name, mode=bench.best_mode, **faster)
        engine.engine.close()
        if result.seconds_to["0.99"] is not None or dataset.name != "mnist":
            break


def _extrapolated(result: Race, setup: float, steps: int, data: str) -> dict[str, Any]:
    """The seconds of a run, and whether some of them are extrapolated.

    Where the time limit ended the run, the missing ones follow from its own speed and the known number of steps.
    """
    seconds_to = dict(result.seconds_to)
    missing = {name: POST_BATCHES[name] for name in POST_BATCHES if seconds_to[name] is None and data == "mnist"}
    if result.steps >= steps:
        missing = {}
    for name, batches in missing.items():
        seconds_to[name] = setup + batches * result.seconds / result.steps
    return {"seconds_to": seconds_to, "extrapolated": bool(missing)}


def _times_faster(slow: float | None, fast: float | None, setup: float) -> dict[str, float | None]:
    """How many times faster the second one is to 96 %, with its set-up and without."""
    if slow is None or fast is None:
        return {"times_faster_to_96": None, "times_faster_to_96_after_setup": None}
    return {"times_faster_to_96": slow / fast, "times_faster_to_96_after_setup": slow / (fast - setup)}
