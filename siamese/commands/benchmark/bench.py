"""What the parts of the benchmark share: the device, the data, a clock, and an engine that takes training steps."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from siamese.data.bank import Dataset, ImageBank
from siamese.data.catalogue import available, load_dataset
from siamese.models.devices import device_name
from siamese.recipes import Recipe
from siamese.training.cuda_graph import GraphedStep
from siamese.training.schedule import schedule_factor
from siamese.training.step import TrainingStep

REPORT_SECONDS = 0.05  # between two waits for the device, as in a training run


@dataclass(frozen=True)
class Bench:
    """device: measure this one.  quick: measure for a shorter time.  data_dir: the folder of the data sets (None: default)."""

    device: torch.device
    quick: bool = False
    data_dir: Path | None = None

    @property
    def modes(self) -> tuple[str, ...]:
        """The ways to run a step here: "eager"; on CUDA also "graph", a CUDA graph that is replayed."""
        return ("eager", "graph") if self.device.type == "cuda" else ("eager",)

    @property
    def best_mode(self) -> str:
        """The way that training runs its steps on this device."""
        return self.modes[-1]

    def row(self, part: str, **figures: Any) -> dict[str, Any]:
        """A row of results, with the device and the version of torch."""
        return {"part": part, "device": device_name(self.device), "torch": torch.__version__, **figures}

    def dataset(self, name: str) -> Dataset:
        """A data set by name; nothing is downloaded."""
        return load_dataset(name, self.data_dir)

    def digits(self) -> Dataset:
        """MNIST where the data folder has it, else the built-in glyphs. Every row names its data."""
        present = {entry.name for entry in available(self.data_dir) if entry.present}
        return self.dataset("mnist" if "mnist" in present else "glyphs")

    def wake(self) -> None:
        """Loads the device's libraries. That takes seconds, once in a process, and no measurement should count it."""
        if self.device.type != "cuda":
            return
        network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Flatten(), torch.nn.Linear(8 * 14 * 14, 8))
        network.to(self.device)(torch.zeros(8, 1, 16, 16, device=self.device)).sum().backward()
        torch.cuda.synchronize(self.device)

    def clock(self) -> Clock:
        """A new clock, at 0."""
        return Clock(self.device)


class Clock:
    """Counts the seconds of work on a device inside its `with` blocks."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._began = 0.0
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._wait()
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._wait()
        self.seconds += time.perf_counter() - self._began

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


class Engine:
    """The project's training step, eager or as a CUDA graph, without the validations and reports of a whole run.

    The constructor does the whole set-up: network, optimiser, bank on the device, capture of a graph. One thread has to
    build, use and close it. Raises SiameseError as TrainingStep does.
    """

    def __init__(self, recipe: Recipe, bank: ImageBank, device: torch.device, mode: str) -> None:
        self.device = device
        # The default stream cannot be captured, and all threads share it.
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.done = 0
        self._graph: GraphedStep | None = None
        self._rate: float | None = None
        with self.on_stream():
            self.step = TrainingStep(recipe, bank, device)
            self.recipe = self.step.recipe
            self._take: Callable[[], None] = self.step
            if mode == "graph":
                assert self.stream is not None
                self._graph = GraphedStep(self.step, self.stream)
                self._take = self._graph

    def on_stream(self) -> AbstractContextManager[Any]:
        """A `with` block whose work on the device comes after that of the steps."""
        return contextlib.nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def advance(self, steps: int) -> None:
        """Takes `steps` steps with the learning rates of the recipe's schedule, and waits for the device."""
        with self.on_stream():
            for _ in range(steps):
                rate = self.recipe.learning_rate * schedule_factor(self.recipe.schedule, self.done, self.recipe.steps)
                if rate != self._rate:
                    self.step.set_learning_rate(rate)
                    self._rate = rate
                self._take()
                self.done += 1
        if self.stream is not None:
            self.stream.synchronize()

    def run(self, seconds: float) -> float:
        """Steps per second over at least `seconds`. It waits for the device as often as a training run does."""
        began = time.perf_counter()
        first, chunk = self.done, 1
        while (took := time.perf_counter() - began) < seconds:
            self.advance(chunk)
            spent = time.perf_counter() - began - took
            chunk = max(1, int(chunk * REPORT_SECONDS / spent))
        return (self.done - first) / took

    def close(self) -> None:
        """Frees the memory of a graph."""
        if self._graph is not None:
            self._graph.close()


@contextlib.contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """A `with` block in which the interpreter has another switch interval."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
