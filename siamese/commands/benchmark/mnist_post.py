"""The training procedure of the MNIST blog post, after which the recipe `mnist-post` is named.

A batch is 100 pairs, half of them same, copied image by image from NumPy arrays. The left and the right images have a
forward pass each. The head is |a − b| → linear → sigmoid; the loss is binary cross-entropy. SGD has the learning rate
0.001 and momentum 0.1. Pixels run from 0 to 255. The post trains for five epochs of 1,000 batches.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamese.data.bank import ImageBank
from siamese.models.encoders import build_encoder

BATCH = 100
SIDE, FEATURES = 28, 84


class PostNetwork(nn.Module):
    """Two convolutions and two linear layers for each image, and one linear layer over |a − b|."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_encoder("mnist-post", 1, (SIDE, SIDE), FEATURES)
        self.out = nn.Linear(FEATURES, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """The probability of "same", float32 [n, 1], for images float32 [n, 1, 28, 28] with values from 0 to 255."""
        return self.head(self.encoder(left), self.encoder(right))

    def head(self, a: Tensor, b: Tensor) -> Tensor:
        """The probability of "same", float32 [n, 1], for embeddings float32 [n, 84]."""
        return torch.sigmoid(self.out(torch.abs(a - b)))


class PostLoader:
    """Batches of pairs, drawn one image at a time. bank: grey 28×28 images, on the CPU."""

    def __init__(self, bank: ImageBank, seed: int) -> None:
        images = bank.images[:, 0].numpy()
        labels = bank.labels.numpy()
        self.by_label = [images[labels == label] for label in range(bank.classes)]
        self.random = np.random.default_rng(seed)

    def batch(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """left, right: float32 [100, 1, 28, 28] from 0 to 255.  target: float32 [100, 1], 1 where both are of one class."""
        left = np.zeros((BATCH, 1, SIDE, SIDE), dtype=np.float32)
        right = np.zeros((BATCH, 1, SIDE, SIDE), dtype=np.float32)
        target = np.zeros((BATCH, 1), dtype=np.float32)
        classes = len(self.by_label)
        for i in range(BATCH):
            label = int(self.random.integers(classes))
            # Half of the batch is same. For a different pair, one of the other labels is drawn.
            same = i < BATCH // 2
            other = label if same else (label + int(self.random.integers(1, classes))) % classes
            left[i, 0] = self._image(label)
            right[i, 0] = self._image(other)
            target[i, 0] = float(same)
        return left, right, target

    def _image(self, label: int) -> NDArray[np.uint8]:
        images = self.by_label[label]
        image: NDArray[np.uint8] = images[self.random.integers(len(images))]
        return image


class PostTraining:
    """The training loop of that post. The constructor makes the arrays by label, network and optimiser."""

    pairs_per_step = BATCH

    def __init__(self, bank: ImageBank, device: torch.device, seed: int = 0) -> None:
        self.device = device
        self.loader = PostLoader(bank, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = PostNetwork().to(device)
        self.criterion = nn.BCELoss()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.001, momentum=0.1)
        self.losses: list[float] = []

    def advance(self, batches: int) -> None:
        """Trains on `batches` batches."""
        for _ in range(batches):
            left, right, target = (torch.from_numpy(array).to(self.device) for array in self.loader.batch())
            self.optimizer.zero_grad()
            loss = self.criterion(self.network(left, right), target)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())

    @torch.no_grad()
    def embed(self, bank: ImageBank) -> Tensor:
        """Embeddings, float32 [N, 84], of a bank of such images."""
        parts = bank.images.split(1000)
        return torch.cat([self.network.encoder(part.to(self.device).float()) for part in parts])

    @torch.no_grad()
    def dissimilarity(self, a: Tensor, b: Tensor) -> Tensor:
        """1 − the probability of "same", float32 [n], for embeddings [n, 84]."""
        return 1 - self.network.head(a, b)[:, 0]
