"""Drawings: printed and handwritten characters in one data set, for a network that compares whatever somebody draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from siamese.data import glyphs_and_signs, handwriting
from siamese.data.bank import Dataset, joined
from siamese.data.cache import load_or_build
from siamese.data.progress import ReportProgress

NAME = "drawings"
TITLE = "Drawings"
KIND = "pen-and-print"


def load(data_dir: Path, seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """The data set, uint8 [N, 1, 28, 28], light on dark: each part holds those of glyphs-and-signs and of handwriting.

    Both are cached in the data folder. Raises SiameseError where Omniglot's folders are missing or hold something else.
    """
    report = progress or (lambda share: None)
    # The handwriting first: it says at once what is missing.
    written = handwriting.load(data_dir, seed, lambda share: report(0.5 * share))
    name, version = "glyphs-and-signs", glyphs_and_signs.VERSION
    printed = load_or_build(
        name, glyphs_and_signs.build, data_dir / "cache", seed, version, lambda share: report(0.5 + 0.5 * share)
    )
    return replace(
        printed,
        name=NAME,
        title=TITLE,
        kind=KIND,
        train=joined([printed.train, written.train]),
        validation=joined([printed.validation, written.validation]),
        test=joined([printed.test, written.test]),
    )
