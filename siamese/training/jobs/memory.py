"""How much memory a run needs, and how much all runs of a server may take."""

from __future__ import annotations

import torch

from siamese.data.bank import Dataset
from siamese.models.network import build_network
from siamese.recipes import Recipe
from siamese.training.memory import free_bytes

# Weights, their gradients, two moments of the optimiser, and the best and the last checkpoint.
COPIES_OF_WEIGHTS = 6
FIXED_BYTES = 8 << 20  # of every run: its history, its validation pool and what torch keeps beside the tensors


def run_bytes(recipe: Recipe, dataset: Dataset) -> int:
    """About how many bytes a run of this recipe on this data holds between two of its steps.

    What a step itself needs is left out: it comes and goes, and only one run of each worker is inside a step.
    Raises SiameseError for images that are too small for the encoder.
    """
    images = dataset.train.images
    channels, height, width = images.shape[1:]
    if recipe.grey:
        channels = 1
    if recipe.image_size is not None:
        height = width = recipe.image_size
    with torch.device("meta"):  # shapes alone; nothing is allocated
        network = build_network(recipe, channels, (height, width), fetch=False)
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    # The bank of the run is the data set's own unless something about its images changes.
    copies = 4 if recipe.rotations_as_classes else 1
    changed = copies > 1 or recipe.invert or (channels, height, width) != tuple(images.shape[1:])
    towers = 1 if dataset.train.partner is None else 2
    bank = copies * towers * len(images) * channels * height * width if changed else 0
    return FIXED_BYTES + COPIES_OF_WEIGHTS * weights + bank


def memory_for_runs() -> int:
    """How many bytes all runs of a server may hold together: half of what is free when it starts."""
    return free_bytes() // 2
