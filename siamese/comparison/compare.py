"""Comparer: two images in, their dissimilarity and a verdict out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.data.image_file import background_is_light, crop_to_aspect, to_tensor
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import as_floats


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

    def prepare(self, image: Image.Image) -> tuple[Tensor, bool]:
        """The image as the network takes it, uint8 [1, C, H, W], and whether it was inverted for its background.

        A photograph is cut around its centre to the proportions of the images that were trained on, and then stretched
        as they were; a drawing, which may reach to the edge, is only stretched.
        """
        height, width = self.checkpoint.source_size or self.checkpoint.size
        dark = self.checkpoint.dark_background
        adapted = dark is not None and background_is_light(image) == dark
        invert = adapted if dark is not None else self.checkpoint.recipe.invert
        if dark is None:
            image = crop_to_aspect(image, width, height)
        return to_tensor(image, self.checkpoint.size, self.checkpoint.channels == 1, invert), adapted

    @torch.inference_mode()
    def compare(self, left: Image.Image, right: Image.Image) -> Comparison:
        """Compares two upright images of any size and mode.

        Raises SiameseError where the network gives no finite number, since its training diverged.
        """
        (first, first_inverted), (second, second_inverted) = self.prepare(left), self.prepare(right)
        images = as_floats(torch.cat([first, second]))
        a, b = self.network.embed_pairs(images).chunk(2)
        dissimilarity = float(self.network.similarity(a, b))
        if not math.isfinite(dissimilarity):
            raise SiameseError(
                "This network gives no finite number for these images; choose one whose training did not diverge."
            )
        threshold = self.checkpoint.threshold
        return Comparison(dissimilarity, threshold, dissimilarity < threshold, (first_inverted, second_inverted))
