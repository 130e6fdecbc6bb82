"""Training on Hugging Face's ZeroGPU: a run is a row of segments, each in a process that has a GPU for some seconds.

This process never touches CUDA, although its torch says that CUDA is there. A segment goes on from the checkpoint of the
one before it. Between two segments the run can be paused, steered or stopped, and no GPU time is used.
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
from siamese.models.checkpoint import Checkpoint
from siamese.models.devices import default_device
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Baseline, Event, Finished, Interrupted, Paused, Started
from siamese.training.jobs.job import RunTraining
from siamese.training.loop import train

SEGMENT_SECONDS = 6.0  # of training; Pause and the sliders take effect between two segments
FIRST_EXTRA = 12.0  # seconds that the first segment may take beside it: start of the process, data, graph capture
EXTRA = 4.0  # of each later one
WORKERS = 8  # runs that have, or wait for, a segment at the same time


def on_zero_gpu() -> bool:
    """Whether this process is a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def runs_in_segments(data_dir: Path) -> RunTraining:
    """train(), for a ZeroGPU Space. To be called once, before the page is launched."""
    import spaces  # it is there on such a Space, and nowhere needed else

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
    torch.set_num_threads(1)  # the threads of the process that was forked are not here
    dataset = load_dataset(source, Path(data_dir)) if isinstance(source, str) else source
    control = TrainingControl(paused=single, waits=False)
    control.learning_rate, control.margin = learning_rate, margin
    if single:
        control.step_once()
    before = None if resume is None else Checkpoint.from_bytes(resume)
    options: dict[str, Any] = {
        "device": default_device(),
        "seconds": SEGMENT_SECONDS + (0.0 if before is None else before.seconds),
        "resume": before,
        "calibrated": False,  # that needs no GPU
    }
    for event in train(recipe, dataset, control, **options):
        if isinstance(event, Paused):  # the single step is done
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
    control.close()  # the network lives in another process, so nobody can look into it between two steps
    known = dataset.name in NAMES and load_dataset(dataset.name, data_dir) is dataset
    source = dataset.name if known else dataset
    end: Finished | None = None  # of the newest segment
    best: bytes | None = None
    said = False  # that nothing is used while it is paused
    while True:
        allowed, single = control.next_steps(1)
        if control.stopped:
            yield _ended(end, best, "stopped", dataset)
            return
        if not allowed:
            if not said and control.paused:
                yield Interrupted("pause", 0 if end is None else end.step)
            said = True
            yield Paused()
            continue
        said, single = False, single and control.paused  # slow motion would be a segment for each step
        resume = None if end is None else end.last
        try:
            for event in segment(source, recipe, resume, single, control.learning_rate, control.margin, str(data_dir)):
                if isinstance(event, Finished):
                    end, best = event, _better(best, event.best)
                elif resume is None or not _repeated(event, end):
                    yield event
        except gr.Error as error:
            control.pause()
            said = True
            yield Interrupted(_reason(error), 0 if end is None else end.step, _wait(error))
            continue
        if end is not None and end.why not in ("seconds", "stopped"):
            yield _ended(end, best, end.why, dataset)
            return


def _repeated(event: Event, end: Finished | None) -> bool:
    """Whether a segment that goes on says what the one before it has said."""
    old = end is not None and isinstance(event, Validation) and event.step == end.step
    return old or isinstance(event, (Started, Baseline))


def _better(best: bytes | None, other: bytes | None) -> bytes | None:
    """The checkpoint with the higher AUC; the newer one where they are equal."""
    if best is None or other is None:
        return best or other
    auc = [Checkpoint.from_bytes(weights).scores["auc"] for weights in (best, other)]
    return other if auc[1] >= auc[0] else best


def _ended(end: Finished | None, best: bytes | None, why: str, dataset: Dataset) -> Finished:
    if end is None:
        return Finished(0, 0.0, why, None)
    if best is not None:
        best = calibrate(Checkpoint.from_bytes(best), dataset, torch.device("cpu")).to_bytes()
    return replace(end, why=why, best=best)


def _reason(error: gr.Error) -> str:
    """ "worker" where the process with the GPU ended, "quota" where no GPU was given in the first place."""
    return "worker" if "worker" in str(getattr(error, "title", "")) else "quota"


def _wait(error: gr.Error) -> str:
    """In how much time there is more GPU time: "1:00:00" of "Try again in 1:00:00."; "" where it is not said."""
    found = re.search(r"Try again in ((?:\d+ days?, )?\d+:\d\d:\d\d)", str(error.message))
    return found.group(1) if found else ""
