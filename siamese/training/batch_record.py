"""BatchRecord: one batch as numbers, without pictures. pictures() makes them from the data set when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from siamese.data.bank import ImageBank
from siamese.learning.augment import Transforms, apply_transforms, draw_transforms
from siamese.learning.batches import check_bank, draw_batch
from siamese.learning.class_memory import ClassMemory
from siamese.learning.forces import PairForces, pair_forces, pairs_of
from siamese.models.inputs import as_floats, prepare_bank, two_domains
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe
from siamese.training.step import StepInputs


@dataclass(frozen=True, eq=False)
class BatchRecord:
    """One batch on the CPU: which images it holds and how they are changed at random, without the pictures.

    step: the step that learnt from it, from 1; 0: none.  loss: of that step; NaN: none.
    embeddings: float32 [M, D], in the order of inputs.batch.index, before the step moved the weights; None: no network.
    similarity: compares the embeddings.  margin: of that step.  threshold: of the newest validation.
    """

    recipe: Recipe
    inputs: StepInputs
    step: int = 0
    loss: float = float("nan")
    embeddings: Tensor | None = None
    similarity: Similarity | None = None
    margin: float = 1.0
    threshold: float | None = None

    @property
    def nbytes(self) -> int:
        """Its memory in bytes."""
        batch, transforms = self.inputs.batch, self.inputs.transforms
        tensors = [batch.index, batch.same, *(transforms or ()), self.embeddings]
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)

    def pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Every pair of the batch, in the order of forces(): left and right row, int64 [n], and same, bool [n]."""
        return pairs_of(self.recipe, self.inputs.batch)

    def forces(self) -> PairForces | None:
        """Every pair of the batch and what the loss asks of it; None where no network has embedded the batch."""
        if self.embeddings is None or self.similarity is None:
            return None
        return pair_forces(self.recipe, self.similarity, self.embeddings, self.inputs.batch, self.margin)


def seeded_batch(recipe: Recipe, bank: ImageBank, seed: int) -> BatchRecord:
    """The first batch, with its random changes, of a training with this seed. No network is needed.

    bank: of the data set; its pictures are not read. Raises SiameseError where it cannot fill a batch.
    """
    recipe = recipe.fitted(bank)
    turns = 4 if recipe.rotations_as_classes else 1
    # Sampling needs only the classes, so one black pixel, which takes no memory, stands for every picture.
    without_pictures = replace(
        bank,
        images=torch.zeros(1, 1, 1, 1, dtype=torch.uint8).expand(turns * len(bank), 1, 1, 1),
        counts=bank.counts.cpu().repeat(turns),
        groups=bank.groups.cpu().repeat(turns),
        class_names=bank.class_names * turns,
        partner=None,
    )
    check_bank(recipe, without_pictures)
    generator = Generator().manual_seed(seed)
    memory = ClassMemory.of(replace(recipe, seed=seed), without_pictures)
    batch = draw_batch(recipe, without_pictures, generator, memory=memory)
    transforms = draw_transforms(recipe.augmentation, len(batch.index), generator)
    return BatchRecord(recipe, StepInputs(batch, transforms), margin=recipe.margin)


def pictures(record: BatchRecord, bank: ImageBank, rows: Tensor, as_input: bool = True) -> Tensor:
    """The images in these rows of a batch, float32 [n, C, H, W] in 0 to 1.  rows: int64 [n], positions in its index.

    bank: the training bank of the data set; only these images are copied.
    as_input: resized, inverted and changed at random, as the network sees them; False: as they are in the data set.
    """
    recipe, inputs = record.recipe, record.inputs
    turns, positions = positions_of(record, bank, rows)
    images = bank.images[positions.to(bank.device)].cpu()
    if two_domains(recipe, bank):
        assert bank.partner is not None
        right = rows >= len(inputs.batch.index) // 2
        images = torch.where(right[:, None, None, None], bank.partner[positions.to(bank.device)].cpu(), images)
    if as_input:
        images = prepare_bank(recipe, _bank_of(images)).images
    for quarter in range(1, 4):
        images = torch.where((turns == quarter)[:, None, None, None], _turn(images, quarter), images)
    floats = as_floats(images, channels_last=False)
    if not as_input or inputs.transforms is None:
        return floats
    return apply_transforms(floats, Transforms(*(part[rows] for part in inputs.transforms)), recipe.augmentation)


def positions_of(record: BatchRecord, bank: ImageBank, rows: Tensor) -> tuple[Tensor, Tensor]:
    """For the images in these rows of a batch: quarter turns (0 to 3) and position in the bank, int64 [n] each."""
    index = record.inputs.batch.index[rows]
    return index // len(bank), index % len(bank)


def _turn(images: Tensor, quarters: int) -> Tensor:
    return images.rot90(quarters, (2, 3)) if images.shape[2] == images.shape[3] else images


def _bank_of(images: Tensor) -> ImageBank:
    """A bank of one class with these images, for functions that need a bank."""
    one = torch.zeros(1, dtype=torch.long)
    return ImageBank(images, torch.tensor([len(images)]), ("",), one, ("",))
