"""Within-class covariance normalisation: a network whose embedding ignores how images of one class usually differ."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.evaluation.judge import embed_bank
from siamese.learning.augment import KINDS
from siamese.models.checkpoint import Checkpoint
from siamese.models.inputs import prepare_bank

# This share of the covariance is replaced by its mean variance: few images say little about the small directions.
_SHRINKAGE = 0.1


@torch.no_grad()
def whitened(checkpoint: Checkpoint, dataset: Dataset, device: torch.device | None = None) -> Checkpoint:
    """The checkpoint with its last layer changed: images of one class then differ by the same in every direction
    (Hatch, Kajarekar & Stolcke 2006; relevant component analysis, Bar-Hillel et al. 2003).

    Measured on training images alone, with their mirror images where training mirrors them. Nothing is added at test
    time. Raises SiameseError for a network with two towers, or one that does not end in a linear layer.
    """
    network, recipe = checkpoint.network(), checkpoint.recipe
    name, layer = list(network.encoder.named_modules())[-1]
    if recipe.second_tower is not None or not isinstance(layer, nn.Linear):
        raise SiameseError(
            f"whiten needs one tower that ends in a linear layer, which {recipe.encoder} with these settings has not."
        )
    network.normalize, network.views = False, "one"
    network = network.to(device or torch.device("cpu"))
    bank = prepare_bank(recipe, dataset.train).to(device or torch.device("cpu"))
    found = [embed_bank(network, recipe, bank)[0]]
    if recipe.augmentation != "none" and KINDS[recipe.augmentation].flip:
        found.append(embed_bank(network, recipe, replace(bank, images=bank.images.flip(3)))[0])
    embeddings = torch.cat(found).double().cpu()
    labels = bank.labels.cpu().repeat(len(found))

    mean = embeddings.mean(0)
    sums = torch.zeros(bank.classes, embeddings.shape[1], dtype=torch.float64).index_add_(0, labels, embeddings)
    within = embeddings - (sums / torch.bincount(labels)[:, None])[labels]
    covariance = within.T @ within / len(within)
    floor = covariance.diagonal().mean() * torch.eye(len(covariance), dtype=torch.float64)
    values, vectors = torch.linalg.eigh((1 - _SHRINKAGE) * covariance + _SHRINKAGE * floor)
    # Scaled so that a typical direction keeps its length; the cosine does not care, float16 does.
    whitening = (vectors * (values.mean() / values).sqrt()).T
    weight, bias = (checkpoint.weights[f"encoder.{name}.{part}"].double() for part in ("weight", "bias"))
    changed = {"weight": whitening @ weight, "bias": whitening @ (bias - mean)}
    return replace(
        checkpoint,
        weights=checkpoint.weights | {f"encoder.{name}.{part}": value.float() for part, value in changed.items()},
    )
