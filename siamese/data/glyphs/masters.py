"""Masters: every letter in every face that draws it, ready to be drawn with any pen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import ImageFilter
from torch import Tensor

from siamese.data.glyphs.shapes import FONT_SIZE, canonical_shapes, centred, code_points, letter_ink, nearest_ink
from siamese.data.ink import ink_span
from siamese.data.progress import ReportProgress

# A face may draw a letter in another form (the serif Georgian capitals, the italic г). Where it is at least this unlike
# the sans-serif form of the same slant, that face is not used for the letter.
OTHER_FORM = 2.7

Designs = tuple[tuple[str, str], ...]

# (regular, bold) of each design, upright and slanted ones in turn. The first is the reference of the upright ones, the
# second of the slanted ones.
DEJAVU: Designs = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf"),
    ("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),
    ("DejaVuSerif-Italic.ttf", "DejaVuSerif-BoldItalic.ttf"),
    ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
    ("DejaVuSansMono-Oblique.ttf", "DejaVuSansMono-BoldOblique.ttf"),
)
STIX: Designs = (
    ("STIXGeneral.ttf", "STIXGeneralBol.ttf"),
    ("STIXGeneralItalic.ttf", "STIXGeneralBolIta.ttf"),
)
FAMILY = 4  # faces of one family of fonts, such as DejaVu Sans: upright and slanted, each regular and bold
FIELD = 64  # side of a master, in pixels
SPAN = 44  # of them, the longer side of a letter
_BLUR = 1.2  # radius, in master pixels


@dataclass(frozen=True, eq=False)
class Masters:
    """Blurred pictures of letters, one for each letter and face. A low threshold on the blur gives a thick pen.

    fields: uint8 [M, 64, 64], the pictures.
    bold: bool [M], whether the face is bold.
    spans: float [M], the longer side of the letter divided by the font size.
    outline: float [M, 128, 2], points (x, y), measured from the middle; all ink lies inside their hull.
    counts: int64 [letters], how many masters a letter has. The masters of a letter stand one after the other.
    faces: int64 [M], the number of the face; a letter has each face once at most.
    """

    fields: Tensor
    bold: Tensor
    spans: Tensor
    outline: Tensor
    counts: Tensor
    faces: Tensor


def make_masters(characters: Sequence[str], report: ReportProgress, designs: Designs = DEJAVU) -> Masters:
    """The masters of these letters in the faces of these designs. report receives 0.1 to 0.4."""
    faces = _faces_of(characters, designs)
    numbers = {face: number for number, face in enumerate(face for design in designs for face in design)}
    fields, bold, spans = [], [], []
    for i, character in enumerate(characters):
        for face in faces[character]:
            ink = letter_ink(face, character)
            fields.append(np.array(centred(ink, SPAN, FIELD).filter(ImageFilter.GaussianBlur(_BLUR))))
            bold.append("Bol" in face)
            spans.append(max(ink.size) / FONT_SIZE)
        if i % 100 == 0:
            report(0.1 + 0.3 * i / len(characters))
    letter_ink.cache_clear()  # nobody needs it once the masters are made
    stacked = torch.from_numpy(np.stack(fields))
    counts = torch.tensor([len(faces[character]) for character in characters])
    of_face = torch.tensor([numbers[face] for character in characters for face in faces[character]])
    return Masters(stacked, torch.tensor(bold), torch.tensor(spans), outline_of(stacked), counts, of_face)


def _faces_of(characters: Sequence[str], designs: Designs) -> dict[str, list[str]]:
    """The faces of each letter: those that have it and draw it in the form of the reference."""
    faces: dict[str, list[str]] = {character: [] for character in characters}
    for d, design in enumerate(designs):
        regular, reference = design[0], DEJAVU[d % 2][0]
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


def outline_of(fields: Tensor) -> Tensor:
    """The first and the last ink pixel of each row, as points (x, y) from the middle: float [M, 128, 2]."""
    ink = fields > 12
    x = torch.stack(ink_span(ink), 2) - FIELD / 2
    y = (torch.arange(FIELD) + 0.5 - FIELD / 2).view(1, -1, 1).expand_as(x)
    # A row without ink gives the middle, which lies inside every hull.
    empty = ~ink.any(2, keepdim=True)
    return torch.stack([x, y], 3).masked_fill(empty[..., None], 0.0).flatten(1, 2)
