"""Steps per second of several training jobs that run at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from siamese.commands.benchmark.bench import Bench
from siamese.commands.benchmark.threads import steps_per_second
from siamese.recipes import recipe_named

ABOUT = (
    "Steps per second, all jobs together, of 1, 2, 4 and 8 training threads of the recipe `fast`, each with its own "
    "network; on a CPU each job has one thread of torch's, as in the app. `eager` runs a step operation by operation, "
    "`graph` replays it as a CUDA graph."
)


class Sizes(NamedTuple):
    """counts: of jobs.  seconds: of each measurement."""

    counts: tuple[int, ...]
    seconds: float


FULL = Sizes((1, 2, 4, 8), 6.0)
QUICK = Sizes((1, 2, 4, 8), 2.0)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row for each way to run a step and each number of jobs."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    dataset = bench.digits()
    recipe = recipe_named("fast", dataset.kind)
    for mode in bench.modes:
        for count in sizes.counts:
            rate = steps_per_second(bench, recipe, dataset.train, mode, sizes.seconds, count)
            yield bench.row("jobs", count=count, mode=mode, steps_per_s=rate, data=dataset.name)
