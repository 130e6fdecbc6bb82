"""Tensors as pictures for the page: data URIs, so no file is written."""

from __future__ import annotations

import base64
import io
import math

import torch
from PIL import Image
from torch import Tensor

from siamese.data.bank import resize


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
