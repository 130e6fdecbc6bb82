"""One-shot runs in Lake's layout, made here with a known answer, from a zip and from a folder."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from siamese import SiameseError
from siamese.evaluation.lake import lake
from siamese.evaluation.protocols import Evaluator
from siamese.models.checkpoint import Checkpoint
from siamese.models.network import build_network
from siamese.recipes import Recipe

SIDE = 21


def evaluator(collapsed: bool = False) -> Evaluator:
    recipe = Recipe(encoder="strided", embedding_dim=16)
    weights = build_network(recipe, 1, (16, 16)).state_dict()
    if collapsed:
        weights = {name: torch.zeros_like(value) for name, value in weights.items()}
    return Evaluator(Checkpoint(recipe, {"name": "d"}, 1, (16, 16), True, 0.5, {}, 0, 0.0, weights))


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def runs(count: int = 2, way: int = 5, seed: int = 0) -> dict[str, bytes]:
    """Dark ink on white: each test item is a training image with a few pixels changed, in a shuffled order."""
    random = np.random.default_rng(seed)
    files: dict[str, bytes] = {}
    for number in range(1, count + 1):
        run = f"run{number:02d}"
        drawings = np.where(random.random((way, SIDE, SIDE)) < 0.3, 0, 255).astype(np.uint8)
        drawings[:, [0, -1]] = drawings[:, :, [0, -1]] = 255
        order = random.permutation(way)
        lines = []
        for c, drawing in enumerate(drawings, start=1):
            files[f"{run}/training/class{c:02d}.png"] = png(drawing)
        for t, c in enumerate(order, start=1):
            item = drawings[c].copy()
            item[5, 5:8] = 255 - item[5, 5:8]
            files[f"{run}/test/item{t:02d}.png"] = png(item)
            lines.append(f"{run}/test/item{t:02d}.png {run}/training/class{c + 1:02d}.png")
        files[f"{run}/class_labels.txt"] = "\n".join([*lines, ""]).encode()
    return files


def zipped(path: Path, files: dict[str, bytes], wrapper: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(wrapper + name, content)
    return path


def laid_out(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_items_like_their_training_image_are_all_found(tmp_path: Path) -> None:
    result = lake(evaluator(), zipped(tmp_path / "runs.zip", runs()))
    assert result.scores["oneshot_accuracy"] == result.scores["baseline_oneshot_accuracy"] == 1.0
    assert (result.scores["runs"], result.scores["way"], result.scores["trials"]) == (2, 5, 10)
    assert "Mean of 2 one-shot runs" in result.words
    assert "5-way within one alphabet, 10 trials" in result.words


def test_a_wrong_label_costs_its_share(tmp_path: Path) -> None:
    files = runs()
    lines = files["run02/class_labels.txt"].decode().splitlines()
    (first, second), (third, fourth) = lines[0].split(), lines[1].split()
    lines[:2] = [f"{first} {fourth}", f"{third} {second}"]
    files["run02/class_labels.txt"] = "\n".join(lines).encode()
    result = lake(evaluator(), zipped(tmp_path / "runs.zip", files))
    assert result.scores["oneshot_accuracy"] == result.scores["baseline_oneshot_accuracy"] == pytest.approx(0.8)


def test_the_mean_is_over_runs_not_over_items(tmp_path: Path) -> None:
    files = runs()
    # Run 1 keeps one item, and that one is labelled wrong: accuracies 0 and 1.
    lines = files["run01/class_labels.txt"].decode().splitlines()
    items, answers = zip(*(line.split() for line in lines))
    wrong = [f"{items[0]} {answer}" for answer in answers if answer != answers[0]]
    files["run01/class_labels.txt"] = f"{items[0]} {answers[1]}".encode()
    with pytest.raises(SiameseError, match="names 1 training images; a choice takes two"):
        lake(evaluator(), zipped(tmp_path / "one.zip", files))
    # Item 1 under four wrong names: its true image has to stay a choice, so item 2 is asked under it, wrongly too.
    files["run01/class_labels.txt"] = "\n".join([*wrong, f"{items[1]} {answers[0]}"]).encode()
    files["run02/class_labels.txt"] += b"\n" + files["run02/class_labels.txt"]
    result = lake(evaluator(), zipped(tmp_path / "runs.zip", files))
    assert result.scores["trials"] == 15
    assert result.scores["oneshot_accuracy"] == pytest.approx(0.5)


def test_a_collapsed_network_scores_chance(tmp_path: Path) -> None:
    result = lake(evaluator(collapsed=True), zipped(tmp_path / "runs.zip", runs()))
    assert result.scores["oneshot_accuracy"] == pytest.approx(1 / 5)


def test_a_folder_and_a_wrapped_zip_give_the_same(tmp_path: Path) -> None:
    plain = lake(evaluator(), zipped(tmp_path / "runs.zip", runs()))
    assert lake(evaluator(), laid_out(tmp_path / "folder", runs())) == plain
    assert lake(evaluator(), zipped(tmp_path / "wrapped.zip", runs(), "all_runs/")) == plain


def test_ink_is_inverted_for_a_network_that_knows_light_strokes(tmp_path: Path) -> None:
    negative = {
        name: png(255 - np.array(Image.open(io.BytesIO(content)))) if name.endswith(".png") else content
        for name, content in runs().items()
    }
    asked = lake(evaluator(), zipped(tmp_path / "dark.zip", negative))
    assert asked == lake(evaluator(), zipped(tmp_path / "light.zip", runs()))


def replaced(files: dict[str, bytes], name: str, content: bytes | None) -> dict[str, bytes]:
    return {k: v for k, v in files.items() if k != name} | ({} if content is None else {name: content})


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"readme.txt": b"hello"}, "There is no class_labels.txt in it"),
        (
            replaced(runs(), "run01/test/item01.png", None),
            '"run01/test/item01.png", which run01/class_labels.txt names',
        ),
        (replaced(runs(), "run01/test/item01.png", b"nonsense"), '"run01/test/item01.png" is not an image'),
        (replaced(runs(), "run01/class_labels.txt", b"a b c"), 'run01/class_labels.txt", line 1: 3 words'),
        (replaced(runs(), "run01/class_labels.txt", b"\xff\xfe"), "is no readable text"),
        (replaced(runs(), "run01/class_labels.txt", b"../x.png ../y.png\n../x.png ../z.png"), "is not there"),
        (runs() | {f"x/{k}": v for k, v in runs(count=1, way=4).items()}, "all runs need as many"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, files: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(SiameseError) as caught:
        lake(evaluator(), zipped(tmp_path / "runs.zip", files))
    assert sentence in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(SiameseError) as caught:
        lake(evaluator(), laid_out(tmp_path / "folder", files))
    assert sentence in str(caught.value)


def test_a_missing_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiameseError, match='There is no folder or zip "nowhere.zip"'):
        lake(evaluator(), tmp_path / "nowhere.zip")


@pytest.mark.skipif("SIAMESE_TEST_DATA" not in os.environ, reason="SIAMESE_TEST_DATA names no folder of real data")
def test_the_published_layout_is_read() -> None:
    sample = Path(os.environ["SIAMESE_TEST_DATA"]) / "omniglot" / "lake_runs_sample.zip"
    if not sample.exists():
        pytest.skip("lake_runs_sample.zip is not in the folder of real data")
    scores = lake(evaluator(), sample).scores
    assert (scores["runs"], scores["way"], scores["trials"]) == (2, 20, 40)
    assert scores["baseline_oneshot_accuracy"] < 0.5
