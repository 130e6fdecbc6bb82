"""A folder of class folders on this machine. No link is followed out of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset
from siamese.data.class_folders import dataset_of_members
from siamese.data.image_file import printable
from siamese.data.layout import Member


def load_folder(root: Path, seed: int = 0, progress: Callable[[float], None] | None = None) -> Dataset:
    """The data set in a folder of class folders (class/image or group/class/image; class_folders has the details),
    named as the folder.

    seed: of the choice of what is held out.  progress: receives 0 to 1.
    Raises SiameseError for more than limits.MAX_FILES files or limits.MAX_TOTAL_BYTES in them, for a link that leads
    out of the folder, and for what class_folders refuses; messages name files relative to the folder.
    """
    members, total = [], 0
    for path, size in _walk(root, PurePosixPath(), root.resolve()):
        members.append(Member(path, partial(Path, root, path)))
        total += size
        if len(members) > limits.MAX_FILES:
            raise SiameseError(
                f'"{printable(root.name)}" holds more than {limits.MAX_FILES:,} files, the most that is read; '
                "leave some out."
            )
        if total > limits.MAX_TOTAL_BYTES:
            raise SiameseError(
                f'"{printable(root.name)}" holds more than {limits.MAX_TOTAL_BYTES // limits.GIB} GB of files, the '
                "most that is read; leave some out or make the images smaller."
            )
    return dataset_of_members(members, root.resolve().name, seed, progress)


def _walk(root: Path, below: PurePosixPath, real_root: Path) -> Iterator[tuple[PurePosixPath, int]]:
    """The files under root/below, relative to root, with their sizes in bytes. Hidden folders are not entered."""
    if len(below.parts) > limits.MAX_DEPTH:
        raise SiameseError(f'"{printable(str(below))}" lies too deep; arrange the images as class/image.')
    try:
        entries = sorted(os.scandir(root / below), key=lambda entry: entry.name)
    except OSError as error:
        label = printable(str(below) if below.parts else root.name)
        raise SiameseError(f'The folder "{label}" cannot be read: {error.strerror}.') from error
    for entry in entries:
        path = below / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_symlink() and _leads_out(Path(entry.path), real_root):
            raise SiameseError(
                f'"{printable(str(path))}" is a link that leads out of the folder; put the file itself there.'
            )
        if entry.is_dir():
            yield from _walk(root, path, real_root)
        elif entry.is_file():
            yield path, entry.stat().st_size


def _leads_out(link: Path, real_root: Path) -> bool:
    try:
        return not link.resolve().is_relative_to(real_root)
    except (OSError, RuntimeError):  # a link that leads back to itself
        return True
