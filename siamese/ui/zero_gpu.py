"""Training on Hugging Face's ZeroGPU: a run is divided into segments. Each segment runs in a process that has a GPU for
some seconds, and goes on from the checkpoint of the segment before it.

The server's own process never touches CUDA, although its torch says that CUDA is there. Between two segments the run
can be paused, steered or stopped, and uses no GPU time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import torch

from siamese.data.bank import Dataset
from siamese.data.catalogue import NAMES, load_dataset
from siamese.evaluation.calibration import calibrate
from siamese.evaluation.scores import Validation
from siamese.models.checkpoint import Checkpoint, best_of
from siamese.models.devices import default_device
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Baseline, Event, Finished, Interrupted, Paused, Started
from siamese.training.jobs.job import RunTraining
from siamese.training.loop import train

SEGMENT_SECONDS = 6.0  # of training; Pause and the sliders take effect between two segments
FIRST_EXTRA = 12.0  # more seconds for the first segment: start of the process, data, graph capture
EXTRA = 4.0  # more seconds for each later segment
WORKERS = 8  # runs that are in a segment, or wait for one, at the same time


def on_zero_gpu() -> bool:
    """Whether this process is a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def runs_in_segments(data_dir: Path) -> RunTraining:
    """train(), for a ZeroGPU Space. Call this once, before the page is launched."""
    import spaces  # only such a Space has and needs this package

    def seconds(source: Any, recipe: Any, resume: bytes | None, *_: Any) -> float:
        return SEGMENT_SECONDS + (FIRST_EXTRA if resume is None else EXTRA)

    return partial(_run, spaces.GPU(duration=seconds)(_segment), data_dir)


def _segment(
    source: str | Dataset,
    recipe: Recipe,
    resume: bytes | None,
    single: bool,
    learning_rate: float | None,
    margin: float | None,
    data_dir: str,
) -> Iterator[Event]:
    """Trains for some seconds, or one single step, in a process that has the GPU; the last event is Finished."""
    torch.set_num_threads(1)  # this process is a fork, and the threads of its parent do not exist here
    dataset = load_dataset(source, Path(data_dir)) if isinstance(source, str) else source
    control = TrainingControl(paused=single, waits=False)
    control.learning_rate, control.margin = learning_rate, margin
    if single:
        control.step_once()
    checkpoint = None if resume is None else Checkpoint.from_bytes(resume)
    options: dict[str, Any] = {
        "device": default_device(),
        "seconds": SEGMENT_SECONDS + (0.0 if checkpoint is None else checkpoint.seconds),
        "resume": checkpoint,
        "calibrated": False,  # the calibration needs no GPU, so it comes later
    }
    for event in train(recipe, dataset, control, **options):
        if isinstance(event, Paused):  # the single step has been taken
            control.stop()
        else:
            yield event


def _run(
    segment: Callable[..., Iterator[Event]],
    data_dir: Path,
    recipe: Recipe,
    dataset: Dataset,
    control: TrainingControl,
    *,
    device: torch.device,
) -> Iterator[Event]:
    """The events of a whole run, segment by segment. device is not used: every segment has its own."""
    control.close()  # the network is in another process, so questions about it cannot be answered
    in_catalogue = dataset.name in NAMES and load_dataset(dataset.name, data_dir) is dataset
    source = dataset.name if in_catalogue else dataset
    end: Finished | None = None  # of the newest segment
    best: bytes | None = None
    has_interrupted = False  # whether the page knows already that the run stands still
    while True:
        steps, single = control.next_steps(1)
        if control.stopped:
            yield _finish(end, best, "stopped", dataset)
            return
        if not steps:
            if not has_interrupted and control.paused:
                yield Interrupted("pause", 0 if end is None else end.step)
            has_interrupted = True
            yield Paused()
            continue
        # In slow motion `single` is True as well, but a segment for each step would be too slow.
        has_interrupted, single = False, single and control.paused
        resume = None if end is None else end.last
        try:
            for event in segment(source, recipe, resume, single, control.learning_rate, control.margin, str(data_dir)):
                if isinstance(event, Finished):
                    end, best = event, _better(best, event.best)
                elif resume is None or not _is_repetition(event, end):
                    yield event
        except gr.Error as error:
            control.pause()
            has_interrupted = True
            yield Interrupted(_reason(error), 0 if end is None else end.step, _wait(error))
            continue
        if end is not None and end.why not in ("seconds", "stopped"):
            yield _finish(end, best, end.why, dataset)
            return


def _is_repetition(event: Event, end: Finished | None) -> bool:
    """Whether an earlier segment has yielded this event already."""
    old_validation = end is not None and isinstance(event, Validation) and event.step == end.step
    return old_validation or isinstance(event, (Started, Baseline))


def _better(best: bytes | None, other: bytes | None) -> bytes | None:
    """The better checkpoint; the newer one where they are equal."""
    if best is None or other is None:
        return best or other
    checkpoints = [Checkpoint.from_bytes(weights) for weights in (best, other)]
    return best if best_of(checkpoints) is checkpoints[0] else other


def _finish(end: Finished | None, best: bytes | None, why: str, dataset: Dataset) -> Finished:
    if end is None:
        return Finished(0, 0.0, why, None)
    if best is not None:
        best = calibrate(Checkpoint.from_bytes(best), dataset, torch.device("cpu")).to_bytes()
    return replace(end, why=why, best=best)


def _reason(error: gr.Error) -> str:
    """ "worker" where the process with the GPU ended; "quota" where the Space gave no GPU."""
    return "worker" if "worker" in str(getattr(error, "title", "")) else "quota"


def _wait(error: gr.Error) -> str:
    """The time until there is more GPU time: "1:00:00" of "Try again in 1:00:00."; "" where the error names none."""
    found = re.search(r"Try again in ((?:\d+ days?, )?\d+:\d\d:\d\d)", str(error.message))
    return found.group(1) if found else ""
