"""Random changes of images: the same for the same seed, inside their ranges, and of the right shape everywhere."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from siamese.learning.augment import Transforms, apply_transforms, draw_transforms
from siamese.recipes.recipe import Augmentation

KINDS = [kind for kind in get_args(Augmentation) if kind != "none"]
MANY = 4000


def drawn(kind: str, images: int, seed: int = 0) -> Transforms:
    transforms = draw_transforms(kind, images, Generator().manual_seed(seed))
    assert transforms is not None
    return transforms


def pictures(n: int = 3, channels: int = 1, height: int = 12, width: int = 12, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, height, width, generator=Generator().manual_seed(seed))


def unchanged(n: int) -> Transforms:
    return Transforms(torch.eye(2, 3).expand(n, 2, 3), torch.ones(n))


def test_none_draws_nothing() -> None:
    generator = Generator().manual_seed(0)
    before = generator.get_state()
    assert draw_transforms("none", 5, generator) is None
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_draws_the_same_changes(kind: str, seed: int) -> None:
    first, again, other = drawn(kind, 50, seed), drawn(kind, 50, seed), drawn(kind, 50, seed + 1)
    assert torch.equal(first.matrices, again.matrices) and torch.equal(first.gains, again.gains)
    assert not torch.equal(first.matrices, other.matrices)
    a, b = (apply_transforms(pictures(50), transforms, kind) for transforms in (first, again))
    assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(1, 5), st.sampled_from([1, 3]), st.integers(2, 20), st.integers(2, 20), st.integers(0, 2**31))
def test_shape_type_and_range_stay(kind: str, n: int, channels: int, height: int, width: int, seed: int) -> None:
    before = pictures(n, channels, height, width, seed)
    after = apply_transforms(before, drawn(kind, n, seed), kind)
    assert after.shape == before.shape and after.dtype == torch.float32
    assert 0 <= float(after.min()) and float(after.max()) <= 1 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_no_change_changes_nothing(kind: str) -> None:
    before = pictures(4, 3, 9, 14)
    torch.testing.assert_close(apply_transforms(before, unchanged(4), kind), before, atol=2e-6, rtol=0)


def geometry(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sign of the first column, and scale, angle in degrees, shear of the matrices [[c·m, h − s], [s·m, c]]."""
    scale = torch.hypot(matrices[:, 0, 0], matrices[:, 1, 0])
    mirror = matrices[:, 0, 0].sign()
    sine, cosine = matrices[:, 1, 0] * mirror, matrices[:, 1, 1]
    return mirror, scale, torch.rad2deg(torch.atan2(sine, cosine)), matrices[:, 0, 1] + sine


@pytest.mark.parametrize(
    ("kind", "degrees", "scale", "shear", "shift", "brightness"),
    [
        ("shift", 0.0, 0.0, 0.0, 0.07, 0.0),
        ("affine", 12.0, 0.15, 0.2, 0.08, 0.0),
        ("faces", 8.0, 0.12, 0.08, 0.06, 0.2),
        ("koch", 10.0, 0.2, 0.3, 0.02, 0.0),
    ],
)
def test_changes_fill_their_ranges_and_stay_inside(
    kind: str, degrees: float, scale: float, shear: float, shift: float, brightness: float
) -> None:
    transforms = drawn(kind, MANY)
    mirror, scales, angles, shears = geometry(transforms.matrices)
    shifts = transforms.matrices[:, :, 2] / 2  # affine_grid counts a side as 2
    for values, middle, width in (
        (angles, 0.0, degrees),
        (scales, 1.0, scale),
        (shears, 0.0, shear),
        (shifts[:, 0], 0.0, shift),
        (shifts[:, 1], 0.0, shift),
        (transforms.gains, 1.0, brightness),
    ):
        away = values - middle
        assert float(away.abs().max()) <= width * 1.0001 + 1e-5
        assert float(away.min()) <= -0.97 * width + 1e-5 and float(away.max()) >= 0.97 * width - 1e-5
        assert abs(float(away.mean())) <= 0.05 * width + 1e-6
    if kind == "faces":
        assert 0.45 < float((mirror < 0).float().mean()) < 0.55
    else:
        assert bool((mirror > 0).all())


def test_koch_applies_each_change_with_probability_one_half() -> None:
    _, scales, angles, shears = geometry(drawn("koch", MANY).matrices)
    shifts = drawn("koch", MANY).matrices[:, :, 2]
    for values in (scales - 1, angles, shears, shifts[:, 0], shifts[:, 1]):
        assert 0.45 < float((values.abs() > 1e-6).float().mean()) < 0.55


def test_faces_are_flipped_and_nothing_else_is() -> None:
    mirrored = Transforms(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), torch.ones(1))
    before = pictures(1)
    torch.testing.assert_close(apply_transforms(before, mirrored, "faces"), before.flip(3), atol=2e-6, rtol=0)


@pytest.mark.parametrize("kind", ["shift", "affine", "koch", "faces"])
def test_what_comes_in_from_outside_is_as_the_border_is(kind: str) -> None:
    half = Transforms(torch.tensor([[[1.0, 0, 1], [0, 1, 0]]]), torch.ones(1))
    columns = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    moved = apply_transforms(columns, half, kind)
    torch.testing.assert_close(moved[0, 0, :, :4], columns[0, 0, :, 4:])
    assert moved[0, 0, :, 5:].unique().tolist() == [1.0]


def test_a_shift_moves_the_image_by_its_share_of_the_side() -> None:
    before = pictures(1, 1, 10, 10)
    right = Transforms(torch.tensor([[[1.0, 0, -2 * 0.3], [0, 1, 0]]]), torch.ones(1))
    after = apply_transforms(before, right, "shift")
    torch.testing.assert_close(after[..., 3:], before[..., :7], atol=1e-5, rtol=0)


def test_a_turn_by_a_quarter() -> None:
    angle = math.pi / 2
    turn = torch.tensor([[[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]]])
    before = pictures(1, 1, 9, 9)
    after = apply_transforms(before, Transforms(turn, torch.ones(1)), "affine")
    torch.testing.assert_close(after, before.rot90(1, (2, 3)), atol=1e-5, rtol=0)


def test_brightness_is_for_faces_and_clamped() -> None:
    bright = Transforms(torch.eye(2, 3)[None].expand(2, 2, 3), torch.tensor([0.5, 3.0]))
    before = pictures(2)
    faces = apply_transforms(before, bright, "faces")
    expected = (before * torch.tensor([0.5, 3.0]).view(2, 1, 1, 1)).clamp(0, 1)
    torch.testing.assert_close(faces, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(apply_transforms(before, bright, "affine"), before, atol=2e-6, rtol=0)


def test_each_image_has_a_change_of_its_own() -> None:
    same = pictures(1).expand(6, -1, -1, -1)
    changed = apply_transforms(same, drawn("affine", 6), "affine")
    assert len(changed.flatten(1).unique(dim=0)) == 6
    one = Transforms(*(part[2:3] for part in drawn("affine", 6)))
    torch.testing.assert_close(apply_transforms(same[:1], one, "affine"), changed[2:3])


def test_grid_sample_is_asked_for_the_images_own_size() -> None:
    transforms = drawn("affine", 2)
    before = pictures(2, 1, 10, 20)
    grid = F.affine_grid(transforms.matrices, [2, 1, 10, 20], align_corners=False)
    expected = F.grid_sample(before, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(apply_transforms(before, transforms, "affine"), expected)
