"""A full disk, whoever writes: no older file is lost, and no half of a new one stays."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from siamese import SiameseError
from siamese.commands.output import write
from siamese.data import whole_file
from siamese.data.bank import Dataset
from siamese.data.cache import load_or_build
from siamese.models.checkpoint import Checkpoint
from siamese.models.network import build_network
from siamese.recipes import Recipe


class FullDisk(io.FileIO):
    """A file on a disk that has room for 100 bytes more."""

    def write(self, content: Any) -> int:
        super().write(bytes(content)[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_file, "open", lambda path, mode: FullDisk(str(path), "w"), raising=False)


def checkpoint() -> Checkpoint:
    recipe = Recipe(encoder="strided")
    weights = build_network(recipe, 1, (16, 16)).state_dict()
    return Checkpoint(recipe, {"title": "x"}, 1, (16, 16), None, 0.5, {}, 1, 0.1, weights)


WRITERS: dict[str, Callable[[Path], None]] = {
    "a command": lambda path: write(path, bytes(5000)),
    "a checkpoint": lambda path: checkpoint().save(path),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_costs_no_older_file(writer: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"the best so far")
    request.getfixturevalue("full_disk")
    with pytest.raises((SiameseError, OSError), match="No space left"):
        WRITERS[writer](path)
    assert path.read_bytes() == b"the best so far"
    assert list(tmp_path.iterdir()) == [path], "half a file is left behind"


def test_a_full_disk_under_a_cache_costs_the_next_start_some_seconds(
    tmp_path: Path, dataset: Dataset, full_disk: None
) -> None:
    built = load_or_build("patterns", lambda seed, progress: dataset, tmp_path, 0, 1)
    assert torch.equal(built.train.images, dataset.train.images)
    assert not list(tmp_path.iterdir())
