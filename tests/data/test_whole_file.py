"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from siamese.data.whole_file import write_whole


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_whole(path, b"old")
    write_whole(path, b"new, and longer")
    assert path.read_bytes() == b"new, and longer"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    path = tmp_path / "weights.safetensors"
    write_whole(path, b"the old best")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"the new best")
    assert path.read_bytes() == b"the old best"
    assert os.listdir(tmp_path) == [path.name], "nothing unfinished stays behind"
