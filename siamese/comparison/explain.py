"""Where a dissimilarity comes from: a patch of an image is hidden, place after place, and what that changes is told.

Occlusion (Zeiler & Fergus 2014). It needs nothing of a network but its answers, so it is the same for every encoder and
every similarity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from siamese.comparison.compare import Comparer
from siamese.models.inputs import as_floats, images_per_chunk, prepare_image

PATCHES_ALONG = 4  # a patch is a quarter of the image wide and high, and moves by half of that


@dataclass(frozen=True, eq=False)
class Explanation:
    """images: uint8 [2, C, H, W], the two as the network sees them.  changes: float32 [2, H, W], by how much the
    dissimilarity changes where a place of the one image is hidden, the mean over the patches that cover it. Above 0,
    what is there makes the two alike; below 0, it tells them apart."""

    images: Tensor
    changes: Tensor


@torch.inference_mode()
def explain(comparer: Comparer, left: Image.Image, right: Image.Image) -> Explanation:
    """Where the dissimilarity of two upright images of any size and mode comes from."""
    images = torch.cat([prepare_image(image, comparer.checkpoint)[0] for image in (left, right)])
    network, similarity = comparer.network, comparer.network.similarity
    first, second = network.embed_pairs(as_floats(images)).chunk(2)
    whole = similarity(first, second)
    of_left = similarity(_embedded_without(images[0], network.embed), second)
    of_right = similarity(first, _embedded_without(images[1], network.embed_right))
    height, width = images.shape[2:]
    return Explanation(images, torch.stack([_spread(d - whole, height, width) for d in (of_left, of_right)]))


def places(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """The patches of an image of that size, row by row, together covering all of it."""
    for rows in _stretches(height):
        for columns in _stretches(width):
            yield rows, columns


def _stretches(side: int) -> list[slice]:
    length = max(1, side // PATCHES_ALONG)
    starts = list(range(0, side - length, max(1, length // 2)))
    return [slice(start, start + length) for start in (*starts, side - length)]


def _embedded_without(image: Tensor, embed: Callable[[Tensor], Tensor]) -> Tensor:
    """Embeddings, float32 [patches, D], of uint8 [C, H, W] with each patch painted in the colour of its border."""
    height, width = image.shape[1:]
    border = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], 1).median(1).values
    hidden = []
    for rows, columns in places(height, width):
        one = image.clone()
        one[:, rows, columns] = border[:, None, None]
        hidden.append(one)
    return torch.cat([embed(as_floats(part)) for part in torch.stack(hidden).split(images_per_chunk(height, width))])


def _spread(changes: Tensor, height: int, width: int) -> Tensor:
    """The change of each patch, float32 [patches], laid over the places it covers and averaged: float32 [H, W]."""
    total, covered = torch.zeros(height, width), torch.zeros(height, width)
    for change, (rows, columns) in zip(changes.cpu(), places(height, width)):
        total[rows, columns] += change
        covered[rows, columns] += 1
    return total / covered
