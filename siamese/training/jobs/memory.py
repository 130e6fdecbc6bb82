"""How much memory a run needs between two steps, and how much all runs of a server may take together."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from siamese.data.bank import Dataset
from siamese.models.network import build_network
from siamese.recipes import Recipe
from siamese.training.memory import free_bytes

_FLOAT = 4  # bytes
# Weights, their gradients, two moments of the optimiser, and the best and the last checkpoint.
COPIES_OF_WEIGHTS = 6
FIXED_BYTES = 8 << 20  # of every run: its history, its validation pool, and what torch stores beside the tensors


def run_bytes(recipe: Recipe, dataset: Dataset) -> int:
    """About how many bytes a run of this recipe on this data needs between two steps.

    The memory of a step itself does not count here: it is free again after the step, and each worker is inside one
    step only. Raises SiameseError for images that are too small for the encoder.
    """
    images = dataset.train.images
    channels, height, width = images.shape[1:]
    if recipe.grey:
        channels = 1
    if recipe.image_size is not None:
        height = width = recipe.image_size
    weights = _FLOAT * network_sizes(recipe, channels, height, width).parameters
    # The run needs a bank of its own only if it changes the images.
    copies = 4 if recipe.rotations_as_classes else 1
    changed = copies > 1 or recipe.invert or (channels, height, width) != tuple(images.shape[1:])
    towers = 1 if dataset.train.partner is None else 2
    bank = copies * towers * len(images) * channels * height * width if changed else 0
    # What a run remembers of each class, and its copy in the last checkpoint.
    classes = 2 * _FLOAT * copies * dataset.train.classes * recipe.embedding_dim if recipe.class_mining else 0
    return FIXED_BYTES + COPIES_OF_WEIGHTS * weights + bank + classes


class NetworkSizes(NamedTuple):
    """Counts of numbers. all_layers: the outputs of all layers for one image.  largest_layer: those of the largest layer.

    parameters: of the whole network.
    """

    all_layers: int
    largest_layer: int
    parameters: int


def network_sizes(recipe: Recipe, channels: int, height: int, width: int) -> NetworkSizes:
    """The sizes of a recipe's network for images of this shape. Raises SiameseError for images too small for it."""
    # Recipes that differ only in these fields have the same network, so they share one entry of the cache.
    plain = replace(recipe, name="", teaches="", margin=1.0, learning_rate=0.0, steps=1, validate_every=1, seed=0)
    return _network_sizes(plain, channels, height, width)


@lru_cache(maxsize=256)
def _network_sizes(recipe: Recipe, channels: int, height: int, width: int) -> NetworkSizes:
    sizes: list[int] = []

    def note(_: nn.Module, __: tuple[Tensor, ...], output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel())

    # On the "meta" device tensors have a shape but no memory.
    with torch.device("meta"), torch.no_grad():
        network = build_network(recipe, channels, (height, width), fetch=False).eval()
        for module in network.modules():
            if not any(True for _ in module.children()):
                module.register_forward_hook(note)
        network.embed_pairs(torch.empty(2, channels, height, width))
    parameters = sum(p.numel() for p in network.parameters())
    return NetworkSizes(sum(sizes) // 2, max(sizes, default=0) // 2, parameters)


def memory_for_runs() -> int:
    """How many bytes all runs of a server may take together: half of what is free when it starts."""
    return free_bytes() // 2
