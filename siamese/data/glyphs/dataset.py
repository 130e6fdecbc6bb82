"""The glyph sets: printed characters, and the same characters in print and by a rough hand."""

from __future__ import annotations

import torch

from siamese.data.bank import Dataset, ImageBank
from siamese.data.glyphs import alphabets
from siamese.data.glyphs.alphabets import PARTS, distinct_letters
from siamese.data.glyphs.drawing import PRINT, ROUGH, VARIED, draw, pick_faces
from siamese.data.glyphs.masters import make_masters
from siamese.data.progress import ReportProgress

VERSION = 3
IMAGES_PER_CHARACTER = 20
TWO_DOMAIN_IMAGES = 12


def build(seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """The glyph set, split by script: uint8 images [N, 1, 28, 28], light on dark, 20 of each character.

    On one machine the same seed gives the same images. progress receives 0 to 1.
    """
    return _build("glyphs", "Glyphs", seed, progress, IMAGES_PER_CHARACTER, two_domains=False)


def build_two_domains(seed: int = 0, progress: ReportProgress | None = None) -> Dataset:
    """Each character in print (images) and by a rough hand (partner): uint8 [N, 1, 28, 28] each, 12 of each character.

    An image and its partner are drawn from the same face. The hand is warped, thick or thin; its letters are filled,
    outlined, inverted, or outlined and inverted. The parts are those of `build`.
    """
    return _build("glyphs-two-domains", "Glyphs in print and by hand", seed, progress, TWO_DOMAIN_IMAGES, True)


def _build(
    name: str, title: str, seed: int, progress: ReportProgress | None, images: int, two_domains: bool
) -> Dataset:
    report = progress or (lambda done: None)
    letters = distinct_letters()
    report(0.1)
    masters = make_masters([letter.character for letter in letters], report)
    generator = torch.Generator().manual_seed(seed)
    picks = pick_faces(masters, images, generator)
    if two_domains:
        printed = draw(masters, picks, PRINT, generator, lambda done: report(0.4 + 0.3 * done))
        drawn = draw(masters, picks, ROUGH, generator, lambda done: report(0.7 + 0.3 * done))
    else:
        printed, drawn = draw(masters, picks, VARIED, generator, lambda done: report(0.4 + 0.6 * done)), None
    bank = ImageBank.from_labels(
        printed,
        torch.arange(len(letters)).repeat_interleave(images),
        [letter.name for letter in letters],
        [letter.alphabet for letter in letters],
        [alphabet[0] for alphabet in alphabets.ALPHABETS],
        drawn,
    )
    parts = {
        part: bank.select_classes([i for i, letter in enumerate(letters) if letter.part == part]) for part in PARTS
    }
    return Dataset(name=name, title=title, kind="print", unseen="alphabets", dark_background=True, **parts)
