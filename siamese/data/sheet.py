"""A contact sheet: rows of images, a class each, to judge a data set at a glance."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from siamese.data.bank import ImageBank

_PAPER, _INK, _QUIET = (255, 255, 255), (26, 28, 33), (112, 118, 128)
_TILE = 84  # side of one image on the sheet, in pixels
_GAP, _MARGIN, _LABEL = 8, 28, 300


def contact_sheet(bank: ImageBank, classes: int, images_per_class: int, seed: int) -> Image.Image:
    """An RGB picture of some classes of a bank, one row each: name and group at the left, images beside them.

    classes, images_per_class: how many at most; both are drawn from the seed, and the rows are sorted by group.
    Where the bank has partner images, those of the same picks stand at the right of a dividing line.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = sorted(torch.randperm(bank.classes, generator=generator)[:classes].tolist(), key=_by_group(bank))
    columns = min(images_per_class, max((int(bank.counts[c]) for c in chosen), default=0))
    sides = [bank.images] if bank.partner is None else [bank.images, bank.partner]
    tile = max(1, round(_TILE / max(bank.images.shape[2:])))
    height, width = (int(side) * tile for side in bank.images.shape[2:])
    block = columns * (width + _GAP) - _GAP

    sheet = Image.new(
        "RGB",
        (
            2 * _MARGIN + _LABEL + len(sides) * block + (len(sides) - 1) * 2 * _MARGIN,
            2 * _MARGIN + len(chosen) * (height + _GAP) - _GAP,
        ),
        _PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    for row, c in enumerate(chosen):
        top = _MARGIN + row * (height + _GAP)
        _label(draw, bank, c, top + height // 2)
        picks = torch.randperm(int(bank.counts[c]), generator=generator)[:columns] + int(bank.starts[c])
        for side, images in enumerate(sides):
            left = _MARGIN + _LABEL + side * (block + 2 * _MARGIN)
            for column, image in enumerate(images[picks.to(images.device)].cpu()):
                sheet.paste(_picture(image, (width, height)), (left + column * (width + _GAP), top))
    if len(sides) == 2:
        middle = _MARGIN + _LABEL + block + _MARGIN
        draw.line([(middle, _MARGIN), (middle, sheet.height - _MARGIN)], fill=_QUIET, width=1)
    return sheet
