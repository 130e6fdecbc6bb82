"""Pictures for the page: nothing is lost between a tensor and what the browser shows."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from siamese.ui.pictures import data_uri, sprite, to_image


def decoded(uri: str) -> np.ndarray:
    assert uri.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_keeps_every_pixel(channels: int) -> None:
    image = torch.randint(256, (channels, 7, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shown = decoded(data_uri(to_image(image)))
    assert (shown.reshape(7, 9, -1) == image.permute(1, 2, 0).numpy()).all()


@pytest.mark.parametrize("count", [1, 2, 5, 9, 10])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_tile_of_a_sprite_is_its_image(count: int, channels: int) -> None:
    images = torch.randint(256, (count, channels, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    uri, columns = sprite(images, 8)
    sheet = decoded(uri).reshape(-1, columns * 8, channels)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        tile = sheet[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        assert (tile == image.permute(1, 2, 0).numpy()).all()
