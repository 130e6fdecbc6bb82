"""train(): a training run as a plain iterator of small events, the same for a thread, a command line or a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
import torch.distributed as dist

from siamese.data.bank import Dataset
from siamese.evaluation.calibration import calibrate
from siamese.evaluation.scores import Validation
from siamese.evaluation.validation import Diverged, Validator
from siamese.learning.losses import collapse_value
from siamese.models.checkpoint import Checkpoint
from siamese.models.devices import default_device, device_name
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.cuda_graph import GraphedStep
from siamese.training.diagnosis import Diagnostician
from siamese.training.events import Baseline, Diagnosis, Event, Finished, Paused, Progress, Started
from siamese.training.look import newest_batch
from siamese.training.saving import make_checkpoint, resume_step
from siamese.training.schedule import next_validation, schedule_factor
from siamese.training.step import LOSS_BUFFER, TrainingStep
from siamese.training.step_view import StepView
from siamese.training.streams import on_stream, own_stream

REPORT_SECONDS = 0.05  # how long steps run between two reports


def train(
    recipe: Recipe,
    dataset: Dataset,
    control: TrainingControl | None = None,
    *,
    device: torch.device | None = None,
    seconds: float | None = None,
    resume: Checkpoint | None = None,
    calibrated: bool = True,
) -> Iterator[Event]:
    """Trains a network and yields what happens, as events. The last one is Finished, also when the run is stopped.

    dataset: the network learns from its train part and is validated on its validation part; the test part is not used.
    control: pauses, steps, stops and steers the run from another thread.
    seconds: the run also ends after this much training time.
    resume: the last checkpoint of a run of this recipe. The run goes on as if it had never been interrupted.
    calibrated: whether the best checkpoint is calibrated at the end, which takes some seconds.

    On a CPU the same recipe, data and number of threads give the same losses. Raises SiameseError for data that the
    recipe cannot use, for too little memory, and for a checkpoint that cannot be resumed.
    """
    control = control or TrainingControl()
    run = _Run(recipe, dataset, control, device or default_device(), resume)
    watch = Diagnostician(run.recipe)
    why = "steps"
    try:
        yield run.started()
        yield Baseline(run.validator.baseline)
        yield run.validate()
        upcoming = next_validation(run.done, run.recipe.validate_every)

        while run.done < run.recipe.steps:
            wanted = min(upcoming - run.done, run.recipe.steps - run.done, run.steps_per_report())
            late = seconds is not None and run.seconds >= seconds
            with run.on_device():  # where questions about the run are answered
                allowed, single = (0, False) if late else control.next_steps(wanted, run)
            if not (allowed or late or control.stopped):
                yield Paused()
                continue
            allowed, single, late = run.agree(allowed, single, late)
            if not allowed:
                why = "seconds" if late else "stopped"
                break

            view = run.step_view() if single else None
            progress = run.advance(allowed)
            watch.see_losses(progress.step - len(progress.losses) + 1, progress.losses)
            yield progress
            if view is not None and watch.diverged_at is None:
                yield run.stepped(view, progress)

            if watch.diverged_at is None and run.done in (upcoming, run.recipe.steps):
                try:
                    validation = run.validate()
                except Diverged:
                    watch.diverged_at = run.done
                else:
                    watch.see_validation(validation)
                    yield validation
                upcoming = next_validation(run.done, run.recipe.validate_every)

            if watch.diverged_at is not None:
                yield Diagnosis("diverged", watch.diverged_at)
                why = "diverged"
                break
            if (diagnosis := watch.diagnosis(run.done)) is not None:
                yield diagnosis

        yield run.finished(why, calibrated)
    finally:
        control.close()
        run.close()


class _Run:
    """A training step with its validator, its clock and its checkpoints. All device work runs on one stream."""

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        control: TrainingControl,
        device: torch.device,
        resume: Checkpoint | None,
    ) -> None:
        self.began = time.perf_counter()
        self.dataset = dataset
        self.control = control
        self.device = device
        self.stream = own_stream(device)
        self.graph: GraphedStep | None = None
        self.done = 0
        self.seconds = 0.0
        self.best: Checkpoint | None = None
        self.newest: Validation | None = None
        self._rate: float | None = None
        self._speed = 0.0
        with self.on_device():
            self.step = TrainingStep(recipe, dataset.train, device)
            self.recipe = self.step.recipe
            if resume is not None:
                resume_step(self.step, resume)
                self.done, self.seconds = resume.step, resume.seconds
            self.validator = Validator(self.recipe, dataset.validation, device)
            self._advance: Callable[[], None] = self.step
            # With several processes the step is not captured: collectives inside a CUDA graph are untested here.
            if self.stream is not None and self.step.ranks.world == 1:
                self.graph = GraphedStep(self.step, self.stream)
                self._advance = self.graph

    @property
    def margin(self) -> float:
        return self.recipe.margin if self.control.margin is None else self.control.margin

    @property
    def threshold(self) -> float | None:
        return None if self.newest is None else self.newest.scores.threshold

    def started(self) -> Started:
        collapse, name = collapse_value(self.recipe, self.recipe.margin)
        return Started(
            device=device_name(self.device) + (", bfloat16" if self.step.bfloat16 else ""),
            parameters=sum(p.numel() for p in self.step.network.parameters()),
            train_images=len(self.step.bank),
            train_classes=self.step.bank.classes,
            setup_seconds=time.perf_counter() - self.began,
            collapse=collapse,
            collapse_name=name,
        )

    def agree(self, steps: int, single: bool, late: bool) -> tuple[int, bool, bool]:
        """The decision of rank 0, on every rank: their clocks and controls differ, and they have to step together."""
        if self.step.ranks.world > 1:
            decision = torch.tensor([steps, single, late], device=self.device)
            with self.on_device():
                dist.broadcast(decision, 0)
                steps, single, late = decision.tolist()
        return steps, bool(single), bool(late)

    def steps_per_report(self) -> int:
        """How many steps fit between two reports at the speed of the last report."""
        return max(1, min(LOSS_BUFFER // 2, int(self._speed * REPORT_SECONDS)))

    def advance(self, steps: int) -> Progress:
        """Takes so many steps and waits for them."""
        began = time.perf_counter()
        with self.on_device():
            self.step.set_margin(self.margin)
            for number in range(self.done, self.done + steps):
                self._set_rate(number)
                self._advance()
            ring = torch.arange(self.done, self.done + steps, device=self.device) % LOSS_BUFFER
            losses = self.step.losses[ring].tolist()  # the one wait for the device of this report
        took = time.perf_counter() - began
        self._speed = steps / took
        self.seconds += took
        self.done += steps
        return Progress(
            step=self.done,
            losses=tuple(losses),
            seconds=self.seconds,
            steps_per_second=self._speed,
            pairs_per_second=self._speed * self.recipe.pairs_per_step,
            learning_rate=self._rate or 0.0,
            margin=self.margin,
        )

    def _set_rate(self, number: int) -> None:
        base = self.recipe.learning_rate if self.control.learning_rate is None else self.control.learning_rate
        rate = base * schedule_factor(self.recipe.schedule, number, self.recipe.steps)
        if rate != self._rate:
            self.step.set_learning_rate(rate)
            self._rate = rate

    def step_view(self) -> StepView:
        """A view of the next step, which shows what the step does to its pairs."""
        with self.on_device():
            return StepView(self.step, self.margin)

    def stepped(self, view: StepView, progress: Progress) -> Event:
        with self.on_device():
            return view.stepped(progress.step, progress.losses[-1])

    def validate(self) -> Validation:
        """Validates, and keeps the checkpoint if no earlier one had a better AUC.

        Raises Diverged where the network no longer answers with finite numbers.
        """
        began = time.perf_counter()
        with self.on_device():
            validation = self.validator(self.step.network, self.done, self.seconds, self.margin)
            self.newest = validation
            if self.best is None or validation.scores.auc >= self.best.scores["auc"]:
                self.best = make_checkpoint(self.step, self.dataset, validation, self.done, self.seconds)
        self.seconds += time.perf_counter() - began
        return validation

    def checkpoint(self) -> Checkpoint | None:
        """The network as it is; None before the first validation has given it a threshold."""
        if self.newest is None:
            return None
        return make_checkpoint(self.step, self.dataset, self.newest, self.done, self.seconds)

    def finished(self, why: str, calibrated: bool) -> Finished:
        assert self.newest is not None
        with self.on_device():
            last = make_checkpoint(self.step, self.dataset, self.newest, self.done, self.seconds, resumable=True)
            best = self.best
            if best is not None and calibrated:
                best = calibrate(best, self.dataset, self.device)
            weights = None if best is None else best.to_bytes()
            return Finished(self.done, self.seconds, why, weights, last.to_bytes(), newest_batch(self))

    def close(self) -> None:
        """Frees the device's memory that the graph holds."""
        if self.graph is not None and self.stream is not None:
            self.stream.synchronize()
            self.graph.close()

    def on_device(self) -> AbstractContextManager[None]:
        return on_stream(self.device, self.stream)
