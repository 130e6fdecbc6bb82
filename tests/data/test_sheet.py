"""The contact sheet: the right images in the right rows, tidy at any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from siamese.data.bank import ImageBank
from siamese.data.sheet import contact_sheet


def _bank(
    counts: list[int], channels: int = 3, size: tuple[int, int] = (8, 8), partner: bool = False, name: str = "class"
) -> ImageBank:
    """Every image one colour: red tells the class, green the image, blue the domain (30, partner 60)."""
    n = sum(counts)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    within = torch.cat([torch.arange(count) for count in counts])
    colours = torch.stack([100 + 9 * labels, 10 + 9 * within, torch.full((n,), 30)], 1).byte()
    images = colours[:, :channels, None, None].expand(n, channels, *size).contiguous()
    return ImageBank(
        images=images,
        counts=torch.tensor(counts),
        class_names=tuple(f"{name} {c}" for c in range(len(counts))),
        groups=torch.arange(len(counts)) % 2,
        group_names=("even", "odd"),
        partner=images + torch.tensor([0, 0, 30], dtype=torch.uint8)[:channels, None, None] if partner else None,
    )


def _in_domain(pixels: np.ndarray, blue: int) -> np.ndarray:
    # Text and paper are grey: none of their pixels is red without being blue.
    return (pixels[..., 2] == blue) & (pixels[..., 0] >= 100)


def _tiles(sheet: Image.Image, blue: int) -> list[list[tuple[int, int]]]:
    """For each row of images on the sheet, from the top: (class, image) of each tile, from the left."""
    pixels = np.asarray(sheet)
    rows: list[list[tuple[int, int]]] = []
    for line in pixels:
        of_image = line[_in_domain(line, blue)]
        if not len(of_image):
            continue
        changes = np.flatnonzero(np.any(np.diff(of_image.astype(int), axis=0), axis=1)) + 1
        found = [((int(run[0][0]) - 100) // 9, (int(run[0][1]) - 10) // 9) for run in np.split(of_image, changes)]
        if not rows or rows[-1] != found:
            rows.append(found)
    return rows


def test_rows_hold_different_images_of_one_class() -> None:
    sheet = contact_sheet(_bank([7, 6, 9, 8]), classes=3, images_per_class=5, seed=1)
    assert sheet.mode == "RGB"
    rows = _tiles(sheet, 30)
    assert len(rows) == 3
    for row in rows:
        assert len(row) == 5
        assert len({c for c, _ in row}) == 1
        assert len({image for _, image in row}) == 5
    assert [row[0][0] for row in rows] == sorted(row[0][0] for row in rows), "in the order of the bank"


def test_partners_of_the_same_picks_stand_beside() -> None:
    bank = _bank([6, 6, 6], partner=True)
    sheet = contact_sheet(bank, classes=3, images_per_class=4, seed=0)
    assert _tiles(sheet, 60) == _tiles(sheet, 30)
    assert len(_tiles(sheet, 60)) == 3
    left = np.flatnonzero(_in_domain(np.asarray(sheet), 30).any(0)).max()
    right = np.flatnonzero(_in_domain(np.asarray(sheet), 60).any(0)).min()
    assert left < right


def test_no_more_than_there_are() -> None:
    rows = _tiles(contact_sheet(_bank([2, 5]), classes=9, images_per_class=4, seed=0), 30)
    assert [len(row) for row in rows] == [2, 4]


def test_seed_decides_alone() -> None:
    bank = _bank([20] * 12)
    first, again, other = (contact_sheet(bank, 6, 6, seed) for seed in (5, 5, 6))
    assert first.tobytes() == again.tobytes()
    assert _tiles(first, 30) != _tiles(other, 30)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(28, 28), (64, 64), (92, 112), (250, 250), (300, 20), (4, 4)])
def test_any_size_fits(channels: int, size: tuple[int, int]) -> None:
    images = torch.full((4, channels, *size), 77, dtype=torch.uint8)
    bank = ImageBank(images, torch.tensor([2, 2]), ("a", "b"), torch.tensor([0, 0]), ("all",))
    pixels = np.asarray(contact_sheet(bank, 2, 2, 0))
    rows, columns = np.nonzero((pixels == 77).all(2))
    area = len(rows) / 4
    shown = (area * size[0] / size[1]) ** 0.5, (area * size[1] / size[0]) ** 0.5
    assert 75 < max(shown) < 151, shown
    assert min(rows.min(), columns.min()) > 10
    assert rows.max() < pixels.shape[0] - 10 and columns.max() < pixels.shape[1] - 10


def test_grey_levels_are_kept_and_pixels_stay_square() -> None:
    ramp = torch.arange(16, dtype=torch.uint8).mul(16).view(1, 1, 4, 4)
    bank = ImageBank(ramp, torch.tensor([1]), ("ramp",), torch.tensor([0]), ("all",))
    pixels = np.asarray(contact_sheet(bank, 1, 1, 0))
    for level in range(16, 208, 16):
        rows, columns = np.nonzero((pixels == level).all(2))
        height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
        assert height == width == 28 and len(rows) == 28 * 28, level


def test_long_names_are_shortened_but_keep_their_end() -> None:
    wide = contact_sheet(_bank([2], name="a name without end " * 40), 1, 2, 0)
    usual = contact_sheet(_bank([2], name="a name"), 1, 2, 0)
    assert usual.width < wide.width < usual.width + 500
    other_end = contact_sheet(_bank([2, 2], name="a name without end " * 40).select_classes([1]), 1, 2, 0)
    assert np.any(np.asarray(wide)[:, :400] != np.asarray(other_end)[:, :400])
