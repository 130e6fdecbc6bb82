"""The example pairs: what is chosen, that it is the truth, and that the same models give the same files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.commands import cli
from siamese.comparison.compare import Comparer
from siamese.data.bank import Dataset
from siamese.export.examples import CLEAR, DIFFERENT, SAME, load_models, make_examples
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train

EXAMPLES = Path(cli.__file__).parents[2] / "examples"
WEIGHTS = Path(cli.__file__).parents[2] / "weights"


def trained_on(dataset: Dataset, steps: int) -> Checkpoint:
    recipe = Recipe(encoder="strided", embedding_dim=16, batching="all-pairs", classes_per_batch=12, steps=steps)
    *_, finished = train(recipe, dataset, device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    return Checkpoint.from_bytes(finished.last)


@pytest.fixture(scope="module")
def model(make_dataset: Callable[..., Dataset]) -> tuple[Checkpoint, Dataset]:
    dataset = make_dataset(classes=14, groups=2, size=12)
    return trained_on(dataset, 120), dataset


@pytest.fixture(scope="module")
def made(model: tuple[Checkpoint, Dataset]) -> dict[str, bytes]:
    return make_examples({"patterns": model})


def pairs_of(files: dict[str, bytes]) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = json.loads(files["pairs.json"])["pairs"]
    return pairs


def number_of(picture: bytes, dataset: Dataset) -> int:
    """Which test image a picture shows, bit for bit."""
    pixels = np.array(Image.open(io.BytesIO(picture)))
    factor = pixels.shape[0] // dataset.test.images.shape[2]
    small = torch.from_numpy(pixels[::factor, ::factor].copy())
    assert np.array_equal(np.kron(small, np.ones((factor, factor))), pixels), "every pixel is a crisp square"
    (found,) = (dataset.test.images[:, 0] == small).all((1, 2)).nonzero().tolist()
    return int(found[0])


def test_the_pairs_are_what_they_say(made: dict[str, bytes], model: tuple[Checkpoint, Dataset]) -> None:
    _, dataset = model
    labels, names = dataset.test.labels.tolist(), dataset.test.class_names
    pairs = pairs_of(made)
    assert len(pairs) == SAME + DIFFERENT + 1 >= 6
    assert [pair["hard"] for pair in pairs] == [False] * (SAME + DIFFERENT) + [True]
    shown: dict[bool, list[str]] = {True: [], False: []}
    for pair in pairs:
        left, right = (names[labels[number_of(made[pair[side]], dataset)]] for side in ("left", "right"))
        assert pair["same"] == (left == right)
        assert left in pair["title"]
        assert right in pair["title"]
        assert pair["title"].startswith("Hard: ") == pair["hard"]
        assert pair["model"] == "patterns"
        if not pair["hard"]:
            shown[left == right] += {left, right}
    assert (len(shown[True]), len(shown[False])) == (SAME, 2 * DIFFERENT)
    for classes in shown.values():
        assert len(classes) == len(set(classes)), "every pair of its kind is of other classes"


def test_the_model_gets_all_but_the_hard_one_clearly_right(
    made: dict[str, bytes], model: tuple[Checkpoint, Dataset]
) -> None:
    comparer = Comparer(model[0])
    for pair in pairs_of(made):
        left, right = (Image.open(io.BytesIO(made[pair[side]])) for side in ("left", "right"))
        result = comparer.compare(left, right)
        if not pair["hard"]:
            assert result.same == pair["same"]
            assert abs(result.dissimilarity / result.threshold - 1) > CLEAR


def test_the_hard_pair_is_the_nearest_of_two_classes_of_a_group(
    made: dict[str, bytes], model: tuple[Checkpoint, Dataset]
) -> None:
    checkpoint, dataset = model
    network = checkpoint.network()
    with torch.no_grad():
        embedded = network.embed(dataset.test.images.float() / 255)
    nearest = min(
        (float(network.similarity(embedded[i], embedded[j])), i, j)
        for i in range(len(embedded))
        for j in range(i + 1, len(embedded))
        if dataset.test.labels[i] != dataset.test.labels[j]
        and dataset.test.groups[dataset.test.labels[i]] == dataset.test.groups[dataset.test.labels[j]]
    )
    hard = pairs_of(made)[-1]
    assert (number_of(made[hard["left"]], dataset), number_of(made[hard["right"]], dataset)) == nearest[1:]


def test_the_same_models_give_the_same_files(made: dict[str, bytes], model: tuple[Checkpoint, Dataset]) -> None:
    assert make_examples({"patterns": model}) == made


def test_titles_suit_the_data(model: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, dataset = model
    letters = [f"GREEK LETTER {chr(945 + c)}" for c in range(dataset.test.classes)]
    drawn = replace(dataset, kind="print", test=replace(dataset.test, class_names=tuple(letters)))
    titles = [pair["title"] for pair in pairs_of(make_examples({"m": (checkpoint, drawn)}))]
    assert titles[0].startswith("Two drawings of ")
    assert all("GREEK" not in title for title in titles)
    people = replace(dataset, kind="faces")
    assert pairs_of(make_examples({"m": (checkpoint, people)}))[0]["title"].startswith("Two pictures of class ")


def test_a_model_that_tells_nothing_apart_is_refused(model: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, dataset = model
    blind = {name: torch.zeros_like(value) for name, value in checkpoint.weights.items()}
    with pytest.raises(SiameseError, match="gets only 0 of 3 pairs of Patterns clearly right"):
        make_examples({"m": (replace(checkpoint, weights=blind), dataset)})


def test_models_are_the_best_checkpoints_of_a_folder(model: tuple[Checkpoint, Dataset], tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match="holds no .safetensors file"):
        load_models(tmp_path)
    for name in ("b.safetensors", "a.safetensors", "a.last.safetensors"):
        (tmp_path / name).write_bytes(model[0].to_bytes())
    assert list(load_models(tmp_path)) == ["a", "b"]


def test_what_ships_is_whole(built_in: Callable[[str], Dataset]) -> None:
    """The examples and weights of this repository: made of one another, small, and right."""
    files = {path.name: path.read_bytes() for path in EXAMPLES.iterdir() if path.is_file()}
    pairs = pairs_of(files)
    models = load_models(WEIGHTS)
    assert {pair["model"] for pair in pairs} == set(models) == {"glyphs", "doodle-faces"}
    assert set(files) == {"pairs.json", *(pair[side] for pair in pairs for side in ("left", "right"))}
    for name, checkpoint in models.items():
        assert (WEIGHTS / f"{name}.safetensors").stat().st_size < 2_000_000
        assert (WEIGHTS / f"{name}.md").read_text(encoding="utf-8").startswith(f"# {name}.safetensors\n")
        assert checkpoint.data["name"] == name
        comparer = Comparer(checkpoint)
        own = [pair for pair in pairs if pair["model"] == name]
        assert len(own) >= 6
        for pair in own:
            left, right = (Image.open(io.BytesIO(files[pair[side]])) for side in ("left", "right"))
            if not pair["hard"]:
                assert comparer.compare(left, right).same == pair["same"], pair["title"]
        # Each picture still is an image of the test part, which the network never trained on.
        test = built_in(name).test
        for pair in own:
            shown = np.array(Image.open(io.BytesIO(files[pair["left"]])))
            factor = shown.shape[0] // test.images.shape[2]
            small = torch.from_numpy(shown[::factor, ::factor].copy())
            small = small[None] if small.dim() == 2 else small.permute(2, 0, 1)
            assert bool((test.images == small).flatten(1).all(1).any()), pair["title"]
