"""All data sets, by name or by path. A set is loaded once and shared."""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from siamese import SiameseError
from siamese.data import limits, omniglot, recorded_strokes, torchvision_sets
from siamese.data.archive import load_zip
from siamese.data.bank import Dataset
from siamese.data.cache import load_or_build
from siamese.data.folder import load_folder
from siamese.data.image_file import printable
from siamese.data.progress import ReportProgress
from siamese.data.table import load_table


@dataclass(frozen=True)
class Entry:
    """A set that has a name.

    kind, unseen: as in Dataset.  built_in: the program renders it.  present: it needs no download.
    for_models: it is only there to train models that ship, and the page does not offer it.
    """

    name: str
    title: str
    description: str
    kind: str
    unseen: str
    built_in: bool
    present: bool
    for_models: bool = False


@dataclass(frozen=True)
class _BuiltIn:
    title: str
    description: str
    kind: str
    unseen: str
    module: str
    build: str
    for_models: bool = False


@dataclass(frozen=True)
class _ByPen:
    """A set made of Omniglot's small background sets and their strokes."""

    title: str
    description: str
    kind: str
    module: str


_BUILT_IN = {
    "glyphs": _BuiltIn(
        "Glyphs",
        "Printed characters of many alphabets; the test alphabets are never trained on.",
        "print",
        "alphabets",
        "siamese.data.glyphs.dataset",
        "build",
    ),
    "doodle-faces": _BuiltIn(
        "Doodle faces",
        "Drawn people who smile, turn and blink; the test people are never trained on.",
        "faces",
        "people",
        "siamese.data.doodle_faces.dataset",
        "build",
    ),
    "glyphs-two-domains": _BuiltIn(
        "Glyphs in print and by hand",
        "Each character in print and in a rough hand, for networks with two towers.",
        "print",
        "alphabets",
        "siamese.data.glyphs.dataset",
        "build_two_domains",
    ),
    "glyphs-and-signs": _BuiltIn(
        "Glyphs and signs",
        "The glyphs; for training also signs, all of them turned and mirrored, and new ones composed of their parts.",
        "print",
        "alphabets",
        "siamese.data.glyphs_and_signs",
        "build",
        for_models=True,
    ),
}
_BY_PEN = {
    "handwriting": _ByPen(
        "Handwriting",
        "Characters by pen: Omniglot's two small sets, their strokes drawn again and composed into new ones.",
        "pen",
        "siamese.data.handwriting",
    ),
    "drawings": _ByPen(
        "Drawings",
        "Characters in print and by pen: glyphs, signs and handwriting in one set.",
        "pen-and-print",
        "siamese.data.drawings",
    ),
}
NAMES = (*_BUILT_IN, *torchvision_sets.SETS, omniglot.NAME, *_BY_PEN)
OFFERED = tuple(name for name in NAMES if name not in _BUILT_IN or not _BUILT_IN[name].for_models)  # by the page


def default_data_dir() -> Path:
    """Where data sets are kept: SIAMESE_DATA_DIR, or the cache folder that the system gives this user."""
    if chosen := os.environ.get("SIAMESE_DATA_DIR"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "siamese"


def available(data_dir: Path | None = None) -> list[Entry]:
    """All sets that have a name, the built-in ones first."""
    folder = data_dir or default_data_dir()
    entries = [
        Entry(name, entry.title, entry.description, entry.kind, entry.unseen, True, True, entry.for_models)
        for name, entry in _BUILT_IN.items()
    ]
    for fetched in torchvision_sets.SETS.values():
        present = torchvision_sets.is_present(fetched, folder)
        entries.append(
            Entry(fetched.name, fetched.title, fetched.description, fetched.kind, fetched.unseen, False, present)
        )
    present = omniglot.is_present(folder)
    entries.append(
        Entry(omniglot.NAME, omniglot.TITLE, omniglot.DESCRIPTION, omniglot.KIND, omniglot.UNSEEN, False, present)
    )
    present = recorded_strokes.is_present(folder)
    return entries + [
        Entry(name, by_pen.title, by_pen.description, by_pen.kind, "alphabets", False, present)
        for name, by_pen in _BY_PEN.items()
    ]


def entry_named(name: str, data_dir: Path | None = None) -> Entry:
    """The entry of a name; nothing is loaded. Raises SiameseError, with all names, for a name that does not exist."""
    for entry in available(data_dir):
        if entry.name == name:
            return entry
    raise SiameseError(f'There is no data set "{str(name)[:40]}"; the sets are {", ".join(NAMES)}.')


def load_dataset(
    name_or_path: str,
    data_dir: Path | None = None,
    *,
    download: bool = False,
    progress: ReportProgress | None = None,
    seed: int = 0,
) -> Dataset:
    """The data set of that name, or in that folder, zip or CSV.

    name_or_path: one of NAMES, or a path. Write "./mnist" for a folder called "mnist".
    data_dir: the folder of the sets (None: default_data_dir()).
    download: whether a missing set is fetched. Nothing is fetched without it.
    progress: receives 0 to 1, in the thread that loads.
    seed: of the images of built-in sets, and of the split of a folder, zip or CSV. Other sets do not depend on it.

    A set is loaded once: another thread that asks for it meanwhile waits. The sets used last stay in memory, up to
    limits.MAX_KEPT_BYTES. Many threads may call this. They share the set, so its tensors must not be changed.
    Raises SiameseError for an unknown name, and where the source refuses the set.
    """
    folder = Path(data_dir) if data_dir is not None else default_data_dir()
    key, load = _source(name_or_path, folder, download, progress, seed)
    with _lock:
        future = _kept.pop(key, None)
        mine = future is None
        if future is None:
            future = Future()
        _kept[key] = future  # the one used last stands last
    if mine:
        try:
            future.set_result(load())
        except BaseException as error:  # waiting threads must end too when Control-C ends this one
            with _lock:
                _kept.pop(key, None)
            future.set_exception(error)
        else:
            _forget_oldest()
    return future.result()


def _source(
    name_or_path: str, folder: Path, download: bool, progress: ReportProgress | None, seed: int
) -> tuple[tuple[Any, ...], Callable[[], Dataset]]:
    """A key that no other data set has, and the function that loads this one."""
    place = str(folder.resolve())
    if name_or_path in _BUILT_IN:
        return (name_or_path, place, seed), partial(_load_built_in, name_or_path, folder, seed, progress)
    if name_or_path in torchvision_sets.SETS:
        entry = torchvision_sets.SETS[name_or_path]
        return (name_or_path, place), partial(torchvision_sets.load, entry, folder, download)
    if name_or_path == omniglot.NAME:
        return (name_or_path, place), partial(omniglot.load, folder, download, progress)
    if name_or_path in _BY_PEN:
        return (name_or_path, place, seed), partial(_load_by_pen, name_or_path, folder, seed, progress)
    if not name_or_path:
        raise _unknown("")
    path = Path(name_or_path).expanduser()
    loader = _loader_of(path)
    try:
        written = _fingerprint(path)
    except OSError as error:
        raise SiameseError(f'"{printable(path.name)}" cannot be read: {error.strerror}.') from error
    return (str(path.resolve()), written, seed), partial(loader, path, seed, progress)


def _load_built_in(name: str, folder: Path, seed: int, progress: ReportProgress | None) -> Dataset:
    entry = _BUILT_IN[name]
    # Only rendering needs fonts and drawing tools, so they are imported here.
    module = import_module(entry.module)
    return load_or_build(name, getattr(module, entry.build), folder / "cache", seed, module.VERSION, progress)


def _load_by_pen(name: str, folder: Path, seed: int, progress: ReportProgress | None) -> Dataset:
    module = import_module(_BY_PEN[name].module)  # it renders, as the built-in sets do
    loaded: Dataset = module.load(folder, seed, progress)
    return loaded


def _loader_of(path: Path) -> Callable[[Path, int, ReportProgress | None], Dataset]:
    label = printable(path.name)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError):  # a name too long for the system, or with a zero byte
        is_folder = is_file = False
    if is_folder:
        return load_folder
    if not is_file:
        raise _unknown(label)
    # The content decides whether it is a zip, not the name.
    if path.suffix.lower() == ".zip" or _begins_as_zip(path):
        return load_zip
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return load_table
    raise SiameseError(f'"{label}" is no folder, zip or CSV; these are the forms in which data can be given.')


def _unknown(label: str) -> SiameseError:
    return SiameseError(
        f'There is no data set "{label}"; the names are {", ".join(NAMES)}, and a path leads to a folder of class '
        "folders, a zip of one, or a CSV."
    )


def _begins_as_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _fingerprint(path: Path) -> tuple[int, ...]:
    """A key of the files' number, bytes, names and latest time. It changes when files are added, removed or written."""
    if path.is_file():
        found = path.stat()
        return 1, found.st_size, found.st_mtime_ns
    count, size, names, latest = 0, 0, 0, 0
    for place, folders, files in os.walk(path):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        latest = max(latest, os.stat(place).st_mtime_ns)
        for name in files:
            file = os.path.join(place, name)
            found = os.lstat(file)
            # A rename within one tick of the file system's clock keeps the time, so names count too. The order does not matter.
            names += zlib.crc32(os.fsencode(file))
            count, size, latest = count + 1, size + found.st_size, max(latest, found.st_mtime_ns)
        if count > limits.MAX_FILES:
            break
    return count, size, names, latest


_lock = threading.Lock()
# In the order of use, the last one last.
_kept: dict[tuple[Any, ...], Future[Dataset]] = {}


def _forget_oldest() -> None:
    """Drops the sets used longest ago until the limits are kept. The one used last always stays."""
    with _lock:
        count, total = 0, 0
        for key, future in reversed(list(_kept.items())):
            if not future.done():
                continue
            count, total = count + 1, total + future.result().nbytes
            if count > 1 and (count > limits.MAX_KEPT or total > limits.MAX_KEPT_BYTES):
                del _kept[key]
