"""Finds the part and the class of each file from its path, for files on disk and for members of a zip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from siamese import SiameseError
from siamese.data.image_file import image_suffixes, printable
from siamese.data.split import natural

_PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
_HOW = "arrange all images as class/image, or all as group/class/image"


@dataclass(frozen=True)
class Member:
    """One file of a folder or a zip: its path inside, and a function that gives its bytes or its place on disk."""

    path: PurePosixPath
    open: Callable[[], Path | bytes]


@dataclass(frozen=True)
class Placed:
    """A file and where it belongs.

    part: "train", "validation" or "test"; "train" where no folder names a part.
    group: "all" where there are no groups.
    class_name: with groups "group/class".
    """

    member: Member
    part: str
    group: str
    class_name: str


def is_litter(path: PurePosixPath) -> bool:
    """Whether an operating system left the file there: hidden files, caches of thumbnails, resource forks of a Mac."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return hidden or path.name.lower() in _LITTER


def arrange(members: Sequence[Member]) -> list[Placed]:
    """The files that belong to a class, sorted by part, class and file name; 2 comes before 10.

    The layout is class/image or group/class/image. Above it there may be folders for the parts: train, validation
    (val), test (testing); above those there may be folders that hold everything. Notes above or beside the class
    folders are ignored. Every file inside a class folder counts as an image.

    Raises SiameseError for any other layout; the message names a file that lies in another place.
    """
    members = [member for member in members if not is_litter(member.path)]
    images = [member for member in members if _is_named_as_image(member)]
    if 4 * len(images) < len(members):  # file names without an image's ending, such as "subject01.happy"
        images = members
    if not images:
        raise SiameseError("There is no image in it; put the images of each class into a folder of their own.")
    wrapper = _common_parts([member.path.parent.parts for member in images])
    if wrapper and all(member.path.parent.parts == wrapper for member in images):
        wrapper = wrapper[:-1]  # a single folder with images is one class
    inside = [member.path.parts[len(wrapper) :] for member in images]
    skip = int({parts[0].lower() for parts in inside} <= _PARTS.keys())
    depths = [len(parts) - skip for parts in inside]
    depth = max(depths)
    if depth > 3 or min(depths) == 1 or min(depths) < depth:
        _refuse(images, depths)

    placed = []
    for member in members:
        parts = member.path.parts[len(wrapper) :]
        outside = member.path.parts[: len(wrapper)] != wrapper or (skip and parts[0].lower() not in _PARTS)
        if not _is_named_as_image(member) and (outside or len(parts) - skip < depth):
            continue
        if len(parts) - skip > depth:
            raise SiameseError(f'"{_shown(member)}" lies deeper than the images; {_HOW}.')
        part = _PARTS[parts[0].lower()] if skip else "train"
        folders = parts[skip:-1]
        placed.append(Placed(member, part, folders[0] if len(folders) == 2 else "all", "/".join(folders)))
    return sorted(placed, key=_order)


def _order(file: Placed) -> tuple[object, ...]:
    return file.part, [natural(folder) for folder in file.class_name.split("/")], natural(file.member.path.name)


def _is_named_as_image(member: Member) -> bool:
    return member.path.suffix.lower() in image_suffixes()


def _common_parts(folders: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders with which all paths begin. The smallest and the largest path decide that for all."""
    low, high = min(folders), max(folders)
    for number, (first, second) in enumerate(zip(low, high, strict=False)):
        if first != second:
            return low[:number]
    return low[: len(high)]


def _refuse(images: Sequence[Member], depths: Sequence[int]) -> NoReturn:
    low, high = (images[depths.index(depth)] for depth in (min(depths), max(depths)))
    if min(depths) == 1:
        raise SiameseError(
            f'"{_shown(low)}" lies in no class folder; put the images of each class into one of its own.'
        )
    if min(depths) < max(depths):
        raise SiameseError(f'"{_shown(low)}" does not lie as deep as "{_shown(high)}"; {_HOW}.')
    raise SiameseError(f'"{_shown(high)}" lies too deep; {_HOW}.')


def _shown(member: Member) -> str:
    return printable(str(member.path))
