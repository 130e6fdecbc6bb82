"""How step time and memory grow with ten times the batch, the classes, or the images of a class."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from siamese.commands.benchmark.bench import Bench, Engine
from siamese.data.bank import ImageBank
from siamese.recipes import RECIPES
from siamese.recipes.recipe import Batching

ABOUT = (
    "Milliseconds of a training step, the median of many, and megabytes that the run needs at most (network, bank and "
    "all that a step keeps; on a CPU by how much the process grows), as one thing grows tenfold: the images of a batch, "
    "the classes of the data set, or the images of each class. Random 28×28 images and the encoder `strided`; `pairs` "
    "embeds two images for each pair, `all-pairs` compares all images of a batch with one another."
)


class Sizes(NamedTuple):
    """batch: images of a batch.  classes: of the data set.  images: of each class.
    steps, seconds: a measurement ends after `steps` steps or after `seconds`, whichever comes first.
    """

    batch: int
    classes: int
    images: int
    steps: int
    seconds: float


FULL = Sizes(160, 100, 20, 200, 3.0)
QUICK = Sizes(160, 100, 20, 50, 0.5)
PER_CLASS = 4  # images of a class in an all-pairs batch


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """For each kind of batch: one row for the base sizes, then one for each size that grows."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    grown = {
        "nothing": sizes,
        "batch": sizes._replace(batch=10 * sizes.batch),
        "classes": sizes._replace(classes=10 * sizes.classes),
        "images": sizes._replace(images=10 * sizes.images),
    }
    kinds: tuple[Batching, ...] = ("pairs", "all-pairs")
    for batching in kinds:
        _measure(bench, batching, sizes._replace(steps=1))  # a process loads libraries once, and that is not counted
        for grows, grown_sizes in grown.items():
            yield bench.row("scaling", batching=batching, grows=grows, **_measure(bench, batching, grown_sizes))


def _measure(bench: Bench, batching: Batching, sizes: Sizes) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    count = sizes.classes * sizes.images
    bank = ImageBank.from_labels(
        torch.randint(256, (count, 1, 28, 28), dtype=torch.uint8, generator=generator),
        torch.arange(sizes.classes).repeat_interleave(sizes.images),
        [str(number) for number in range(sizes.classes)],
    )
    classes = min(sizes.classes, sizes.batch // PER_CLASS)
    recipe = replace(
        RECIPES["fast"],
        encoder="strided",
        augmentation="none",
        batching=batching,
        batch_size=sizes.batch // 2,
        classes_per_batch=classes,
        images_per_class=sizes.batch // classes,
    )
    memory = _Memory(bench.device)
    engine = Engine(recipe, bank, bench.device, bench.best_mode)
    engine.advance(1)
    taken: list[float] = []
    while len(taken) < sizes.steps and sum(taken) < sizes.seconds:
        clock = bench.clock()
        with clock:
            engine.advance(1)
        taken.append(clock.seconds)
    needed = memory.grown_mb()
    engine.close()
    return {
        "batch": sizes.batch,
        "classes": sizes.classes,
        "images": sizes.images,
        "step_ms": 1000 * statistics.median(taken),
        "memory_mb": needed,
    }


class _Memory:
    """Measures how far memory use rises above what it is now."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        gc.collect()
        _give_back()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device) / 2**20
        else:
            self._resettable = _reset_peak()
            self._before = _process_mb("VmRSS") or 0.0

    def grown_mb(self) -> float | None:
        """Megabytes; None where the system has no such figure."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20 - self._before
        peak = _process_mb("VmHWM") if self._resettable else None
        return None if peak is None else max(0.0, peak - self._before)


def _give_back() -> None:
    """Returns freed memory to the system. If the process used it again, that would not count as growth."""
    with contextlib.suppress(AttributeError, OSError):  # only glibc has this
        ctypes.CDLL(None).malloc_trim(0)


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # only Linux keeps a peak that can be reset
        return False
    return True


def _process_mb(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)
