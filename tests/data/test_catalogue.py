"""One way to every data set: by name or by path, built once, shared, and bounded."""

from __future__ import annotations

import io
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.data import Dataset, ImageBank, available, catalogue, default_data_dir, limits, load_dataset
from siamese.data.catalogue import entry_named


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_kept", {})


def small(name: str, seed: int = 0, side: int = 8) -> Dataset:
    parts = [
        ImageBank(
            torch.full((4, 1, side, side), seed, dtype=torch.uint8),
            torch.tensor([2, 2]),
            ("a", "b"),
            torch.zeros(2, dtype=torch.long),
            ("all",),
        )
        for _ in range(3)
    ]
    return Dataset(name, name.title(), "characters", "alphabets", *parts, dark_background=True)


class Builder:
    """A module that builds a data set, and counts how often."""

    VERSION = 1

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.waits = threading.Event()
        self.waits.set()
        self.begun = threading.Event()
        self.fails = False

    def build(self, seed: int = 0, progress: object = None) -> Dataset:
        self.calls.append(seed)
        self.begun.set()
        assert self.waits.wait(30)
        if self.fails:
            raise SiameseError("The fonts are gone.")
        return small("glyphs", seed)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    monkeypatch.setattr(catalogue, "import_module", lambda name: made)
    return made


def put_images(root: Path, classes: str = "ab", count: int = 6) -> None:
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("L", (10, 10), 100 * number + i).save(root / name / f"{i}.png")


def test_a_built_in_set_is_rendered_once_and_then_read(builder: Builder, tmp_path: Path) -> None:
    first = load_dataset("glyphs", tmp_path)
    assert load_dataset("glyphs", tmp_path) is first
    catalogue._kept.clear()
    assert torch.equal(load_dataset("glyphs", tmp_path).train.images, first.train.images)
    assert builder.calls == [0]
    assert int(load_dataset("glyphs", tmp_path, seed=5).train.images.max()) == 5
    assert builder.calls == [0, 5]


def test_progress_reaches_the_caller(builder: Builder, tmp_path: Path) -> None:
    steps: list[float] = []
    load_dataset("glyphs", tmp_path, progress=steps.append)
    assert steps[-1] == 1.0


def test_thirty_callers_build_once(builder: Builder, tmp_path: Path) -> None:
    builder.waits.clear()
    found: list[Dataset] = []
    callers = [threading.Thread(target=lambda: found.append(load_dataset("glyphs", tmp_path))) for _ in range(30)]
    for caller in callers:
        caller.start()
    assert builder.begun.wait(30)
    builder.waits.set()
    for caller in callers:
        caller.join(30)
    assert builder.calls == [0]
    assert len(found) == 30 and all(one is found[0] for one in found)


def test_a_slow_set_does_not_hold_up_another(builder: Builder, tmp_path: Path) -> None:
    builder.waits.clear()
    slow = threading.Thread(target=load_dataset, args=("glyphs", tmp_path))
    slow.start()
    assert builder.begun.wait(30)
    put_images(tmp_path / "mine")
    assert load_dataset(str(tmp_path / "mine")).name == "mine"
    assert slow.is_alive()
    builder.waits.set()
    slow.join(30)


def test_a_failure_reaches_all_who_wait_and_is_not_kept(builder: Builder, tmp_path: Path) -> None:
    builder.waits.clear()
    builder.fails = True
    told: list[str] = []

    def ask() -> None:
        try:
            load_dataset("glyphs", tmp_path)
        except SiameseError as error:
            told.append(str(error))

    callers = [threading.Thread(target=ask) for _ in range(5)]
    for caller in callers:
        caller.start()
    assert builder.begun.wait(30)
    builder.waits.set()
    for caller in callers:
        caller.join(30)
    assert told == ["The fonts are gone."] * 5
    builder.fails = False
    assert load_dataset("glyphs", tmp_path).name == "glyphs"


@pytest.mark.parametrize(("limit", "value"), [("MAX_KEPT", 2), ("MAX_KEPT_BYTES", 2 * 3 * 4 * 64)])
def test_what_was_used_last_is_kept(
    limit: str, value: int, builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, limit, value)
    sets = [load_dataset("glyphs", tmp_path, seed=seed) for seed in (1, 2)]
    assert load_dataset("glyphs", tmp_path, seed=1) is sets[0]
    third = load_dataset("glyphs", tmp_path, seed=3)
    assert load_dataset("glyphs", tmp_path, seed=1) is sets[0]
    assert load_dataset("glyphs", tmp_path, seed=3) is third
    assert load_dataset("glyphs", tmp_path, seed=2) is not sets[1]
    assert len(catalogue._kept) == 2


def test_a_set_larger_than_the_limit_is_kept_alone(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_KEPT_BYTES", 10)
    for seed in (1, 2):
        assert load_dataset("glyphs", tmp_path, seed=seed) is load_dataset("glyphs", tmp_path, seed=seed)
        assert len(catalogue._kept) == 1


def test_folders_zips_and_tables_are_told_apart(tmp_path: Path) -> None:
    put_images(tmp_path / "folder")
    rows = "\n".join(f"{c}" + f",{i}" * 64 for c in "ab" for i in range(6))
    (tmp_path / "table.csv").write_text(rows)
    (tmp_path / "table.txt").write_text(rows)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted((tmp_path / "folder").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
    (tmp_path / "packed.zip").write_bytes(stream.getvalue())
    (tmp_path / "upload").write_bytes(stream.getvalue())
    for name in ("folder", "packed.zip", "upload", "table.csv", "table.txt"):
        dataset = load_dataset(str(tmp_path / name))
        assert dataset.name == Path(name).stem and dataset.train.class_names == ("a", "b")
        assert load_dataset(str(tmp_path / name)) is dataset


def test_files_that_changed_are_read_again(tmp_path: Path) -> None:
    put_images(tmp_path / "mine")
    first = load_dataset(str(tmp_path / "mine"))
    put_images(tmp_path / "mine", "abc")
    second = load_dataset(str(tmp_path / "mine"))
    assert (first.train.classes, second.train.classes) == (2, 3)
    (tmp_path / "mine" / "c").rename(tmp_path / "mine" / "d")
    assert load_dataset(str(tmp_path / "mine")).train.class_names == ("a", "b", "d")


def test_the_seed_belongs_to_what_is_kept(tmp_path: Path) -> None:
    put_images(tmp_path / "mine", "abcdefgh")
    chosen = {load_dataset(str(tmp_path / "mine"), seed=seed).test.images.sum().item() for seed in range(6)}
    assert len(chosen) > 1


@pytest.mark.parametrize("name", ["mnits", "no/such/folder", "x" * 5000, "nul\0byte"])
def test_an_unknown_name_gets_the_list(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SiameseError, match=r"There is no data set .*glyphs, doodle-faces, .*mnist, .*omniglot"):
        load_dataset(name, tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(SiameseError, match=r'"weights\.bin" is no folder, zip or CSV') as caught:
        load_dataset(str(tmp_path / "weights.bin"))
    assert str(tmp_path) not in str(caught.value)


def test_an_empty_name_is_not_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put_images(tmp_path)
    assert load_dataset(".").train.class_names == ("a", "b")
    with pytest.raises(SiameseError, match="There is no data set"):
        load_dataset("")


def test_a_name_goes_before_a_folder_of_that_name(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_images(tmp_path / "glyphs")
    assert load_dataset("glyphs", tmp_path).title == "Glyphs"
    assert load_dataset("./glyphs", tmp_path).title == "glyphs"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "omniglot"])
def test_what_has_to_be_fetched_is_not_fetched_unasked(name: str, tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match=f"is not in the data folder; .*data get {name}"):
        load_dataset(name, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_available_names_every_set(tmp_path: Path) -> None:
    entries = available(tmp_path)
    assert tuple(entry.name for entry in entries) == catalogue.NAMES
    assert [entry.name for entry in entries if entry.built_in] == [
        "glyphs",
        "doodle-faces",
        "glyphs-two-domains",
        "glyphs-and-signs",
    ]
    assert tuple(entry.name for entry in entries if not entry.for_models) == catalogue.OFFERED
    assert all(entry.present == entry.built_in for entry in entries)
    for entry in entries:
        assert entry.title and entry.description.endswith(".") and "\n" not in entry.description
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        (raw / file).write_bytes(b"")
    assert {entry.name for entry in available(tmp_path) if entry.present and not entry.built_in} == {"kmnist"}


def test_where_sets_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SIAMESE_DATA_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    places = {"linux": ".cache/siamese", "darwin": "Library/Caches/siamese", "win32": "AppData/Local/siamese"}
    for system, place in places.items():
        monkeypatch.setattr(sys, "platform", system)
        assert default_data_dir() == tmp_path / place
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_data_dir() == tmp_path / "local" / "siamese"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_data_dir() == tmp_path / "xdg" / "siamese"
    monkeypatch.setenv("SIAMESE_DATA_DIR", str(tmp_path / "chosen"))
    assert default_data_dir() == tmp_path / "chosen"


@pytest.mark.parametrize("name", ["glyphs", "doodle-faces", "glyphs-two-domains"])
def test_an_entry_says_what_its_data_set_says(name: str, built_in: Callable[[str], Dataset]) -> None:
    entry, dataset = entry_named(name), built_in(name)
    assert (entry.name, entry.title, entry.kind, entry.unseen) == (
        dataset.name,
        dataset.title,
        dataset.kind,
        dataset.unseen,
    )


def test_a_set_that_does_not_exist_has_no_entry() -> None:
    with pytest.raises(SiameseError, match='There is no data set "nothing"; the sets are glyphs, doodle-faces, '):
        entry_named("nothing")
