"""Checkpoints: networks as safetensors files, with their recipe, data and scores."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor

from siamese import SiameseError
from siamese.data.image_file import printable
from siamese.data.whole_file import write_whole
from siamese.models.calibration import Calibration
from siamese.models.network import SiameseNetwork, build_network
from siamese.models.views import KINDS, ViewKind, check_views
from siamese.recipes import Recipe

FORMAT = "siamese-checkpoint-1"
LARGEST_HEADER = 1 << 20  # the most bytes of metadata that are read from a file

# The errors that a file of another kind can cause.
_UNREADABLE = (
    SafetensorError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network with everything that is needed to use it.

    data: name, title, kind and unseen of the data set.
    channels, size (height, width), dark_background: the input of the encoder.
    threshold: chosen on validation pairs.  scores: measured on them.
    weights: the network's tensors.
    training: the state of optimiser and generators. Only the last checkpoint of a run has it, so that a run can resume.
    source_size: (height, width) of the images in the data set, before the recipe resized them; None: the same as size.
    calibration: what the distances mean, measured at the end of a run; None where it was not measured.
    views: which views of an image are embedded in every comparison (models/views.py).
    """

    recipe: Recipe
    data: dict[str, str]
    channels: int
    size: tuple[int, int]
    dark_background: bool | None
    threshold: float
    scores: dict[str, Any]
    step: int
    seconds: float
    weights: dict[str, Tensor] = field(repr=False)
    training: dict[str, Tensor] = field(default_factory=dict, repr=False)
    versions: dict[str, str] = field(
        default_factory=lambda: {"torch": torch.__version__, "python": platform.python_version()}
    )
    source_size: tuple[int, int] | None = None
    calibration: Calibration | None = None
    views: ViewKind = "one"

    def network(self) -> SiameseNetwork:
        """The network on the CPU, in evaluation mode. Raises SiameseError where the weights or the views do not fit it."""
        check_views(self.views, self.recipe.similarity)
        # The shapes first, without memory: a small file can claim to hold a huge network.
        with torch.device("meta"):
            expected = build_network(self.recipe, self.channels, self.size, fetch=False).state_dict()
        if {n: t.shape for n, t in expected.items()} != {n: t.shape for n, t in self.weights.items()}:
            raise SiameseError(
                f'The weights in this checkpoint do not fit its encoder "{self.recipe.encoder}"; the file is damaged.'
            )
        network = build_network(self.recipe, self.channels, self.size, fetch=False)
        network.load_state_dict(self.weights)
        network.views = self.views
        return network.eval()

    def in_half(self) -> Checkpoint:
        """The checkpoint with weights rounded to float16, which makes the file half as large.

        Raises SiameseError where a weight is too large for float16.
        """
        weights = {name: t.half() if t.is_floating_point() else t for name, t in self.weights.items()}
        if not all(bool(t.isfinite().all()) for t in weights.values()):
            raise SiameseError("A weight of this network is too large for float16; keep float32.")
        return replace(self, weights=weights)

    def to_bytes(self) -> bytes:
        """The checkpoint as a safetensors file."""
        tensors = {f"network.{name}": tensor for name, tensor in self.weights.items()}
        tensors |= {f"training.{name}": tensor for name, tensor in self.training.items()}
        about = {
            "recipe": self.recipe.as_dict(),
            "data": self.data,
            "channels": self.channels,
            "size": list(self.size),
            "source_size": None if self.source_size is None else list(self.source_size),
            "dark_background": self.dark_background,
            "threshold": self.threshold,
            "scores": self.scores,
            "step": self.step,
            "seconds": self.seconds,
            "versions": self.versions,
            "calibration": None if self.calibration is None else self.calibration.as_dict(),
            "views": self.views,
        }
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        return bytes_from_tensors(plain, {"format": FORMAT, "about": json.dumps(about)})

    def save(self, path: Path) -> None:
        """Writes the whole file, or nothing. Raises SiameseError where it cannot be written."""
        try:
            write_whole(path, self.to_bytes())
        except OSError as error:
            raise SiameseError(
                f"{printable(path.name)} cannot be written: {error.strerror}; choose another place for it."
            ) from error

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "This file") -> Checkpoint:
        """Reads a checkpoint of any device into the CPU's memory. Nothing in the file is ever unpickled or executed.

        Raises SiameseError for a truncated file or one of another kind.
        """
        try:
            about = _about(content)
            recipe = Recipe().with_settings(dict(about["recipe"]))
            threshold, step, seconds = float(about["threshold"]), int(about["step"]), float(about["seconds"])
            size, source = _size(about["size"]), about.get("source_size")
            calibration = about.get("calibration")
            dark, scores = about["dark_background"], dict(about["scores"])
            views = about.get("views", "one")  # files of earlier versions have no views
            if not math.isfinite(threshold + seconds) or dark not in (None, True, False) or views not in KINDS:
                raise ValueError("an impossible value")
            if not all(isinstance(value, (int, float)) for value in scores.values()):
                raise TypeError("a score that is no number")
            tensors = tensors_from_bytes(content)
            return cls(
                recipe=recipe,
                data={str(k): str(v) for k, v in about["data"].items()},
                channels=1 if int(about["channels"]) == 1 else 3,
                size=size,
                dark_background=dark,
                threshold=threshold,
                scores=scores,
                step=step,
                seconds=seconds,
                weights=_with_prefix("network.", tensors),
                training=_with_prefix("training.", tensors),
                versions={str(k): str(v) for k, v in about["versions"].items()},
                source_size=None if source is None else _size(source),
                calibration=None if calibration is None else Calibration.from_dict(calibration),
                views=views,
            )
        except SiameseError:
            raise
        except _UNREADABLE as error:
            raise SiameseError(
                f"{name} is no checkpoint of this project, or it is cut short; "
                "choose a .safetensors file that a training run here has written."
            ) from error

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads a checkpoint file. Raises SiameseError where it is missing, truncated or of another kind."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SiameseError(f"There is no readable file {path.name}; give the path of a checkpoint.") from error
        return cls.from_bytes(content, path.name)


def best_of(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The one with the lowest equal error rate on validation pairs; of equal ones the last.

    The area under the ROC curve would often choose an early network: once nearly all pairs are right, it is decided by
    how far the few hopeless ones are from their place.
    """
    return min(reversed(checkpoints), key=lambda checkpoint: checkpoint.scores["eer"])


def _about(content: bytes) -> dict[str, Any]:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= min(LARGEST_HEADER, len(content) - 8):
        raise ValueError("no header")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    if metadata.get("format") != FORMAT:
        raise ValueError("another format")
    about = json.loads(metadata["about"])
    if not isinstance(about, dict):
        raise TypeError("no description")
    return about


def _size(value: Any) -> tuple[int, int]:
    height, width = (int(side) for side in value)
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise ValueError("an impossible size")
    return height, width


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
