"""Images per second of a ResNet-18 on triplets: one forward pass for each part, or one for all three."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from siamese.commands.benchmark.bench import Bench
from siamese.learning.losses import triplet_loss
from siamese.models.encoders import build_encoder
from siamese.models.similarity import Similarity
from siamese.recipes import RECIPES

ABOUT = (
    "Images per second, forward and backward, of a ResNet-18 with a 128-d embedding and the triplet loss, on random "
    "colour images. `three_passes` embeds anchors, positives and negatives in a float32 pass each; `one_pass` embeds "
    "all of them at once, channels-last, in the precision named. The ways take turns, and the median step counts."
)


class Sizes(NamedTuple):
    """batch: triplets.  side: of the images, in pixels.  steps: of each way."""

    batch: int
    side: int
    steps: int


def _sizes(bench: Bench) -> Sizes:
    recipe = RECIPES["resnet18-triplet"]
    assert recipe.image_size is not None
    steps = 50 if bench.device.type == "cuda" else 3 if bench.quick else 10
    return Sizes(recipe.batch_size, recipe.image_size, steps)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row for each way."""
    sizes = sizes or _sizes(bench)
    ways = {
        ("three_passes", "float32"): _three_passes(bench, sizes),
        ("one_pass", "float32"): _one_pass(bench, sizes, torch.float32),
        ("one_pass", "bfloat16"): _one_pass(bench, sizes, torch.bfloat16),
    }
    seconds: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    for number in range(sizes.steps + 1):
        for way, step in ways.items():
            clock = bench.clock()
            with clock:
                step()
            if number:  # the first step prepares kernels
                seconds[way].append(clock.seconds)
    for (who, precision), taken in seconds.items():
        images_per_s = 3 * sizes.batch / statistics.median(taken)
        yield bench.row(
            "resnet", who=who, precision=precision, images_per_s=images_per_s, batch=3 * sizes.batch, side=sizes.side
        )


def _parts(bench: Bench, sizes: Sizes) -> tuple[torch.nn.Module, Tensor, Similarity]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_encoder("resnet18", 3, (sizes.side, sizes.side), 128).to(bench.device)
        images = torch.rand(3 * sizes.batch, 3, sizes.side, sizes.side).to(bench.device)
    return network, images, Similarity("euclidean", 128)


def _three_passes(bench: Bench, sizes: Sizes) -> Callable[[], None]:
    network, images, similarity = _parts(bench, sizes)
    parts = images.chunk(3)

    def step() -> None:
        network.zero_grad()
        anchor, positive, negative = (network(part) for part in parts)
        triplet_loss(similarity(anchor, positive), similarity(anchor, negative), 0.5, soft=False).backward()

    return step


def _one_pass(bench: Bench, sizes: Sizes, precision: torch.dtype) -> Callable[[], None]:
    network, images, similarity = _parts(bench, sizes)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        network.zero_grad()
        with torch.autocast(bench.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            embeddings = network(images)
        anchor, positive, negative = embeddings.chunk(3)
        triplet_loss(similarity(anchor, positive), similarity(anchor, negative), 0.5, soft=False).backward()

    return step
