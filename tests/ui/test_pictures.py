"""Pictures for the page: nothing is lost between a tensor and what the browser shows."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from siamese.ui.pictures import DIFFERENT, SAME, data_uri, overlay, sprite, to_image


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


def test_an_overlay_is_blue_where_images_are_made_alike_and_hatched_orange_where_they_are_told_apart() -> None:
    share = torch.zeros(8, 12)
    share[:, :4], share[:, 8:] = 1.0, -1.0
    shown = np.asarray(overlay(torch.full((1, 8, 12), 255, dtype=torch.uint8), share, 240)).astype(int)
    assert shown.shape == (160, 240, 3)
    alike, neither, apart = shown[:, :60], shown[:, 110:130], shown[:, 180:]
    assert abs(alike - SAME).max() < 60 and len(np.unique(alike.reshape(-1, 3), axis=0)) == 1
    assert (neither == 255).all(), "an image of one grey is paper where nothing changes"
    stripes = np.unique(apart.reshape(-1, 3), axis=0)
    assert len(stripes) == 2 and abs(stripes[0] - DIFFERENT).max() < 60


@pytest.mark.parametrize("dark", [True, False])
def test_an_overlay_shows_strokes_dark_on_light(dark: bool) -> None:
    image = torch.full((1, 20, 20), 0 if dark else 255, dtype=torch.uint8)
    image[0, 5:15, 9:11] = 255 if dark else 0
    shown = np.asarray(overlay(image, torch.zeros(20, 20), 20)).astype(int)
    assert shown[10, 10].max() < 160 and (shown[:, :5] == 255).all()
