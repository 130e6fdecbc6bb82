"""The training procedure of the faces code, after which the recipe `faces-code` is named.

For each pair that code opens two image files with Pillow. It draws the first from all files. A coin says whether the
second has to show the same person, and files are drawn until one fits. Both become grey and 100×100 pixels. A
DataLoader with worker processes makes batches of 64 pairs. Each side has a forward pass of its own; the loss is
contrastive with margin 2; Adam has the learning rate 0.0005.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from siamese.data.bank import ImageBank
from siamese.models.encoders import build_encoder

BATCH = 64
SIDE, FEATURES = 100, 5
MARGIN = 2.0


def write_class_folders(bank: ImageBank, people: int, folder: Path) -> None:
    """Writes the images of the first classes of a bank as PGM files, one folder for each class."""
    for person in range(min(people, bank.classes)):
        place = folder / f"s{person + 1}"
        place.mkdir()
        start, count = int(bank.starts[person]), int(bank.counts[person])
        for number, image in enumerate(bank.images[start : start + count], 1):
            pixels = image.permute(1, 2, 0).squeeze(2).numpy()
            Image.fromarray(pixels).convert("L").save(place / f"{number}.pgm")


class FacePairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Pairs of images from class folders: left and right, float32 [1, 100, 100] from 0 to 1, and the code's own label,
    float32 [1]: 0 for the same person, 1 for different ones."""

    def __init__(self, folder: Path) -> None:
        self.files: list[tuple[str, int]] = torchvision.datasets.ImageFolder(folder).imgs
        self.transform = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        left = random.choice(self.files)
        same = random.randint(0, 1)
        while True:
            right = random.choice(self.files)
            if (left[1] == right[1]) == bool(same):
                break
        images = [self.transform(Image.open(file).convert("L")) for file, _ in (left, right)]
        return images[0], images[1], torch.tensor([float(left[1] != right[1])])

    def __len__(self) -> int:
        return len(self.files)


class FacesTraining:
    """The training loop of that code. The constructor lists the files and makes network and optimiser."""

    images_per_step = 2 * BATCH

    def __init__(self, folder: Path, device: torch.device, workers: int, seed: int = 0) -> None:
        self.device = device
        random.seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = build_encoder("faces-code", 1, (SIDE, SIDE), FEATURES).to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.0005)
        self.loader = DataLoader(FacePairs(folder), batch_size=BATCH, shuffle=True, num_workers=workers, drop_last=True)
        self._batches = self._endless()
        self.losses: list[float] = []

    def _endless(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self.loader

    def advance(self, batches: int) -> None:
        """Trains on `batches` batches; after the last batch of an epoch the next epoch begins."""
        for _ in range(batches):
            left, right, different = (tensor.to(self.device) for tensor in next(self._batches))
            self.optimizer.zero_grad()
            loss = contrastive(self.network(left), self.network(right), different)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())

    def close(self) -> None:
        """Ends the worker processes."""
        self._batches = iter(())


def contrastive(a: Tensor, b: Tensor, different: Tensor) -> Tensor:
    """The loss of that code for embeddings [n, D]: the mean of d² where `different` [n, 1] is 0, of max(0, 2 − d)² where 1."""
    distance = F.pairwise_distance(a, b, keepdim=True)
    return torch.mean((1 - different) * distance.pow(2) + different * (MARGIN - distance).clamp(min=0.0).pow(2))
