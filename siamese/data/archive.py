"""A zip of class folders, read without unpacking it to disk. Its list of members is checked before any member is read."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from siamese import SiameseError
from siamese.data import limits
from siamese.data.bank import Dataset
from siamese.data.class_folders import dataset_of_members
from siamese.data.image_file import printable
from siamese.data.layout import Member

_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar", ".zst", ".lz4", ".jar"}
_ENCRYPTED = 0x1
_PIECE = limits.MIB
# The errors of Python's zipfile, zlib and struct for damaged or forged files.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, OSError)


def load_zip(path: Path, seed: int = 0, progress: Callable[[float], None] | None = None) -> Dataset:
    """The data set in a zip of class folders (class/image or group/class/image; class_folders has the details), named
    as the file.

    seed: of the choice of what is held out.  progress: receives 0 to 1.
    Raises SiameseError for a file that is no zip, for the members that list_members refuses, and for what
    class_folders refuses; messages name the member.
    """
    with open_zip(path) as archive:
        return dataset_of_members(list_members(archive), path.stem, seed, progress)


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip. Raises SiameseError for a file that is no zip, and for a list of members that is too long."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise SiameseError(f'"{printable(path.name)}" cannot be read: {error.strerror}.') from error
    with stream, read_zip(stream, path.name) as archive:
        yield archive


@contextmanager
def read_zip(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """As open_zip, for a zip that is open already.  name: what the messages call it."""
    try:
        archive = zipfile.ZipFile(_Measured(stream, name))
    except SiameseError:
        raise
    except (*_DAMAGE, ValueError) as error:
        raise SiameseError(f'"{printable(name)}" is no zip, or damaged; make or copy it again.') from error
    with archive:
        yield archive


def list_members(archive: zipfile.ZipFile) -> list[Member]:
    """The files of a zip, each of them checked in the list of members before a byte is unpacked.

    Raises SiameseError, naming the member, for an absolute path or one with "..", a link or device, an encrypted
    member, one in a compression other than deflate, an archive in the archive, a name that comes twice, a file larger
    than limits.MAX_IMAGE_BYTES or packed more than limits.MAX_RATIO to one, and for more files or bytes than limits
    allows in all.
    """
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > limits.MAX_FILES:
        raise SiameseError(f"The zip holds {len(infos):,} files, and {limits.MAX_FILES:,} is the most; leave some out.")
    for info in archive.infolist():
        _check_place(info)
    seen: set[PurePosixPath] = set()
    for info in infos:
        _check_contents(info)
        path = _path(info)
        if path in seen:
            raise SiameseError(f'"{_shown(info)}" is in the zip twice; make the zip again.')
        seen.add(path)
    total, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if total > limits.MAX_TOTAL_BYTES:
        raise SiameseError(
            f"The zip unpacks to {total / limits.GIB:.1f} GB, and {limits.MAX_TOTAL_BYTES // limits.GIB} GB is the "
            "most; leave some images out or make them smaller."
        )
    if total > limits.MAX_IMAGE_BYTES and total > limits.MAX_RATIO * packed:
        raise SiameseError(
            f"The zip unpacks to {total / max(1, packed):,.0f} times its size, as a bomb does; save the images as PNG "
            "or JPEG and zip those."
        )
    return [Member(_path(info), partial(_read, archive, info)) for info in infos]


def _check_place(info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        raise SiameseError(f'"{_shown(info)}" points out of the zip; make the zip again from inside its folder.')
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SiameseError(f'"{_shown(info)}" in the zip is a link or a device; put the file itself there.')


def _check_contents(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise SiameseError(f'"{_shown(info)}" in the zip is encrypted; make the zip without a password.')
    # The other methods unpack a block of any size at once, before its length can be checked.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SiameseError(f'"{_shown(info)}" in the zip is packed in an unusual way; make the zip with deflate.')
    if _path(info).suffix.lower() in _ARCHIVES:
        raise SiameseError(f'"{_shown(info)}" is an archive inside the zip; unpack it first and zip the images alone.')
    if info.file_size > limits.MAX_IMAGE_BYTES:
        raise SiameseError(
            f'"{_shown(info)}" in the zip has {info.file_size / limits.MIB:,.0f} MB, and '
            f"{limits.MAX_IMAGE_BYTES // limits.MIB} MB is the most for one image; save it smaller."
        )
    if info.file_size > limits.RATIO_FREE_BYTES and info.file_size > limits.MAX_RATIO * info.compress_size:
        raise SiameseError(
            f'"{_shown(info)}" in the zip unpacks to {info.file_size / max(1, info.compress_size):,.0f} times its '
            "size, as a bomb does; save the image as PNG or JPEG."
        )


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member. It is read in pieces, so a member that is longer than its entry says is noticed in time."""
    data = bytearray()
    try:
        with archive.open(info) as member:
            while piece := member.read(_PIECE):
                data += piece
                if len(data) > info.file_size:
                    break
    except (*_DAMAGE, ValueError) as error:
        raise SiameseError(f'"{_shown(info)}" in the zip is damaged; make or copy the zip again.') from error
    if len(data) != info.file_size:
        raise SiameseError(f'"{_shown(info)}" in the zip is not as long as the zip says; make the zip again.')
    return bytes(data)


def _path(info: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(info.filename.replace("\\", "/"))


def _shown(info: zipfile.ZipInfo) -> str:
    return printable(info.filename)


class _Measured(io.RawIOBase):
    """A file that limits each read to the longest list of members that a zip may have.

    zipfile reads that list at once, and believes the length that the file states.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            position = self._stream.tell()
            size = self._stream.seek(0, io.SEEK_END) - position
            self._stream.seek(position)
        if size > limits.MAX_ZIP_DIRECTORY_BYTES:
            raise SiameseError(
                f'"{printable(self._name)}" lists more members than are read; {limits.MAX_FILES:,} files are the most.'
            )
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
