"""The pen: drawings are repeated where they were, nothing leaves the image, and a seed repeats them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from siamese.data.pen import POINTS, WIDEST, Pen, draw, sized
from siamese.data.recorded_strokes import curves

AS_RECORDED = Pen((1.0, 1.0), 0, 0, 0, 0, 0, 0, 0, 0, 0)
LINE = curves([np.array([[0.25, 0.5], [0.75, 0.5]])])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_drawing_is_repeated_where_it_was() -> None:
    images = draw([LINE], 28, AS_RECORDED, seeded(0))
    assert (images.shape, images.dtype) == ((1, 1, 28, 28), torch.uint8)
    rows, columns = (images[0, 0] > 100).nonzero().T
    assert set(rows.tolist()) <= {13, 14}
    assert (int(columns.min()), int(columns.max())) in {(6, 21), (7, 20), (7, 21)}


def test_a_drawing_is_brought_to_a_size_in_the_middle() -> None:
    corner = curves([np.array([[0.9, 0.8], [0.9, 0.9]]), np.array([[0.85, 0.85], [0.95, 0.85], [0.95, 0.86]])])
    large = sized(corner, 0.8)
    low, high = large.amin((0, 1)), large.amax((0, 1))
    torch.testing.assert_close((low + high) / 2, torch.full((2,), 0.5))
    torch.testing.assert_close(high - low, torch.tensor([0.8, 0.8]))
    torch.testing.assert_close(large - large[0, 0], 8 * (corner - corner[0, 0]), atol=1e-4, rtol=0)
    dot = sized(curves([np.array([[0.1, 0.1], [0.11, 0.1]])]), 0.8)
    assert float((dot.amax((0, 1)) - dot.amin((0, 1))).max()) == pytest.approx(0.16, abs=1e-4)


@pytest.mark.parametrize("width", [1.0, 2.0, WIDEST])
def test_the_pen_is_as_wide_as_it_says(width: float) -> None:
    """Along a long horizontal line the ink of a column adds up to the pen's width."""
    pen = Pen((width, width), 0, 0, 0, 0, 0, 0, 0, 0, 0)
    columns = draw([LINE], 28, pen, seeded(0))[0, 0, :, 10:18].float().sum(0) / 255
    torch.testing.assert_close(columns, torch.full((8,), width), atol=0.2, rtol=0)


def test_ink_is_as_strong_as_its_distance_says() -> None:
    """Against a double loop over all pixels and points."""
    random = np.random.default_rng(0)
    strokes = curves([random.uniform(0.2, 0.8, (3, 2)) for _ in range(2)])
    image = draw([strokes], 28, Pen((2.0, 2.0), 0, 0, 0, 0, 0, 0, 0, 0, 0), seeded(0))[0, 0]
    dense = np.concatenate([
        np.stack([np.interp(np.linspace(0, POINTS - 1, 600), np.arange(POINTS), stroke[:, axis]) for axis in (0, 1)], 1)
        for stroke in strokes.double().numpy()
    ])  # fmt: skip
    for row in range(28):
        for column in range(28):
            distance = np.hypot(*(dense * 28 - 0.5 - [column, row]).T).min()
            assert abs(int(image[row, column]) / 255 - min(1.0, max(0.0, 1.5 - distance))) < 0.15


@given(seed=st.integers(0, 2**32 - 1), points=st.integers(1, 6))
def test_no_ink_is_lost_at_the_border(seed: int, points: int) -> None:
    generator = np.random.default_rng(seed)
    strokes = curves([generator.uniform(-0.3, 1.3, (points, 2)) for _ in range(3)])
    image = draw([strokes], 28, Pen(width=(0.7, 1.0)), seeded(seed))[0, 0]
    border = torch.cat([image[0], image[-1], image[:, 0], image[:, -1]])
    assert int(image.max()) > 60
    assert int(border.max()) < 255, "the middle of the pen stays inside"


def test_two_repetitions_differ_and_a_seed_repeats_them() -> None:
    stroke = curves([np.array([[0.2, 0.2], [0.8, 0.3], [0.5, 0.8]])])

    def drawn(seed: int) -> Tensor:
        return draw([stroke, stroke], 28, Pen(), seeded(seed))

    a, b = drawn(1)
    assert not torch.equal(a, b)
    assert not torch.equal(drawn(1), drawn(2))
    assert torch.equal(drawn(1), drawn(1))


def test_drawings_of_different_lengths_do_not_disturb_each_other() -> None:
    both = torch.cat([LINE, LINE.flip(2)])
    single, double = draw([LINE, both], 28, AS_RECORDED, seeded(0))
    assert torch.equal(single, draw([LINE], 28, AS_RECORDED, seeded(0))[0])
    assert torch.equal(double, draw([both], 28, AS_RECORDED, seeded(0))[0])
