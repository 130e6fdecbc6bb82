"""train(): a training run as a plain iterator of small events, the same for a thread, a command line or a notebook."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import torch
import torch.distributed as dist

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.evaluation.scores import Validation
from siamese.evaluation.validation import Diverged, Validator
from siamese.learning.forces import pair_forces
from siamese.learning.losses import collapse_value
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import prepare_bank
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.cuda_graph import GraphedStep, restore_state, save_state
from siamese.training.events import Baseline, Diagnosis, Event, Finished, Progress, Started, Stepped, SteppedPair
from siamese.training.step import LOSS_BUFFER, TrainingStep

REPORT_SECONDS = 0.05  # how long steps run between two reports
SHOWN_PAIRS = 12
SATISFIED_STEPS = 50  # so many losses of zero in a row, and no triplet teaches any more


def default_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def warm_up_steps(steps: int) -> float:
    """For how many of so many steps the learning rate of the "one-cycle" schedule rises."""
    return max(1.0, min(50.0, 0.2 * steps))


def schedule_factor(schedule: str, step: int, steps: int) -> float:
    """What the learning rate of step `step` (from 0) of `steps` is multiplied by."""
    if schedule == "one-cycle":
        warm_up = warm_up_steps(steps)
        return min(1.0, (step + 1) / warm_up) * (1 - max(0.0, (step - warm_up) / max(1.0, steps - warm_up)))
    if schedule == "decay":
        return 0.99 ** math.floor(200 * step / steps)
    return 1.0


def next_validation(step: int, every: int) -> int:
    """The step of the next validation: the first ones double their distance, the later ones keep to `every`."""
    return step + min(every, max(1, every // 10, step))


def train(
    recipe: Recipe,
    dataset: Dataset,
    control: TrainingControl | None = None,
    *,
    device: torch.device | None = None,
    seconds: float | None = None,
    resume: Checkpoint | None = None,
) -> Iterator[Event]:
    """Trains a network and tells how it goes, as a generator of events; it ends with Finished, also when stopped.

    dataset: its train part is trained on, its validation part validated on; the test part is not touched.
    control: pauses, steps, stops and steers from outside.  seconds: an end by time, beside the recipe's steps.
    resume: the last checkpoint of a run of this recipe; the run goes on as if it had not been interrupted.
    On a CPU the same recipe, data and thread count give the same losses. Raises SiameseError for data that the recipe
    cannot use, memory that does not suffice, and a checkpoint that cannot be resumed.
    """
    control = control or TrainingControl()
    run = _Run(recipe, dataset, control, device or default_device(), resume)
    try:
        yield run.started()
        yield Baseline(run.validator.baseline)
        yield run.validate()
        why = "steps"
        upcoming = next_validation(run.done, run.recipe.validate_every)
        while run.done < run.recipe.steps:
            wanted = min(min(upcoming, run.recipe.steps) - run.done, run.steps_per_report())
            late = seconds is not None and run.seconds >= seconds
            allowed, single = (0, False) if late else control.next_steps(wanted)
            allowed, single, late = run.agreed(allowed, single, late)
            if not allowed:
                why = "seconds" if late else "stopped"
                break
            if single:
                yield from run.step_once()
            else:
                yield run.advance(allowed)
            if run.diverged_at is None and run.done in (upcoming, run.recipe.steps):
                yield from run.validated()
                upcoming = next_validation(run.done, run.recipe.validate_every)
            if run.diverged_at is not None:
                yield Diagnosis("diverged", run.diverged_at)
                why = "diverged"
                break
            if (diagnosis := run.diagnosis()) is not None:
                yield diagnosis
        yield run.finished(why)
    finally:
        run.close()


class _Run:
    """What a run holds between two events. All device work happens inside its methods, on its own stream."""

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
        self.stream = _own_stream(device)
        self.graph: GraphedStep | None = None
        self.done = 0
        self.seconds = 0.0
        self.best: Checkpoint | None = None
        self.newest: Validation | None = None
        self.diverged_at: int | None = None
        self._zero_losses = 0
        self._collapsed = 0
        self._told: Diagnosis | None = None
        self._rate: float | None = None
        self._speed = 0.0
        with self._on_device():
            self.step = TrainingStep(recipe, dataset.train, device)
            self.recipe = self.step.recipe
            if resume is not None:
                self._resume(resume)
            validation_bank = prepare_bank(recipe, dataset.validation)
            self.validator = Validator(self.recipe, validation_bank, device)
            self._advance: Callable[[], None] = self.step
            # What several processes exchange within a step is left out of captures: nobody has tried that yet.
            if device.type == "cuda" and self.step.ranks.world == 1:
                self.graph = GraphedStep(self.step, self.stream)
                self._advance = self.graph

    @property
    def margin(self) -> float:
        return self.recipe.margin if self.control.margin is None else self.control.margin

    def started(self) -> Started:
        images = self.recipe.classes_per_batch * self.recipe.images_per_class
        collapse, name = collapse_value(self.recipe.loss, self.recipe.margin, self.recipe.soft_margin, images)
        return Started(
            device=device_name(self.device) + (", bfloat16" if self.step.bfloat16 else ""),
            parameters=sum(p.numel() for p in self.step.network.parameters()),
            train_images=len(self.step.bank),
            train_classes=self.step.bank.classes,
            setup_seconds=time.perf_counter() - self.began,
            collapse=collapse,
            collapse_name=name,
        )

    def agreed(self, steps: int, single: bool, late: bool) -> tuple[int, bool, bool]:
        """What rank 0 has decided, on every rank: clocks and controls differ, and the ranks have to step together."""
        if self.step.ranks.world > 1:
            told = torch.tensor([steps, single, late], device=self.device)
            with self._on_device():
                dist.broadcast(told, 0)
                steps, single, late = told.tolist()
        return steps, bool(single), bool(late)

    def steps_per_report(self) -> int:
        """As many steps as fit between two reports at the speed of the last ones."""
        return max(1, min(LOSS_BUFFER // 2, int(self._speed * REPORT_SECONDS)))

    def advance(self, steps: int) -> Progress:
        """Takes so many steps and waits for them."""
        began = time.perf_counter()
        with self._on_device():
            self.step.set_margin(self.margin)
            for number in range(self.done, self.done + steps):
                self._set_rate(number)
                self._advance()
            ring = torch.arange(self.done, self.done + steps, device=self.device) % LOSS_BUFFER
            losses = self.step.losses[ring].tolist()  # the one wait for the device of this report
        took = time.perf_counter() - began
        self._speed = steps / took
        self.seconds += took
        for number, loss in enumerate(losses, self.done + 1):
            self._zero_losses = self._zero_losses + 1 if loss < 1e-6 else 0
            if not math.isfinite(loss) and self.diverged_at is None:
                self.diverged_at = number
        self.done += steps
        return Progress(
            step=self.done,
            losses=tuple(losses),
            seconds=self.seconds,
            steps_per_second=self._speed,
            pairs_per_second=self._speed * self.recipe.pairs_per_step,
            learning_rate=self._rate or 0.0,
            margin=self.margin,
            memory_mb=torch.cuda.memory_allocated(self.device) / 2**20 if self.device.type == "cuda" else 0.0,
        )

    def _set_rate(self, number: int) -> None:
        base = self.recipe.learning_rate if self.control.learning_rate is None else self.control.learning_rate
        rate = base * schedule_factor(self.recipe.schedule, number, self.recipe.steps)
        if rate != self._rate:
            self.step.set_learning_rate(rate)
            self._rate = rate

    def validate(self) -> Validation:
        """Validates, and keeps the checkpoint if no earlier one had a better AUC."""
        began = time.perf_counter()
        with self._on_device():
            validation = self.validator(self.step.network, self.done, self.seconds, self.margin)
            better = self.best is None or validation.scores.auc >= self.best.scores["auc"]
            self.newest = validation
            if better:
                self.best = self.checkpoint()
        self.seconds += time.perf_counter() - began
        self._collapsed = self._collapsed + 1 if validation.collapsed else 0
        return validation

    def validated(self) -> Iterator[Validation]:
        """One more validation, or none where the network no longer answers with finite numbers: it has diverged."""
        try:
            validation = self.validate()
        except Diverged:
            self.diverged_at = self.done
        else:
            yield validation

    def diagnosis(self) -> Diagnosis | None:
        """What there is to point at, each once: when it begins, and when a collapse is over ("recovered")."""
        if self._zero_losses >= SATISFIED_STEPS and self.recipe.loss == "triplet":
            return self._tell("satisfied", self.done - self._zero_losses + 1)
        if self._collapsed >= 2 and self.done >= 20:
            return self._tell("collapse", self.done)
        if self._told is not None and self._told.kind != "recovered":
            return self._tell("recovered", self.done)
        return None

    def _tell(self, kind: str, step: int) -> Diagnosis | None:
        if self._told is not None and self._told.kind == kind:
            return None
        self._told = Diagnosis(kind, step)
        return self._told

    def step_once(self) -> Iterator[Progress | Stepped]:
        """One step, and what it did to pairs of its batch."""
        with self._on_device():
            similarity = copy.deepcopy(self.step.network.similarity)
        yield self.advance(1)
        if self.diverged_at is None:
            yield self.stepped(similarity)

    def stepped(self, similarity: Similarity) -> Stepped:
        """The pairs of the newest batch before and after its step, the heaviest first.

        similarity: as it was before the step, since the learned one moves too.
        """
        step = self.step
        assert step.drawn is not None and step.embeddings is not None
        with self._on_device():
            buffers = [buffer.clone() for buffer in step.network.buffers()]
            with torch.no_grad():
                after = step.embed(step.drawn)
                for buffer, value in zip(step.network.buffers(), buffers):
                    buffer.copy_(value)
            batch = step.drawn.batch
            forces = pair_forces(self.recipe, similarity, step.embeddings, batch, self.margin)
            with torch.no_grad():
                # The heaviest of each kind, so that both are seen whatever the loss leans on.
                half = SHOWN_PAIRS // 2
                ranked = torch.argsort(forces.share, descending=True).cpu()
                same = forces.same.cpu()[ranked]
                shown = torch.cat([ranked[same][:half], ranked[~same][:half]])
                shown = shown[torch.argsort(forces.share.cpu()[shown], descending=True)].to(self.device)
                left, right = forces.left[shown], forces.right[shown]
                moved = step.network.similarity(after[left], after[right])
            rows = zip(
                batch.index[left].tolist(),
                batch.index[right].tolist(),
                forces.same[shown].tolist(),
                forces.dissimilarity[shown].tolist(),
                moved.tolist(),
                forces.share[shown].tolist(),
                forces.direction[shown].tolist(),
            )
            words = {1: "pull", -1: "push", 0: "none"}
            pairs = tuple(
                SteppedPair(i, j, is_same, before, now, share, words[direction])
                for i, j, is_same, before, now, share, direction in rows
            )
            loss = float(step.losses[(self.done - 1) % LOSS_BUFFER])
        return Stepped(self.done, loss, pairs)

    def checkpoint(self, training: bool = False) -> Checkpoint:
        """The network as it is, with the scores of the newest validation; training adds what a resumed run needs."""
        assert self.newest is not None
        weights = {name: tensor.detach().clone() for name, tensor in self.step.network.state_dict().items()}
        state = save_state(self.step) if training else {}
        height, width = self.step.bank.images.shape[2:]
        source_height, source_width = self.dataset.train.images.shape[2:]
        return Checkpoint(
            recipe=self.recipe,
            data={name: getattr(self.dataset, name) for name in ("name", "title", "kind", "unseen")},
            channels=self.step.bank.images.shape[1],
            size=(height, width),
            dark_background=None
            if self.dataset.dark_background is None
            else self.dataset.dark_background != self.recipe.invert,
            threshold=self.newest.scores.threshold,
            scores=asdict(self.newest.scores),
            step=self.done,
            seconds=self.seconds,
            weights=weights,
            training={name: tensor for name, tensor in state.items() if not name.startswith("network.")},
            source_size=(source_height, source_width),
        )

    def _resume(self, checkpoint: Checkpoint) -> None:
        if not checkpoint.training:
            raise SiameseError("This checkpoint holds no optimiser state; resume from the last one of a run.")
        if checkpoint.recipe != self.recipe:
            raise SiameseError("This checkpoint is of another recipe; resume with the recipe that it was made with.")
        saved = {f"network.{k}": v for k, v in checkpoint.weights.items()} | checkpoint.training
        if checkpoint.step:
            # The optimiser makes its state in its first step, laid out in memory as fused optimisers need it, which is
            # not as a file has it; the step itself is undone below.
            self.step()
        wanted = {name: tensor.shape for name, tensor in save_state(self.step).items()}
        if wanted != {name: tensor.shape for name, tensor in saved.items()}:
            raise SiameseError(
                "This checkpoint does not fit this run: it was made with other data or on another kind of device; "
                "resume it there, or start anew."
            )
        restore_state(self.step, saved)
        self.done, self.seconds = checkpoint.step, checkpoint.seconds

    def finished(self, why: str) -> Finished:
        with self._on_device():
            best = None if self.best is None else self.best.to_bytes()
            return Finished(self.done, self.seconds, why, best, self.checkpoint(training=True).to_bytes())

    def close(self) -> None:
        """Gives the device's memory back."""
        if self.graph is not None:
            self.stream.synchronize()
            self.graph.close()

    @contextlib.contextmanager
    def _on_device(self) -> Iterator[None]:
        try:
            if self.device.type == "cuda":
                with torch.cuda.stream(self.stream):
                    yield
            else:
                yield
        except (RuntimeError, MemoryError) as error:
            # The CPU's allocator has no exception of its own.
            full = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(error)
            if not full:
                raise
            raise SiameseError(
                f"The memory of {device_name(self.device)} does not suffice for this run; "
                "lower the batch, the image size or the embedding size, or wait for other runs to end."
            ) from error


def _own_stream(device: torch.device) -> torch.cuda.Stream:
    """The thread's own stream, or a new one where the thread works on the default stream, which cannot be captured."""
    if device.type != "cuda":
        return None  # type: ignore[return-value]
    current = torch.cuda.current_stream(device)
    return torch.cuda.Stream(device) if current == torch.cuda.default_stream(device) else current


def device_name(device: torch.device) -> str:
    """The device as a person knows it: "CPU, 2 threads" or the GPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''}"
