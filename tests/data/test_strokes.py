"""Drawings from the pad: what is accepted, and where the ink ends up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from siamese import SiameseError
from siamese.data.strokes import (
    MOST_POINTS,
    MOST_STROKES,
    Hand,
    centre_drawing,
    draw_strokes,
    fit_drawing,
    read_strokes,
)

HAND = Hand(extent=0.6, off_centre=0.1, pen=0.08)
POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12)


def ink_box(image: Image.Image) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the dark ink, as shares of the side."""
    dark = np.asarray(image.convert("L")) < 128
    ys, xs = np.nonzero(dark)
    return xs.min() / image.width, ys.min() / image.height, (xs.max() + 1) / image.width, (ys.max() + 1) / image.height


@given(st.lists(POINTS, min_size=1, max_size=4))
def test_a_drawing_is_centred_and_scaled(strokes: list[list[tuple[float, float]]]) -> None:
    left, top, right, bottom = ink_box(draw_strokes(read_strokes(strokes), 200, HAND))
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.02) and (top + bottom) / 2 == pytest.approx(0.5, abs=0.02)
    xs, ys = zip(*(point for stroke in strokes for point in stroke))
    longest = max(max(xs) - min(xs), max(ys) - min(ys))
    if longest >= 0.05:
        assert max(right - left, bottom - top) == pytest.approx(HAND.extent, abs=0.03)


def test_where_it_was_drawn_and_how_large_changes_nothing() -> None:
    shape = [[(0.1, 0.1), (0.5, 0.2), (0.3, 0.5)]]
    small = [[(0.6 + 0.3 * x, 0.7 + 0.3 * y) for x, y in stroke] for stroke in shape]
    one, other = (np.asarray(draw_strokes(read_strokes(strokes), 64, HAND), int) for strokes in (shape, small))
    assert np.abs(one - other).mean() < 2


def test_without_a_hand_the_pad_is_drawn_as_it_is() -> None:
    left, top, right, bottom = ink_box(draw_strokes((((0.25, 0.25), (0.25, 0.75)),), 200))
    assert (left + right) / 2 == pytest.approx(0.25, abs=0.01) and bottom - top == pytest.approx(0.56, abs=0.02)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "strokes",
        {},
        [[]],
        [None],
        [[[0.1]]],
        [[[0.1, "a"]]],
        [[[0.1, float("nan")]]],
        [[[0.1, True]]],
        [[[0.1, 1e999]]],
        [[[0, 0]]] * (MOST_STROKES + 1),
        [[[0, 0]] * (MOST_POINTS + 1)],
        [],
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(SiameseError):
        read_strokes(value)


def test_points_beyond_the_pad_stay_on_it() -> None:
    assert read_strokes([[[-3, 0.5], [7, 1e30]]]) == (((0.0, 0.5), (1.0, 1.0)),)


def test_a_saved_drawing_is_fitted_and_a_photograph_left_alone() -> None:
    paper = Image.new("RGB", (400, 300), (240, 238, 230))
    paper.paste((20, 20, 30), (300, 40, 340, 100))
    fitted = fit_drawing(paper, HAND)
    left, top, right, bottom = ink_box(fitted)
    assert fitted.width == fitted.height and bottom - top == pytest.approx(0.6, abs=0.03)
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.03) and (top + bottom) / 2 == pytest.approx(0.5, abs=0.03)
    assert fitted.getpixel((0, 0)) == (240, 238, 230)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    assert fit_drawing(noise, HAND) is noise and fit_drawing(Image.new("L", (30, 30), 255), HAND).size == (30, 30)


@given(st.floats(0.2, 0.5), st.floats(-0.1, 0.1), st.integers(3, 12), st.booleans())
def test_a_smaller_character_is_fitted_whatever_its_place_and_pen(size: float, x: float, pen: int, chalk: bool) -> None:
    """Two people write one character, one of them smaller: the network is to see both at the size it was trained on."""
    paper = Image.new("L", (200, 200), 255)
    low = (1 - size) / 2
    points = [(200 * (low + size * a + x), 200 * (low + size * b)) for a, b in [(0, 0), (1, 0.1), (0.2, 1), (0.9, 0.8)]]
    ImageDraw.Draw(paper).line(points, fill=0, width=pen, joint="curve")
    fitted = fit_drawing(ImageOps.invert(paper) if chalk else paper, HAND)
    left, top, right, bottom = ink_box(ImageOps.invert(fitted) if chalk else fitted)
    assert fitted.width == fitted.height
    length = max(right - left, bottom - top) - pen / fitted.width
    assert length == pytest.approx(HAND.length, rel=0.1)
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.1) and (top + bottom) / 2 == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("extent", [0.3, 0.6, 0.8])
def test_a_large_drawing_stays_unless_its_set_brings_all_to_one_size(extent: float) -> None:
    drawn = draw_strokes((((0.2, 0.2), (0.2, 0.8), (0.8, 0.8)),), 100, Hand(extent, 0.0, HAND.pen))
    left, _, right, _ = ink_box(centre_drawing(drawn, HAND))
    assert right - left == pytest.approx(HAND.extent, abs=0.04)
    assert (fit_drawing(drawn, HAND) is drawn) is (extent >= HAND.extent)


def test_a_drawing_that_lies_as_the_training_set_does_is_unchanged() -> None:
    drawn = draw_strokes((((0.2, 0.2), (0.8, 0.8)),), 100, HAND)
    assert fit_drawing(drawn, HAND) is drawn
