"""ClassMemory: where the network has lately put each class, so that a batch can hold classes that look alike to it.

Of many classes, few in a batch look alike by chance, and a network that has learnt the others learns only from those:
hard negative class mining (Sohn 2016). To embed every class anew would be slow, so the memory keeps what earlier
batches have given (Wang et al. 2020).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese.data.bank import ImageBank
from siamese.recipes import Recipe

NEAREST = 5  # as many look-alikes of a class take turns; with one alone, the same two classes would always meet


class ClassMemory:
    """directions: float32 [classes, D], for each class a mean of its newest embeddings, of length 1; random at first."""

    def __init__(self, classes: int, dimensions: int, seed: int, device: torch.device) -> None:
        draws = torch.randn(classes, dimensions, generator=torch.Generator().manual_seed(seed))
        self.directions = F.normalize(draws, dim=1).to(device)

    @classmethod
    def of(cls, recipe: Recipe, bank: ImageBank) -> ClassMemory | None:
        """The memory for a training of this recipe on this bank, on its device; None if it does not mine classes."""
        if not recipe.class_mining:
            return None
        return cls(bank.classes, recipe.embedding_dim, recipe.seed, bank.device)

    def look_alike(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """For each class another one, drawn from the NEAREST that are nearest to it in angle: int64 [n] → int64 [n]."""
        cosines = self.directions[classes] @ self.directions.T
        nearest = cosines.scatter(1, classes[:, None], -2.0).topk(min(NEAREST, len(self.directions) - 1)).indices
        chance = torch.rand(len(classes), 1, device=nearest.device, generator=generator)
        return nearest.gather(1, (chance * nearest.shape[1]).long()).squeeze(1)

    def remember(self, classes: Tensor, embeddings: Tensor) -> None:
        """Moves the direction of each class half of the way to the mean of its new embeddings, in place.

        classes: int64 [n], distinct.  embeddings: float32 [n · images, D], those of a class together.
        """
        new = F.normalize(embeddings.view(len(classes), -1, embeddings.shape[1]).mean(1), dim=1)
        self.directions.index_copy_(0, classes, F.normalize(self.directions[classes] + new, dim=1))
