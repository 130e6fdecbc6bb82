"""Where a dissimilarity comes from. Each patch of an image is hidden in turn, and the pair is compared again.

This is occlusion (Zeiler & Fergus 2014). It uses only the answers of a network, so it works for every encoder and every
similarity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from siamese.comparison.compare import Comparer, Prepared
from siamese.models.inputs import as_floats, images_per_chunk

PATCHES_ALONG = 4  # a patch is a quarter of the image wide and high, and moves by half of that


@dataclass(frozen=True, eq=False)
class Explanation:
    """images: uint8 [2, C, H, W], the two as the network sees them.  dissimilarity: of the two, nothing hidden.
    hidden: float32 [2, patches], the dissimilarity with each patch of the one or the other image hidden.
    """

    images: Tensor
    dissimilarity: float
    hidden: Tensor

    @cached_property
    def changes(self) -> Tensor:
        """float32 [2, H, W]: how much the dissimilarity changes when a place is hidden, the mean over the patches that
        cover it. Above 0 the place makes the two images more alike; below 0 it makes them more different."""
        height, width = self.images.shape[2:]
        return torch.stack([_spread(row - self.dissimilarity, height, width) for row in self.hidden])

    @property
    def decisive(self) -> tuple[int, int]:
        """The image, 0 or 1, and the number of its patch that changes the dissimilarity most when it is hidden."""
        strongest = int((self.hidden - self.dissimilarity).abs().argmax())
        return strongest // self.hidden.shape[1], strongest % self.hidden.shape[1]


@torch.inference_mode()
def explain(comparer: Comparer, left: Prepared, right: Prepared) -> Explanation:
    """Where the dissimilarity of two prepared pictures comes from."""
    images = torch.cat([left.pixels, right.pixels])
    network, similarity = comparer.network, comparer.network.similarity
    first, second = network.embed_pairs(as_floats(images)).chunk(2)
    of_left = similarity(_embedded_without(images[0], network.embed), second)
    of_right = similarity(first, _embedded_without(images[1], network.embed_right))
    return Explanation(images, float(similarity(first, second)), torch.stack([of_left, of_right]).cpu())


def check(comparer: Comparer, explanation: Explanation) -> float:
    """The dissimilarity with the decisive patch really hidden: a new picture, compared as any other pair.

    It has to agree with what the explanation says of that patch, up to the rounding of another batch.
    """
    side, patch = explanation.decisive
    pixels = [explanation.images[0], explanation.images[1]]
    rows, columns = list(places(*explanation.images.shape[2:]))[patch]
    pixels[side] = hide(pixels[side], rows, columns)
    left, right = (Prepared(image[None], False, False) for image in pixels)
    return comparer.compare_prepared(left, right).dissimilarity


def places(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """The patches of an image of that size, row by row, together covering all of it."""
    for rows in _stretches(height):
        for columns in _stretches(width):
            yield rows, columns


def hide(image: Tensor, rows: slice, columns: slice) -> Tensor:
    """uint8 [C, H, W] with that patch painted in the median colour of the image's border."""
    border = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], 1).median(1).values
    painted = image.clone()
    painted[:, rows, columns] = border[:, None, None]
    return painted


def _stretches(side: int) -> list[slice]:
    length = max(1, side // PATCHES_ALONG)
    starts = list(range(0, side - length, max(1, length // 2)))
    return [slice(start, start + length) for start in (*starts, side - length)]


def _embedded_without(image: Tensor, embed: Callable[[Tensor], Tensor]) -> Tensor:
    """Embeddings, float32 [patches, D], of uint8 [C, H, W] with each patch hidden."""
    hidden = torch.stack([hide(image, rows, columns) for rows, columns in places(*image.shape[1:])])
    return torch.cat([embed(as_floats(part)) for part in hidden.split(images_per_chunk(*image.shape[1:]))])


def _spread(changes: Tensor, height: int, width: int) -> Tensor:
    """The change of each patch, float32 [patches], laid over the places it covers and averaged: float32 [H, W]."""
    total, covered = torch.zeros(height, width), torch.zeros(height, width)
    for change, (rows, columns) in zip(changes.cpu(), places(height, width)):
        total[rows, columns] += change
        covered[rows, columns] += 1
    return total / covered
