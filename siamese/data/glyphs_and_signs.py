"""Glyphs and signs: the glyph set with as many printed characters for training as the DejaVu fonts hold.

For training there are also all other letters, digits and signs of the fonts that look different, the faces of the STIX
fonts, all characters turned by quarters and mirrored, and new ones composed of their parts. A network that is to
compare characters it has never seen needs many different ones more than many images of each. The test part is that of
the glyphs. The validation part also has two alphabets with serifs, because most letters of the test part have them and
its own three alphabets have none.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import torch
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank, joined
from siamese.data.glyphs import dataset as glyphs
from siamese.data.glyphs.alphabets import distinct_letters
from siamese.data.glyphs.composed import FACES, compose
from siamese.data.glyphs.drawing import BENT, VARIED, draw, pick_faces
from siamese.data.glyphs.masters import DEJAVU, STIX, Masters, make_masters
from siamese.data.glyphs.shapes import (
    ALIKE,
    ALIKE_ACROSS_PARTS,
    alike,
    canonical_shapes,
    code_points,
    distinct,
    first_of_alike,
    is_large,
)
from siamese.data.progress import ReportProgress
from siamese.data.turned import TURNS, turned

VERSION = glyphs.VERSION << 8 | 4
IMAGES_PER_CHARACTER = 12
COMPOSED = 100_000  # characters; three of four go, because they look like others or lack faces
VALIDATION = ("Greek small letters", "Cyrillic capitals")  # in the training part of the glyphs, but not of this set

_CATEGORIES = "LNPS"  # Unicode's letters, numbers, punctuation and symbols
# Scripts of the glyphs' validation and test parts, the Hebrew letters of mathematics, and Braille, whose characters
# differ only in their dots.
_LEFT_OUT = ("GEORGIAN", "ARMENIAN", "HEBREW", "LAO", "NKO", "TIFINAGH", "BRAILLE") + tuple(
    f"{letter} SYMBOL" for letter in ("ALEF", "BET", "GIMEL", "DALET")
)


def build(seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """The glyph set with a larger training part: uint8 images [N, 1, 28, 28], light on dark.

    There are 12 images of each character that is trained on, and one of each face of a composed one. Its name and title
    are those of the glyphs, since it is them that a network trained on it is asked about. On one machine the same seed
    gives the same images. progress receives 0 to 1.
    """
    report = progress or (lambda share: None)
    dataset = glyphs.build(seed, lambda share: report(0.1 * share))
    plain = dataset.train
    validated = [plain.group_names[group] in VALIDATION for group in plain.groups.tolist()]
    letters = distinct_letters()
    in_training = [letter.character for letter in letters if letter.part == "train"]
    held_out = [letter.character for letter in letters if letter.part != "train"]
    held_out += [character for character, chosen in zip(in_training, validated) if chosen]
    numbers = _unlike(in_training, held_out)
    new = signs([in_training[i] for i in numbers], held_out)
    characters = [in_training[i] for i in numbers] + new
    report(0.2)
    generator = torch.Generator().manual_seed(seed)
    masters = make_masters(characters, lambda done: None, (*DEJAVU, *STIX))
    picks = pick_faces(masters, IMAGES_PER_CHARACTER, generator)
    images = draw(masters, picks, VARIED, generator, lambda done: report(0.2 + 0.2 * done))
    upright = ImageBank(
        images,
        torch.full((len(characters),), IMAGES_PER_CHARACTER),
        tuple(f"{unicodedata.name(character)} {character}" for character in characters),
        torch.cat([plain.groups[numbers], torch.full((len(new),), len(plain.group_names))]),
        (*plain.group_names, "Signs"),
    )
    kept = distinct_turns(characters, held_out)
    report(0.7)
    train = [turned(upright.select_classes(numbers), turn) for turn, numbers in zip(TURNS, kept)]
    train.append(_composed(masters, canonical_shapes(characters), canonical_shapes(held_out), generator))
    more = plain.select_classes([i for i, chosen in enumerate(validated) if chosen])
    report(1.0)
    return replace(dataset, train=joined(train), validation=joined([dataset.validation, more]))


def _composed(masters: Masters, known: Tensor, held_out: Tensor, generator: torch.Generator) -> ImageBank:
    """One group of composed characters. They are bent, because other fonts differ more than these do."""
    new = compose(masters, COMPOSED, known, held_out, generator)
    images = draw(new, pick_faces(new, FACES, generator), BENT, generator, lambda done: None)
    count = len(new.counts)
    return ImageBank(
        images,
        torch.full((count,), FACES),
        tuple(f"Composed {number + 1}" for number in range(count)),
        torch.zeros(count, dtype=torch.long),
        ("Composed",),
    )


def signs(letters: list[str], held_out: list[str]) -> list[str]:
    """More characters of DejaVu Sans, for training only. None looks like another one or like one of the letters.

    None belongs to a script of the glyphs' validation or test part, or looks like a letter that is held out.
    """
    known = {*letters, *held_out}
    candidates = [chr(code) for code in sorted(code_points("DejaVuSans.ttf")) if _is_sign(chr(code))]
    candidates = [sign for sign in candidates if sign not in known and is_large(sign)]
    candidates = [candidates[i] for i in _unlike(candidates, held_out)]
    shapes = canonical_shapes(candidates)
    numbers = (~alike(shapes, canonical_shapes(letters), ALIKE).any(1)).nonzero().flatten()
    return [candidates[i] for i in numbers[distinct(shapes[numbers], ALIKE)].tolist()]


def _unlike(characters: list[str], held_out: list[str]) -> list[int]:
    """The numbers of the characters that look like none that is held out."""
    leaks = alike(canonical_shapes(characters), canonical_shapes(held_out), ALIKE_ACROSS_PARTS).any(1)
    return (~leaks).nonzero().flatten().tolist()


def _is_sign(character: str) -> bool:
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] in _CATEGORIES and not any(word in name for word in _LEFT_OUT)


def distinct_turns(characters: list[str], held_out: list[str]) -> list[list[int]]:
    """For each of TURNS the numbers of the characters that, turned so, look like no other character in any turn.

    The upright characters all stay. A turned one also goes if it looks like one that is held out.
    """
    upright = canonical_shapes(characters)
    shapes = torch.cat([turn.of(upright) for turn in TURNS])
    leaks = alike(shapes, canonical_shapes(held_out), ALIKE_ACROSS_PARTS).any(1)
    leaks[: len(characters)] = False
    numbers = (~leaks).nonzero().flatten()
    # The stricter limit: an O that lies on its side is an O.
    doubles = alike(shapes[numbers], shapes[numbers], ALIKE_ACROSS_PARTS)
    doubles[: len(characters), : len(characters)] = False
    stay = numbers[first_of_alike(doubles)]
    return [(stay[stay // len(characters) == i] % len(characters)).tolist() for i in range(len(TURNS))]
