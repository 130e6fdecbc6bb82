"""Drawings: printed and handwritten characters in one data set, for a network that compares whatever somebody draws.

The printed characters are the glyphs. For training there are also all other letters, digits and signs of the DejaVu
fonts that look different. The handwritten characters are Omniglot's two small background sets (Lake, Salakhutdinov,
Tenenbaum 2015): their images, and their recorded strokes drawn again with other pens. For training, each of them gives
seven more classes (turned by quarters and mirrored), and their strokes are composed into new characters.
"""

from __future__ import annotations

import math
import unicodedata
import zlib
from pathlib import Path

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.data.cache import load_or_build
from siamese.data.composed import compose
from siamese.data.glyphs import dataset as glyphs
from siamese.data.glyphs.alphabets import distinct_letters
from siamese.data.glyphs.drawing import SIZE, VARIED, Hand, render
from siamese.data.glyphs.shapes import (
    ALIKE,
    ALIKE_ACROSS_PARTS,
    canonical_shapes,
    code_points,
    is_large,
    nearest_ink,
)
from siamese.data.image_file import read_image, to_tensor
from siamese.data.pen import Pen, draw
from siamese.data.progress import ReportProgress
from siamese.data.recorded_strokes import COLLECTIONS, curves, folder_of, is_present, read_recorded

NAME = "drawings"
TITLE = "Drawings"
VERSION = 2

VALIDATION = "Early_Aramaic"  # the smallest alphabets with 20 characters, as in the set omniglot
TEST = "Balinese"
PRINTED = (16, 8)  # training images of each printed character: varied as the glyphs are, and also bent
PEN_AGAIN = 60  # images of each handwritten character, drawn again from its strokes; three of each recorded drawing
COMPOSED = (8, 20)  # composed characters for each handwritten one, and images of each
TURNS = tuple((turn, mirror) for mirror in (False, True) for turn in range(4))

_BENT = Hand(math.radians(14), 0.22, 0.2, (0.7, 1.0), 3.0, (0.13, 0.5), warp=0.85)
_CATEGORIES = "LNPS"  # Unicode's letters, numbers, punctuation and symbols
# Scripts of the validation and test parts, and Braille, whose characters differ only in their dots.
_LEFT_OUT = ("GEORGIAN", "ARMENIAN", "HEBREW", "LAO", "NKO", "TIFINAGH", "BRAILLE")

# A handwritten character: its alphabet, its name, the files of its images, and those of its strokes in the same order.
Character = tuple[str, str, list[Path], list[Path]]


def load(data_dir: Path, seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """The data set, uint8 [N, 1, 28, 28], light on dark; groups are alphabets.

    It reads images_background_small1, images_background_small2 and the strokes_ folders of the same names, in the
    folder omniglot of the data folder. The validation part has the glyphs' validation alphabets and one handwritten
    alphabet; the test part has their test alphabets and another one. Their images are not changed. The result is
    cached in the data folder. Raises SiameseError where the folders are missing or hold something else.
    """
    if not is_present(data_dir):
        raise SiameseError(
            "Drawings needs Omniglot's small background sets with their strokes; put the folders images_background_"
            "small1, images_background_small2, strokes_background_small1 and strokes_background_small2 from "
            "github.com/brendenlake/omniglot into the folder omniglot of the data folder."
        )
    characters = _characters(data_dir)
    listing = [f"{alphabet}/{name}/{path.name} {path.stat().st_size}" for alphabet, name, *both in characters
               for path in both[0] + both[1]]  # fmt: skip

    def build(seed: int, report: ReportProgress | None) -> Dataset:
        return _build(characters, seed, report or (lambda share: None))

    version = VERSION << 32 | zlib.crc32("\n".join(listing).encode()) ^ glyphs.VERSION
    return load_or_build(NAME, build, data_dir / "cache", seed, version, progress)


def signs() -> list[str]:
    """More characters of DejaVu Sans, for training only. None looks like another one or like a glyph.

    None belongs to a script of the validation or test part, or looks like a letter of it.
    """
    letters = distinct_letters()
    others = [chr(code) for code in sorted(code_points("DejaVuSans.ttf")) if _is_sign(chr(code))]
    glyph_characters = {letter.character for letter in letters}
    others = [sign for sign in others if sign not in glyph_characters and is_large(sign)]
    shapes = canonical_shapes(others)
    near = nearest_ink(shapes, canonical_shapes([letter.character for letter in letters]))
    held_out = torch.tensor([letter.part != "train" for letter in letters])
    limit = torch.where(held_out, ALIKE_ACROSS_PARTS, ALIKE)
    candidates = (near >= limit).all(1).nonzero().flatten().tolist()
    unlike = nearest_ink(shapes[candidates], shapes[candidates]) >= ALIKE
    numbers: list[int] = []
    for number in range(len(candidates)):
        if bool(unlike[number, numbers].all()):
            numbers.append(number)
    return [others[candidates[number]] for number in numbers]


def _is_sign(character: str) -> bool:
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] in _CATEGORIES and not any(word in name for word in _LEFT_OUT)


def _characters(data_dir: Path) -> list[Character]:
    """Every character of the small sets, ordered by name. An alphabet that is in both sets counts once."""
    alphabets: dict[str, str] = {}
    for collection in COLLECTIONS:
        for folder in sorted(folder_of(data_dir, "images", collection).glob("[!.]*/")):
            alphabets.setdefault(folder.name, collection)
    characters = []
    for alphabet, collection in sorted(alphabets.items()):
        for folder in sorted((folder_of(data_dir, "images", collection) / alphabet).glob("[!.]*/")):
            images = sorted(folder.glob("[!.]*.png"))
            stroke_folder = folder_of(data_dir, "strokes", collection) / alphabet / folder.name
            strokes = [stroke_folder / f"{path.stem}.txt" for path in images]
            if len(images) < 2 or not all(path.is_file() for path in strokes):
                raise SiameseError(
                    f'Drawings needs two images of "{alphabet}/{folder.name}" or more, each with its strokes; '
                    "copy Omniglot's folders again."
                )
            characters.append((alphabet, folder.name, images, strokes))
    if len(alphabets) < 3 or not {VALIDATION, TEST} <= set(alphabets):
        raise SiameseError(
            f"Drawings needs the alphabets {VALIDATION}, {TEST} and others; copy Omniglot's folders again."
        )
    return characters


def _build(characters: list[Character], seed: int, report: ReportProgress) -> Dataset:
    printed = glyphs.build(seed, lambda share: report(0.2 * share))
    letters = [letter.character for letter in distinct_letters() if letter.part == "train"]
    names, groups = list(printed.train.class_names), printed.train.groups.tolist()
    new = signs()
    names += [f"{unicodedata.name(sign)} {sign}" for sign in new]
    groups += [len(printed.train.group_names)] * len(new)
    generator = torch.Generator().manual_seed(seed)
    hands = zip((VARIED, _BENT), PRINTED)
    rendered = [render(letters + new, hand, images, generator) for hand, images in hands]
    report(0.5)
    images = torch.cat(rendered, 1)
    in_print = ImageBank(
        images.flatten(0, 1),
        torch.full((len(names),), images.shape[1]),
        tuple(names),
        torch.tensor(groups),
        (*printed.train.group_names, "Signs"),
    )
    pen = Pen()
    by_pen: dict[str, list[tuple[str, Tensor]]] = {}
    recorded: list[list[Tensor]] = []
    for number, (alphabet, name, pictures, strokes) in enumerate(characters):
        images = torch.cat([
            to_tensor(read_image(path, path.name), (SIZE, SIZE), grey=True, invert=True)
            for path in pictures
        ])  # fmt: skip
        if alphabet not in (VALIDATION, TEST):
            drawings = [curves(read_recorded(path)) for path in strokes]
            recorded.append(drawings)
            again = [drawings[i % len(drawings)] for i in range(PEN_AGAIN)]
            images = torch.cat([images, draw(again, SIZE, pen, generator)])
        by_pen.setdefault(alphabet, []).append((name, images))
        report(0.5 + 0.3 * (number + 1) / len(characters))
    train = [in_print]
    for alphabet, classes in by_pen.items():
        if alphabet not in (VALIDATION, TEST):
            train += [_bank(alphabet, classes, turn, mirror) for turn, mirror in TURNS]
    count, each = COMPOSED[0] * len(recorded), COMPOSED[1]
    composed = draw(compose(recorded, count, each, generator), SIZE, pen, generator)
    composed = composed.unflatten(0, (count, each))
    train.append(_bank("Composed", [(f"character{i + 1:04}", images) for i, images in enumerate(composed)]))
    report(1.0)
    return Dataset(
        NAME,
        TITLE,
        "pen-and-print",
        "alphabets",
        _join(train),
        _join([printed.validation, _bank(VALIDATION, by_pen[VALIDATION])]),
        _join([printed.test, _bank(TEST, by_pen[TEST])]),
        dark_background=True,
    )


def _bank(alphabet: str, classes: list[tuple[str, Tensor]], turn: int = 0, mirror: bool = False) -> ImageBank:
    """One handwritten alphabet, turned by `turn` quarters and perhaps mirrored. classes: name and images of each."""
    change = (f" turned {90 * turn}°" if turn else "") + (" mirrored" if mirror else "")
    images = [(images.flip(-1) if mirror else images).rot90(turn, (2, 3)) for _, images in classes]
    return ImageBank(
        torch.cat(images),
        torch.tensor([len(of_one) for of_one in images]),
        tuple(f"{alphabet}/{name}{change}" for name, _ in classes),
        torch.zeros(len(classes), dtype=torch.long),
        (f"{alphabet} by pen{change}",),
    )


def _join(banks: list[ImageBank]) -> ImageBank:
    """Several banks as one; the groups of each stay separate."""
    before = [sum(len(bank.group_names) for bank in banks[:i]) for i in range(len(banks))]
    return ImageBank(
        torch.cat([bank.images for bank in banks]),
        torch.cat([bank.counts for bank in banks]),
        tuple(name for bank in banks for name in bank.class_names),
        torch.cat([bank.groups + first for bank, first in zip(banks, before)]),
        tuple(name for bank in banks for name in bank.group_names),
    )
