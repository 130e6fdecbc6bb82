"""A contact sheet: one row of images for each class, to judge a data set at a glance."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from siamese.data.bank import ImageBank

_PAPER, _INK, _QUIET, _LINE = (255, 255, 255), (28, 30, 36), (118, 124, 134), (214, 218, 224)
_SIDE = 112  # roughly: the longer side of an image on the sheet, in pixels
_GAP, _MARGIN, _WIDEST_LABEL = 8, 36, 460
_NAME_SIZE, _GROUP_SIZE = 19, 16


def contact_sheet(bank: ImageBank, classes: int, images_per_class: int, seed: int) -> Image.Image:
    """An RGB picture of some classes of a bank, a row each: name and group at the left, images beside them.

    classes, images_per_class: how many, at most; drawn from the seed, and put in the order of the bank.
    Where the bank has partner images, those of the same picks stand to the right of a line.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(bank.classes, generator=generator)[:classes].sort().values.tolist()
    columns = max((min(images_per_class, int(bank.counts[c])) for c in rows), default=0)
    domains = [bank.images] if bank.partner is None else [bank.images, bank.partner]
    scale = _SIDE / max(bank.images.shape[2:])
    scale = max(1, round(scale)) if scale >= 1 else scale  # a whole factor keeps pixels square
    height, width = (max(1, round(side * scale)) for side in bank.images.shape[2:])
    block = columns * (width + _GAP) - _GAP
    labels = [_label(bank, c) for c in rows]
    label = max((int(font.getlength(text)) for lines in labels for text, font in lines), default=0) + _MARGIN

    across = 2 * _MARGIN + label + len(domains) * block + (len(domains) - 1) * 2 * _MARGIN
    sheet = Image.new("RGB", (across, 2 * _MARGIN + len(rows) * (height + _GAP) - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, c in enumerate(rows):
        top = _MARGIN + row * (height + _GAP)
        _write(draw, labels[row], top + height // 2)
        picks = torch.randperm(int(bank.counts[c]), generator=generator)[:columns] + int(bank.starts[c])
        for domain, images in enumerate(domains):
            left = _MARGIN + label + domain * (block + 2 * _MARGIN)
            for column, image in enumerate(images[picks.to(images.device)].cpu()):
                x = left + column * (width + _GAP)
                sheet.paste(_picture(image, width, height), (x, top))
                draw.rectangle((x - 1, top - 1, x + width, top + height), outline=_LINE)
    if len(domains) == 2:
        middle = _MARGIN + label + block + _MARGIN
        draw.line([(middle, _MARGIN), (middle, sheet.height - _MARGIN)], fill=_QUIET, width=2)
    return sheet


def _picture(image: Tensor, width: int, height: int) -> Image.Image:
    """One uint8 [C, H, W] image as RGB; enlarged pixels stay sharp, so that the sheet shows what a network sees."""
    picture = Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())
    enlarged = width >= picture.width
    return picture.resize((width, height), Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX)


def _label(bank: ImageBank, c: int) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """The lines beside a class: its name, and its group where there are several."""
    lines = [_cut(bank.class_names[c], _font(_NAME_SIZE))]
    if len(bank.group_names) > 1:
        lines.append(_cut(bank.group_names[int(bank.groups[c])], _font(_GROUP_SIZE)))
    return lines


def _write(draw: ImageDraw.ImageDraw, lines: list[tuple[str, ImageFont.FreeTypeFont]], middle: int) -> None:
    baselines = (middle + 7,) if len(lines) == 1 else (middle - 4, middle + 19)
    for (text, font), baseline, ink in zip(lines, baselines, (_INK, _QUIET), strict=False):
        draw.text((_MARGIN, baseline), text, ink, font, anchor="ls")


def _font(size: int) -> ImageFont.FreeTypeFont:
    face = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(face, size, layout_engine=ImageFont.Layout.BASIC)


def _cut(text: str, font: ImageFont.FreeTypeFont) -> tuple[str, ImageFont.FreeTypeFont]:
    """The text, shortened in the middle where it is too wide, because names often differ at the end."""
    keep = len(text)
    short = text
    while font.getlength(short) > _WIDEST_LABEL and keep > 2:
        keep -= 1
        short = text[: keep - keep // 3].rstrip() + "…" + text[len(text) - keep // 3 :].lstrip()
    return short, font
