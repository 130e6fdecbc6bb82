"""Tensors as pictures a page can show: data URIs, so that no file is written and none is left behind."""

from __future__ import annotations

import base64
import io
import math

import torch
import torch.nn.functional as F
from PIL import Image, ImageColor
from torch import Tensor

from siamese.data.bank import resize
from siamese.export import figures

SAME, DIFFERENT = (ImageColor.getrgb(hue) for hue in (figures.SAME, figures.DIFFERENT))


def to_image(pixels: Tensor) -> Image.Image:
    """A Pillow image of uint8 [C, H, W] with 1 or 3 channels."""
    array = pixels.cpu().permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def data_uri(image: Image.Image) -> str:
    """The picture as a PNG data URI."""
    out = io.BytesIO()
    image.save(out, format="PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def sprite(images: Tensor, size: int) -> tuple[str, int]:
    """All of uint8 [n, C, H, W] in one picture of size×size tiles, row by row: its data URI and the tiles in a row."""
    columns = max(1, math.ceil(math.sqrt(len(images))))
    rows = math.ceil(len(images) / columns)
    tiles = resize(images, (size, size))
    filled = torch.zeros(columns * rows, *tiles.shape[1:], dtype=torch.uint8)
    filled[: len(tiles)] = tiles.cpu()
    channels = tiles.shape[1]
    sheet = filled.view(rows, columns, channels, size, size).permute(2, 0, 3, 1, 4)
    return data_uri(to_image(sheet.reshape(channels, rows * size, columns * size))), columns


def overlay(image: Tensor, share: Tensor, side: int) -> Image.Image:
    """A faint uint8 [C, H, W] image, side pixels wide, under what each place does: share is float [H, W] from −1 to 1,
    blue above 0, orange and hatched below, the stronger the farther from 0."""
    height = max(1, round(side * image.shape[1] / image.shape[2]))
    grey = resize(image[None], (height, side))[0].float().mean(0)
    ink = grey if float(grey.median()) < 128 else 255 - grey  # light strokes on dark are shown dark on light
    paper = 255 - 0.45 * ink
    strength = F.interpolate(share[None, None].float(), (height, side), mode="bilinear", align_corners=False)[0, 0]
    across = torch.arange(height)[:, None] + torch.arange(side)
    stripes = (across % 8 < 4).float()
    amount = torch.where(strength > 0, strength, -strength * (0.45 + 0.55 * stripes)).clamp(0, 1) * 0.85
    colour = torch.where((strength > 0)[..., None], torch.tensor(SAME), torch.tensor(DIFFERENT))
    mixed = paper[..., None] * (1 - amount[..., None]) + colour * amount[..., None]
    return to_image(mixed.round().byte().permute(2, 0, 1))
