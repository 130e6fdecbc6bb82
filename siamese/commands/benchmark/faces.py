"""Images per second of training on faces: from files by a DataLoader, and from a bank on the device."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from siamese.commands.benchmark.bench import Bench, Engine
from siamese.commands.benchmark.faces_code import FacesTraining, write_class_folders
from siamese.recipes import recipe_named

ABOUT = (
    "Images per second of training on the doodle faces of 37 people. `code` is the faces code's procedure: two images "
    "opened, turned grey and resized to 100×100 pixels by Pillow for every pair, two DataLoader workers, batches of 64 "
    "pairs, two forward passes. `code_on_our_engine` is the same network, loss, optimiser and image size as a recipe of "
    "this project; `ours` is the recipe named, on the images in their own size. Every image of a pair counts as one. The "
    "time until the first batch is left out."
)
PEOPLE = 37
WORKERS = 2


class Sizes(NamedTuple):
    """seconds: how long each way trains.  workers: of the DataLoader."""

    seconds: float
    workers: int


FULL = Sizes(12.0, WORKERS)
QUICK = Sizes(5.0, WORKERS)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row for each of `code`, `code_on_our_engine` and `ours`."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    dataset = bench.dataset("doodle-faces")
    bank = dataset.train.select_classes(range(min(PEOPLE, dataset.train.classes)))

    def row(who: str, images_per_s: float, **more: Any) -> dict[str, Any]:
        return bench.row("faces", who=who, data=dataset.name, images_per_s=images_per_s, **more)

    with tempfile.TemporaryDirectory() as place:
        write_class_folders(bank, PEOPLE, Path(place))
        code = FacesTraining(Path(place), bench.device, sizes.workers)
        steps_per_s = _rate(bench, code.advance, sizes.seconds)
        yield row("code", steps_per_s * code.images_per_step, workers=sizes.workers)
        code.close()

    for who, name in (("code_on_our_engine", "faces-code"), ("ours", "fast")):
        engine = Engine(recipe_named(name, dataset.kind), bank, bench.device, bench.best_mode)
        steps_per_s = _rate(bench, engine.advance, sizes.seconds)
        recipe = engine.recipe
        images = recipe.classes_per_batch * recipe.images_per_class
        if recipe.batching == "pairs":
            images = 2 * recipe.batch_size
        yield row(who, steps_per_s * images, recipe=name, mode=bench.best_mode)
        engine.close()


def _rate(bench: Bench, advance: Callable[[int], None], seconds: float) -> float:
    """Steps per second over `seconds`, after one step that is not counted."""
    advance(1)
    clock, steps = bench.clock(), 0
    while clock.seconds < seconds:
        with clock:
            advance(1)
        steps += 1
    return steps / clock.seconds
