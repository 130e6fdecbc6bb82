"""Builds the data set of doodle faces, with other people in each part."""

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

VERSION = 2  # a new number whenever the images change: an older data set in the cache is then built again

PEOPLE = 240
IMAGES_PER_PERSON = 24


def build(seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """240 people with 24 looks each, uint8 [N, 3, 64, 64]: 168 people to train, 36 to validate, 36 to test on.

    The same seed gives the same images. progress is called with shares from 0 to 1.
    """
    everybody = people(PEOPLE, seed)
    images = torch.empty(PEOPLE, IMAGES_PER_PERSON, 3, SIZE, SIZE, dtype=torch.uint8)
    for i, person in enumerate(everybody):
        # A random generator for each person: their pictures do not depend on the other people.
        for j, look in enumerate(looks(IMAGES_PER_PERSON, np.random.default_rng([seed, 1, i]))):
            images[i, j] = torch.from_numpy(np.array(draw(person, look))).permute(2, 0, 1)
        if progress is not None:
            progress((i + 1) / PEOPLE)
    ends = (0, round(0.7 * PEOPLE), round(0.85 * PEOPLE), PEOPLE)
    train, validation, test = (_bank(images[a:b], everybody[a:b]) for a, b in pairwise(ends))
    return Dataset("doodle-faces", "Doodle faces", "faces", "people", train, validation, test)


def _bank(images: Tensor, everybody: list[Person]) -> ImageBank:
    return ImageBank(
        images=images.flatten(0, 1).contiguous(),
        counts=torch.full((len(everybody),), images.shape[1]),
        class_names=tuple(person.name for person in everybody),
        groups=torch.zeros(len(everybody), dtype=torch.long),
        group_names=("people",),
    )
