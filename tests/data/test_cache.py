"""The cache of rendered data sets: read back bit for bit, rebuilt where anything is wrong, never in the way."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from siamese.data.bank import Dataset, ImageBank
from siamese.data.cache import load_or_build

NAME, SEED, VERSION = "tiny", 3, 1
FILE = f"{NAME}-seed{SEED}.safetensors"


def _bank(first: int, partner: bool) -> ImageBank:
    images = torch.arange(first, first + 5 * 3 * 2 * 2, dtype=torch.uint8).view(5, 3, 2, 2)
    return ImageBank(
        images=images,
        counts=torch.tensor([2, 3]),
        class_names=(f"GREEK SMALL LETTER ALPHA α {first}", "plain"),
        groups=torch.tensor([1, 0]),
        group_names=("one", "zwei ü"),
        partner=255 - images if partner else None,
    )


def _dataset(partner: bool = False, dark: bool | None = None) -> Dataset:
    banks = (_bank(first, partner) for first in (0, 60, 120))
    return Dataset("tiny", "Tiny set", "images", "classes", *banks, dark_background=dark)


class Builder:
    """Counts how often it is asked to build."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.seeds: list[int] = []

    def __call__(self, seed: int, progress: Callable[[float], None] | None) -> Dataset:
        self.seeds.append(seed)
        if progress is not None:
            progress(0.5)
        return self.dataset


def _same(a: Dataset, b: Dataset) -> None:
    for field in ("name", "title", "kind", "unseen", "dark_background"):
        assert getattr(a, field) == getattr(b, field), field
    for part in ("train", "validation", "test"):
        left, right = getattr(a, part), getattr(b, part)
        assert left.class_names == right.class_names
        assert left.group_names == right.group_names
        for tensor in ("images", "counts", "groups"):
            assert getattr(left, tensor).dtype == getattr(right, tensor).dtype, tensor
            assert torch.equal(getattr(left, tensor), getattr(right, tensor)), (part, tensor)
        assert (left.partner is None) == (right.partner is None)
        if left.partner is not None and right.partner is not None:
            assert torch.equal(left.partner, right.partner), part


def _load(folder: Path, builder: Builder, version: int = VERSION, seed: int = SEED) -> Dataset:
    return load_or_build(NAME, builder, folder, seed, version)


@pytest.mark.parametrize("partner", [False, True])
@pytest.mark.parametrize("dark", [None, False, True])
def test_second_use_reads_what_the_first_built(tmp_path: Path, partner: bool, dark: bool | None) -> None:
    builder = Builder(_dataset(partner, dark))
    _same(_load(tmp_path / "new" / "folder", builder), builder.dataset)
    _same(_load(tmp_path / "new" / "folder", builder), builder.dataset)
    assert builder.seeds == [SEED]
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [FILE], "nothing else is left behind"


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 0.5, -1])
def test_truncated_file_is_rebuilt(tmp_path: Path, kept: float) -> None:
    builder = Builder(_dataset())
    _load(tmp_path, builder)
    whole = (tmp_path / FILE).read_bytes()
    length = int(len(whole) * kept) if 0 < kept < 1 else int(kept)
    (tmp_path / FILE).write_bytes(whole[:length])
    _same(_load(tmp_path, builder), builder.dataset)
    assert builder.seeds == [SEED, SEED]
    assert (tmp_path / FILE).read_bytes() == whole
    _load(tmp_path, builder)
    assert len(builder.seeds) == 2


@pytest.mark.parametrize("part", ["first byte", "a name", "a picture", "last byte"])
def test_one_wrong_bit_is_noticed(tmp_path: Path, part: str) -> None:
    builder = Builder(_dataset())
    _load(tmp_path, builder)
    whole = bytearray((tmp_path / FILE).read_bytes())
    header = int.from_bytes(whole[:8], "little")
    place = {"first byte": 8, "a name": whole.index(b"class_names") + 20, "a picture": 8 + header + 40, "last byte": -1}
    whole[place[part]] ^= 1
    (tmp_path / FILE).write_bytes(whole)
    _same(_load(tmp_path, builder), builder.dataset)
    assert builder.seeds == [SEED, SEED]


def _notes(**changed: object) -> dict[str, str]:
    notes = {"format": "siamese-dataset-1", "name": NAME, "seed": SEED, "version": VERSION, "fields": {}, "parts": {}}
    return {"dataset": "a-checksum " + json.dumps(notes | changed)}


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"something": "else"},
        {"dataset": "no JSON"},
        {"dataset": "[]"},
        {"dataset": "{}"},
        _notes(),
        _notes(name="another"),
        _notes(format="siamese-dataset-0"),
        _notes(fields={"name": 1}, parts={part: {} for part in ("train", "validation", "test")}),
    ],
)
def test_foreign_safetensors_file_is_rebuilt(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"train.images": torch.zeros(2, 2)}, tmp_path / FILE, metadata=metadata)
    builder = Builder(_dataset())
    _same(_load(tmp_path, builder), builder.dataset)
    assert builder.seeds == [SEED]
    _same(_load(tmp_path, builder), builder.dataset)
    assert builder.seeds == [SEED]


class Trap:
    """Raises a flag when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _spring, ()


def _spring() -> None:
    Trap.sprung = True


@pytest.mark.parametrize("content", [b"\x00" * 64, b"PK\x03\x04 a zip", pickle.dumps(Trap())])
def test_other_formats_are_rebuilt_and_nothing_is_unpickled(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    builder = Builder(_dataset())
    _same(_load(tmp_path, builder), builder.dataset)
    assert builder.seeds == [SEED]
    assert not Trap.sprung


def test_consistent_file_with_inconsistent_banks_is_rebuilt(tmp_path: Path) -> None:
    builder = Builder(_dataset())
    _load(tmp_path, builder)
    broken = _dataset()
    object.__setattr__(broken.test, "counts", torch.tensor([2, 2]))
    (tmp_path / FILE).unlink()
    load_or_build(NAME, Builder(broken), tmp_path, SEED, VERSION)
    _same(_load(tmp_path, builder), builder.dataset)
    assert len(builder.seeds) == 2


def test_another_version_replaces_the_file(tmp_path: Path) -> None:
    old, new = Builder(_dataset(dark=True)), Builder(_dataset(dark=False))
    _load(tmp_path, old)
    assert _load(tmp_path, new, version=VERSION + 1).dark_background is False
    assert _load(tmp_path, new, version=VERSION + 1).dark_background is False
    assert new.seeds == [SEED]
    assert len(list(tmp_path.iterdir())) == 1


def test_each_seed_has_its_own_file(tmp_path: Path) -> None:
    builder = Builder(_dataset())
    for seed in (0, 1, 0, 1):
        _load(tmp_path, builder, seed=seed)
    assert builder.seeds == [0, 1]


def test_folder_that_cannot_be_written_still_gives_the_data(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    builder = Builder(_dataset())
    for _ in range(2):
        _same(_load(tmp_path / "file", builder), builder.dataset)
    assert builder.seeds == [SEED, SEED]


def test_folder_in_place_of_the_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE / "inside").mkdir(parents=True)
    builder = Builder(_dataset())
    _same(_load(tmp_path, builder), builder.dataset)
    assert (tmp_path / FILE / "inside").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [FILE], "no unfinished file is left behind"


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(seed: int, progress: Callable[[float], None] | None) -> Dataset:
        raise RuntimeError("no font")

    with pytest.raises(RuntimeError, match="no font"):
        load_or_build(NAME, fail, tmp_path, SEED, VERSION)
    assert list(tmp_path.iterdir()) == []


def test_loaded_tensors_outlive_the_file(tmp_path: Path) -> None:
    builder = Builder(_dataset())
    _load(tmp_path, builder)
    loaded = _load(tmp_path, builder)
    with open(tmp_path / FILE, "r+b") as file:  # in place, where a mapped tensor would see it
        file.write(b"\x00" * (tmp_path / FILE).stat().st_size)
    _same(loaded, builder.dataset)


def test_builders_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=60)
    builder = Builder(_dataset(partner=True))
    results: list[Dataset] = []

    def build(seed: int, progress: Callable[[float], None] | None) -> Dataset:
        together.wait()  # all have seen that there is no file
        return builder(seed, progress)

    threads = [
        threading.Thread(target=lambda: results.append(load_or_build(NAME, build, tmp_path, SEED, VERSION)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 4
    for result in results:
        _same(result, builder.dataset)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    _same(_load(tmp_path, builder), builder.dataset)
    assert len(builder.seeds) == 4


def test_progress_ends_at_one(tmp_path: Path) -> None:
    builder = Builder(_dataset())
    for expected in ([0.5, 1.0], [1.0]):
        seen: list[float] = []
        load_or_build(NAME, builder, tmp_path, SEED, VERSION, seen.append)
        assert seen == expected
