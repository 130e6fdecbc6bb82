"""Comparer: two pictures in, their dissimilarity and a verdict out."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.data.strokes import Stroke
from siamese.evaluation.familiarity import foreign
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import as_floats, prepare_image, prepare_strokes

Picture = Image.Image | tuple[Stroke, ...]  # upright, of any size and mode; or a drawing from the pad
MOST_KEPT = 1_024  # embeddings of a board's pictures that one comparer keeps: sixteen full boards


@dataclass(frozen=True)
class Comparison:
    """dissimilarity: smaller is more alike.  same: whether it is below the threshold.
    inverted: which of the two pictures were inverted first, because the network knows light strokes on dark alone.
    foreign: for which of them the network was not made, by a measured rule.
    different: how often validation pairs at this distance are different (0 to 1, where as many are same).
    farther_than, closer_than: of 100 same pairs, how many are nearer; of 100 different ones, how many are farther.
    The last three are None, and foreign is False, for a checkpoint without calibration."""

    dissimilarity: float
    threshold: float
    same: bool
    inverted: tuple[bool, bool]
    foreign: tuple[bool, bool] = (False, False)
    different: float | None = None
    farther_than: int | None = None
    closer_than: int | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as the network takes it: pixels uint8 [1, C, H, W]; inverted and foreign as Comparison has them."""

    pixels: Tensor
    inverted: bool
    foreign: bool


class Comparer:
    """A trained network that compares pictures on the CPU, where two of them are cheaper than on a shared GPU.

    Safe to use from several threads at once: it never changes the network.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.network = checkpoint.network()
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, picture: Picture) -> Prepared:
        """The picture as the network takes it. A drawing from the pad is never foreign to a network of drawings."""
        calibration = self.checkpoint.calibration
        drawn = not isinstance(picture, Image.Image)
        if isinstance(picture, Image.Image):
            pixels, inverted = prepare_image(picture, self.checkpoint)
        else:
            pixels, inverted = prepare_strokes(picture, self.checkpoint), False
        if calibration is None or (drawn and calibration.hand is not None):
            return Prepared(pixels, inverted, False)
        return Prepared(pixels, inverted, foreign(calibration.familiarity, pixels)[0])

    def compare(self, left: Picture, right: Picture) -> Comparison:
        """Compares two pictures.

        Raises SiameseError where the network gives no finite number, since its training diverged.
        """
        return self.compare_prepared(self.prepare(left), self.prepare(right))

    @torch.inference_mode()
    def compare_prepared(self, left: Prepared, right: Prepared) -> Comparison:
        """Compares two pictures that `prepare` has made ready; errors as compare has them."""
        a, b = self.network.embed_pairs(as_floats(torch.cat([left.pixels, right.pixels]))).chunk(2)
        dissimilarity = float(self.network.similarity(a, b))
        if not math.isfinite(dissimilarity):
            raise SiameseError(
                "This network gives no finite number for these images; choose one whose training did not diverge."
            )
        checkpoint = self.checkpoint
        calibration, threshold = checkpoint.calibration, checkpoint.threshold
        return Comparison(
            dissimilarity,
            threshold,
            dissimilarity < threshold,
            (left.inverted, right.inverted),
            (left.foreign, right.foreign),
            None if calibration is None else calibration.difference.at(dissimilarity),
            None if calibration is None else calibration.farther_than(dissimilarity),
            None if calibration is None else calibration.closer_than(dissimilarity),
        )

    @torch.inference_mode()
    def embed(self, pixels: Tensor, right: bool = False) -> Tensor:
        """Embeddings, float32 [n, D], of prepared pixels, uint8 [n, C, H, W].  right: by the tower of right images."""
        run = self.network.embed_right if right else self.network.embed
        return run(as_floats(pixels))

    def kept(self, key: str, make: Callable[[], Tensor] | None = None) -> Tensor | None:
        """The embedding, float32 [D], kept under this key, or made and kept now; None where there is neither."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        if make is None:
            return None
        embedding = make()
        with self._lock:
            self._kept[key] = embedding
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return embedding


def distances(comparer: Comparer, newcomer: Tensor, others: Sequence[Tensor]) -> Tensor:
    """The dissimilarity of an embedding, float32 [D], to each of n others: float32 [n]."""
    with torch.inference_mode():
        return comparer.network.similarity(newcomer[None], torch.stack(list(others)))
