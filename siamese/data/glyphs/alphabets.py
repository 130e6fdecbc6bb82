"""The alphabets of the glyph set, the part that each belongs to, and the letters that are kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch

from siamese.data.glyphs.shapes import (
    ALIKE,
    ALIKE_ACROSS_PARTS,
    canonical_shapes,
    code_points,
    first_of_alike,
    is_large,
    nearest_ink,
)


class Alphabet(NamedTuple):
    """part: of the data set.  case: the letters' category in Unicode (None: any).  ranges: code points, both ends in."""

    name: str
    part: str
    case: str | None
    ranges: tuple[tuple[int, int], ...]


_LATIN_EXTENDED = ((0x00C0, 0x024F), (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF))
_CYRILLIC_EXTENDED = ((0x0400, 0x040F), (0x0450, 0x052F), (0xA640, 0xA697))

# The order matters. Of letters that look alike the first is kept, so training comes before validation and test.
ALPHABETS: tuple[Alphabet, ...] = (
    Alphabet("Latin capitals", "train", "Lu", ((0x0041, 0x005A),)),
    Alphabet("Latin small letters", "train", "Ll", ((0x0061, 0x007A),)),
    Alphabet("Greek capitals", "train", "Lu", ((0x0386, 0x03AB),)),
    Alphabet("Greek small letters", "train", "Ll", ((0x03AC, 0x03D7), (0x03F0, 0x03F5))),
    Alphabet("Cyrillic capitals", "train", "Lu", ((0x0410, 0x042F),)),
    Alphabet("Cyrillic small letters", "train", "Ll", ((0x0430, 0x044F), *_CYRILLIC_EXTENDED)),
    Alphabet("Latin capitals, extended", "train", "Lu", _LATIN_EXTENDED),
    Alphabet("Latin small letters, extended", "train", "Ll", _LATIN_EXTENDED),
    Alphabet("Phonetic letters", "train", None, ((0x01BB, 0x01C3), (0x0250, 0x02AF), (0x1D00, 0x1D7F))),
    Alphabet("Cyrillic capitals, extended", "train", "Lu", _CYRILLIC_EXTENDED),
    Alphabet("Coptic and archaic Greek", "train", None, ((0x0370, 0x037D), (0x03D8, 0x03EF), (0x03F6, 0x03FF))),
    Alphabet("Old Italic", "train", None, ((0x10300, 0x1031E),)),
    Alphabet("Ogham", "train", None, ((0x1681, 0x169A),)),
    Alphabet("Arabic", "train", None, ((0x0620, 0x064A),)),
    Alphabet("Arabic, extended", "train", None, ((0x066E, 0x06D5),)),
    Alphabet("Canadian syllabics, vowels to K", "train", None, ((0x1401, 0x1489),)),
    Alphabet("Canadian syllabics, C to N", "train", None, ((0x148A, 0x14D2),)),
    Alphabet("Canadian syllabics, L to SH", "train", None, ((0x14D3, 0x1525),)),
    Alphabet("Canadian syllabics, Y to LH", "train", None, ((0x1526, 0x1676),)),
    Alphabet("Lao", "validation", None, ((0x0E81, 0x0EDD),)),
    Alphabet("N'Ko", "validation", None, ((0x07CA, 0x07EA),)),
    Alphabet("Tifinagh", "validation", None, ((0x2D30, 0x2D65),)),
    Alphabet("Georgian Mkhedruli", "test", None, ((0x10D0, 0x10FA),)),
    Alphabet("Georgian Asomtavruli", "test", None, ((0x10A0, 0x10C5),)),
    Alphabet("Georgian Nuskhuri", "test", None, ((0x2D00, 0x2D25),)),
    Alphabet("Armenian capitals", "test", "Lu", ((0x0531, 0x0556),)),
    Alphabet("Armenian small letters", "test", "Ll", ((0x0561, 0x0586),)),
    Alphabet("Hebrew", "test", None, ((0x05D0, 0x05EA),)),
)
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Letter:
    character: str
    alphabet: int  # its place in ALPHABETS

    @property
    def name(self) -> str:
        return f"{unicodedata.name(self.character)} {self.character}"

    @property
    def part(self) -> str:
        return ALPHABETS[self.alphabet].part


def distinct_letters() -> list[Letter]:
    """All letters but those that have the shape of an earlier one."""
    letters = list(_letters())
    shapes = canonical_shapes([letter.character for letter in letters])
    parts = torch.tensor([PARTS.index(letter.part) for letter in letters])
    limit = torch.where(parts[:, None] == parts, ALIKE, ALIKE_ACROSS_PARTS)
    return [letters[i] for i in first_of_alike(nearest_ink(shapes, shapes) < limit)]


def _letters() -> Iterator[Letter]:
    drawable = code_points("DejaVuSans.ttf")
    for number, alphabet in enumerate(ALPHABETS):
        for code in (code for low, high in alphabet.ranges for code in range(low, high + 1)):
            character = chr(code)
            name, category = unicodedata.name(character, ""), unicodedata.category(character)
            if code not in drawable or category not in ("Lu", "Ll", "Lo") or alphabet.case not in (None, category):
                continue
            if " WITH " in name or "LIGATURE" in name:  # at this size an accent is hardly seen
                continue
            if is_large(character):
                yield Letter(character, number)
