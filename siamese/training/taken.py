"""TakenBatch: the batch of one step as numbers, and its pictures, cut out of the data set when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from siamese.data.bank import ImageBank
from siamese.learning.augment import Transforms, apply_transforms, draw_transforms
from siamese.learning.batches import check_bank, draw_batch
from siamese.learning.forces import PairForces, pair_forces
from siamese.models.inputs import as_floats, prepare_bank, two_domains
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.training.step import Drawn


@dataclass(frozen=True, eq=False)
class TakenBatch:
    """One batch on the CPU: the numbers of its images and their random changes, no picture.

    step: the step that learnt from it, from 1; 0 where none did.  loss: the step's, NaN where there was none.
    embeddings: float32 [M, D], in the order of drawn.batch.index, before the step moved the weights; None: no network.
    similarity: what compares them.  margin: as the step had it.  threshold: of the newest validation.
    """

    recipe: Recipe
    drawn: Drawn
    step: int = 0
    loss: float = float("nan")
    embeddings: Tensor | None = None
    similarity: Similarity | None = None
    margin: float = 1.0
    threshold: float | None = None

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        batch, transforms = self.drawn.batch, self.drawn.transforms
        tensors = [batch.index, batch.same, *(transforms or ()), self.embeddings]
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)

    def forces(self) -> PairForces | None:
        """Every pair of the batch with what the loss asks of it; None where no network has seen the batch."""
        if self.embeddings is None or self.similarity is None:
            return None
        return pair_forces(self.recipe, self.similarity, self.embeddings, self.drawn.batch, self.margin)


def seeded_batch(recipe: Recipe, bank: ImageBank, seed: int) -> TakenBatch:
    """The batch and the random changes that training with this seed would draw first, without a network.

    bank: as the data set holds it; its pictures are not touched. Raises SiameseError where it cannot fill a batch.
    """
    recipe = recipe.fitted(bank)
    turns = 4 if recipe.rotations_as_classes else 1
    # Sampling looks at classes alone, so pictures that take no memory stand in for the turned ones.
    outline = replace(
        bank,
        images=torch.zeros(1, 1, 1, 1, dtype=torch.uint8).expand(turns * len(bank), 1, 1, 1),
        counts=bank.counts.cpu().repeat(turns),
        groups=bank.groups.cpu().repeat(turns),
        class_names=bank.class_names * turns,
        partner=None,
    )
    check_bank(recipe, outline)
    generator = Generator().manual_seed(seed)
    batch = draw_batch(recipe, outline, generator)
    transforms = draw_transforms(recipe.augmentation, len(batch.index), generator)
    return TakenBatch(recipe, Drawn(batch, transforms), margin=recipe.margin)


def pictures(taken: TakenBatch, bank: ImageBank, rows: Tensor, seen: bool = True) -> Tensor:
    """The images in these rows of a batch, float32 [n, C, H, W] in 0 to 1; rows: int64 [n], places in its index.

    bank: the training bank as the data set holds it.  seen: resized, inverted and randomly changed as the network got
    them; else as they are. Only these images are copied.
    """
    recipe, drawn = taken.recipe, taken.drawn
    turns, positions = positions_of(taken, bank, rows)
    images = bank.images[positions.to(bank.device)].cpu()
    if two_domains(recipe, bank):
        assert bank.partner is not None
        right = rows >= len(drawn.batch.index) // 2
        images = torch.where(right[:, None, None, None], bank.partner[positions.to(bank.device)].cpu(), images)
    if seen:
        images = prepare_bank(recipe, _loose(images)).images
    for quarter in range(1, 4):
        images = torch.where((turns == quarter)[:, None, None, None], _turned(images, quarter), images)
    floats = as_floats(images, channels_last=False)
    if not seen or drawn.transforms is None:
        return floats
    return apply_transforms(floats, Transforms(*(part[rows] for part in drawn.transforms)), recipe.augmentation)


def positions_of(taken: TakenBatch, bank: ImageBank, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Quarter turns (0 to 3) and number in the bank, int64 [n] each, of the images in these rows of a batch."""
    index = taken.drawn.batch.index[rows]
    return index // len(bank), index % len(bank)


def _turned(images: Tensor, quarters: int) -> Tensor:
    return images.rot90(quarters, (2, 3)) if images.shape[2] == images.shape[3] else images


def _loose(images: Tensor) -> ImageBank:
    """A bank of some images, whatever they are."""
    one = torch.zeros(1, dtype=torch.long)
    return ImageBank(images, torch.tensor([len(images)]), ("",), one, ("",))
