"""Handwriting: Omniglot's two small background sets, for a network that compares characters drawn with a pen.

Their images are there, and their recorded strokes drawn again with other pens (Lake, Salakhutdinov, Tenenbaum 2015).
For training, each character gives seven more classes (turned by quarters and mirrored), and the strokes are composed
into new characters. All are centred and brought to one size, because people write as large as they like: a network of
few pixels then sees as much of a small character as of a large one. A visitor's small drawing is enlarged in the same
way (strokes.fit_drawing).
"""

from __future__ import annotations

import zlib
from pathlib import Path

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank, joined
from siamese.data.cache import load_or_build
from siamese.data.composed import compose
from siamese.data.image_file import read_image, to_tensor
from siamese.data.omniglot import IMAGE_SIZE
from siamese.data.pen import Pen, draw, sized
from siamese.data.progress import ReportProgress
from siamese.data.recorded_strokes import COLLECTIONS, curves, folder_of, is_present, read_recorded
from siamese.data.strokes import Hand, centre_drawing
from siamese.data.turned import TURNS, turned

NAME = "handwriting"
TITLE = "Handwriting"
KIND, UNSEEN = "pen", "alphabets"
VERSION = 3

VALIDATION = "Early_Aramaic"  # the smallest alphabets with 20 characters, as in the set omniglot
TEST = "Balinese"
PEN_AGAIN = 60  # images of each handwritten character, drawn again from its strokes; three of each recorded drawing
HAND = Hand(extent=0.8, off_centre=0.0, pen=0.06)  # size and place of every handwritten character
COMPOSED = (96, 6)  # composed characters for each handwritten one, and images of each

# A handwritten character: its alphabet, its name, the files of its images, and those of its strokes in the same order.
Character = tuple[str, str, list[Path], list[Path]]


def load(data_dir: Path, seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """The data set, uint8 [N, 1, 28, 28], light on dark; groups are alphabets.

    It reads images_background_small1, images_background_small2 and the strokes_ folders of the same names, in the
    folder omniglot of the data folder. The validation part and the test part are an alphabet each, with the images as
    they were given but for their place and size. The result is cached in the data folder. Raises SiameseError where
    the folders are missing or hold something else.
    """
    if not is_present(data_dir):
        raise SiameseError(
            "Handwriting needs Omniglot's small background sets with their strokes; put the folders images_background_"
            "small1, images_background_small2, strokes_background_small1 and strokes_background_small2 from "
            "github.com/brendenlake/omniglot into the folder omniglot of the data folder."
        )
    characters = _characters(data_dir)
    listing = [f"{alphabet}/{name}/{path.name} {path.stat().st_size}" for alphabet, name, *both in characters
               for path in both[0] + both[1]]  # fmt: skip

    def build(seed: int, report: ReportProgress | None) -> Dataset:
        return _build(characters, seed, report or (lambda share: None))

    version = VERSION << 32 | zlib.crc32("\n".join(listing).encode())
    return load_or_build(NAME, build, data_dir / "cache", seed, version, progress)


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
                    f'Handwriting needs two images of "{alphabet}/{folder.name}" or more, each with its strokes; '
                    "copy Omniglot's folders again."
                )
            characters.append((alphabet, folder.name, images, strokes))
    if len(alphabets) < 3 or not {VALIDATION, TEST} <= set(alphabets):
        raise SiameseError(
            f"Handwriting needs the alphabets {VALIDATION}, {TEST} and others; copy Omniglot's folders again."
        )
    return characters


def _build(characters: list[Character], seed: int, report: ReportProgress) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    pen = Pen()
    by_pen: dict[str, list[tuple[str, Tensor]]] = {}
    recorded: list[list[Tensor]] = []
    for number, (alphabet, name, pictures, strokes) in enumerate(characters):
        images = torch.cat([
            to_tensor(centre_drawing(read_image(path, path.name), HAND), (IMAGE_SIZE, IMAGE_SIZE), grey=True, invert=True)
            for path in pictures
        ])  # fmt: skip
        if alphabet not in (VALIDATION, TEST):
            drawings = [curves(read_recorded(path)) for path in strokes]
            recorded.append(drawings)
            again = [sized(drawings[i % len(drawings)], HAND.length) for i in range(PEN_AGAIN)]
            images = torch.cat([images, draw(again, IMAGE_SIZE, pen, generator)])
        by_pen.setdefault(f"{alphabet} by pen", []).append((f"{alphabet}/{name}", images))
        report(0.6 * (number + 1) / len(characters))
    alphabets = {group: _bank(group, classes) for group, classes in by_pen.items()}
    validation, test = (alphabets.pop(f"{alphabet} by pen") for alphabet in (VALIDATION, TEST))
    train = [turned(alphabet, turn) for alphabet in alphabets.values() for turn in TURNS]
    count, each = COMPOSED[0] * len(recorded), COMPOSED[1]
    composed = [sized(drawing, HAND.length) for drawing in compose(recorded, count, each, generator)]
    images = draw(composed, IMAGE_SIZE, pen, generator).unflatten(0, (count, each))
    train.append(_bank("Composed", [(f"Composed/character{i + 1:04}", drawn) for i, drawn in enumerate(images)]))
    report(1.0)
    return Dataset(NAME, TITLE, KIND, UNSEEN, joined(train), validation, test, dark_background=True)


def _bank(group: str, classes: list[tuple[str, Tensor]]) -> ImageBank:
    """One group of handwritten characters.  classes: name and images of each."""
    return ImageBank(
        torch.cat([images for _, images in classes]),
        torch.tensor([len(images) for _, images in classes]),
        tuple(name for name, _ in classes),
        torch.zeros(len(classes), dtype=torch.long),
        (group,),
    )
