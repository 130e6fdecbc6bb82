"""A training batch: which images are embedded, which of them are the same, and the loss over them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from siamese.data.bank import ImageBank
from siamese.learning import losses
from siamese.learning.class_memory import ClassMemory
from siamese.learning.sampling import (
    check_classes_images,
    check_pairs,
    sample_classes_images,
    sample_pairs,
    sample_triplets,
)
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe


@dataclass(frozen=True, eq=False)
class Batch:
    """index: int64 [M], the images to embed in one pass, M = 2n (left, then right), 3n (anchors, positives,
    negatives) or B. same: bool [n] for pairs, [B, B] for all pairs, all True [n] for triplets (anchor and positive)."""

    index: Tensor
    same: Tensor

    @property
    def itself(self) -> Tensor:
        """bool [B, B], for a batch of all pairs: where both are one and the same image of the bank.

        Beside the diagonal these are repeated images, in a class with fewer images than the batch takes. They are no
        pairs: the distance of an image to itself teaches nothing.
        """
        return self.index[:, None] == self.index


def check_bank(recipe: Recipe, bank: ImageBank) -> None:
    """Raises SiameseError where the bank cannot fill the recipe's batches: one class, or a class with one image."""
    check_pairs(bank)
    if recipe.batching == "all-pairs":
        check_classes_images(bank, recipe.classes_per_batch, recipe.images_per_class)


def draw_batch(
    recipe: Recipe,
    bank: ImageBank,
    generator: Generator,
    size: int | None = None,
    memory: ClassMemory | None = None,
) -> Batch:
    """Draws a batch on the bank's device without a synchronising operation.

    size: replaces the recipe's batch_size.  memory: of the classes of this bank, where a recipe mines them.
    """
    size = recipe.batch_size if size is None else size
    if recipe.batching == "pairs":
        pairs = sample_pairs(bank, size, generator)
        return Batch(torch.cat([pairs.left, pairs.right]), pairs.same)
    if recipe.batching == "triplets":
        triplets = sample_triplets(bank, size, generator)
        return Batch(torch.cat(triplets), torch.ones_like(triplets.anchor, dtype=torch.bool))
    classes, images = recipe.classes_per_batch, recipe.images_per_class
    index, labels = sample_classes_images(bank, classes, images, generator, memory)
    return Batch(index, labels[:, None] == labels[None])


def batch_loss(
    recipe: Recipe,
    similarity: Similarity,
    embeddings: Tensor,
    batch: Batch,
    margin: Tensor | float,
    generator: Generator | None = None,
) -> Tensor:
    """The recipe's loss, float32 scalar, of a batch's embeddings (float32 [M, D], in the order of batch.index)."""
    if recipe.batching == "triplets":
        anchor, positive, negative = embeddings.chunk(3)
        return losses.triplet_loss(
            similarity(anchor, positive), similarity(anchor, negative), margin, recipe.soft_margin
        )
    if recipe.batching == "pairs":
        left, right = embeddings.chunk(2)
        if recipe.loss == "bce":
            return losses.bce_loss(similarity.same_logits(left, right), batch.same)
        return losses.contrastive_loss(similarity(left, right), batch.same, margin)
    itself = batch.itself
    if recipe.loss == "supcon":
        return losses.supcon_loss(embeddings @ embeddings.T, batch.same, recipe.temperature, itself)
    others = ~itself
    if recipe.loss == "bce":
        return losses.bce_loss(similarity.same_logits_matrix(embeddings, embeddings), batch.same, others)
    distances = similarity.matrix(embeddings, embeddings)
    if recipe.loss == "contrastive":
        return losses.contrastive_loss(distances, batch.same, margin, others)
    return losses.mined_triplet_loss(
        distances, batch.same, recipe.mining, margin, recipe.soft_margin, generator, itself=itself
    )
