"""What all tests share: small learnable data sets, the built-in ones, and one CPU thread for the same sums everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from filelock import FileLock
from hypothesis import settings
from torch import Tensor

from siamese.data.bank import Dataset, ImageBank
from siamese.data.catalogue import load_dataset

# Nothing timed fails a test, a failing example prints what repeats it, and no folder of examples is left behind.
settings.register_profile("tests", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Whole servers and a real browser share two cores with another process of tests. What fails there is tried once
        # more; pytest names it at the end, and its last line counts it as "rerun".
        if item.path.parent.name in ("app", "browser", "zero_gpu"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="there is no CUDA device here"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Sums in one order, and no fight over the cores with other tests' workers."""
    torch.set_num_threads(1)


def _images(prototypes: Tensor, each: int, generator: torch.Generator) -> Tensor:
    """Noisy copies of each prototype, uint8 [classes · each, C, H, W]."""
    copies = prototypes.repeat_interleave(each, 0)
    noise = torch.randn(copies.shape, generator=generator) * 0.12
    return ((copies + noise).clamp(0, 1) * 255).byte()


def _bank(
    classes: int = 8,
    each: int = 6,
    size: int = 16,
    channels: int = 1,
    seed: int = 0,
    groups: int = 1,
    partner: bool = False,
    first: int = 0,
) -> ImageBank:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(classes, channels, 4, 4, generator=generator)
    prototypes = F.interpolate(coarse, size=(size, size), mode="bilinear").clamp(0, 1)
    return ImageBank.from_labels(
        _images(prototypes, each, generator),
        torch.arange(classes).repeat_interleave(each),
        [f"class {first + c}" for c in range(classes)],
        [c % groups for c in range(classes)],
        [f"group {g}" for g in range(groups)],
        # The second domain: the same classes in negative.
        _images(1 - prototypes, each, generator) if partner else None,
    )


@pytest.fixture(scope="session")
def make_bank() -> Callable[..., ImageBank]:
    """(classes=8, each=6, size=16, channels=1, seed=0, groups=1, partner=False) → a bank of blurred random patterns,
    each class a pattern and its images noisy copies: a small network tells them apart within a few steps."""
    return _bank


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    """The same arguments → a Dataset whose three parts are such banks, of different classes."""

    def make(seed: int = 0, **options: int | bool) -> Dataset:
        train, validation, test = (_bank(seed=3 * seed + n, first=100 * n, **options) for n in range(3))  # type: ignore[arg-type]
        return Dataset("patterns", "Patterns", "images", "classes", train, validation, test, dark_background=True)

    return make


@pytest.fixture(scope="session")
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    """8 classes of 6 grey images of 16×16 pixels in each part."""
    return make_dataset()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which each built-in set is rendered once for all tests, those of other processes too."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "data"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def built_in(data_dir: Path) -> Callable[[str], Dataset]:
    """name → that built-in data set."""

    def load(name: str) -> Dataset:
        with FileLock(data_dir / f"{name}.lock"):
            return load_dataset(name, data_dir)

    return load


@pytest.fixture(scope="session")
def server_data(data_dir: Path, built_in: Callable[[str], Dataset]) -> Path:
    """The data folder with all sets that a server renders when it starts, so that no server renders them again."""
    from siamese.ui.lab import FIRST, LATER

    for name in (FIRST, *LATER):
        built_in(name)
    return data_dir
