"""Drawings: characters in print and by pen in one set, for a network that compares whatever somebody draws.

The printed part are the glyphs and, in training alone, every other letter, digit and sign of the DejaVu fonts that has
a shape of its own. The part by pen is Omniglot's two small background sets (Lake, Salakhutdinov, Tenenbaum 2015): their
images, and their recorded strokes drawn again with other pens. In training each of their characters also counts as
seven more, turned by quarters and mirrored, and their strokes make new characters.
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
PRINTED = (16, 8)  # images of each printed character in training: moved as the glyphs are, and bent as well
PEN_AGAIN = 60  # images of each character by pen that are drawn again, three of each recorded drawing
COMPOSED = (8, 20)  # new characters for each one by pen, and images of each
TURNED = tuple((turn, mirror) for mirror in (False, True) for turn in range(4))

_BENT = Hand(math.radians(14), 0.22, 0.2, (0.7, 1.0), 3.0, (0.13, 0.5), warp=0.85)
_CATEGORIES = "LNPS"  # Unicode's letters, numbers, punctuation and symbols
# Scripts that are held out, and dots that differ in nothing but their number.
_LEFT_OUT = ("GEORGIAN", "ARMENIAN", "HEBREW", "LAO", "NKO", "TIFINAGH", "BRAILLE")

# A character by pen: its alphabet, its name, and the files of its images and strokes in one order.
Character = tuple[str, str, list[Path], list[Path]]


def load(data_dir: Path, seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """The set, uint8 [N, 1, 28, 28], light on dark; groups are alphabets.

    Read are images_background_small1, images_background_small2 and the strokes_ folders of the same names, under
    omniglot/ of the data folder. Validation are the glyphs' validation alphabets and one by pen, test their test
    alphabets and another one by pen; these images are as they were given. The set is kept in the data folder.
    Raises SiameseError where the folders are not there, or hold something else.
    """
    if not is_present(data_dir):
        raise SiameseError(
            "Drawings needs Omniglot's small background sets with their strokes; put the folders images_background_"
            "small1, images_background_small2, strokes_background_small1 and strokes_background_small2 from "
            "github.com/brendenlake/omniglot into the folder omniglot of the data folder."
        )
    found = _characters(data_dir)
    listing = [f"{alphabet}/{name}/{path.name} {path.stat().st_size}" for alphabet, name, *both in found
               for path in both[0] + both[1]]  # fmt: skip

    def build(seed: int, report: ReportProgress | None) -> Dataset:
        return _build(found, seed, report or (lambda done: None))

    version = VERSION << 32 | zlib.crc32("\n".join(listing).encode()) ^ glyphs.VERSION
    return load_or_build(NAME, build, data_dir / "cache", seed, version, progress)


def signs() -> list[str]:
    """Characters of DejaVu Sans beside the glyphs, each of a shape of its own: for training alone.

    None is of a script that is held out, nor looks like a letter of one.
    """
    letters = distinct_letters()
    others = [chr(code) for code in sorted(code_points("DejaVuSans.ttf")) if _is_sign(chr(code))]
    taken = {letter.character for letter in letters}
    others = [sign for sign in others if sign not in taken and is_large(sign)]
    shapes = canonical_shapes(others)
    near = nearest_ink(shapes, canonical_shapes([letter.character for letter in letters]))
    held_out = torch.tensor([letter.part != "train" for letter in letters])
    limit = torch.where(held_out, ALIKE_ACROSS_PARTS, ALIKE)
    candidates = (near >= limit).all(1).nonzero().flatten().tolist()
    unlike = nearest_ink(shapes[candidates], shapes[candidates]) >= ALIKE
    kept: list[int] = []
    for number in range(len(candidates)):
        if bool(unlike[number, kept].all()):
            kept.append(number)
    return [others[candidates[number]] for number in kept]


def _is_sign(character: str) -> bool:
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] in _CATEGORIES and not any(word in name for word in _LEFT_OUT)


def _characters(data_dir: Path) -> list[Character]:
    """Every character of the small sets, in the order of names; an alphabet found twice counts once."""
    alphabets: dict[str, str] = {}
    for collection in COLLECTIONS:
        for folder in sorted(folder_of(data_dir, "images", collection).glob("[!.]*/")):
            alphabets.setdefault(folder.name, collection)
    found = []
    for alphabet, collection in sorted(alphabets.items()):
        for folder in sorted((folder_of(data_dir, "images", collection) / alphabet).glob("[!.]*/")):
            images = sorted(folder.glob("[!.]*.png"))
            drawn = folder_of(data_dir, "strokes", collection) / alphabet / folder.name
            strokes = [drawn / f"{path.stem}.txt" for path in images]
            if len(images) < 2 or not all(path.is_file() for path in strokes):
                raise SiameseError(
                    f'Drawings needs two images of "{alphabet}/{folder.name}" or more, each with its strokes; '
                    "copy Omniglot's folders again."
                )
            found.append((alphabet, folder.name, images, strokes))
    if len(alphabets) < 3 or not {VALIDATION, TEST} <= set(alphabets):
        raise SiameseError(
            f"Drawings needs the alphabets {VALIDATION}, {TEST} and others; copy Omniglot's folders again."
        )
    return found


def _build(found: list[Character], seed: int, report: ReportProgress) -> Dataset:
    printed = glyphs.build(seed, lambda done: report(0.2 * done))
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
    for number, (alphabet, name, pictures, strokes) in enumerate(found):
        images = torch.cat([
            to_tensor(read_image(path, path.name), (SIZE, SIZE), grey=True, invert=True)
            for path in pictures
        ])  # fmt: skip
        if alphabet not in (VALIDATION, TEST):
            drawn = [curves(read_recorded(path)) for path in strokes]
            recorded.append(drawn)
            again = [drawn[i % len(drawn)] for i in range(PEN_AGAIN)]
            images = torch.cat([images, draw(again, SIZE, pen, generator)])
        by_pen.setdefault(alphabet, []).append((name, images))
        report(0.5 + 0.3 * (number + 1) / len(found))
    train = [in_print]
    for alphabet, named in by_pen.items():
        if alphabet not in (VALIDATION, TEST):
            train += [_bank(alphabet, named, turn, mirror) for turn, mirror in TURNED]
    characters, each = COMPOSED[0] * len(recorded), COMPOSED[1]
    composed = draw(compose(recorded, characters, each, generator), SIZE, pen, generator)
    composed = composed.unflatten(0, (characters, each))
    train.append(_bank("Composed", [(f"character{i + 1:04}", images) for i, images in enumerate(composed)]))
    report(1.0)
    return Dataset(
        NAME,
        TITLE,
        "pen-and-print",
        "alphabets",
        _joined(train),
        _joined([printed.validation, _bank(VALIDATION, by_pen[VALIDATION])]),
        _joined([printed.test, _bank(TEST, by_pen[TEST])]),
        dark_background=True,
    )


def _bank(alphabet: str, drawn: list[tuple[str, Tensor]], turn: int = 0, mirror: bool = False) -> ImageBank:
    """One alphabet by pen, turned by so many quarters and mirrored."""
    change = (f" turned {90 * turn}°" if turn else "") + (" mirrored" if mirror else "")
    images = [(images.flip(-1) if mirror else images).rot90(turn, (2, 3)) for _, images in drawn]
    return ImageBank(
        torch.cat(images),
        torch.tensor([len(of_one) for of_one in images]),
        tuple(f"{alphabet}/{name}{change}" for name, _ in drawn),
        torch.zeros(len(drawn), dtype=torch.long),
        (f"{alphabet} by pen{change}",),
    )


def _joined(banks: list[ImageBank]) -> ImageBank:
    """One bank of several, each with groups of its own."""
    before = [sum(len(bank.group_names) for bank in banks[:i]) for i in range(len(banks))]
    return ImageBank(
        torch.cat([bank.images for bank in banks]),
        torch.cat([bank.counts for bank in banks]),
        tuple(name for bank in banks for name in bank.class_names),
        torch.cat([bank.groups + first for bank, first in zip(banks, before)]),
        tuple(name for bank in banks for name in bank.group_names),
    )
