"""train(): a training run as an iterator of small events."""

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

REPORT_SECONDS = 0.05  # training time between two Progress events


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
    """Trains a network and yields events. The last one is Finished, also when somebody stops the run.

    dataset: the network learns from its train part and is validated on its validation part; the test part is not used.
    control: pauses, stops and steers the run from another thread.
    seconds: the run also ends after this much training time.
    resume: the last checkpoint of a run of this recipe. The run goes on as if nothing had interrupted it.
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
        upcoming = next_validation(run.steps_done, run.recipe.validate_every)

        while run.steps_done < run.recipe.steps:
            most = min(upcoming - run.steps_done, run.recipe.steps - run.steps_done, run.steps_per_report())
            late = seconds is not None and run.seconds >= seconds
            with run.on_device():  # next_steps also answers the questions about the run
                steps, single = (0, False) if late else control.next_steps(most, run)
            if not (steps or late or control.stopped):
                yield Paused()
                continue
            steps, single, late = run.agree(steps, single, late)
            if not steps:
                why = "seconds" if late else "stopped"
                break

            view = run.step_view() if single else None
            progress = run.advance(steps)
            watch.see_losses(progress.step - len(progress.losses) + 1, progress.losses)
            yield progress
            if view is not None and watch.diverged_at is None:
                yield run.single_step(view, progress)

            if watch.diverged_at is None and run.steps_done in (upcoming, run.recipe.steps):
                try:
                    validation = run.validate()
                except Diverged:
                    watch.diverged_at = run.steps_done
                else:
                    watch.see_validation(validation)
                    yield validation
                upcoming = next_validation(run.steps_done, run.recipe.validate_every)

            if watch.diverged_at is not None:
                yield Diagnosis("diverged", watch.diverged_at)
                why = "diverged"
                break
            if (diagnosis := watch.diagnosis(run.steps_done)) is not None:
                yield diagnosis

        yield run.finished(why, calibrated)
    finally:
        control.close()
        run.close()


class _Run:
    """The state of one run: its step, validator, clock and checkpoints. All device work runs on one stream."""

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
        self.steps_done = 0
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
                self.steps_done, self.seconds = resume.step, resume.seconds
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
        """Rank 0 decides for all ranks: they must take the same steps, but their clocks and controls differ."""
        if self.step.ranks.world > 1:
            decision = torch.tensor([steps, single, late], device=self.device)
            with self.on_device():
                dist.broadcast(decision, 0)
                steps, single, late = decision.tolist()
        return steps, bool(single), bool(late)

    def steps_per_report(self) -> int:
        """How many steps fit between two Progress events at the newest speed."""
        return max(1, min(LOSS_BUFFER // 2, int(self._speed * REPORT_SECONDS)))

    def advance(self, steps: int) -> Progress:
        """Takes `steps` steps and waits until the device has finished them."""
        began = time.perf_counter()
        with self.on_device():
            self.step.set_margin(self.margin)
            for number in range(self.steps_done, self.steps_done + steps):
                self._set_rate(number)
                self._advance()
            ring = torch.arange(self.steps_done, self.steps_done + steps, device=self.device) % LOSS_BUFFER
            losses = self.step.losses[ring].tolist()  # the only wait for the device
        took = time.perf_counter() - began
        self._speed = steps / took
        self.seconds += took
        self.steps_done += steps
        return Progress(
            step=self.steps_done,
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
        """Prepares to show what the next step does to its pairs."""
        with self.on_device():
            return StepView(self.step, self.margin)

    def single_step(self, view: StepView, progress: Progress) -> Event:
        with self.on_device():
            return view.after_step(progress.step, progress.losses[-1])

    def validate(self) -> Validation:
        """Validates, and keeps a checkpoint unless an earlier one has a lower equal error rate.

        Raises Diverged where the network gives a number that is not finite.
        """
        began = time.perf_counter()
        with self.on_device():
            validation = self.validator(self.step.network, self.steps_done, self.seconds, self.margin)
            self.newest = validation
            # As best_of chooses, but a checkpoint is made only where it is kept.
            if self.best is None or validation.scores.eer <= self.best.scores["eer"]:
                self.best = make_checkpoint(self.step, self.dataset, validation, self.steps_done, self.seconds)
        self.seconds += time.perf_counter() - began
        return validation

    def checkpoint(self) -> Checkpoint | None:
        """The network as it is now; None before the first validation, which sets the threshold."""
        if self.newest is None:
            return None
        return make_checkpoint(self.step, self.dataset, self.newest, self.steps_done, self.seconds)

    def finished(self, why: str, calibrated: bool) -> Finished:
        assert self.newest is not None
        with self.on_device():
            last = make_checkpoint(self.step, self.dataset, self.newest, self.steps_done, self.seconds, resumable=True)
            best = self.best
            if best is not None and calibrated:
                best = calibrate(best, self.dataset, self.device)
            weights = None if best is None else best.to_bytes()
            return Finished(self.steps_done, self.seconds, why, weights, last.to_bytes(), newest_batch(self))

    def close(self) -> None:
        """Frees the memory of the CUDA graph."""
        if self.graph is not None and self.stream is not None:
            self.stream.synchronize()
            self.graph.close()

    def on_device(self) -> AbstractContextManager[None]:
        return on_stream(self.device, self.stream)
