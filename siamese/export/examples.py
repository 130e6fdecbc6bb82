"""Example pairs for the Compare tab. Each shows one thing: a pair that fools raw pixels, or a mistake of the model."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.comparison.compare import Comparer
from siamese.data.bank import Dataset
from siamese.data.doodle_faces.dataset import PEOPLE
from siamese.data.doodle_faces.drawing import draw
from siamese.data.doodle_faces.people import people, trait_distance
from siamese.data.doodle_faces.traits import Look
from siamese.evaluation.protocols import Evaluator
from siamese.models.checkpoint import Checkpoint

SIDE = 112  # of a picture of a data set, at least, in pixels: the page enlarges it by whole pixels
FACE_SIDE = 192  # of a drawn face
# "Right with a clear margin" is a dissimilarity this share of the threshold away from it.
CLEAR = 0.25

TITLES = {
    "same": {"en": "same letter, two hands", "zh": "同一字母，两种写法"},
    "apart": {"en": "one stroke apart", "zh": "只差一笔"},
    "wrong": {"en": "here the model is wrong", "zh": "模型在此出错"},
    "laughing": {"en": "same face, laughing", "zh": "同一张脸，在笑"},
    "twins": {"en": "two people, alike", "zh": "两个相像的人"},
}
_CALM = Look(smile=0.1)
_LAUGHING = Look(
    smile=1.0, open=0.7, brows=0.5, blink=(0.35, 0.35), roll=0.12, background=3, clothes=4, brightness=1.06
)
_TWIN = Look(smile=0.3, background=1)


@dataclass(frozen=True)
class Example:
    """One pair.  left, right: file names.  title: what a person reads, by language.  model: the weights it is for,
    without suffix.  same: the truth.  wrong: whether the model says otherwise.  sharp: small images, whose pixels are
    shown as squares."""

    left: str
    right: str
    title: dict[str, str]
    model: str
    same: bool
    wrong: bool
    sharp: bool


def make_examples(models: dict[str, tuple[Checkpoint, Dataset]]) -> dict[str, bytes]:
    """Files by name: the pictures as PNG, and pairs.json that lists them.

    models: by the name of their weights, each with the data set it was trained on. Of images of the test part: a same
    pair that raw pixels find unlike and a different pair of one group that they find alike, both of which the model
    gets right with a clear margin, and the pair that it gets most wrong. Of drawn faces: one test person calm and
    laughing, and the two most alike test people whom the model tells apart. The same models and data give the same
    files. Raises SiameseError where a model gets no such pair right.
    """
    files: dict[str, bytes] = {}
    examples: list[Example] = []
    for model, (checkpoint, dataset) in models.items():
        faces = dataset.kind == "faces"
        found = _faces(checkpoint) if faces else _Chooser(checkpoint, dataset).pairs()
        for what, left, right, same in found:
            names = [f"{model}-{what}-{side}.png" for side in ("left", "right")]
            files |= {name: _png(picture) for name, picture in zip(names, (left, right))}
            wrong = Comparer(checkpoint).compare(left, right).same != same
            examples.append(Example(names[0], names[1], TITLES[what], model, same, wrong, not faces))
    examples.sort(
        key=lambda example: (example.wrong, not example.sharp)
    )  # first the pairs that a model gets right, and letters before faces
    table = json.dumps({"pairs": [asdict(example) for example in examples]}, ensure_ascii=False, indent=2)
    return files | {"pairs.json": f"{table}\n".encode()}


Found = tuple[str, Image.Image, Image.Image, bool]


class _Chooser:
    """Chooses pairs of a test part by the distances of the model and of raw pixels."""

    def __init__(self, checkpoint: Checkpoint, dataset: Dataset) -> None:
        evaluator = Evaluator(checkpoint)
        self.comparer = Comparer(checkpoint)
        self.bank, self.title = dataset.test, dataset.title
        prepared = evaluator.prepared(dataset, dataset.test)
        self.judged = evaluator.network_judge(prepared).matrix() / checkpoint.threshold
        self.pixels = evaluator.pixel_judge(prepared).matrix()
        labels, groups = self.bank.labels, self.bank.groups[self.bank.labels]
        self.of_one_class = labels[:, None] == labels[None]
        each_once = torch.ones_like(self.of_one_class).triu(1)
        self.same = each_once & self.of_one_class
        # Of one group: a capital of one alphabet and a letter of another may look the same to everybody.
        self.different = each_once & ~self.of_one_class & (groups[:, None] == groups[None])

    def pairs(self) -> Iterator[Found]:
        clear_same = self.same & (self.judged < 1 - CLEAR)
        yield self._first("same", clear_same, -self.pixels)
        yield self._first("apart", self.different & (self.judged > 1 + CLEAR), self.pixels)
        # How many times beyond the threshold, on the wrong side of it.
        beyond = torch.where(self.of_one_class, self.judged, 1 / self.judged.clamp_min(1e-6))
        mistakes = (self.same | self.different) & (beyond > 1)
        if bool(mistakes.any()):
            yield self._first("wrong", mistakes, -beyond)

    def _first(self, what: str, among: Tensor, order: Tensor) -> Found:
        """The first pair by its value, among those of which the saved pictures say the same as the images."""
        places = torch.argsort(torch.where(among, order, torch.inf).flatten())[: min(500, int(among.sum()))]
        for place in places.tolist():
            i, j = divmod(place, len(self.bank))
            left, right = _picture(self.bank.images[i]), _picture(self.bank.images[j])
            same = bool(self.of_one_class[i, j])
            if (self.comparer.compare(left, right).same == same) == (what != "wrong"):
                return what, left, right, same
        raise SiameseError(f"The model gets no pair of {self.title} clearly right; train a better one.")


def _faces(checkpoint: Checkpoint) -> Iterator[Found]:
    """Drawn large, since the page shows them large; the test people are the last ones of the data set."""
    comparer = Comparer(checkpoint)
    cast = people(PEOPLE, 0)[round(0.85 * PEOPLE) :]
    yield from _first_face(
        comparer, "laughing", ((draw(p, _CALM, FACE_SIDE), draw(p, _LAUGHING, FACE_SIDE)) for p in cast), same=True
    )
    twins = sorted(combinations(cast, 2), key=lambda two: trait_distance(*two))
    pictures = ((draw(a, _TWIN, FACE_SIDE), draw(b, _TWIN, FACE_SIDE)) for a, b in twins)
    yield from _first_face(comparer, "twins", pictures, same=False)


def _first_face(
    comparer: Comparer, what: str, pictures: Iterator[tuple[Image.Image, Image.Image]], same: bool
) -> Iterator[Found]:
    for left, right in pictures:
        result = comparer.compare(left, right)
        share = result.dissimilarity / result.threshold
        if share < 1 - CLEAR if same else share > 1 + CLEAR:
            yield what, left, right, same
            return
    raise SiameseError("The model gets no pair of drawn faces clearly right; train a better one.")


def _picture(image: Tensor) -> Image.Image:
    """uint8 [C, H, W] enlarged by a whole number, so that every pixel stays a crisp square."""
    pixels = image.permute(1, 2, 0).cpu().numpy()
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    factor = -(-SIDE // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def load_models(folder: Path) -> dict[str, Checkpoint]:
    """The checkpoints of a folder by their names without suffix. Raises SiameseError where there is none."""
    files = sorted(path for path in folder.glob("*.safetensors") if not path.stem.endswith(".last"))
    if not files:
        raise SiameseError("The folder of weights holds no .safetensors file; train a model into it first.")
    return {path.stem: Checkpoint.load(path) for path in files}
