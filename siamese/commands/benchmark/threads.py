"""The speed of several training threads together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

import torch

from siamese.commands.benchmark.bench import Bench, Engine, switch_interval
from siamese.data.bank import ImageBank
from siamese.recipes import Recipe
from siamese.training.jobs.registry import SWITCH_INTERVAL

Busy = Callable[[threading.Event], None]


def steps_per_second(
    bench: Bench, recipe: Recipe, bank: ImageBank, mode: str, seconds: float, count: int = 1, beside: Busy | None = None
) -> float:
    """Steps per second of `count` training threads together, measured over `seconds`.

    Each thread has its own engine. On a CPU torch uses one thread for each, as for a job of the app. beside: a function
    that runs in one more thread until its event is set. An exception in any thread is raised here.
    """
    ready = threading.Barrier(count + 1)
    stop = threading.Event()

    def train(number: int) -> float:
        try:
            if bench.device.type == "cpu":
                torch.set_num_threads(1)
            engine = Engine(replace(recipe, seed=number), bank, bench.device, mode)
            engine.advance(3)
        except BaseException:
            ready.abort()  # otherwise the other threads would wait for ever
            raise
        try:
            ready.wait()
            return engine.run(seconds)
        finally:
            engine.close()

    with switch_interval(SWITCH_INTERVAL), ThreadPoolExecutor(count + 1) as pool:
        training = [pool.submit(train, number) for number in range(count)]
        busy: list[Future[None]] = []
        try:
            ready.wait()
            if beside is not None:
                busy.append(pool.submit(beside, stop))
        except threading.BrokenBarrierError:
            pass  # a thread has failed; its error is raised below
        wait(training)
        stop.set()
    errors = [future.exception() for future in training] + [future.exception() for future in busy]
    # The error of a thread that only found its barrier broken comes last.
    for error in sorted(filter(None, errors), key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return sum(future.result() for future in training)
