"""What a network takes in: images resized, grey or inverted as its recipe says, and as floats from 0 to 1."""

from __future__ import annotations

import torch
from torch import Tensor

from siamese.data.bank import ImageBank
from siamese.recipes import Recipe


def prepare_bank(recipe: Recipe, bank: ImageBank) -> ImageBank:
    """The bank as the recipe's network sees it: resized, grey, inverted, on the bank's device."""
    size = None if recipe.image_size is None else (recipe.image_size, recipe.image_size)
    return bank.prepared(size, recipe.grey, recipe.invert)


def two_domains(recipe: Recipe, bank: ImageBank) -> bool:
    """Whether the right image of a pair comes from the bank's second domain; pairs alone have a left and a right."""
    return bank.partner is not None and recipe.batching == "pairs"


def as_floats(images: Tensor, channels_last: bool = True) -> Tensor:
    """uint8 [n, C, H, W] → float32 in 0 to 1, in the memory format convolutions like best."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return images.float().div_(255).contiguous(memory_format=layout)
