"""UploadFolder: the folder of the files that visitors send. Together they take a limited part of the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gradio.utils import get_upload_folder

from siamese.data import limits

IN_USE_SECONDS = 60.0  # a younger file is probably about to be read


class _File(NamedTuple):
    modified: float
    size: int
    path: Path


class UploadFolder:
    """Counts the bytes that come in, and deletes the oldest files if there are too many. Every thread may call it."""

    def __init__(self, most: int = limits.MAX_UPLOADS_BYTES) -> None:
        self._most = most
        self._room = 0  # bytes that may come before the folder is measured again
        self._lock = threading.Lock()

    def take(self, nbytes: int) -> bool:
        """Reserves room for `nbytes` more bytes; False where there is none."""
        with self._lock:
            if nbytes > self._room:
                self._room = self._most - self._shrink()
            if nbytes > self._room:
                return False
            self._room -= nbytes
            return True

    def _shrink(self) -> int:
        """The bytes in the folder, after the oldest files are deleted until it is half full."""
        files = sorted(_files(Path(get_upload_folder())))
        total = sum(file.size for file in files)
        if total <= self._most / 2:
            return total
        young = time.time() - IN_USE_SECONDS
        for file in files:
            if total <= self._most / 2 or file.modified > young:
                break
            file.path.unlink(missing_ok=True)
            total -= file.size
        return total


def _files(folder: Path) -> Iterator[_File]:
    for path in folder.rglob("*"):
        try:
            about = path.lstat()
        except OSError:  # deleted meanwhile
            continue
        if path.is_file():
            yield _File(about.st_mtime, about.st_size, path)
