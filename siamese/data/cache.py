"""A cache for data sets that take seconds to make: one safetensors file each, read in a fraction of a second."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.data.progress import ReportProgress
from siamese.data.whole_file import write_whole

_FORMAT = "siamese-dataset-1"
_PARTS = ("train", "validation", "test")
_log = logging.getLogger(__name__)


def load_or_build(
    name: str,
    build: Callable[[int, ReportProgress | None], Dataset],
    cache_dir: Path,
    seed: int,
    version: int,
    progress: ReportProgress | None = None,
) -> Dataset:
    """The data set of that name and seed: from its file in the folder, or built and written there.

    build: called as build(seed, progress) where there is no usable file.
    version: of the builder. A file of another version is replaced, and so is a damaged or foreign one.
    progress: receives 0 to 1, and only 1 where the file was read.

    The file has a checksum and is written whole, so two processes that build at the same time each leave a complete
    file. Where the folder cannot be written, the set is built again at the next start.
    """
    path = Path(cache_dir) / f"{name}-seed{seed}.safetensors"
    kept = _read(path, name, seed, version)
    if kept is None:
        kept = build(seed, progress)
        try:
            _write(path, kept, name, seed, version)
        except (OSError, safetensors.SafetensorError) as error:
            _log.warning("%s is not kept for the next start: %s.", path.name, type(error).__name__)
    if progress is not None:
        progress(1.0)
    return kept


def _read(path: Path, name: str, seed: int, version: int) -> Dataset | None:
    """The data set in the file, or None for a file that is missing, damaged, foreign or of another version."""
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            checksum, _, about = (file.metadata() or {})["dataset"].partition(" ")
            notes = json.loads(about)
            if (notes["format"], notes["name"], notes["seed"], notes["version"]) != (_FORMAT, name, seed, version):
                return None
            # Cloned, because a tensor that stays mapped onto the file would change with it.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - not a mapping
        if checksum != _checksum(about, tensors):
            raise ValueError("the checksum is another one")
        train, validation, test = (_bank(part, tensors, notes["parts"][part]) for part in _PARTS)
        return Dataset(train=train, validation=validation, test=test, **notes["fields"])
    except (safetensors.SafetensorError, SiameseError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        _log.info("%s is made anew: %s.", path.name, type(error).__name__)
        return None


def _bank(part: str, tensors: dict[str, Tensor], names: dict[str, list[str]]) -> ImageBank:
    return ImageBank(
        images=tensors[f"{part}.images"],
        counts=tensors[f"{part}.counts"],
        class_names=tuple(names["class_names"]),
        groups=tensors[f"{part}.groups"],
        group_names=tuple(names["group_names"]),
        partner=tensors.get(f"{part}.partner"),
    )


def _write(path: Path, dataset: Dataset, name: str, seed: int, version: int) -> None:
    tensors: dict[str, Tensor] = {}
    parts: dict[str, dict[str, tuple[str, ...]]] = {}
    for part in _PARTS:
        bank: ImageBank = getattr(dataset, part)
        tensors |= {f"{part}.images": bank.images, f"{part}.counts": bank.counts, f"{part}.groups": bank.groups}
        if bank.partner is not None:
            tensors[f"{part}.partner"] = bank.partner
        parts[part] = {"class_names": bank.class_names, "group_names": bank.group_names}
    fields = {key: getattr(dataset, key) for key in ("name", "title", "kind", "unseen", "dark_background")}
    notes = {"format": _FORMAT, "name": name, "seed": seed, "version": version, "fields": fields, "parts": parts}

    plain = {key: tensor.to(torch.device("cpu")).contiguous() for key, tensor in tensors.items()}
    about = json.dumps(notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_bytes(plain, {"dataset": f"{_checksum(about, plain)} {about}"}))


def _checksum(about: str, tensors: dict[str, Tensor]) -> str:
    """A checksum of every word, shape and number. One wrong bit changes it."""
    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for key in sorted(tensors):
        digest.update(f"{key} {tensors[key].dtype} {tuple(tensors[key].shape)}\n".encode())
        digest.update(tensors[key].numpy().data)
    return digest.hexdigest()
