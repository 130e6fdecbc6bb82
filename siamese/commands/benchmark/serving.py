"""How much browsers that watch slow a training job, and how long a poll and a comparison take."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from PIL import Image

from siamese import SiameseError
from siamese.commands.benchmark.bench import Bench, switch_interval
from siamese.data.catalogue import default_data_dir
from siamese.recipes import Recipe
from siamese.training.jobs.job import TrainingJob, Visitor

if TYPE_CHECKING:
    from siamese.ui.lab import Lab

ABOUT = (
    "The app with one training job (its default recipe and data set) while 0, 30 and 60 browsers each poll it once a "
    "second from another process on this machine. `share` is the training speed beside that without pollers, measured in "
    "turns; a poll is timed from request to answer, and a comparison of two images of 400×400 pixels inside the server, "
    "from images to verdict. The first row is the app with nothing to do."
)
PIXELS = 400


class Sizes(NamedTuple):
    """pollers: the numbers of browsers.  rounds: turns of each number.  seconds: of a turn.
    comparisons: in each turn.  warm_up: steps of the run whose network the comparisons use.
    """

    pollers: tuple[int, ...]
    rounds: int
    seconds: float
    comparisons: int
    warm_up: int


FULL = Sizes((0, 30, 60), 2, 10.0, 20, 50)
QUICK = Sizes((0, 30, 60), 1, 6.0, 10, 20)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row for the idle app, then one for each number of pollers beside a training job."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    if find_spec("gradio") is None:
        yield bench.row("serving", left_out="gradio is not installed")
        return
    from siamese.ui.lab import FIRST, LATER

    for name in (FIRST, *LATER):  # otherwise the app would render them during the measurement
        bench.dataset(name)
    with _app(bench) as app:
        model = app.trained_model(sizes.warm_up)
        for _ in range(3):
            app.compare(model)
        idle = [app.compare(model) for _ in range(sizes.comparisons)]
        yield _row(bench, 0, None, [], idle, training=False, steps_per_s=None)

        job = app.endless_job()
        speeds: dict[int, list[float]] = {count: [] for count in sizes.pollers}
        polls: dict[int, list[float]] = {count: [] for count in sizes.pollers}
        comparisons: dict[int, list[float]] = {count: [] for count in sizes.pollers}
        for _ in range(sizes.rounds):
            for count in sizes.pollers:
                with app.pollers(job, count, sizes.seconds) as answers:
                    speeds[count].append(_speed(job, 0.6 * sizes.seconds))
                    # A comparison slows training, so the speed is measured first. The pollers go on meanwhile.
                    comparisons[count] += [app.compare(model) for _ in range(sizes.comparisons)]
                polls[count] += answers
        job.stop()
        job.ended.wait(60)
        alone = statistics.mean(speeds[sizes.pollers[0]])
        for count in sizes.pollers:
            speed = statistics.mean(speeds[count])
            yield _row(bench, count, speed / alone, polls[count], comparisons[count], training=True, steps_per_s=speed)


def _row(
    bench: Bench, pollers: int, share: float | None, polls: list[float], comparisons: list[float], **more: Any
) -> dict[str, Any]:
    return bench.row(
        "serving",
        pollers=pollers,
        share=share,
        poll_p50_ms=_quantile(polls, 0.5),
        poll_p95_ms=_quantile(polls, 0.95),
        compare_p50_ms=_quantile(comparisons, 0.5),
        polls=len(polls),
        **more,
    )


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


def _speed(job: TrainingJob, seconds: float) -> float:
    """Steps per second of a running job, from one of its reports to another."""
    step, began = _next_report(job)
    time.sleep(seconds)
    last, ended = _next_report(job)
    return (last - step) / (ended - began)


def _next_report(job: TrainingJob) -> tuple[int, float]:
    """The step of the job's next report, and the time at which it came."""
    before = job.history.progress
    while (progress := job.history.progress) is before or progress is None:
        if not job.alive:
            raise SiameseError(f"The training job of this measurement has ended: {job.error or job.state}.")
        time.sleep(0.001)
    return progress.step, time.perf_counter()


class _App:
    """The app, served by this process."""

    def __init__(self, lab: Lab, component: int, port: int) -> None:
        from siamese.ui import choice

        self._lab = lab
        self._component = component
        self._port = port
        self._data = choice.DEFAULT_DATA
        self._recipe: Recipe = choice.base_recipe(choice.DEFAULT_DATA, choice.DEFAULT_RECIPE)
        test = lab.dataset(self._data).test
        self._left, self._right = (
            Image.fromarray(image[0].numpy()).resize((PIXELS, PIXELS)) for image in test.images[[0, 1]]
        )

    def _submit(self, owner: str, steps: int) -> TrainingJob:
        recipe = replace(self._recipe, steps=steps)
        return self._lab.jobs.submit(Visitor(owner), recipe, self._data, partial(self._lab.dataset, self._data))

    def trained_model(self, steps: int) -> str:
        """Trains for a few steps. Returns the key of the network, for comparisons."""
        from siamese.ui.lab import RUN_PREFIX

        job = self._submit("warm-up", steps)
        if not job.ended.wait(300) or job.weights is None:
            raise SiameseError(f"A run of {steps} steps for the comparisons did not end well: {job.error}.")
        return RUN_PREFIX + job.id

    def endless_job(self) -> TrainingJob:
        """Starts a job that trains until it is stopped; returns it when it has begun to train."""
        job = self._submit("benchmark", 1_000_000)
        _next_report(job)
        return job

    def compare(self, model: str) -> float:
        """Milliseconds of one comparison."""
        from siamese.ui.api.pictures import dissimilarity as compare

        began = time.perf_counter()
        compare(self._left, self._right, model)
        return 1000 * (time.perf_counter() - began)

    @contextmanager
    def pollers(self, job: TrainingJob, count: int, seconds: float) -> Iterator[list[float]]:
        """Runs `count` pollers beside a block of code. Afterwards the list has their times in milliseconds."""
        answers: list[float] = []
        if not count:
            yield answers
            return
        command = [sys.executable, "-m", "siamese.commands.benchmark.pollers"]
        orders = {
            "host": "127.0.0.1",
            "port": self._port,
            "path": "/gradio_api/component_server/",
            "component": self._component,
            "key": job.id,
            "count": count,
            "seconds": seconds,
        }
        paths = [str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(orders) + "\n")
            process.stdin.flush()
            process.stdout.readline()
            yield answers
            answer, _ = process.communicate()
        if process.returncode:
            raise SiameseError("The process that polls the app has failed.")
        measured = json.loads(answer)
        if measured["errors"]:
            raise SiameseError(f"{measured['errors']} polls of {count} pollers got no answer.")
        answers += measured["milliseconds"]


@contextmanager
def _app(bench: Bench) -> Iterator[_App]:
    """The app on a free port of this machine, with the device and the data of the benchmark."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    from siamese.ui.app import build_demo, launch
    from siamese.ui.lab import current_lab
    from siamese.ui.settings import JOBS, Settings, default_workers
    from siamese.ui.train.live_chart import LiveChart

    workers, threads = default_workers(bench.device)
    settings = Settings(bench.data_dir or default_data_dir(), bench.device, JOBS, workers, threads, port=0)
    with switch_interval(sys.getswitchinterval()):  # launch changes it
        # A server prints to stdout, where the results go.
        with redirect_stdout(sys.stderr):
            demo = build_demo(settings)
            address = launch(demo, settings, quiet=True)
        try:
            component = next(number for number, block in demo.blocks.items() if isinstance(block, LiveChart))
            yield _App(current_lab(), component, urlsplit(address).port or 80)
        finally:
            current_lab().close()
            demo.close(verbose=False)
