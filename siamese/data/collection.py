"""Collection: the pictures that somebody draws or brings, by class, and the data set made of them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import torch
from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.data.archive import list_members, read_zip
from siamese.data.bank import Dataset, ImageBank
from siamese.data.class_folders import common_size, dataset_of_pixels, decode
from siamese.data.image_file import Header, printable, read_header, read_image
from siamese.data.layout import Member, Placed, arrange
from siamese.data.split import Parts, natural, split
from siamese.data.table import read_table

SEED = 0  # of the split; the command line has the same, so a set that is taken home is split in the same way
_MOST_NAME = 40
_MOST_SKIPPED = 100  # so many skipped files are listed with their reasons; further ones are only counted
TWICE = "twice"  # the reason for a file that is already in its class; every other reason is a sentence


@dataclass(frozen=True, eq=False)
class Picture:
    """One image file.  number: its name within the collection.  digest: equal for files with the same bytes."""

    number: int
    name: str
    content: bytes
    digest: bytes
    header: Header


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.  why: TWICE, or a sentence."""

    name: str
    why: str


@dataclass(eq=False)
class Collection:
    """Classes of pictures, in the order in which they came. Not safe for several threads at once.

    limits.MAX_OWN_* bound all of it. A method that would pass a limit raises SiameseError and changes nothing.
    """

    title: str
    classes: dict[str, list[Picture]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    skipped_count: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _dataset: Dataset | None = None

    @property
    def count(self) -> int:
        """Number of pictures."""
        return sum(len(pictures) for pictures in self.classes.values())

    @property
    def file_bytes(self) -> int:
        return sum(len(picture.content) for pictures in self.classes.values() for picture in pictures)

    @property
    def nbytes(self) -> int:
        """Memory of the files, and of the data set if it is built."""
        parts = () if self._dataset is None else (self._dataset.train, self._dataset.validation, self._dataset.test)
        return self.file_bytes + sum(part.images.nbytes for part in parts)

    def picture(self, number: int) -> Picture:
        """The picture of that number. Raises SiameseError where it is gone."""
        for pictures in self.classes.values():
            for picture in pictures:
                if picture.number == number:
                    return picture
        raise SiameseError("This picture is no longer here.")

    # ---- by hand

    def rename(self, title: str) -> None:
        """Gives the collection another name."""
        self.title = class_name(title)
        self._dataset = None  # its title is the old one

    def add_class(self, name: str) -> str:
        """Adds an empty class unless there is one of that name. Returns the name as it is kept."""
        kept = name if name in self.classes else class_name(name).replace("/", "-")
        if kept not in self.classes:
            if len(self.classes) >= limits.MAX_OWN_CLASSES:
                raise SiameseError(f"A set has at most {limits.MAX_OWN_CLASSES:,} classes; remove one first.")
            self.classes[kept] = []
        return kept

    def rename_class(self, old: str, new: str) -> None:
        """Renames a class. If another class has the new name, that class takes the pictures."""
        self._require(old)
        kept = class_name(new).replace("/", "-")
        if kept == old:
            return
        renamed: dict[str, list[Picture]] = {}
        for name, pictures in self.classes.items():
            renamed.setdefault(kept if name == old else name, []).extend(pictures)
        self.classes, self._dataset = renamed, None

    def remove_class(self, name: str) -> None:
        self._require(name)
        del self.classes[name]
        self._dataset = None

    def add(self, class_: str, name: str, content: bytes) -> None:
        """Adds a picture to a class, and makes the class where it is missing. A picture that is in it already is skipped.

        Raises SiameseError for a file that is no image.
        """
        label = class_ if class_ in self.classes else class_name(class_).replace("/", "-")
        # Decoded once: a file that is cut short is refused now, and a grey drawing in RGB counts as grey.
        image = read_image(content, name, at_least=2 * limits.OWN_SIDE)
        header = read_header(content, name)._replace(grey=_is_grey(image))
        digest = _digest(content)
        if any(picture.digest == digest for picture in self.classes.get(label, ())):
            self._skip(name, TWICE)
            return
        self._check_room(1, len(content))
        self.add_class(label)
        self.classes[label].append(Picture(next(self._numbers), printable(name), content, digest, header))
        self._dataset = None

    def remove(self, number: int) -> None:
        """Takes a picture out; its class stays."""
        gone = self.picture(number)
        for pictures in self.classes.values():
            if gone in pictures:
                pictures.remove(gone)
        self._dataset = None

    def _require(self, name: str) -> None:
        if name not in self.classes:
            raise SiameseError(f'There is no class "{printable(name)}" in this set.')

    def _check_room(self, pictures: int, size: int) -> None:
        if self.count + pictures > limits.MAX_OWN_PICTURES:
            raise SiameseError(f"A set has at most {limits.MAX_OWN_PICTURES:,} pictures; take some out first.")
        if self.file_bytes + size > limits.MAX_OWN_FILES_BYTES:
            raise _too_large()

    def _skip(self, name: str, why: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < _MOST_SKIPPED:
            self.skipped.append(Skipped(printable(name), why))

    # ---- from a file

    @classmethod
    def read(cls, name: str, content: bytes, progress: Callable[[float], None] | None = None) -> Collection:
        """A new collection from a zip of class folders or a CSV; merge adds it to another one.

        Where folders name parts (train, test), the parts are joined. Files that are no image, or are twice in a class,
        are skipped. Raises SiameseError for any other file, where the reader refuses it, and where no picture is left.
        """
        collection = cls(class_name(PurePosixPath(name.replace("\\", "/")).stem or "mine").replace("/", "-"))
        if content[:4] in (b"PK\x03\x04", b"PK\x05\x06") or name.lower().endswith(".zip"):
            with read_zip(io.BytesIO(content), name) as archive:
                members = list_members(archive)
                if len(members) > 2 * limits.MAX_OWN_PICTURES:
                    raise _too_many(len(members))
                collection._take(arrange(members), progress)
        else:
            bank = read_table(io.BytesIO(content), printable(name), len(content), None)
            if len(bank) > limits.MAX_OWN_PICTURES:
                raise _too_many(len(bank))
            collection._take(_files_of(bank), progress)
        return collection

    def merge(self, other: Collection) -> None:
        """Takes the pictures of another collection, which must not be used afterwards."""
        have = {(name, picture.digest) for name, pictures in self.classes.items() for picture in pictures}
        fresh = [
            (name, picture)
            for name, pictures in other.classes.items()
            for picture in pictures
            if (name, picture.digest) not in have
        ]
        self._check_room(len(fresh), sum(len(picture.content) for _, picture in fresh))
        if len(self.classes.keys() | other.classes.keys()) > limits.MAX_OWN_CLASSES:
            raise SiameseError(f"A set has at most {limits.MAX_OWN_CLASSES:,} classes; remove some first.")
        unchanged = not self.count and self.title == other.title
        for name, picture in fresh:
            self.classes.setdefault(name, []).append(replace(picture, number=next(self._numbers)))
        for skipped in other.skipped:
            self._skip(skipped.name, skipped.why)
        self.skipped_count += other.skipped_count - len(other.skipped)
        self.skipped_count += other.count - len(fresh)
        self._dataset = other._dataset if unchanged else None

    def _take(self, files: Sequence[Placed], progress: Callable[[float], None] | None) -> None:
        """Fills an empty collection. Every file is decoded once."""
        seen: dict[tuple[str, bytes], None] = {}
        fresh, total = [], 0
        for file in files:
            content, name = file.member.open(), class_name(file.class_name)
            assert isinstance(content, bytes)
            mark = (name, _digest(content))
            if mark in seen:
                self._skip(str(file.member.path), TWICE)
                continue
            seen[mark] = None
            total += len(content)
            if total > limits.MAX_OWN_FILES_BYTES:
                raise _too_large()
            fresh.append(Placed(Member(file.member.path, partial(bytes, content)), "train", _group(name), name))

        def skip(place: int, error: SiameseError) -> None:
            self._skip(str(fresh[place].member.path), str(error))

        decoded = decode(fresh, progress, limits.OWN_SIDE, limits.MAX_OWN_BANK_BYTES, skip=skip)
        if not decoded.kept:
            raise SiameseError(f"None of these files can be read. {self.skipped[-1].why}")
        for row, (place, header) in enumerate(zip(decoded.kept, decoded.headers)):
            file, content = fresh[place], fresh[place].member.open()
            assert isinstance(content, bytes)
            header = header._replace(grey=header.grey or decoded.pixels.shape[1] == 1)
            picture = Picture(row, file.member.path.name, content, _digest(content), header)
            self.classes.setdefault(file.class_name, []).append(picture)
        self._check_room(0, 0)
        if len(self.classes) > limits.MAX_OWN_CLASSES:
            raise SiameseError(f"A set has at most {limits.MAX_OWN_CLASSES:,} classes; leave some out.")
        # The pixels are here already, so the data set is made now. A later change decodes the files again.
        order = [picture.number for name in self._usable() for picture in self.classes[name]]
        with contextlib.suppress(SiameseError):  # too few pictures for a split; the page says so, and more may come
            self._dataset = self._built(decoded.pixels[order])

    # ---- what it makes

    def plan(self) -> Parts:
        """The split that the classes would have, with empty images. Raises SiameseError for too few pictures."""
        usable = self._usable()
        counts = torch.tensor([len(self.classes[name]) for name in usable], dtype=torch.long)
        blank = torch.zeros(int(counts.sum()), 1, 1, 1, dtype=torch.uint8)
        groups = torch.zeros(len(usable), dtype=torch.long)
        return split(ImageBank(blank, counts, tuple(usable), groups, ("all",)), SEED)

    def size(self) -> tuple[int, int] | None:
        """The height and width of all pictures in the data set; None where there are no pictures."""
        headers = [picture.header for pictures in self.classes.values() for picture in pictures]
        return common_size([(h.width, h.height) for h in headers], limits.OWN_SIDE) if headers else None

    def dataset(self, name: str, progress: Callable[[float], None] | None = None) -> Dataset:
        """The data set, under that name. It is built when it is needed, and kept until the collection changes.

        A class of one picture is left out. Raises SiameseError where there are too few pictures for a split.
        """
        if self._dataset is None:
            self.plan()  # raises its error before anything is decoded
            decoded = decode(self._files(), progress, limits.OWN_SIDE, limits.MAX_OWN_BANK_BYTES)
            self._dataset = self._built(decoded.pixels)
        assert self._dataset is not None
        if self._dataset.name != name:
            self._dataset = replace(self._dataset, name=name)
        return self._dataset

    def as_zip(self) -> bytes:
        """The files as class folders, numbered in their order; the command line reads such a zip.

        A class of one picture makes no pair. It goes into a hidden folder, which the command line ignores.
        """
        out = io.BytesIO()
        grouped = any("/" in name for name in self.classes)
        with zipfile.ZipFile(out, "w") as archive:
            for name, pictures in self.classes.items():
                folder = f"mine/{name}" if grouped and "/" not in name else name
                if len(pictures) == 1:
                    folder = f".left-out/{folder}"
                for number, picture in enumerate(pictures, 1):
                    suffix = PurePosixPath(picture.name).suffix or ".png"
                    archive.writestr(f"{folder}/{number:04}{suffix}", picture.content)
        return out.getvalue()

    def shared(self) -> list[tuple[str, str]]:
        """Pairs of classes that hold the same file, each pair once."""
        owners: dict[bytes, str] = {}
        pairs: dict[tuple[str, str], None] = {}
        for name, pictures in self.classes.items():
            for picture in pictures:
                first = owners.setdefault(picture.digest, name)
                if first != name:
                    pairs[first, name] = None
        return list(pairs)

    def _usable(self) -> list[str]:
        """The classes that can make a pair, in the order of the folders of a zip."""
        names = [name for name, pictures in self.classes.items() if len(pictures) > 1]
        return sorted(names, key=lambda name: [natural(part) for part in name.split("/")])

    def _files(self) -> list[Placed]:
        return [
            Placed(Member(PurePosixPath(picture.name), partial(bytes, picture.content)), "train", _group(name), name)
            for name in self._usable()
            for picture in self.classes[name]
        ]

    def _built(self, pixels: torch.Tensor) -> Dataset:
        """The data set of the decoded pictures that _files lists."""
        return dataset_of_pixels(self._files(), pixels, self.title, self.title, SEED)


def _too_many(count: int) -> SiameseError:
    return SiameseError(
        f"This file holds {count:,} pictures, and a set has at most {limits.MAX_OWN_PICTURES:,}; leave some out."
    )


def _too_large() -> SiameseError:
    most = limits.MAX_OWN_FILES_BYTES // limits.MIB
    return SiameseError(f"The files of a set have at most {most} MB together; take some out, or save them smaller.")


def class_name(text: object) -> str:
    """A name as it is kept: printable, at most 40 letters, fit for a folder. Raises SiameseError where none is left."""
    if not isinstance(text, str):
        raise SiameseError("A name is a text; write one.")
    text = " ".join(text[:400].split())
    letters = "".join(letter if letter.isprintable() and letter not in '\\:*?"<>|' else "-" for letter in text)
    parts = [" ".join(part.split()).strip(". ") for part in letters.split("/")]
    name = "/".join(part[:_MOST_NAME].strip(". ") for part in parts if part.strip("-"))
    if not name:
        raise SiameseError("The name is empty; write one.")
    return name


def thumbnail(picture: Picture, side: int = 64) -> bytes:
    """A small PNG (drawings) or JPEG (photographs) of a picture."""
    image = read_image(picture.content, picture.name, at_least=side)
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "PNG" if image.mode == "L" else "JPEG", quality=85)
    return out.getvalue()


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "L":
        return True
    pixels = np.asarray(image)
    return bool((pixels == pixels[:, :, :1]).all())


def _group(name: str) -> str:
    return name.rpartition("/")[0] or "all"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _files_of(bank: ImageBank) -> list[Placed]:
    """The images of a table as files in the format PGM: one line of text, then the pixels."""
    height, width = bank.images.shape[2:]
    files = []
    for number, (image, c) in enumerate(zip(bank.images.numpy(), bank.labels.tolist(), strict=True)):
        content = b"P5 %d %d 255\n" % (width, height) + image.tobytes()
        name = bank.class_names[c]
        files.append(Placed(Member(PurePosixPath(f"{number}.pgm"), partial(bytes, content)), "train", "all", name))
    return files
