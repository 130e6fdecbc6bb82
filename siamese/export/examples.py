"""Example pairs for comparing: test images on which each shipped model shows what it can do, and where it ends."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from siamese import SiameseError
from siamese.comparison.compare import Comparer
from siamese.data.bank import Dataset, ImageBank
from siamese.evaluation.protocols import Evaluator
from siamese.models.checkpoint import Checkpoint

SIDE = 336  # of an example picture, at least, in pixels: a whole multiple of 28
SAME, DIFFERENT = 4, 3
# "Right with a clear margin" is a dissimilarity this share of the threshold away from it.
CLEAR = 0.25


@dataclass(frozen=True)
class Example:
    """One pair.  left, right: file names.  title: what a person reads.  model: the weights it is for, without suffix.
    same: the truth.  hard: of all pairs of two classes of one group, the one that the model finds most alike."""

    left: str
    right: str
    title: str
    model: str
    same: bool
    hard: bool


class _Pair:
    """Two images of a test bank, by number."""

    def __init__(self, bank: ImageBank, left: int, right: int) -> None:
        self.left, self.right = left, right
        self.classes = int(bank.labels[left]), int(bank.labels[right])


def make_examples(models: dict[str, tuple[Checkpoint, Dataset]]) -> dict[str, bytes]:
    """Files by name: the pictures as PNG, and pairs.json that tells of them.

    models: by the name of their weights, each with the data set it was trained on. For each there are four same pairs
    that raw pixels find least alike and three different ones that raw pixels find most alike, among those that the
    model gets right with a clear margin, every one of other classes; and the hardest different pair. The same models
    and data give the same files. Raises SiameseError where a model gets too few pairs right.
    """
    files: dict[str, bytes] = {}
    examples: list[Example] = []
    for model, (checkpoint, dataset) in models.items():
        chooser = _Chooser(checkpoint, dataset)
        same, different = chooser.same(), chooser.different()
        pairs = [pair for two in zip(same, different) for pair in two] + same[len(different) :]
        for number, pair in enumerate([*pairs, chooser.hardest()], start=1):
            names = [f"{model}-{number}-{side}.png" for side in ("left", "right")]
            for name, index in zip(names, (pair.left, pair.right)):
                files[name] = _png(_picture(dataset.test.images[index]))
            is_same = pair.classes[0] == pair.classes[1]
            hard = number == len(pairs) + 1
            title = _title(dataset, pair.classes, hard)
            examples.append(Example(names[0], names[1], title, model, is_same, hard))
    table = json.dumps({"pairs": [asdict(example) for example in examples]}, ensure_ascii=False, indent=2)
    return files | {"pairs.json": f"{table}\n".encode()}


class _Chooser:
    """Picks pairs of a test part by what the model and what raw pixels make of them."""

    def __init__(self, checkpoint: Checkpoint, dataset: Dataset) -> None:
        evaluator = Evaluator(checkpoint)
        self.comparer = Comparer(checkpoint)
        self.bank = dataset.test
        self.dataset = dataset
        prepared = evaluator.prepared(dataset, dataset.test)
        self.judged = evaluator.network_judge(prepared).matrix() / checkpoint.threshold
        self.pixels = evaluator.pixel_judge(prepared).matrix()
        labels = dataset.test.labels
        self.of_one_class = labels[:, None] == labels[None]
        # Each pair once, and no image with itself.
        self.pairs = torch.ones_like(self.of_one_class).triu(1)

    def same(self) -> list[_Pair]:
        clear = self.pairs & self.of_one_class & (self.judged < 1 - CLEAR)
        return self._take(torch.where(clear, self.pixels, -torch.inf), SAME, largest=True)

    def different(self) -> list[_Pair]:
        clear = self.pairs & ~self.of_one_class & (self.judged > 1 + CLEAR)
        return self._take(torch.where(clear, self.pixels, torch.inf), DIFFERENT, largest=False)

    def hardest(self) -> _Pair:
        # Of one group: some letters of two alphabets, a capital and its small form, look the same to everybody.
        group = self.bank.groups[self.bank.labels]
        asked = self.pairs & ~self.of_one_class & (group[:, None] == group[None])
        alike = torch.where(asked, self.judged, torch.inf)
        place = int(alike.argmin())
        return _Pair(self.bank, place // len(self.bank), place % len(self.bank))

    def _take(self, values: Tensor, count: int, largest: bool) -> list[_Pair]:
        """The first pairs in order of their values that share no class, of all groups in turn, and that the model gets
        as clearly right from the pictures as they will be saved."""
        taken: list[_Pair] = []
        classes: set[int] = set()
        order = torch.argsort(values.flatten(), descending=largest)
        finite = int(values.isfinite().sum())
        groups = self.bank.groups.tolist()
        for place in order[:finite].tolist():
            pair = _Pair(self.bank, place // len(self.bank), place % len(self.bank))
            group = groups[pair.classes[0]]
            seen = [groups[other.classes[0]] for other in taken]
            fair = seen.count(group) == min(seen.count(each) for each in set(groups))
            if fair and classes.isdisjoint(pair.classes) and self._clearly_right(pair):
                taken.append(pair)
                classes.update(pair.classes)
                if len(taken) == count:
                    return taken
        raise SiameseError(
            f"The model gets only {len(taken)} of {count} pairs of {self.dataset.title} clearly right; train a better "
            "one."
        )

    def _clearly_right(self, pair: _Pair) -> bool:
        left, right = (_picture(self.bank.images[index]) for index in (pair.left, pair.right))
        result = self.comparer.compare(left, right)
        share = result.dissimilarity / result.threshold
        return share < 1 - CLEAR if pair.classes[0] == pair.classes[1] else share > 1 + CLEAR


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


def _title(dataset: Dataset, classes: tuple[int, int], hard: bool) -> str:
    first, second = (_short(dataset, c) for c in classes)
    if hard:
        return f"Hard: {first} and {second}"
    if classes[0] != classes[1]:
        return f"{first} and {second}"
    return f"Two pictures of {first}" if dataset.kind == "faces" else f"Two drawings of {first}"


def _short(dataset: Dataset, number: int) -> str:
    """A character alone, where the name of its class spells it out first."""
    name = dataset.test.class_names[number]
    return name.rsplit(" ", 1)[-1] if dataset.kind == "print" else name


def load_models(folder: Path) -> dict[str, Checkpoint]:
    """The checkpoints of a folder by their names without suffix. Raises SiameseError where there is none."""
    files = sorted(path for path in folder.glob("*.safetensors") if not path.stem.endswith(".last"))
    if not files:
        raise SiameseError("The folder of weights holds no .safetensors file; train a model into it first.")
    return {path.stem: Checkpoint.load(path) for path in files}
