"""Recorded strokes: what a file may hold, and the points of its curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamese import SiameseError
from siamese.data.pen import POINTS
from siamese.data.recorded_strokes import curves, read_recorded


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


def test_curves_have_points_at_equal_distances() -> None:
    corner = np.array([[0.0, 0.0], [0.3, 0.0], [0.3, 0.1], [0.3, 0.4]])
    dot = np.array([[0.5, 0.5]])
    first, second = curves([corner, dot])
    steps = (first.diff(dim=0)).abs().sum(1)
    torch.testing.assert_close(first[[0, -1]], torch.tensor([[0.0, 0.0], [0.3, 0.4]]))
    torch.testing.assert_close(steps, torch.full((POINTS - 1,), 0.7 / (POINTS - 1)), atol=1e-5, rtol=0)
    assert torch.equal(second, torch.full((POINTS, 2), 0.5))
