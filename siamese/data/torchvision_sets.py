"""MNIST, Fashion-MNIST and KMNIST from a data folder, laid out as torchvision does; fetched only on request."""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.data.split import hold_out_images

VALIDATION_IMAGES = 5_000
# The validation images are always the same, so that scores can be compared.
VALIDATION_SEED = 0


@dataclass(frozen=True)
class TorchvisionSet:
    """A set of 28 × 28 grey images in ten classes.  torchvision: its class there and its folder in the data folder."""

    name: str
    title: str
    description: str
    kind: str
    torchvision: str
    class_names: tuple[str, ...]
    unseen: str = "images"


SETS = {
    known.name: known
    for known in (
        TorchvisionSet(
            "mnist",
            "MNIST",
            "70,000 handwritten digits (LeCun, Cortes, Burges 1998).",
            "digits",
            "MNIST",
            tuple("0123456789"),
        ),
        TorchvisionSet(
            "fashion-mnist",
            "Fashion-MNIST",
            "70,000 photographs of clothes, shoes and bags (Xiao, Rasul, Vollgraf 2017).",
            "images",
            "FashionMNIST",
            ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
        TorchvisionSet(
            "kmnist",
            "Kuzushiji-MNIST",
            "70,000 cursive Japanese characters from old books (Clanuwat et al. 2018).",
            "characters",
            "KMNIST",
            ("お o", "き ki", "す su", "つ tsu", "な na", "は ha", "ま ma", "や ya", "れ re", "を wo"),
        ),
    )
}

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def is_present(known: TorchvisionSet, data_dir: Path) -> bool:
    """Whether the four files of the set lie in the data folder, unpacked or as .gz."""
    return all(_find(known, data_dir, file) is not None for file in _FILES)


def load(known: TorchvisionSet, data_dir: Path, download: bool = False) -> Dataset:
    """The set as a Dataset: 55,000 training images, 5,000 for validation (500 a class, always the same), and the
    10,000 official test images; uint8 [N, 1, 28, 28], light on dark.

    download: fetch it through torchvision where it is not there; what is there is never fetched again.
    Raises SiameseError where it is not there, cannot be fetched or is damaged.
    """
    if not is_present(known, data_dir):
        if not download:
            raise SiameseError(f"{known.title} is not in the data folder; {how_to_get(known.name)}")
        _fetch(known, data_dir)
    whole = _bank(known, data_dir, "train")
    per_class = torch.full((whole.classes,), VALIDATION_IMAGES // whole.classes)
    train, validation = hold_out_images(whole, per_class, VALIDATION_SEED)
    return Dataset(
        name=known.name,
        title=known.title,
        kind=known.kind,
        unseen=known.unseen,
        train=train,
        validation=validation,
        test=_bank(known, data_dir, "t10k"),
        dark_background=True,
    )


def how_to_get(name: str) -> str:
    """The second half of a sentence which says that a set is missing."""
    return f'get it with "python -m siamese data get {name}", or use glyphs or doodle-faces, which need no download.'


@contextlib.contextmanager
def download_errors(name: str, title: str) -> Iterator[None]:
    """Turns the errors of a download into one sentence. What it prints goes to stderr, because stdout is for data."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (OSError, RuntimeError, HTTPException, EOFError, zlib.error) as error:
        raise SiameseError(
            f"{title} could not be downloaded (no network, or its server does not answer); try again with "
            f'"python -m siamese data get {name}", or use glyphs or doodle-faces, which need no download.'
        ) from error


def _fetch(known: TorchvisionSet, data_dir: Path) -> None:
    with download_errors(known.name, known.title):
        import torchvision.datasets  # the import takes a second, and only a download needs it

        data_dir.mkdir(parents=True, exist_ok=True)
        getattr(torchvision.datasets, known.torchvision)(data_dir, train=True, download=True)
    if not is_present(known, data_dir):
        raise SiameseError(f"{known.title} was downloaded but is not complete; {how_to_get(known.name)}")


def _find(known: TorchvisionSet, data_dir: Path, file: str) -> Path | None:
    folder = data_dir / known.torchvision / "raw"
    return next((path for path in (folder / file, folder / f"{file}.gz") if path.is_file()), None)


def _bank(known: TorchvisionSet, data_dir: Path, part: str) -> ImageBank:
    images = _read(known, data_dir, f"{part}-images-idx3-ubyte")
    labels = _read(known, data_dir, f"{part}-labels-idx1-ubyte").long()
    if images.dim() != 3 or labels.shape != images.shape[:1] or int(labels.max()) >= len(known.class_names):
        raise SiameseError(f"The images and labels of {known.title} do not belong together; {_again(known)}")
    return ImageBank.from_labels(images[:, None], labels, known.class_names)


def _read(known: TorchvisionSet, data_dir: Path, file: str) -> Tensor:
    """A file in the IDX format: two zero bytes, 8 for uint8, the number of dimensions, each of them as a big-endian
    32-bit number, then the values (LeCun, Cortes, Burges 1998)."""
    path = _find(known, data_dir, file)
    damaged = SiameseError(f'"{file}" of {known.title} is damaged or cut short; {_again(known)}')
    if path is None:
        raise damaged
    # The largest real file has 47 million bytes; a file that unpacks to more is none of these.
    most = 64 * 1024**2
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            data = stream.read(most + 1)
        zero, kind, dimensions = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise damaged from error
    values = np.frombuffer(data, dtype=np.uint8)[4 + 4 * dimensions :]
    if (zero, kind) != (0, 8) or not dimensions or not len(values) or len(values) != math.prod(shape):
        raise damaged
    return torch.from_numpy(values.reshape(shape).copy())


def _again(known: TorchvisionSet) -> str:
    return (
        f'remove the folder {known.torchvision} from the data folder and run "python -m siamese data get {known.name}".'
    )
