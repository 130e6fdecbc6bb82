"""The endpoints for programs that take pictures: how far apart two are, where one lies, which of many is nearest.

An endpoint needs components, and these are never seen. The model is a text, since a program knows no browser's runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from siamese import SiameseError
from siamese.comparison.compare import Picture
from siamese.comparison.nearest import rank
from siamese.data import limits
from siamese.data.image_file import read_image
from siamese.evaluation.numbers import significant
from siamese.learning.sampling import fixed_pairs
from siamese.ui.compare.models import DEFAULT_MODEL
from siamese.ui.lab import current_lab
from siamese.ui.pictures import data_uri, to_image
from siamese.ui.upload import ImageUpload, uploaded

MOST_PAIRS = 50


def _sentence(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """An error reaches the program as one sentence."""

    @wraps(function)
    def answer(*values: Any, **named: Any) -> dict[str, Any]:
        try:
            return function(*values, **named)
        except SiameseError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return answer


@_sentence
def dissimilarity(left: Picture | None, right: Picture | None, model: str = DEFAULT_MODEL) -> dict[str, Any]:
    """How different two images are to a Siamese network, and what that distance means.

    Args:
        left: the first image.
        right: the second image.
        model: "drawings", "omniglot", "glyphs", "mnist", "faces", "doodle-faces", or "run:" and the id of a training run.

    Returns:
        dissimilarity (smaller is more alike), threshold and same (whether it is below); different: how often pairs at
        this distance are different, 0 to 1; foreign: for which image the model was not made; inverted: which image was
        inverted first; model, recipe and step of the network.
    """
    if left is None or right is None:
        which = "Both images are" if left is None and right is None else "One image is"
        raise SiameseError(f"{which} missing; choose two images to compare.")
    comparer = current_lab().comparer(model)
    result = comparer.compare(left, right)
    checkpoint = comparer.checkpoint
    return {
        "dissimilarity": significant(result.dissimilarity),
        "threshold": significant(result.threshold),
        "same": result.same,
        "different": None if result.different is None else round(result.different, 4),
        "foreign": list(result.foreign),
        "inverted": list(result.inverted),
        "model": checkpoint.data["title"],
        "recipe": checkpoint.recipe.name,
        "step": checkpoint.step,
    }


@_sentence
def embed(image: Picture | None, model: str = DEFAULT_MODEL) -> dict[str, Any]:
    """The embedding of an image: the point at which a Siamese network places it.

    Args:
        image: any image.
        model: "drawings", "omniglot", "glyphs", "mnist", "faces", "doodle-faces", or "run:" and the id of a training run.

    Returns:
        embedding: a list of numbers; similarity: how two embeddings are compared; foreign: whether the model was not
        made for such an image.
    """
    if image is None:
        raise SiameseError("The image is missing; choose one to embed.")
    comparer = current_lab().comparer(model)
    prepared = comparer.prepare(image)
    return {
        "embedding": [round(v, 6) for v in comparer.embed(prepared.pixels)[0].tolist()],
        "similarity": comparer.checkpoint.recipe.similarity,
        "foreign": prepared.foreign,
    }


@_sentence
def nearest(
    image: Picture | None, board: list[str] | None, names: list[str] | None = None, model: str = DEFAULT_MODEL
) -> dict[str, Any]:
    """Which of a few named things an image is nearest to, or that it is none of them. Nothing is trained.

    Args:
        image: the new image.
        board: images of the things, one or a few of each; at most 20 things.
        names: the name of each of these images, equal for images of one thing; left out, the names of the files.
        model: "drawings", "omniglot", "glyphs", "mnist", "faces", "doodle-faces", or "run:" and the id of a training run.

    Returns:
        ranking: [name, dissimilarity] of each thing, the nearest first; none: whether the nearest is too far to be it;
        threshold: beyond which it is; answer: the name, or null for none.
    """
    if image is None or not board:
        raise SiameseError("The image or the board is missing; give a new image and at least one image of a thing.")
    if names and (not isinstance(names, list) or len(names) != len(board)):
        raise SiameseError(f"There are {len(board)} images and another number of names; give each image its name.")
    if len(board) > 120:
        raise SiameseError(f"The board has {len(board)} images; it takes at most 120.")
    comparer = current_lab().comparer(model)
    things: dict[str, list[Any]] = {}
    for number, path in enumerate(board):
        file = uploaded(path)
        name = str(names[number])[:60] if names else Path(file.name).stem
        picture = read_image(file, file.name, at_least=limits.PAGE_SIDE)
        things.setdefault(name, []).append(comparer.embed(comparer.prepare(picture).pixels)[0])
    answer = rank(comparer, comparer.embed(comparer.prepare(image).pixels, right=True)[0], things)
    return {
        "answer": None if answer.none else answer.ranking[0].name,
        "none": answer.none,
        "threshold": significant(answer.threshold),
        "ranking": [[one.name, significant(one.dissimilarity)] for one in answer.ranking],
    }


@_sentence
def sample_pairs(data: str = "glyphs", pairs: int = 8, seed: int = 0) -> dict[str, Any]:
    """Same and different pairs of test images of a data set, with the truth about each.

    Args:
        data: the name of a data set, such as "glyphs" or "doodle-faces".
        pairs: how many, half of them same; at most 50.
        seed: the same seed gives the same pairs.

    Returns:
        pairs: a list of {left, right, same, left_name, right_name}, the images as PNG data URLs.
    """
    if not isinstance(pairs, int) or not 2 <= pairs <= MOST_PAIRS:
        raise SiameseError(f"pairs is {pairs}; it has to be from 2 to {MOST_PAIRS}.")
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise SiameseError(f"seed is {seed}; it has to be a whole number from 0.")
    bank = current_lab().dataset(data).test
    drawn = fixed_pairs(bank, pairs, seed)
    labels = bank.labels
    return {
        "pairs": [
            {
                "left": data_uri(to_image(bank.images[i])),
                "right": data_uri(to_image(bank.images[j])),
                "same": same,
                "left_name": bank.class_names[int(labels[i])],
                "right_name": bank.class_names[int(labels[j])],
            }
            for i, j, same in zip(drawn.left.tolist(), drawn.right.tolist(), drawn.same.tolist())
        ]
    }


def offer_picture_api() -> None:
    """Registers the endpoints in the page that is being built."""

    def image(label: str) -> ImageUpload:
        return ImageUpload(type="pil", visible=False, label=label)

    model = gr.Textbox(DEFAULT_MODEL, visible=False, label="model")
    left, right, new = image("left"), image("right"), image("image")
    board = gr.File(file_count="multiple", type="filepath", visible=False, label="board")
    names = gr.JSON(None, visible=False, label="names")
    answer = gr.JSON(visible=False, label="answer")
    infer: dict[str, Any] = {"concurrency_id": "compare", "concurrency_limit": 2, "show_progress": "hidden"}
    inputs: dict[Callable[..., Any], list[Any]] = {
        dissimilarity: [left, right, model],
        embed: [new, model],
        nearest: [new, board, names, model],
    }
    for function, components in inputs.items():
        ask = gr.Button(visible=False)
        ask.click(function, components, answer, api_name=function.__name__, **infer)
    gr.api(sample_pairs, api_name="sample_pairs", concurrency_id="compare", concurrency_limit=2)
