"""Omniglot: handwritten characters of fifty alphabets, twenty drawings each (Lake, Salakhutdinov, Tenenbaum 2015)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import torch

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.data.cache import load_or_build
from siamese.data.image_file import read_image, to_tensor
from siamese.data.progress import ReportProgress
from siamese.data.split import require_images
from siamese.data.torchvision_sets import download_errors, how_to_get

NAME = "omniglot"
TITLE = "Omniglot"
DESCRIPTION = "Handwritten characters of up to 50 alphabets, 20 drawings each (Lake et al. 2015)."
IMAGE_SIZE = 28
KIND, UNSEEN = "characters", "alphabets"
VERSION = 1
# A 20-way one-shot trial needs 20 characters of one alphabet.
WAY = 20


def is_present(data_dir: Path) -> bool:
    """Whether at least three alphabets lie in the data folder, one for each part."""
    return len(_alphabets(data_dir, "images_background*")) >= 3


def load(data_dir: Path, download: bool = False, progress: ReportProgress | None = None) -> Dataset:
    """Every alphabet under omniglot/ or omniglot-py/ of the data folder; uint8 [N, 1, 28, 28], light on dark.

    images_background*/ALPHABET/CHARACTER/*.png is read, the small sets included (an alphabet found twice counts
    once), and images_evaluation/ where it is there. A class is a character ("Greek/character01"), a group its alphabet.
    With images_evaluation that is the test, and some background alphabets are the validation; without it, both are
    background alphabets. The choice is fixed. The decoded images are kept in the data folder for the next start.

    download: fetch the full set through torchvision where there is nothing; what is there is never fetched again.
    Raises SiameseError where it is not there, cannot be fetched, or has a file that is no image (named).
    """
    if not is_present(data_dir):
        if not download:
            raise SiameseError(f"{TITLE} is not in the data folder; {how_to_get(NAME)}")
        _fetch(data_dir)
    background, evaluation = _alphabets(data_dir, "images_background*"), _alphabets(data_dir, "images_evaluation")
    characters = {name: _characters(folder) for name, folder in (evaluation | background).items()}
    parts = split_alphabets(
        {name: len(characters[name]) for name in background},
        [name for name in evaluation if name not in background],
    )

    def build(seed: int, report: ReportProgress | None) -> Dataset:
        done, total = 0, sum(len(drawn) for drawn in characters.values())
        banks = []
        for part in parts:
            banks.append(_bank([(name, characters[name]) for name in part], report, done, total))
            done += banks[-1].classes
        train, validation, test = banks
        return Dataset(NAME, TITLE, KIND, UNSEEN, train, validation, test, dark_background=True)

    # The same files give the same images: their names and sizes stand for them.
    listing = [
        f"{alphabet}/{character}/{path.name} {path.stat().st_size}"
        for alphabet, drawn in sorted(characters.items())
        for character, paths in drawn
        for path in paths
    ]
    version = VERSION << 32 | zlib.crc32("\n".join(listing).encode())
    return load_or_build(NAME, build, data_dir / "cache", 0, version, progress)


def split_alphabets(background: dict[str, int], evaluation: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Alphabets for training, validation and test, each in the order of their names.

    background: the number of characters of each background alphabet.
    Held out are the smallest that still hold 20 characters, so that 20-way trials within an alphabet are possible and
    training keeps most characters: about 15 % for validation, and, with no evaluation alphabets, 20 % for the test.
    """
    candidates = sorted(background, key=lambda name: (background[name] < WAY, background[name], name))
    tests = 0 if evaluation else max(1, round(0.2 * len(background)))
    validations = max(1, round(0.15 * len(background)))
    test = evaluation or candidates[:tests]
    validation = candidates[tests : tests + validations]
    return sorted(candidates[tests + validations :]), sorted(validation), sorted(test)


def _fetch(data_dir: Path) -> None:
    with download_errors(NAME, TITLE):
        import torchvision.datasets  # the import takes a second, and only a download needs it

        data_dir.mkdir(parents=True, exist_ok=True)
        for background in (True, False):
            torchvision.datasets.Omniglot(data_dir, background=background, download=True)
    if not is_present(data_dir):
        raise SiameseError(f"{TITLE} was downloaded but is not complete; {how_to_get(NAME)}")


def _alphabets(data_dir: Path, pattern: str) -> dict[str, Path]:
    """The folder of each alphabet; the first one where there are two."""
    found: dict[str, Path] = {}
    for root in (data_dir / "omniglot", data_dir / "omniglot-py"):
        for collection in sorted(root.glob(pattern)):
            for folder in sorted(collection.glob("*/")):
                if folder.is_dir() and not folder.name.startswith(".") and _characters(folder):
                    found.setdefault(folder.name, folder)
    return dict(sorted(found.items()))


def _characters(alphabet: Path) -> list[tuple[str, list[Path]]]:
    """The characters of an alphabet by name, each with its drawings."""
    folders = sorted(folder for folder in alphabet.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    drawings = [(folder.name, sorted(folder.glob("[!.]*.png"))) for folder in folders]
    return [(name, paths) for name, paths in drawings if paths]


def _bank(
    alphabets: Sequence[tuple[str, Sequence[tuple[str, Sequence[Path]]]]],
    report: ReportProgress | None,
    done: int,
    total: int,
) -> ImageBank:
    """The bank of some alphabets. done, total: characters decoded so far, and in all, for the progress."""
    images, counts, names, groups = [], [], [], []
    for group, (alphabet, characters) in enumerate(alphabets):
        for character, paths in characters:
            for path in paths:
                drawing = read_image(path, f"{alphabet}/{character}/{path.name}")
                images.append(to_tensor(drawing, (IMAGE_SIZE, IMAGE_SIZE), grey=True, invert=True))
            counts.append(len(paths))
            names.append(f"{alphabet}/{character}")
            groups.append(group)
            if report is not None:
                report((done + len(names)) / total)
    bank = ImageBank(
        torch.cat(images),
        torch.tensor(counts),
        tuple(names),
        torch.tensor(groups),
        tuple(alphabet for alphabet, _ in alphabets),
    )
    require_images(bank, 2, "to make a pair of the same class")
    return bank
