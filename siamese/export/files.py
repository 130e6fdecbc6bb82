"""A run as files to take home: JSON, CSV, and data sets as folders of images."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

import siamese
from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation.numbers import json_ready
from siamese.evaluation.scores import Validation
from siamese.training.jobs.history import RunHistory

FORMAT = "siamese-run-1"
_NAME_LENGTH = 50  # characters in the name of a class folder; with four bytes each they still fit in a file name


def run_as_json(snapshot: Mapping[str, Any]) -> str:
    """A run as strict JSON: recipe, data, device, versions, curves, and scores with the protocol of each in words.

    snapshot: TrainingJob.snapshot(). Shares are from 0 to 1, seconds are spent training, and a number that is not
    finite is null.
    """
    loss, unseen = snapshot["loss"], snapshot["dataset"]["unseen"]
    frame = snapshot["frame"]
    run = {
        "format": FORMAT,
        "state": snapshot["state"],
        "error": snapshot["error"],
        "data": snapshot["dataset"],
        "recipe": snapshot["recipe"],
        "device": snapshot["device"],
        "parameters": snapshot["parameters"],
        "versions": {
            "siamese": siamese.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
        },
        "step": snapshot["step"],
        "steps": snapshot["steps"],
        "seconds": snapshot["seconds"],
        "diagnosis": snapshot["diagnosis"],
        "scores": None if snapshot["scores"] is None else _scores(snapshot["scores"], unseen),
        "curves": {
            "training": {"step": loss["step"], "seconds": loss["seconds"], "loss": loss["value"]},
            "validation": snapshot["validation"],
            "collapse": {"loss": loss["collapse"], "name": loss["collapse_name"]},
        },
        "distances": frame and {name: frame[name] for name in ("step", "edges", "same", "different", "threshold")},
        "embedding_map": frame and {name: frame[name] for name in ("step", "x", "y", "explained")},
    }
    return json.dumps(json_ready(run), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _scores(scores: Mapping[str, Any], unseen: str) -> dict[str, Any]:
    """Each score with its protocol, beside the scores of raw pixels and of guessing."""
    pairs = f"{scores['pairs']:,} pairs of {unseen} that training never shows, half of them same"
    where = "classes of one group" if scores["within_group"] else "all classes"
    trials = f"{scores['way']}-way one-shot among {where}, {scores['trials']:,} trials"
    protocols = {
        "pair_accuracy": (f"{pairs}; the threshold is the best one for these very pairs", 0.5),
        "auc": (f"area under the ROC curve; {pairs}", 0.5),
        "eer": (f"equal error rate; {pairs}", 0.5),
        "oneshot": (f"{trials} on {unseen} that training never shows", 1 / scores["way"]),
    }
    baseline = scores["baseline"] or {}
    scored = {
        name: {"value": scores[name], "raw_pixels": baseline.get(name), "guess": guess, "protocol": protocol}
        for name, (protocol, guess) in protocols.items()
    }
    return scored | {"threshold": {"value": scores["threshold"], "protocol": "below it the verdict is same"}}


def run_as_csv(history: RunHistory) -> str:
    """A run as CSV: a row for each kept point of the loss curve and each validation, in the order of their steps.

    The header names the units. A cell is empty where nothing was measured at that step, or no finite number. In a long
    run each training loss is the mean of several steps (LossCurve.per_point), the last of which is the row's.
    """
    curve, validations = history.loss, {v.step: v for v in history.validations}
    losses = {step: (seconds, value) for step, seconds, value in zip(curve.steps, curve.seconds, curve.values)}
    way = next((v.scores.way for v in history.validations), 20)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "step",
            "time (s)",
            "training loss",
            "validation loss",
            "pair accuracy (0 to 1)",
            "ROC AUC (0 to 1)",
            "equal error rate (0 to 1)",
            f"{way}-way one-shot accuracy (0 to 1)",
            "threshold (dissimilarity)",
        ]
    )
    for step in sorted(losses.keys() | validations.keys()):
        validation = validations.get(step)
        seconds, loss = losses.get(step, (validation.seconds if validation else math.nan, math.nan))
        writer.writerow([step, _cell(round(seconds, 3)), _cell(loss), *_validation_cells(validation)])
    return out.getvalue()


def _validation_cells(validation: Validation | None) -> list[str]:
    if validation is None:
        return [""] * 6
    scores = validation.scores
    values = (validation.loss, scores.pair_accuracy, scores.auc, scores.eer, scores.oneshot, scores.threshold)
    return [_cell(value) for value in values]


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def write_dataset(dataset: Dataset, folder: Path) -> int:
    """Writes a data set as PNG files and returns their number: folder/train, folder/validation and folder/test.

    Each is what write_class_folders writes of that part. load_dataset(folder) reads it back, but for a second domain.
    Raises SiameseError as write_class_folders does.
    """
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return sum(write_class_folders(bank, folder / part) for part, bank in parts.items())


def write_class_folders(bank: ImageBank, folder: Path) -> int:
    """Writes a bank as PNG files, a folder for each class, and returns their number.

    The folders are numbered, so that their names sort as the classes do and no two are one on a file system that takes
    "A" for "a". A bank of two domains has the second one's images in a folder beside, of the same name and "-partner".
    Raises SiameseError for a folder that holds something already, or cannot be written.
    """
    images = [(folder, bank.images)]
    if bank.partner is not None:
        images.append((folder.with_name(f"{folder.name}-partner"), bank.partner))
    try:
        for place, _ in images:
            if place.exists() and (not place.is_dir() or any(place.iterdir())):
                raise SiameseError(f'There is something in "{place.name}" already; choose a new or an empty folder.')
        for place, pixels in images:
            _write(bank, pixels.cpu(), place)
    except OSError as error:
        raise SiameseError(
            f'"{folder.name}" cannot be written ({error.strerror or type(error).__name__}); choose another place.'
        ) from error
    return len(images) * len(bank)


def _write(bank: ImageBank, pixels: Tensor, folder: Path) -> None:
    digits = len(str(bank.classes - 1))
    for number, (name, start, count) in enumerate(zip(bank.class_names, bank.starts.tolist(), bank.counts.tolist())):
        place = folder / f"{number:0{digits}d} {_as_file_name(name)}".rstrip()
        place.mkdir(parents=True)
        for position in range(count):
            array = pixels[start + position].permute(1, 2, 0).numpy()
            image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            image.save(place / f"{position:0{len(str(count - 1))}d}.png")


def _as_file_name(name: str) -> str:
    """The name without characters that a file system may refuse."""
    kept = "".join(letter if letter.isalnum() or letter in " -_" else "_" for letter in name)
    return kept[:_NAME_LENGTH].strip()
