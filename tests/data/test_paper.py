"""A photographed drawing: the light and the paper are taken out, the ink stays where it was, anything else is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from siamese.data.paper import even_paper
from siamese.data.strokes import Hand, draw_strokes, fit_drawing

SHAPE = [[(0.3, 0.25), (0.65, 0.3), (0.7, 0.55), (0.35, 0.7)], [(0.3, 0.5), (0.7, 0.7)]]
HAND = Hand(extent=0.6, off_centre=0.1, pen=0.08)


def ink(pen: float = 0.02, side: int = 300) -> np.ndarray:
    """The drawing, 1 where there is ink."""
    image = Image.new("L", (side, side))
    brush = ImageDraw.Draw(image)
    for stroke in SHAPE:
        brush.line([(x * side, y * side) for x, y in stroke], fill=255, width=round(pen * side), joint="curve")
    return np.asarray(image, dtype=float) / 255


def photographed(drawn: np.ndarray, light: np.ndarray, paper: float, left: float, noise: float = 2.0) -> Image.Image:
    """What a camera sees. light: share of the light that falls on each place. left: of the light, what ink reflects."""
    values = paper * light * (1 - (1 - left) * drawn)
    values = np.asarray(
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8)), float
    )
    values = values + np.random.default_rng(0).normal(0, noise, values.shape)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")


def slope(side: int, strength: float, angle: float) -> np.ndarray:
    y, x = np.mgrid[-0.5 : 0.5 : side * 1j, -0.5 : 0.5 : side * 1j]
    return 1 + strength * (x * np.cos(angle) + y * np.sin(angle))


@settings(deadline=None, max_examples=25)
@given(strength=st.floats(0, 0.7), angle=st.floats(0, 6.3), paper=st.floats(110, 220), left=st.floats(0.2, 0.6))
def test_uneven_light_leaves_dark_ink_on_white(strength: float, angle: float, paper: float, left: float) -> None:
    drawn = ink()
    mended = even_paper(photographed(drawn, slope(300, strength, angle), paper, left))
    assert mended is not None
    values = np.asarray(mended.resize((300, 300)), dtype=float)
    heart = np.asarray(Image.fromarray((255 * drawn).astype(np.uint8)).filter(ImageFilter.MinFilter(3))) > 0
    far = np.asarray(Image.fromarray((255 * drawn).astype(np.uint8)).filter(ImageFilter.MaxFilter(9))) == 0
    assert values[heart].mean() < 40 and (values[far] > 235).mean() > 0.995


def test_the_edge_of_a_shadow_is_no_ink() -> None:
    shadow = 1 - 0.4 / (1 + np.exp(-60 * slope(300, 1, 0.7) + 60))
    mended = even_paper(photographed(ink(), shadow, 190, 0.35))
    assert mended is not None
    far = np.asarray(Image.fromarray((255 * ink()).astype(np.uint8)).filter(ImageFilter.MaxFilter(9))) == 0
    assert (np.asarray(mended.resize((300, 300)))[far] > 200).mean() > 0.99


def test_chalk_on_a_grey_board_becomes_light_on_black() -> None:
    board = 90 * slope(300, 0.4, 2.0) * (1 - ink(0.03)) + 200 * ink(0.03)
    mended = even_paper(Image.fromarray(board.clip(0, 255).astype(np.uint8)))
    assert mended is not None
    values = np.asarray(mended)
    assert np.median(values) == 0 and values.max() == 255


def test_what_is_even_already_or_no_drawing_is_left_alone() -> None:
    drawn = draw_strokes(tuple(tuple(stroke) for stroke in SHAPE), 120)
    assert even_paper(drawn) is None and even_paper(Image.eval(drawn, lambda value: 255 - value)) is None
    assert even_paper(Image.new("RGB", (80, 60), (140, 140, 140))) is None
    random = np.random.default_rng(1)
    assert even_paper(Image.fromarray(random.integers(0, 256, (64, 64), dtype=np.uint8))) is None
    shades = Image.fromarray(random.integers(0, 256, (9, 9), dtype=np.uint8)).resize(
        (200, 200), Image.Resampling.BICUBIC
    )
    assert even_paper(shades) is None
    assert even_paper(Image.fromarray((180 * slope(200, 0.6, 1)).clip(0, 255).astype(np.uint8))) is None
    green = Image.new("RGB", (200, 200), (20, 160, 30))
    green.paste((10, 40, 10), (60, 80, 120, 90))
    assert even_paper(green) is None, "no paper is as green"
    for size in ((1, 1), (2, 400), (3, 3)):
        assert even_paper(Image.new("L", size, 100)) is None


@pytest.mark.parametrize("pen", [0.008, 0.02, 0.05])
def test_a_photograph_is_fitted_as_the_drawing_itself(pen: float) -> None:
    """A saved drawing and a photograph of it meet the network as nearly the same picture, whatever pen was used."""
    saved = draw_strokes(tuple(tuple(stroke) for stroke in SHAPE), 300)
    wanted = np.asarray(fit_drawing(saved, HAND).resize((28, 28), Image.Resampling.BOX), float)
    photo = fit_drawing(photographed(ink(pen), slope(300, 0.5, 1.0), 150, 0.4), HAND)
    got = np.asarray(photo.convert("L").resize((28, 28), Image.Resampling.BOX), float)
    assert photo.mode == "RGB" and np.corrcoef(wanted.ravel(), got.ravel())[0, 1] > 0.8
    assert got.min() < 60 and np.median(got) > 250


@pytest.mark.parametrize("chalk", [False, True])
def test_a_stroke_wider_than_the_window_is_no_shadow(chalk: bool) -> None:
    """A bold letter of 28 pixels, enlarged: its thick side, soft at the edge, was once taken for a shadow on the paper."""
    bold = Image.new("L", (28, 28), 255)
    bold.paste(130, (7, 5, 16, 24))
    bold.paste(0, (8, 5, 15, 24))
    bold.paste(0, (15, 5, 24, 8))
    saved = bold.resize((112, 112), Image.Resampling.NEAREST)
    assert even_paper(ImageOps.invert(saved) if chalk else saved) is None
