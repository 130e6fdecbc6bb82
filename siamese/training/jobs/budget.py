"""Estimates how much memory a run will take, and refuses a run that would take too much.

A stranger's recipe can need any amount, and the system kills a process without memory, with the runs of everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.models.inputs import images_per_chunk
from siamese.recipes import Recipe
from siamese.training.jobs.memory import COPIES_OF_WEIGHTS, network_sizes, run_bytes
from siamese.training.memory import free_bytes

_FLOAT = 4  # bytes
_WORKSPACE = 100 << 20  # for the copies that a convolution makes, and for memory that the allocator keeps
_SHARE_OF_FREE = 0.6
_ENOUGH_FOR_ONE = 1_000_000_000
_IMAGES_EACH = {"pairs": 2, "triplets": 3}  # of a pair, and of a triplet


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run will add to what the process already uses.

    base: between two steps.  extra: what one step adds for a moment, or the end of the run, if that is more.
    field: the setting of the recipe that takes most of it.
    """

    base: int
    extra: int
    field: str

    @property
    def total(self) -> int:
        return self.base + self.extra + _WORKSPACE


def estimate(recipe: Recipe, dataset: Dataset) -> Estimate:
    """The memory of a run of this recipe on this data. It follows from the shapes; nothing is computed.

    Raises SiameseError for images that are too small for the encoder.
    """
    recipe = recipe.fitted(dataset.train)
    channels, height, width = _shape(recipe, dataset.train)
    network = network_sizes(recipe, channels, height, width)
    base, weights = run_bytes(recipe, dataset), _FLOAT * network.parameters
    # At the end: the last checkpoint, with the optimiser's moments, and the bytes of the best and the last checkpoint.
    moments = 2 if recipe.optimizer in ("adam", "adamw") else int(recipe.momentum > 0)
    end = weights * (2 * (1 + moments) + 1)

    images = _images(recipe)
    pixels = channels * height * width
    # Each image of the batch: as bytes, as floats, after its random change, and the grid of that change.
    per_image = network.all_layers + 2 * network.largest_layer + 4 * pixels
    batch = _FLOAT * images * per_image + _loss_bytes(recipe, images)
    batch = max(batch, _FLOAT * images_per_chunk(height, width) * (3 * network.largest_layer + 2 * pixels))
    copies = COPIES_OF_WEIGHTS * weights
    sizes = {_field_of_batch(recipe): batch, "embedding_dim": max(copies, end), "image_size": base - copies}
    return Estimate(base, max(batch, end), max(sizes, key=lambda field: sizes[field]))


def memory_of_runs(memory: int | None, device: torch.device) -> int:
    """The bytes that all runs may take together: `memory`, or a share of what is free on the GPU or the machine."""
    if memory is not None:
        return memory
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_bytes()
    return int(_SHARE_OF_FREE * free)


def require_memory(recipe: Recipe, dataset: Dataset, memory: int, workers: int) -> None:
    """Raises SiameseError for a run that needs more memory than its share; the message names the setting to lower.

    memory: bytes for all runs together. The workers train at the same time, so each gets an equal share of it, but at
    least a gigabyte if there is one: else, on a machine with many cores, no run would fit.
    """
    most = max(memory // workers, min(memory, _ENOUGH_FOR_ONE))
    needed = estimate(recipe, dataset)
    if needed.total > most:
        value = getattr(recipe.fitted(dataset.train), needed.field)
        now = "" if value is None else f" (now {value})"
        raise SiameseError(
            f"This run would take about {needed.total / 1e9:.1f} GB of memory, and {most / 1e9:.1f} GB is the most for "
            f"one run here; lower {needed.field}{now}."
        )


def _shape(recipe: Recipe, bank: ImageBank) -> tuple[int, int, int]:
    channels, height, width = bank.images.shape[1:]
    side = recipe.image_size
    return (1 if recipe.grey else channels, *((height, width) if side is None else (side, side)))


def _images(recipe: Recipe) -> int:
    """How many images one step embeds."""
    if recipe.batching == "all-pairs":
        return recipe.classes_per_batch * recipe.images_per_class
    return _IMAGES_EACH[recipe.batching] * recipe.batch_size


def _field_of_batch(recipe: Recipe) -> str:
    if recipe.batching != "all-pairs":
        return "batch_size"
    return "classes_per_batch" if recipe.classes_per_batch >= recipe.images_per_class else "images_per_class"


def _loss_bytes(recipe: Recipe, images: int) -> int:
    """Bytes of the loss's matrices over all pairs of a batch; the soft loss over all triplets needs a cube."""
    if recipe.batching != "all-pairs":
        return 0
    square = images * images
    # Manhattan and learned distances store the difference of every pair; the others are matrix products.
    between = recipe.embedding_dim if recipe.similarity in ("manhattan", "exponential", "learned") else 1
    cube = images if recipe.loss == "triplet" and recipe.mining == "all" and recipe.soft_margin else 0
    return _FLOAT * square * (12 + 3 * between + 4 * cube)
