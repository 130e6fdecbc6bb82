"""Makes a checkpoint of a training run, and resumes a run from one."""

from __future__ import annotations

from dataclasses import asdict

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.evaluation.scores import Validation
from siamese.models.checkpoint import Checkpoint
from siamese.training.cuda_graph import restore_state, save_state
from siamese.training.step import TrainingStep


def make_checkpoint(
    step: TrainingStep,
    dataset: Dataset,
    validation: Validation,
    steps_done: int,
    seconds: float,
    resumable: bool = False,
) -> Checkpoint:
    """The network as it is now, with the scores of its newest validation.

    steps_done, seconds: how far the run is.  resumable: also saves the optimiser's state, so that the run can go on.
    """
    recipe = step.recipe
    height, width = step.bank.images.shape[2:]
    source_height, source_width = dataset.train.images.shape[2:]
    dark = dataset.dark_background
    state = save_state(step) if resumable else {}
    return Checkpoint(
        recipe=recipe,
        data={name: getattr(dataset, name) for name in ("name", "title", "kind", "unseen")},
        channels=step.bank.images.shape[1],
        size=(height, width),
        dark_background=None if dark is None else dark != recipe.invert,
        threshold=validation.scores.threshold,
        scores=asdict(validation.scores),
        step=steps_done,
        seconds=seconds,
        weights={name: tensor.detach().clone() for name, tensor in step.network.state_dict().items()},
        training={name: tensor for name, tensor in state.items() if not name.startswith("network.")},
        source_size=(source_height, source_width),
    )


def resume_step(step: TrainingStep, checkpoint: Checkpoint) -> None:
    """Puts the state of a run's last checkpoint into a new step of the same recipe and data.

    Raises SiameseError for a checkpoint without the optimiser's state, or of another recipe, data or kind of device.
    """
    if not checkpoint.training:
        raise SiameseError("This checkpoint holds no optimiser state; resume from the last one of a run.")
    if checkpoint.recipe != step.recipe:
        raise SiameseError("This checkpoint is of another recipe; resume with the recipe that it was made with.")
    state = {f"network.{name}": tensor for name, tensor in checkpoint.weights.items()} | checkpoint.training
    if checkpoint.step:
        # The optimiser creates its state in its first step, in the memory layout that fused optimisers need; a file has
        # another layout. So we take one step; restore_state overwrites its result.
        step()
    if {name: t.shape for name, t in save_state(step).items()} != {name: t.shape for name, t in state.items()}:
        raise SiameseError(
            "This checkpoint does not fit this run: it was made with other data or on another kind of device; "
            "resume it there, or start anew."
        )
    restore_state(step, state)
