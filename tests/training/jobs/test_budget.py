"""What a run will take is known before it starts, and too much is refused with the number and the field to lower."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.recipes import RECIPES, Recipe
from siamese.training.jobs import budget
from siamese.training.jobs.budget import estimate, memory_of_runs, require_memory
from siamese.training.jobs.job import Visitor
from siamese.training.memory import free_bytes, used_bytes
from siamese.training.step import TrainingStep

GB = 1_000_000_000


def bank(images: int, channels: int, side: int) -> ImageBank:
    """A bank of that shape that takes the memory of one image."""
    pixels = torch.zeros(1, channels, side, side, dtype=torch.uint8).expand(images, -1, -1, -1)
    classes = max(2, images // 20)
    counts = torch.full((classes,), images // classes)
    counts[0] += images - int(counts.sum())
    names = tuple(f"class {c}" for c in range(classes))
    return ImageBank(pixels, counts, names, torch.zeros(classes, dtype=torch.long), ("all",))


@pytest.fixture(scope="module")
def faces() -> Dataset:
    """The shapes of the doodle faces."""
    return Dataset("faces", "Faces", "faces", "people", bank(4000, 3, 64), bank(800, 3, 64), bank(800, 3, 64))


@pytest.mark.parametrize(
    ("settings", "lower"),
    [
        ({"encoder": "conv4", "image_size": 256, "batch_size": 512}, "batch_size"),
        ({"encoder": "resnet18", "image_size": 128, "batch_size": 1024}, "batch_size"),
        ({"batching": "all-pairs", "classes_per_batch": 200, "images_per_class": 256}, "images_per_class"),
        ({"encoder": "koch-2015", "image_size": 256, "embedding_dim": 4096}, "embedding_dim"),
        ({"image_size": 256, "rotations_as_classes": True, "batch_size": 2}, "image_size"),
        (
            {"batching": "all-pairs", "loss": "triplet", "soft_margin": True}
            | {"classes_per_batch": 200, "images_per_class": 8},
            "classes_per_batch",
        ),
    ],
)
def test_a_greedy_recipe_is_refused_with_the_number(faces: Dataset, settings: dict[str, Any], lower: str) -> None:
    recipe = Recipe(**settings)
    with pytest.raises(SiameseError, match=rf"would take about \d+\.\d GB of memory, and 3\.0 GB .*; lower {lower}"):
        require_memory(recipe, faces, 6 * GB, workers=2)


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_fits_into_a_small_server(faces: Dataset, name: str) -> None:
    require_memory(RECIPES[name], faces, 10 * GB, workers=2)


def test_the_estimate_is_above_what_a_step_takes_and_not_far_above() -> None:
    recipe = Recipe(encoder="conv4", batch_size=128)
    train = bank(400, 3, 64)
    dataset = Dataset("faces", "Faces", "faces", "people", train, train, train)
    before, peak, stop = used_bytes(), [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.002):
            peak[0] = max(peak[0], used_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    step = TrainingStep(recipe, train, torch.device("cpu"))
    step()
    stop.set()
    watcher.join()
    taken = peak[0] - before
    assert taken <= estimate(recipe, dataset).total <= 4 * taken + (200 << 20)


def test_memory_is_shared_by_the_runs(monkeypatch: pytest.MonkeyPatch, faces: Dataset) -> None:
    cpu = torch.device("cpu")
    assert memory_of_runs(8 * GB, cpu) == 8 * GB
    monkeypatch.setattr(budget, "free_bytes", lambda: 10 * GB)
    assert memory_of_runs(None, cpu) == 6 * GB
    # Many cores do not make every run too large, but no run gets more than there is.
    recipe = RECIPES["fast"]
    require_memory(recipe, faces, 8 * GB, workers=64)
    with pytest.raises(SiameseError, match=r"0\.1 GB is the most for one run here"):
        require_memory(recipe, faces, GB // 10, workers=64)


def test_this_process_and_this_machine_have_memory() -> None:
    assert 50 << 20 < used_bytes() < 1 << 40
    assert 0 < free_bytes() < 1 << 50


def test_a_container_may_have_less_than_its_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from siamese.training import memory

    for name, text in (("max", "1000000"), ("now", "700000"), ("stat", "anon 5\ninactive_file 100000\n")):
        (tmp_path / name).write_text(text)
    paths = tuple(str(tmp_path / name) for name in ("max", "now", "stat"))
    monkeypatch.setattr(memory, "_CGROUPS", (paths,))
    assert free_bytes() == 400_000
    (tmp_path / "max").write_text("max\n")
    assert free_bytes() > 400_000


@pytest.fixture
def lab(tmp_path: Any) -> Iterator[Callable[..., Any]]:
    from siamese.ui.lab import Lab
    from siamese.ui.settings import Settings

    opened = []

    def make(**settings: Any) -> Lab:
        opened.append(Lab(Settings(tmp_path, torch.device("cpu"), jobs=1, workers=1, threads=1, **settings)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_a_server_refuses_before_the_run_starts(lab: Callable[..., Any], dataset: Dataset) -> None:
    job = lab(memory=200_000_000).jobs.submit(Visitor("me"), Recipe(batch_size=4096), "x", lambda progress: dataset)
    assert job.ended.wait(60)
    assert job.state == "failed" and "is the most for one run here; lower batch_size (now 4096)" in str(job.error)


def test_a_server_downloads_nothing_on_a_strangers_word(
    lab: Callable[..., Any], dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url", lambda *a, **k: pytest.fail("asked the network")
    )
    recipe = Recipe(encoder="resnet18", pretrained=True)
    job = lab().jobs.submit(Visitor("me"), recipe, "x", lambda progress: dataset)
    assert job.ended.wait(60)
    assert job.state == "failed" and "are not on this server, and a run here fetches nothing" in str(job.error)
