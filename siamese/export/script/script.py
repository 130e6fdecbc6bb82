"""The whole script: its head, its pieces in order, and the empty lines between them."""

from __future__ import annotations

from siamese.data.torchvision_sets import SETS
from siamese.export.script.images import augment_lines, draw_lines, load_lines
from siamese.export.script.loss import loss_lines, measure_lines
from siamese.export.script.network import network_lines
from siamese.export.script.training import constant_lines, evaluation_lines, training_lines
from siamese.recipes import RECIPES, Recipe

MOST_LINES = 62
_EXPORTED = ("glyphs", "doodle-faces", "glyphs-two-domains", "omniglot")

# A long script has fewer empty lines. The ones before these pieces are left out first, in this order.
_CLOSE_UP = ("constants", "loss", "measure", "augment", "draw", "network", "load", "evaluation", "training")


def pytorch_script(recipe: Recipe, dataset_name: str, channels: int, size: tuple[int, int]) -> str:
    """A complete Python script that trains this recipe: at most 62 lines of 120 characters.

    Two towers can take up to ten lines more, where the towers differ or nearly every option is on. The encoder
    "oriented" takes up to 20 more.

    The script needs torch, torchvision and pillow. Its argument is a data folder: torchvision's own for MNIST,
    Fashion-MNIST and KMNIST, otherwise a folder with train, validation and test (export.write_dataset writes one). It
    prints step and loss. At the end it prints the pair accuracy on test images, with a threshold chosen on validation
    images.

    recipe: as fitted to its training bank (Recipe.fitted).
    dataset_name: as in the catalogue. Any other name stands for own images; the script does not repeat it.
    channels, size (height, width): of the images, before or after the recipe makes them grey and square.
    Raises SiameseError for images too small for the encoder.
    """
    channels = 1 if recipe.grey else channels
    size = size if recipe.image_size is None else (recipe.image_size, recipe.image_size)
    parts = {
        "constants": constant_lines(recipe),
        "load": load_lines(recipe, dataset_name, channels, size),
        "draw": draw_lines(recipe, dataset_name, size),
        "augment": augment_lines(recipe),
        "network": network_lines(recipe, channels, size),
        "measure": measure_lines(recipe),
        "loss": loss_lines(recipe),
        "training": training_lines(recipe),
        "evaluation": evaluation_lines(recipe),
    }
    body = {name: lines for name, lines in parts.items() if lines}
    used = "\n".join(line for lines in body.values() for line in lines)
    return _joined({"head": _header(recipe, dataset_name) + _imports(used)} | body)


def _joined(parts: dict[str, list[str]]) -> str:
    """The pieces with empty lines between them, as many as MOST_LINES leaves room for."""
    wanted = [name for name in reversed(_CLOSE_UP) if name in parts]
    apart = wanted[: max(0, MOST_LINES - sum(map(len, parts.values())))]
    lines = [line for name, part in parts.items() for line in ([""] if name in apart else []) + part]
    return "\n".join(lines) + "\n"


def _header(recipe: Recipe, dataset_name: str) -> list[str]:
    named = dataset_name in SETS or dataset_name in _EXPORTED
    name = recipe.name if recipe.name in RECIPES else "a recipe"
    on = dataset_name if named else "your own images"
    first = f'"""{name} on {on}, with torch, torchvision and pillow alone. Run: python this_file.py DATA'
    if dataset_name in SETS:
        return [
            first,
            'DATA is the folder that torchvision keeps the images in; what is missing there is downloaded."""',
        ]
    folders = "DATA has train, validation and test, with class folders in each"
    if dataset_name == "glyphs-two-domains":
        folders = "DATA has class folders in train, train-partner and so on"
    return [first, folders + (f' (python -m siamese data export {dataset_name} DATA)."""' if named else '."""')]


def _imports(used: str) -> list[str]:
    vision = [part for part in ("datasets", "models", "transforms") if f"{part}." in used]
    return [
        *(["import random"] if "random.sample" in used else []),
        "import sys",
        "import torch",
        "from torch import nn",
        *(["from torch.nn import functional as F"] if "F." in used else []),
        f"from torchvision import {', '.join(vision)}",
    ]
