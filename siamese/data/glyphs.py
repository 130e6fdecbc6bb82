"""Glyphs: the letters of many alphabets, rendered from the DejaVu fonts that matplotlib ships.

A class is a character, a group its alphabet or part of one. Whole scripts are kept for validation and test, so a
network that tells their letters apart has learned to compare, not to recite. Letters that look alike (A, Α, А) are one
shape: only the first of them is kept. Faces, weights, pen width and an affine jitter make the images of a class.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank

VERSION = 3

Progress = Callable[[float], None]

SIZE = 28  # side of an image, in pixels
IMAGES_PER_CHARACTER = 20
TWO_DOMAIN_IMAGES = 12

# Two letters are one shape where nearest_ink is below this; between the parts of the data set, where look-alikes would
# leak, it is stricter. Among the pairs just below 1.35: r and Γ, X and Χ with a tail, O and Ԍ; just below 1.5: U and an
# italic U, 9 and ց, d and ժ, Y and Ⴤ; just above: N and א.
ALIKE = 1.35
ALIKE_ACROSS_PARTS = 1.5

# Another face may draw quite another letter (the serif Georgian capitals, the italic г): one that is at least this
# unlike the sans-serif of the same slant is left out.
OTHER_FORM = 2.7

# (regular, bold) of each design; the first is the reference of the upright ones, the second of the slanted ones.
_DESIGNS = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf"),
    ("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),
    ("DejaVuSerif-Italic.ttf", "DejaVuSerif-BoldItalic.ttf"),
    ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
    ("DejaVuSansMono-Oblique.ttf", "DejaVuSansMono-BoldOblique.ttf"),
)
_LATIN_EXTENDED = ((0x00C0, 0x024F), (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF))
_CYRILLIC_EXTENDED = ((0x0400, 0x040F), (0x0450, 0x052F), (0xA640, 0xA697))

# alphabet, part of the data set, letter case (None: any), code points. Order matters: of letters that look alike the
# first is kept, so training's letters come before those of validation and test.
_ALPHABETS: tuple[tuple[str, str, str | None, tuple[tuple[int, int], ...]], ...] = (
    ("Latin capitals", "train", "Lu", ((0x0041, 0x005A),)),
    ("Latin small letters", "train", "Ll", ((0x0061, 0x007A),)),
    ("Greek capitals", "train", "Lu", ((0x0386, 0x03AB),)),
    ("Greek small letters", "train", "Ll", ((0x03AC, 0x03D7), (0x03F0, 0x03F5))),
    ("Cyrillic capitals", "train", "Lu", ((0x0410, 0x042F),)),
    ("Cyrillic small letters", "train", "Ll", ((0x0430, 0x044F), *_CYRILLIC_EXTENDED)),
    ("Latin capitals, extended", "train", "Lu", _LATIN_EXTENDED),
    ("Latin small letters, extended", "train", "Ll", _LATIN_EXTENDED),
    ("Phonetic letters", "train", None, ((0x01BB, 0x01C3), (0x0250, 0x02AF), (0x1D00, 0x1D7F))),
    ("Cyrillic capitals, extended", "train", "Lu", _CYRILLIC_EXTENDED),
    ("Coptic and archaic Greek", "train", None, ((0x0370, 0x037D), (0x03D8, 0x03EF), (0x03F6, 0x03FF))),
    ("Old Italic", "train", None, ((0x10300, 0x1031E),)),
    ("Ogham", "train", None, ((0x1681, 0x169A),)),
    ("Arabic", "train", None, ((0x0620, 0x064A),)),
    ("Arabic, extended", "train", None, ((0x066E, 0x06D5),)),
    ("Canadian syllabics, vowels to K", "train", None, ((0x1401, 0x1489),)),
    ("Canadian syllabics, C to N", "train", None, ((0x148A, 0x14D2),)),
    ("Canadian syllabics, L to SH", "train", None, ((0x14D3, 0x1525),)),
    ("Canadian syllabics, Y to LH", "train", None, ((0x1526, 0x1676),)),
    ("Lao", "validation", None, ((0x0E81, 0x0EDD),)),
    ("N'Ko", "validation", None, ((0x07CA, 0x07EA),)),
    ("Tifinagh", "validation", None, ((0x2D30, 0x2D65),)),
    ("Georgian Mkhedruli", "test", None, ((0x10D0, 0x10FA),)),
    ("Georgian Asomtavruli", "test", None, ((0x10A0, 0x10C5),)),
    ("Georgian Nuskhuri", "test", None, ((0x2D00, 0x2D25),)),
    ("Armenian capitals", "test", "Lu", ((0x0531, 0x0556),)),
    ("Armenian small letters", "test", "Ll", ((0x0561, 0x0586),)),
    ("Hebrew", "test", None, ((0x05D0, 0x05EA),)),
)

_PARTS = ("train", "validation", "test")
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_FONT_SIZE = 72
_SMALLEST = 0.4  # of the font size: a letter smaller than this is a mark, and a blot once it is enlarged
_FAR = 6  # pixels between two shapes that nearest_ink tells apart no further
_FIELD = 64  # side of a master, in pixels; a letter's longer side spans _SPAN of them
_SPAN = 44
_LARGEST = 23.0  # pixels of an image that the longer side of the largest letters spans
_BLUR = 1.2  # radius, in master pixels
_MARGIN = 2.0  # pixels along the border that stay empty
_CHUNK = 512


@dataclass(frozen=True)
class Hand:
    """How freely images are drawn; each is drawn evenly from ± its range, or from (low, high).

    rotation: radians.  shear, stretch: shear of the upright, log of width over height.  size: of the largest that
    fits.  shift: pixels.  pen: threshold on a master's blur, 0.5 draws the letter as it is and less a fatter one.
    warp: standard deviation of a smooth displacement, in pixels.  marks: outlined and inverted images too.
    """

    rotation: float
    shear: float
    stretch: float
    size: tuple[float, float]
    shift: float
    pen: tuple[float, float]
    warp: float = 0.0
    marks: bool = False


VARIED = Hand(math.radians(16), 0.24, 0.22, (0.7, 1.0), 3.5, (0.22, 0.5))
_PRINT = Hand(0.0, 0.0, 0.0, (0.9, 1.0), 0.5, (0.35, 0.5))
_ROUGH = Hand(math.radians(14), 0.22, 0.15, (0.8, 1.0), 1.5, (0.13, 0.45), warp=0.85, marks=True)


@dataclass(frozen=True)
class _Letter:
    character: str
    alphabet: int  # index into _ALPHABETS

    @property
    def name(self) -> str:
        return f"{unicodedata.name(self.character)} {self.character}"

    @property
    def part(self) -> str:
        return _ALPHABETS[self.alphabet][1]


def build(seed: int = 0, progress: Progress | None = None) -> Dataset:
    """The glyph set, split by script: uint8 images [N, 1, 28, 28], light on dark, 20 of each character.

    The same seed gives the same images on one machine. progress receives 0 to 1.
    """
    return _build("glyphs", "Glyphs", seed, progress, IMAGES_PER_CHARACTER, two_domains=False)


def build_two_domains(seed: int = 0, progress: Progress | None = None) -> Dataset:
    """The same characters seen twice: images are clean print, partner the rough hand of the same letter and face.

    The hand is warped, thick or thin, and by turns filled, outlined, inverted, or both. uint8 [N, 1, 28, 28] each, 12
    of each character; split as build splits.
    """
    return _build("glyphs-two-domains", "Glyphs in print and by hand", seed, progress, TWO_DOMAIN_IMAGES, True)


def render(characters: Sequence[str], hand: Hand, images: int, generator: torch.Generator) -> Tensor:
    """So many images of each character, in all faces that draw it: uint8 [characters, images, 1, 28, 28]."""
    masters = _masters(characters, lambda done: None)
    drawn = _draw(masters, _pick_faces(masters, images, generator), hand, generator, lambda done: None)
    return drawn.unflatten(0, (len(characters), images))


def nearest_ink(shapes: Tensor, others: Tensor) -> Tensor:
    """How unlike shapes are: float [n, m], in pixels, for ink masks bool [n, H, W] and [m, H, W] of one size.

    From each ink pixel of one shape to the nearest ink of the other, the fourth-power mean, so that one stroke too
    many weighs more than a slightly different curve; the larger of both directions. 0 for equal shapes.
    """
    there = _ink_share(shapes) @ _reach(others).T
    back = _reach(shapes) @ _ink_share(others).T
    return torch.maximum(there, back).pow(0.25)


def _ink_share(shapes: Tensor) -> Tensor:
    ink = shapes.flatten(1).float()
    return ink / ink.sum(1, keepdim=True)


def _reach(shapes: Tensor) -> Tensor:
    """The fourth power of each pixel's distance to the nearest ink, no more than 6 pixels: float [n, H × W]."""
    squared = torch.where(shapes, 0.0, float(_FAR**2))
    # The exact Euclidean distance transform, one axis after the other, looking no farther than counts.
    for axis in (1, 2):
        size = squared.shape[axis]
        ahead = squared.clone()
        for step in range(1, min(_FAR, size)):
            here, there = ahead.narrow(axis, 0, size - step), squared.narrow(axis, step, size - step) + step**2
            torch.minimum(here, there, out=here)
            here, there = ahead.narrow(axis, step, size - step), squared.narrow(axis, 0, size - step) + step**2
            torch.minimum(here, there, out=here)
        squared = ahead
    return squared.square().flatten(1)


def canonical_shapes(characters: Sequence[str], face: str = "DejaVuSans.ttf") -> Tensor:
    """The letters in one face, scaled so that the longer side is 28 pixels: ink masks bool [n, 32, 32]."""
    shapes = torch.zeros(len(characters), 32, 32, dtype=torch.bool)
    for i, character in enumerate(characters):
        shapes[i] = torch.from_numpy(np.array(_centred(_ink(face, character), 28, 32)) > 127)
    return shapes


def _build(name: str, title: str, seed: int, progress: Progress | None, images: int, two_domains: bool) -> Dataset:
    report = progress or (lambda done: None)
    letters = distinct_letters()
    report(0.1)
    masters = _masters([letter.character for letter in letters], report)
    generator = torch.Generator().manual_seed(seed)
    picks = _pick_faces(masters, images, generator)
    if two_domains:
        printed = _draw(masters, picks, _PRINT, generator, lambda done: report(0.4 + 0.3 * done))
        drawn = _draw(masters, picks, _ROUGH, generator, lambda done: report(0.7 + 0.3 * done))
    else:
        printed, drawn = _draw(masters, picks, VARIED, generator, lambda done: report(0.4 + 0.6 * done)), None
    bank = ImageBank.from_labels(
        printed,
        torch.arange(len(letters)).repeat_interleave(images),
        [letter.name for letter in letters],
        [letter.alphabet for letter in letters],
        [alphabet[0] for alphabet in _ALPHABETS],
        drawn,
    )
    parts = {
        part: bank.select_classes([i for i, letter in enumerate(letters) if letter.part == part]) for part in _PARTS
    }
    return Dataset(name=name, title=title, kind="print", unseen="alphabets", dark_background=True, **parts)


def distinct_letters() -> list[_Letter]:
    """The letters of the alphabets, without those that have the shape of an earlier one."""
    letters = list(_letters())
    shapes = canonical_shapes([letter.character for letter in letters])
    parts = torch.tensor([_PARTS.index(letter.part) for letter in letters])
    limit = torch.where(parts[:, None] == parts, ALIKE, ALIKE_ACROSS_PARTS)
    unlike = nearest_ink(shapes, shapes) >= limit
    kept: list[int] = []
    for i in range(len(letters)):
        if bool(unlike[i, kept].all()):
            kept.append(i)
    return [letters[i] for i in kept]


def _letters() -> Iterator[_Letter]:
    drawable = code_points("DejaVuSans.ttf")
    for alphabet, (_, _, case, ranges) in enumerate(_ALPHABETS):
        for code in (code for low, high in ranges for code in range(low, high + 1)):
            character = chr(code)
            name, category = unicodedata.name(character, ""), unicodedata.category(character)
            if code not in drawable or category not in ("Lu", "Ll", "Lo") or (case and category != case):
                continue
            if " WITH " in name or "LIGATURE" in name:  # an accented letter is its bare letter at this size
                continue
            if is_large(character):
                yield _Letter(character, alphabet)


def is_large(character: str) -> bool:
    """Whether a character is more than a mark, which would be a blot once it is enlarged."""
    return max(_ink("DejaVuSans.ttf", character).size) >= _SMALLEST * _FONT_SIZE


@lru_cache(maxsize=16)
def code_points(face: str) -> frozenset[int]:
    with TTFont(_FONTS / face, lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=16)
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS / face, _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=16384)
def _ink(face: str, character: str) -> Image.Image:
    """The letter as a grey image, cropped to its ink (1×1 and black where there is none)."""
    image = Image.new("L", (3 * _FONT_SIZE, 3 * _FONT_SIZE))
    ImageDraw.Draw(image).text((_FONT_SIZE, _FONT_SIZE // 2), character, fill=255, font=_font(face))
    return image.crop(image.getbbox() or (0, 0, 1, 1))


def _centred(ink: Image.Image, span: int, side: int) -> Image.Image:
    """The ink scaled so that its longer side is span, in the middle of a black square."""
    scale = span / max(ink.size)
    ink = ink.resize([max(1, round(length * scale)) for length in ink.size], Image.Resampling.BOX)
    square = Image.new("L", (side, side))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return square


@dataclass(frozen=True, eq=False)
class _Masters:
    """Every letter in every face that draws it, blurred: a threshold on the blur draws it with any pen.

    fields: uint8 [M, 64, 64].  bold: bool [M].  spans: float [M], longer side of the letter over the font size.
    outline: float [M, 128, 2], points (x, y) from the middle whose hull holds the ink.
    counts: int64 [letters], masters of each letter; they follow each other.
    """

    fields: Tensor
    bold: Tensor
    spans: Tensor
    outline: Tensor
    counts: Tensor


def _masters(characters: Sequence[str], report: Progress) -> _Masters:
    faces = _faces_of(characters)
    fields, bold, spans = [], [], []
    for i, character in enumerate(characters):
        for face in faces[character]:
            ink = _ink(face, character)
            fields.append(np.array(_centred(ink, _SPAN, _FIELD).filter(ImageFilter.GaussianBlur(_BLUR))))
            bold.append("Bold" in face)
            spans.append(max(ink.size) / _FONT_SIZE)
        if i % 100 == 0:
            report(0.1 + 0.3 * i / len(characters))
    _ink.cache_clear()  # of no use once the masters are made
    stacked = torch.from_numpy(np.stack(fields))
    counts = torch.tensor([len(faces[character]) for character in characters])
    return _Masters(stacked, torch.tensor(bold), torch.tensor(spans), _hull(stacked), counts)


def _faces_of(characters: Sequence[str]) -> dict[str, list[str]]:
    """The faces of each letter: those that have it, and draw it in the form of the reference."""
    faces: dict[str, list[str]] = {character: [] for character in characters}
    for d, design in enumerate(_DESIGNS):
        regular, reference = design[0], _DESIGNS[d % 2][0]
        drawable = code_points(regular) & code_points(reference)
        chosen = [character for character in characters if ord(character) in drawable]
        if regular == reference:
            unlike = torch.zeros(len(chosen))
        else:
            unlike = nearest_ink(canonical_shapes(chosen, regular), canonical_shapes(chosen, reference)).diagonal()
        for face in design:
            drawable = code_points(face)
            for character, distance in zip(chosen, unlike.tolist(), strict=True):
                if ord(character) in drawable and distance < OTHER_FORM:
                    faces[character].append(face)
    return faces


def _hull(fields: Tensor) -> Tensor:
    """The first and last inked pixel of each row, as corners from the middle: float [M, 128, 2]."""
    ink = fields > 12
    left = ink.float().argmax(2)
    right = _FIELD - ink.flip(2).float().argmax(2)
    x = torch.stack([left, right], 2).float() - _FIELD / 2
    y = (torch.arange(_FIELD) + 0.5 - _FIELD / 2).view(1, -1, 1).expand_as(x)
    # A row without ink stands in the middle, where it widens nothing.
    empty = ~ink.any(2, keepdim=True)
    return torch.stack([x, y], 3).masked_fill(empty[..., None], 0.0).flatten(1, 2)


def _pick_faces(masters: _Masters, images: int, generator: torch.Generator) -> Tensor:
    """Which master each image is drawn from: int64 [letters × images]; a letter uses its faces equally often."""
    first = masters.counts.cumsum(0) - masters.counts
    turn = torch.rand(len(masters.counts), images, generator=generator).argsort(1)
    return (first[:, None] + turn % masters.counts[:, None]).flatten()


def _draw(masters: _Masters, picks: Tensor, hand: Hand, generator: torch.Generator, report: Progress) -> Tensor:
    """One image of each picked master: uint8 [len(picks), 1, 28, 28]."""
    shape, middle = _place(masters, picks, hand, generator)
    n = len(picks)
    # A bold letter drawn with a fat pen would fill its own holes.
    pen = (_evenly(hand.pen, n, generator) + 0.15 * masters.bold[picks]).view(-1, 1, 1, 1)
    # Filled, outlined, inverted, and an inverted outline, one after the other over the images of a letter.
    outlined = (torch.arange(n) % 2 == 1) & hand.marks
    inverted = (torch.arange(n) % 4 >= 2) & hand.marks
    bends = torch.randn(n, 2, 4, 4, generator=generator) * hand.warp

    # From an output position back to the master, both in -1..1.
    back = torch.linalg.inv(shape)
    origin = back @ (SIZE / 2 - middle).unsqueeze(2)
    theta = torch.cat([back * (SIZE / _FIELD), origin * (2 / _FIELD)], 2)
    images = torch.empty(n, 1, SIZE, SIZE, dtype=torch.uint8)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        grid = F.affine_grid(theta[part], [len(theta[part]), 1, 2 * SIZE, 2 * SIZE], align_corners=False)
        if hand.warp:
            bend = bends[part].clamp(-2 * hand.warp, 2 * hand.warp)
            bend = F.interpolate(bend, size=(2 * SIZE, 2 * SIZE), mode="bilinear", align_corners=True)
            grid = grid + (bend * (2 / SIZE)).permute(0, 2, 3, 1)
        field = F.grid_sample(masters.fields[picks[part]].unsqueeze(1) / 255.0, grid, align_corners=False)
        ink = _inked(field, pen[part])
        ink = torch.where(outlined[part].view(-1, 1, 1, 1), _inked(field, hand.pen[0]) - _inked(field, 0.88), ink)
        image = F.avg_pool2d(ink, 2).mul(255).round().byte()
        images[part] = torch.where(inverted[part].view(-1, 1, 1, 1), 255 - image, image)
        report(min(1.0, (start + _CHUNK) / n))
    return images


def _inked(field: Tensor, pen: Tensor | float) -> Tensor:
    """1 where the blurred master is above the pen's threshold, with a ramp about one sample wide between."""
    return ((field - pen) * 4.0 + 0.5).clamp(0.0, 1.0)


def _place(masters: _Masters, picks: Tensor, hand: Hand, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Where each image's letter stands: a linear map (float [n, 2, 2], master to image pixels) and its middle [n, 2].

    The corners of the letter are mapped too, so that no image is cut: what would reach into the margin is drawn
    smaller, and moved only as far as there is room.
    """
    n = len(picks)
    turn, shear, stretch = (
        _evenly((-limit, limit), n, generator) for limit in (hand.rotation, hand.shear, hand.stretch)
    )
    turned = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    slanted = torch.stack([torch.ones(n), shear, torch.zeros(n), torch.ones(n)], 1).view(n, 2, 2)
    stretched = torch.diag_embed(torch.stack([(stretch / 2).exp(), (-stretch / 2).exp()], 1))
    # Small letters stay a little smaller than capitals, without being lost in the image.
    size = _LARGEST / _SPAN * masters.spans[picks].clamp(max=1.0).pow(0.35) * _evenly(hand.size, n, generator)
    shape = turned @ slanted @ stretched * size.view(-1, 1, 1)

    corners = masters.outline[picks] @ shape.transpose(1, 2)
    low, high = corners.amin(1), corners.amax(1)
    room = SIZE - 2 * (_MARGIN + 2 * hand.warp)
    shrink = (room / (high - low).amax(1)).clamp(max=1.0).view(-1, 1)
    low, high, shape = low * shrink, high * shrink, shape * shrink.unsqueeze(2)
    free = ((room - (high - low)) / 2).clamp(max=hand.shift)
    shift = (2 * torch.rand(n, 2, generator=generator) - 1) * free
    return shape, SIZE / 2 - (low + high) / 2 + shift


def _evenly(limits: tuple[float, float], n: int, generator: torch.Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(n, generator=generator)
