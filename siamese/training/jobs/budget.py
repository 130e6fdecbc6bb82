"""How much memory a run will take, and its refusal before it starts where that is too much.

A stranger's recipe can ask for any amount, and a process that runs out of memory is killed with everybody's runs.
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
_WORKSPACE = 100 << 20  # a convolution's own copies, and what the allocator holds back
_SHARE_OF_FREE = 0.6
_ENOUGH_FOR_ONE = 1_000_000_000
_BATCHES_IMAGES = {"pairs": 2, "triplets": 3}


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run takes beside what the process already holds. held: between two of its steps.  step: what comes and
    goes with a step, or with the end, where it is more.  lower: the field to lower first."""

    held: int
    step: int
    lower: str

    @property
    def total(self) -> int:
        return self.held + self.step + _WORKSPACE


def estimate(recipe: Recipe, dataset: Dataset) -> Estimate:
    """The memory of a run of this recipe on this data, from the shapes alone: nothing is computed.

    Raises SiameseError for images too small for the encoder.
    """
    recipe = recipe.fitted(dataset.train)
    channels, height, width = _shape(recipe, dataset.train)
    kept, largest, parameters = network_sizes(recipe, channels, height, width)
    held, weights = run_bytes(recipe, dataset), _FLOAT * parameters
    # The end writes the last checkpoint, with the moments of the optimiser, and the bytes of both checkpoints.
    moments = 2 if recipe.optimizer in ("adam", "adamw") else int(recipe.momentum > 0)
    end = weights * (2 * (1 + moments) + 1)

    images = _images(recipe)
    pixels = channels * height * width
    # An image is there as it is drawn, as floats, as its random change and with the places that the change looks at.
    per_image = kept + 2 * largest + 4 * pixels
    batch = _FLOAT * images * per_image + _loss_bytes(recipe, images)
    batch = max(batch, _FLOAT * images_per_chunk(height, width) * (3 * largest + 2 * pixels))
    copies = COPIES_OF_WEIGHTS * weights
    sizes = {_field_of_batch(recipe): batch, "embedding_dim": max(copies, end), "image_size": held - copies}
    return Estimate(held, max(batch, end), max(sizes, key=lambda field: sizes[field]))


def memory_of_runs(memory: int | None, device: torch.device) -> int:
    """The bytes that all runs together may take: `memory`, or a share of what is free on the device or the machine."""
    if memory is not None:
        return memory
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_bytes()
    return int(_SHARE_OF_FREE * free)


def require_memory(recipe: Recipe, dataset: Dataset, memory: int, workers: int) -> None:
    """Raises SiameseError, with the number and the field to lower, for a run that takes more than its share.

    memory: bytes of all runs together. So many workers train at once and divide it; but one run alone gets a gigabyte,
    if there is as much, so that many cores do not make every run too large.
    """
    most = max(memory // workers, min(memory, _ENOUGH_FOR_ONE))
    needed = estimate(recipe, dataset)
    if needed.total > most:
        value = getattr(recipe.fitted(dataset.train), needed.lower)
        now = "" if value is None else f" (now {value})"
        raise SiameseError(
            f"This run would take about {needed.total / 1e9:.1f} GB of memory, and {most / 1e9:.1f} GB is the most for "
            f"one run here; lower {needed.lower}{now}."
        )


def _shape(recipe: Recipe, bank: ImageBank) -> tuple[int, int, int]:
    channels, height, width = bank.images.shape[1:]
    side = recipe.image_size
    return (1 if recipe.grey else channels, *((height, width) if side is None else (side, side)))


def _images(recipe: Recipe) -> int:
    """How many images one step embeds."""
    if recipe.batching == "all-pairs":
        return recipe.classes_per_batch * recipe.images_per_class
    return _BATCHES_IMAGES[recipe.batching] * recipe.batch_size


def _field_of_batch(recipe: Recipe) -> str:
    if recipe.batching != "all-pairs":
        return "batch_size"
    return "classes_per_batch" if recipe.classes_per_batch >= recipe.images_per_class else "images_per_class"


def _loss_bytes(recipe: Recipe, images: int) -> int:
    """Of the matrices over all pairs of a batch; the soft triplet loss over all triplets has a cube of numbers."""
    if recipe.batching != "all-pairs":
        return 0
    square = images * images
    # Manhattan and learned distances subtract every pair of embeddings; the others are matrix products.
    between = recipe.embedding_dim if recipe.similarity in ("manhattan", "exponential", "learned") else 1
    cube = images if recipe.loss == "triplet" and recipe.mining == "all" and recipe.soft_margin else 0
    return _FLOAT * square * (12 + 3 * between + 4 * cube)
