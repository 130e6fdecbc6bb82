"""The example pairs: what each teaches is the truth, and the same models give the same files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.commands import cli
from siamese.comparison.compare import Comparer
from siamese.data.bank import Dataset
from siamese.data.catalogue import available
from siamese.export.examples import CLEAR, FACE_SIDE, load_models, make_examples
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train

BUILT_IN = {entry.name for entry in available() if entry.built_in}
EXAMPLES = Path(cli.__file__).parents[2] / "examples"
WEIGHTS = Path(cli.__file__).parents[2] / "weights"


@pytest.fixture(scope="module")
def model(make_dataset: Callable[..., Dataset]) -> tuple[Checkpoint, Dataset]:
    dataset = make_dataset(classes=14, groups=2, size=12)
    recipe = Recipe(encoder="strided", embedding_dim=16, batching="all-pairs", classes_per_batch=12, steps=120)
    *_, finished = train(recipe, dataset, device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    return Checkpoint.from_bytes(finished.last), dataset


@pytest.fixture(scope="module")
def made(model: tuple[Checkpoint, Dataset]) -> dict[str, bytes]:
    return make_examples({"patterns": model})


def pairs_of(files: dict[str, bytes]) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = json.loads(files["pairs.json"])["pairs"]
    return pairs


def measured(files: dict[str, bytes], pair: dict[str, Any], comparer: Comparer) -> float:
    """The dissimilarity in thresholds."""
    left, right = (Image.open(io.BytesIO(files[pair[side]])) for side in ("left", "right"))
    result = comparer.compare(left, right)
    return result.dissimilarity / result.threshold


def test_the_model_gets_them_right_but_for_the_one_that_says_so(
    made: dict[str, bytes], model: tuple[Checkpoint, Dataset]
) -> None:
    comparer = Comparer(model[0])
    pairs = pairs_of(made)
    assert [pair["same"] for pair in pairs[:2]] == [True, False] and len(pairs) in (2, 3)
    for pair in pairs:
        share = measured(made, pair, comparer)
        assert ((share < 1) == pair["same"]) != pair["wrong"]
        assert set(pair["title"]) == {"en", "zh"} and pair["model"] == "patterns" and pair["sharp"]
    assert not any(pair["wrong"] for pair in pairs[:2])


def test_the_same_models_give_the_same_files(made: dict[str, bytes], model: tuple[Checkpoint, Dataset]) -> None:
    assert make_examples({"patterns": model}) == made


def test_a_model_that_tells_nothing_apart_is_refused(model: tuple[Checkpoint, Dataset]) -> None:
    checkpoint, dataset = model
    blind = {name: torch.zeros_like(value) for name, value in checkpoint.weights.items()}
    with pytest.raises(SiameseError, match="gets no pair of Patterns clearly right"):
        make_examples({"m": (replace(checkpoint, weights=blind), dataset)})


def test_models_are_the_best_checkpoints_of_a_folder(model: tuple[Checkpoint, Dataset], tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match="holds no .safetensors file"):
        load_models(tmp_path)
    for name in ("b.safetensors", "a.safetensors", "a.last.safetensors"):
        (tmp_path / name).write_bytes(model[0].to_bytes())
    assert list(load_models(tmp_path)) == ["a", "b"]


def test_what_ships_is_whole() -> None:
    """The examples and weights of this repository: made of one another, and each pair as it says."""
    files = {path.name: path.read_bytes() for path in EXAMPLES.iterdir() if path.is_file()}
    pairs = pairs_of(files)
    models = load_models(WEIGHTS)
    assert {pair["model"] for pair in pairs} == {"glyphs", "doodle-faces"} <= set(models)
    assert set(files) == {"pairs.json", *(pair[side] for pair in pairs for side in ("left", "right"))}
    assert len(pairs) == 5 and [pair["wrong"] for pair in pairs] == [False] * 4 + [True]
    for pair in pairs:
        share = measured(files, pair, Comparer(models[pair["model"]]))
        assert ((share < 1) == pair["same"]) != pair["wrong"], pair["title"]
        if not pair["wrong"]:
            assert abs(share - 1) > CLEAR / 2
        if pair["model"] == "doodle-faces":
            assert Image.open(io.BytesIO(files[pair["left"]])).size == (FACE_SIDE, FACE_SIDE)
    for name in models:
        assert (WEIGHTS / f"{name}.md").read_text(encoding="utf-8").startswith(f"# {name}.safetensors\n")
