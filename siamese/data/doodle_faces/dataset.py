"""The data set of doodle faces: people to train, to validate and to test on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank
from siamese.data.doodle_faces.drawing import SIZE, draw
from siamese.data.doodle_faces.people import looks, people
from siamese.data.doodle_faces.traits import Person
from siamese.data.progress import ReportProgress

VERSION = 2


PEOPLE = 240
IMAGES_PER_PERSON = 24


def build(seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """240 people of 24 looks each, uint8 [N, 3, 64, 64]: 168 to train, 36 to validate and 36 to test on.

    The same seed gives the same images. progress receives 0 to 1.
    """
    cast = people(PEOPLE, seed)
    images = torch.empty(PEOPLE, IMAGES_PER_PERSON, 3, SIZE, SIZE, dtype=torch.uint8)
    for i, person in enumerate(cast):
        # Each person's own stream: their pictures do not depend on who came before.
        for j, look in enumerate(looks(IMAGES_PER_PERSON, np.random.default_rng([seed, 1, i]))):
            images[i, j] = torch.from_numpy(np.array(draw(person, look))).permute(2, 0, 1)
        if progress is not None:
            progress((i + 1) / PEOPLE)
    ends = (0, round(0.7 * PEOPLE), round(0.85 * PEOPLE), PEOPLE)
    train, validation, test = (_bank(images[a:b], cast[a:b]) for a, b in pairwise(ends))
    return Dataset("doodle-faces", "Doodle faces", "faces", "people", train, validation, test)


def _bank(images: Tensor, cast: list[Person]) -> ImageBank:
    return ImageBank(
        images=images.flatten(0, 1).contiguous(),
        counts=torch.full((len(cast),), images.shape[1]),
        class_names=tuple(person.name for person in cast),
        groups=torch.zeros(len(cast), dtype=torch.long),
        group_names=("people",),
    )
