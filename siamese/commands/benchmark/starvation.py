"""How much of its speed a training thread keeps beside a busy interpreter."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

from siamese.commands.benchmark.bench import Bench
from siamese.commands.benchmark.threads import Busy, steps_per_second
from siamese.recipes import recipe_named
from siamese.training.jobs.registry import SWITCH_INTERVAL

ABOUT = (
    "Share of its speed alone that one training thread of the recipe `fast` keeps beside a thread that computes in pure "
    f"Python, and beside one that draws figures with matplotlib; sys.setswitchinterval({SWITCH_INTERVAL:f}), as in the "
    "app. On a CPU the other thread also takes a core."
)


class Sizes(NamedTuple):
    """seconds: of each measurement."""

    seconds: float


FULL = Sizes(6.0)
QUICK = Sizes(2.0)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row for each way to run a step and each neighbour; the first neighbour is "nothing"."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    dataset = bench.digits()
    recipe = recipe_named("fast", dataset.kind)
    neighbours: dict[str, Busy | None] = {"nothing": None, "pure Python": compute, "matplotlib": draw}
    for mode in bench.modes:
        alone = 0.0
        for beside, busy in neighbours.items():
            if busy is draw and find_spec("matplotlib") is None:
                yield bench.row("starvation", beside=beside, mode=mode, left_out="matplotlib is not installed")
                continue
            rate = steps_per_second(bench, recipe, dataset.train, mode, sizes.seconds, beside=busy)
            alone = alone or rate
            yield bench.row(
                "starvation", beside=beside, mode=mode, share=rate / alone, steps_per_s=rate, data=dataset.name
            )


def compute(stop: threading.Event) -> None:
    """Adds numbers until it is stopped. Such a thread always wants the interpreter."""
    while not stop.is_set():
        sum(range(2000))


def draw(stop: threading.Event) -> None:
    """Draws one figure after another until it is stopped, like a server that sends pictures of curves."""
    from matplotlib.figure import Figure

    while not stop.is_set():
        figure = Figure(figsize=(6, 3))
        figure.subplots().plot([random.random() for _ in range(500)])
        figure.savefig(io.BytesIO(), format="png")
