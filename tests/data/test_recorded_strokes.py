"""Recorded strokes: what a file may hold, and how a drawing is repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese import SiameseError
from siamese.data.recorded_strokes import Pen, draw, read_recorded

AS_RECORDED = Pen((1.0, 1.0), 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_strokes_are_read_with_y_downwards(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("START\n10.5,-21,0\n21,-21,8\nBREAK\n52.5,-105,20\nBREAK\n")
    first, second = read_recorded(path)
    np.testing.assert_allclose(first, [[0.1, 0.2], [0.2, 0.2]])
    np.testing.assert_allclose(second, [[0.5, 1.0]])


@pytest.mark.parametrize(
    "text", ["", "START\n", "START\n1,2\n", "START\n1,nan,0\n", "START\n1,x,0\n", "START\n1e9,0,0\n"]
)
def test_another_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.txt"
    path.write_text(text)
    with pytest.raises(SiameseError, match='"b.txt"'):
        read_recorded(path)


def test_a_drawing_is_repeated_where_it_was() -> None:
    stroke = np.array([[0.25, 0.5], [0.75, 0.5]])
    image = draw([stroke], 28, AS_RECORDED, np.random.default_rng(0))
    assert (image.shape, image.dtype) == ((1, 28, 28), torch.uint8)
    rows, columns = (image[0] > 100).nonzero().T
    assert set(rows.tolist()) <= {13, 14}
    assert (int(columns.min()), int(columns.max())) in {(6, 21), (7, 20), (7, 21)}


@given(seed=st.integers(0, 2**32 - 1), points=st.integers(1, 6))
def test_no_ink_is_lost_at_the_border(seed: int, points: int) -> None:
    generator = np.random.default_rng(seed)
    strokes = [generator.uniform(-0.3, 1.3, (points, 2)) for _ in range(3)]
    image = draw(strokes, 28, Pen(width=(0.7, 1.0)), generator)[0]
    border = torch.cat([image[0], image[-1], image[:, 0], image[:, -1]])
    assert int(image.max()) > 60
    assert int(border.max()) < 255, "the middle of the pen stays inside"


def test_two_repetitions_differ_and_a_seed_repeats_them() -> None:
    stroke = np.array([[0.2, 0.2], [0.8, 0.3], [0.5, 0.8]])
    a, b = (draw([stroke], 28, Pen(), np.random.default_rng(seed)) for seed in (1, 2))
    assert not torch.equal(a, b)
    assert torch.equal(a, draw([stroke], 28, Pen(), np.random.default_rng(1)))
