"""Model cards: a page of Markdown with the data, the training and the scores of a trained network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from siamese.data.bank import Dataset
from siamese.evaluation.protocols import Evaluation
from siamese.evaluation.score_table import score_rows
from siamese.models.checkpoint import Checkpoint
from siamese.models.views import count, ways
from siamese.recipes import Recipe

_HEADINGS = {
    "pairs": "Same or different",
    "verification": "Verification over all pairs",
    "oneshot": "One-shot classification",
}


@dataclass(frozen=True)
class Making:
    """How a network was made. command: the whole command line.  device: its name for people.

    parameters: how many the network has.  size: of the file, in bytes.
    """

    command: str
    device: str
    parameters: int
    size: int


def model_card(
    file: str, checkpoint: Checkpoint, dataset: Dataset, making: Making, evaluations: Sequence[Evaluation]
) -> str:
    """The card of a weights file. Every score stands beside the score of raw pixels."""
    recipe, (height, width) = checkpoint.recipe, checkpoint.size
    train = dataset.train
    facts = [
        ("data", f"{dataset.title}: {len(train):,} training images of {train.classes:,} classes"),
        ("held out", (f"the {dataset.unseen} of the validation part ({_size(dataset.validation.classes, dataset)}) "
                     f"and of the test part ({_size(dataset.test.classes, dataset)}) were never trained on")),
        ("input", f"{_colours(checkpoint)}, {width} × {height} pixels{_resized(checkpoint)}{_background(checkpoint)}"),
        ("network", f"{recipe.encoder}, {making.parameters:,} parameters, {making.size / 1e6:.2f} MB"),
        ("embedding", (f"{_numbers(checkpoint)}{', of length 1' if recipe.normalize else ''}; compared by "
                      f"{recipe.similarity} distance")),
        *_views(checkpoint),
        ("loss", f"{recipe.loss} over {recipe.batching}{_batch(recipe)}"),
        ("optimiser", f"{recipe.optimizer}, learning rate {recipe.learning_rate:g}, schedule {recipe.schedule}"),
        ("augmentation", recipe.augmentation + (", quarter turns as classes" if recipe.rotations_as_classes else "")),
        ("training", (f"the best of {recipe.steps:,} steps on validation: step {checkpoint.step:,}, after "
                     f"{checkpoint.seconds:.1f} s on {making.device}; seed {recipe.seed}, "
                     f"torch {checkpoint.versions['torch']}")),
        ("threshold", f"{checkpoint.threshold:.4g}, chosen on validation pairs; a smaller dissimilarity is \"same\""),
    ]  # fmt: skip
    lines = [
        f"# {file}",
        "",
        f"A Siamese network for {dataset.title}, trained by the recipe `{recipe.name}`. {recipe.teaches}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in facts),
        "",
        "Made by",
        "",
        f"    {making.command}",
        "",
        "## Scores",
    ]
    for evaluation in evaluations:
        lines += ["", f"### {_HEADINGS[evaluation.protocol]}", "", evaluation.words, ""]
        lines += ["| | this network | raw pixels |", "|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in score_rows(evaluation)]
    return "\n".join([*lines, ""])


def _resized(checkpoint: Checkpoint) -> str:
    """The size of the data set's images, where the recipe has resized them."""
    height, width = checkpoint.source_size or checkpoint.size
    return "" if (height, width) == checkpoint.size else f" (from {width} × {height})"


def _numbers(checkpoint: Checkpoint) -> str:
    """How many numbers an embedding has."""
    numbers = f"{checkpoint.recipe.embedding_dim} numbers"
    return numbers if ways(checkpoint.views) == 1 else f"{numbers} for each way up"


def _views(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """The row about averaged views and their cost; none for a network with one view."""
    kind = checkpoint.views
    if kind == "one":
        return []
    one, all_of_them = (_comparison_seconds(each) for each in (replace(checkpoint, views="one"), checkpoint))
    means = f"the mean over {count(kind)} {kind} views of each image"
    if ways(kind) == 2:
        means = (
            f"the mean over {count(kind) // 2} affine views of each image, beside the mean over those of it upside down"
        )
    text = (
        f"{means}, which every score here contains; a comparison takes {1e3 * all_of_them:.1f} ms of CPU time, and "
        f"{1e3 * one:.1f} ms with one view"
    )
    return [("views", text)]


def _comparison_seconds(checkpoint: Checkpoint) -> float:
    """CPU time of a comparison of two images, the median of 20. The work of other programs does not count."""
    network, images = checkpoint.network(), torch.zeros(2, checkpoint.channels, *checkpoint.size)
    times = []
    with torch.inference_mode():
        for _ in range(20):
            start = time.process_time()
            network.embed_pairs(images)
            times.append(time.process_time() - start)
    return sorted(times)[10]


def _size(classes: int, dataset: Dataset) -> str:
    return f"{classes:,} {'people' if dataset.unseen == 'people' else 'classes'}"


def _colours(checkpoint: Checkpoint) -> str:
    return "grey" if checkpoint.channels == 1 else "RGB"


def _background(checkpoint: Checkpoint) -> str:
    if checkpoint.dark_background is None:
        return ""
    return ", light strokes on dark" if checkpoint.dark_background else ", dark strokes on light"


def _batch(recipe: Recipe) -> str:
    if recipe.batching != "all-pairs":
        return f", {recipe.batch_size} a step"
    images = f" of {recipe.classes_per_batch} classes × {recipe.images_per_class} images"
    images += ", half of the classes those that look most like the others" if recipe.class_mining else ""
    detail = {"supcon": f"temperature {recipe.temperature:g}", "bce": ""}.get(recipe.loss, f"margin {recipe.margin:g}")
    return images + (f"; {detail}" if detail else "")
