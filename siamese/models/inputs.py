"""The input of a network: images resized, made grey or inverted as its recipe says, as floats from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from siamese.data.bank import ImageBank
from siamese.data.image_file import background_is_light, crop_to_aspect, to_tensor
from siamese.data.strokes import Stroke, draw_strokes, fit_drawing
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe


def prepare_bank(recipe: Recipe, bank: ImageBank) -> ImageBank:
    """The bank as the recipe's network sees it: resized, grey, inverted, on the bank's device."""
    size = None if recipe.image_size is None else (recipe.image_size, recipe.image_size)
    return bank.prepared(size, recipe.grey, recipe.invert)


def two_domains(recipe: Recipe, bank: ImageBank) -> bool:
    """Whether the right image of a pair comes from the bank's second domain. Only pairs have a left and a right."""
    return bank.partner is not None and recipe.batching == "pairs"


# Bytes of one chunk of images that are embedded, compared or resized; a few chunks exist at a time.
CHUNK_BYTES = 64 << 20
_CHUNK_PIXELS = 1 << 18


def images_per_chunk(height: int, width: int) -> int:
    """How many images of this size are embedded at a time, at most 256.

    The largest encoder needs about 800 bytes for each input pixel (64 filters, three maps at once, float32), so a chunk
    takes about 200 MB, whatever the size of the images.
    """
    return max(1, min(256, _CHUNK_PIXELS // (height * width)))


def rows_per_chunk(numbers: int) -> int:
    """How many rows of `numbers` float32 numbers are compared at a time, at most 4,096."""
    return max(1, min(4096, CHUNK_BYTES // (4 * numbers)))


def as_floats(images: Tensor, channels_last: bool = True) -> Tensor:
    """uint8 [n, C, H, W] → float32 from 0 to 1, in the memory format that is fastest for convolutions."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return images.float().div_(255).contiguous(memory_format=layout)


def prepare_image(image: Image.Image, checkpoint: Checkpoint) -> tuple[Tensor, bool]:
    """A visitor's picture as the input of a trained network, and whether it was inverted because of its background.

    image: upright, of any size and mode. Returns uint8 [1, C, H, W] and a bool.
    A photograph is cropped around its centre to the proportions of the training images, then resized as they were. A
    drawing is centred and scaled like the training drawings, if the checkpoint has their measures; else only resized.
    """
    calibration = checkpoint.calibration
    if calibration is not None and calibration.hand is not None and checkpoint.dark_background is not None:
        image = fit_drawing(image, calibration.hand)
    height, width = checkpoint.source_size or checkpoint.size
    dark = checkpoint.dark_background
    adapted = dark is not None and background_is_light(image) == dark
    invert = adapted if dark is not None else checkpoint.recipe.invert
    if dark is None:
        image = crop_to_aspect(image, width, height)
    return to_tensor(image, checkpoint.size, checkpoint.channels == 1, invert), adapted


def prepare_strokes(strokes: Sequence[Stroke], checkpoint: Checkpoint) -> Tensor:
    """Turns strokes from the drawing pad into the input of a trained network: uint8 [1, C, H, W].

    Pen, place and size are those of the training drawings, if the checkpoint has their measures.
    """
    calibration = checkpoint.calibration
    hand = None if calibration is None else calibration.hand
    drawing = draw_strokes(strokes, 4 * max(checkpoint.size), hand)
    invert = checkpoint.recipe.invert if checkpoint.dark_background is None else checkpoint.dark_background
    return to_tensor(drawing, checkpoint.size, checkpoint.channels == 1, invert)
