"""Comparer: two images in, their dissimilarity and a verdict out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from PIL import Image

from siamese import SiameseError
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import as_floats, prepare_image


@dataclass(frozen=True)
class Comparison:
    """dissimilarity: smaller is more alike; same: whether it is below the threshold; inverted: which of the two images
    were inverted first, because the network knows light strokes on dark alone."""

    dissimilarity: float
    threshold: float
    same: bool
    inverted: tuple[bool, bool]


class Comparer:
    """A trained network that compares images on the CPU, where two images are cheaper than on a shared GPU.

    Safe to use from several threads at once: it never changes the network.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.network = checkpoint.network()

    @torch.inference_mode()
    def compare(self, left: Image.Image, right: Image.Image) -> Comparison:
        """Compares two upright images of any size and mode.

        Raises SiameseError where the network gives no finite number, since its training diverged.
        """
        (first, first_inverted), (second, second_inverted) = (
            prepare_image(image, self.checkpoint) for image in (left, right)
        )
        images = as_floats(torch.cat([first, second]))
        a, b = self.network.embed_pairs(images).chunk(2)
        dissimilarity = float(self.network.similarity(a, b))
        if not math.isfinite(dissimilarity):
            raise SiameseError(
                "This network gives no finite number for these images; choose one whose training did not diverge."
            )
        threshold = self.checkpoint.threshold
        return Comparison(dissimilarity, threshold, dissimilarity < threshold, (first_inverted, second_inverted))
