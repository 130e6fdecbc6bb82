"""MNIST and its kin from files of the data folder; a download only on request, and here never a real one."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from siamese import SiameseError
from siamese.data.torchvision_sets import SETS, is_present, load


def write_set(data_dir: Path, folder: str = "MNIST", compress: bool = False, per_class: int = 60) -> None:
    """Ten classes: in the training part per_class images each, in the test part two; image i holds its number."""
    raw = data_dir / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for part, count in {"train": 10 * per_class, "t10k": 20}.items():
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
        contents = {
            f"{part}-images-idx3-ubyte": struct.pack(">4I", 0x803, *images.shape) + images.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">2I", 0x801, count) + bytes(i % 10 for i in range(count)),
        }
        for name, data in contents.items():
            if compress:
                (raw / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (raw / name).write_bytes(data)


def numbers(images: torch.Tensor) -> list[int]:
    return (images[:, 0, 0, 0].long() + 256 * images[:, 0, 0, 1].long()).tolist()


class Refuses:
    """Stands where torchvision's class stands, and must not be called."""

    def __init__(self, *_: object, **__: object) -> None:
        raise AssertionError("torchvision was asked")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", list(SETS))
def test_files_are_read_into_three_parts(
    name: str, compress: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = SETS[name]
    monkeypatch.setattr(f"torchvision.datasets.{known.torchvision}", Refuses)
    monkeypatch.setattr("siamese.data.torchvision_sets.VALIDATION_IMAGES", 100)
    write_set(tmp_path, known.torchvision, compress)
    dataset = load(known, tmp_path, download=True)
    assert (dataset.name, dataset.kind, dataset.unseen, dataset.dark_background) == (name, known.kind, "images", True)
    assert [part.counts.tolist() for part in (dataset.train, dataset.validation, dataset.test)] == [
        [50] * 10,
        [10] * 10,
        [2] * 10,
    ]
    trained, validated = numbers(dataset.train.images), numbers(dataset.validation.images)
    assert sorted(trained + validated) == list(range(600))
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.class_names == known.class_names and part.images.shape[1:] == (1, 28, 28)
        assert [number % 10 for number in numbers(part.images)] == part.labels.tolist()
    assert numbers(load(known, tmp_path).validation.images) == validated


def test_kinds() -> None:
    assert {name: known.kind for name, known in SETS.items()} == {
        "mnist": "digits",
        "fashion-mnist": "images",
        "kmnist": "characters",
    }


def test_what_is_missing_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.KMNIST", Refuses)
    assert not is_present(SETS["kmnist"], tmp_path)
    with pytest.raises(
        SiameseError, match=r"Kuzushiji-MNIST is not in the data folder.*data get kmnist.*glyphs"
    ) as caught:
        load(SETS["kmnist"], tmp_path)
    assert str(tmp_path) not in str(caught.value)
    write_set(tmp_path)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    assert not is_present(SETS["mnist"], tmp_path)


def test_a_download_is_asked_of_torchvision_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def fetch(root: Path, train: bool, download: bool) -> None:
        calls.append((root, train, download))
        print("noise")
        write_set(tmp_path / "new", "FashionMNIST", compress=True, per_class=600)

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fetch)
    for _ in range(2):
        assert len(load(SETS["fashion-mnist"], tmp_path / "new", download=True).validation) == 5000
    assert calls == [(tmp_path / "new", True, True)]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "failure",
    [
        OSError("Network is unreachable at /secret/path"),
        RuntimeError("Error downloading train-images: Tried http://..."),
        EOFError("Compressed file ended"),
    ],
)
def test_a_download_that_fails_says_what_still_works(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    with pytest.raises(
        SiameseError, match=r"MNIST could not be downloaded \(no network.*glyphs or doodle-faces"
    ) as caught:
        load(SETS["mnist"], tmp_path, download=True)
    assert "secret" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_a_download_that_leaves_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST", lambda *_, **__: None)
    with pytest.raises(SiameseError, match="not complete"):
        load(SETS["mnist"], tmp_path, download=True)


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "longer", "text", "shape"])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_damaged_files_are_named(file: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("siamese.data.torchvision_sets.VALIDATION_IMAGES", 100)
    write_set(tmp_path)
    path = tmp_path / "MNIST" / "raw" / file
    data = path.read_bytes()
    header = 4 + 4 * data[3]
    path.write_bytes(
        {
            "cut": data[:-5],
            "empty": b"",
            "foreign": b"\0\0\x0d" + data[3:],
            "longer": data + b"\0",
            "text": b"<html>Not found</html>",
            "shape": struct.pack(">4I", 0x803, 2**31, 2**31, 4) + data[header:],
        }[damage]
    )
    with pytest.raises(SiameseError, match=rf'"{file}" of MNIST is damaged .*data get mnist') as caught:
        load(SETS["mnist"], tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    write_set(tmp_path, compress=True)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SiameseError, match="is damaged"):
        load(SETS["mnist"], tmp_path)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    write_set(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    (raw / "train-labels-idx1-ubyte").write_bytes((raw / "t10k-labels-idx1-ubyte").read_bytes())
    with pytest.raises(SiameseError, match="do not belong together"):
        load(SETS["mnist"], tmp_path)


@pytest.mark.skipif("SIAMESE_TEST_DATA" not in os.environ, reason="SIAMESE_TEST_DATA names no folder of real data")
def test_real_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ["SIAMESE_TEST_DATA"])
    if not is_present(SETS["mnist"], folder):
        pytest.skip("no MNIST in the folder")
    from torchvision.datasets import MNIST

    oracle = MNIST(folder, train=False)
    monkeypatch.setattr("torchvision.datasets.MNIST", Refuses)
    dataset = load(SETS["mnist"], folder, download=True)
    assert (len(dataset.train), len(dataset.test)) == (55_000, 10_000)
    assert dataset.validation.counts.tolist() == [500] * 10
    for digit in range(10):
        start, count = int(dataset.test.starts[digit]), int(dataset.test.counts[digit])
        assert torch.equal(dataset.test.images[start : start + count, 0], oracle.data[oracle.targets == digit])
