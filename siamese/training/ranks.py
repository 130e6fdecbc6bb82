"""Training on several processes (torchrun): each embeds its share of one global batch, and the loss sees all of it.

Every rank draws the same global batch from the same seed, so only embeddings, gradients and the statistics of batch
norm are exchanged. Up to rounding, each rank computes what one process computes on the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from torch import Tensor, nn

from siamese import SiameseError
from siamese.recipes import Recipe


class Ranks:
    """This process is number `rank` of `world` processes. A single process has world 1 and exchanges nothing.

    parts: how many parts a batch has: 2 for lefts and rights; 3 for anchors, positives and negatives; or 1. The share
    of a rank holds the same rows of each part.
    Raises SiameseError for a batch that the ranks cannot share evenly.
    """

    def __init__(self, recipe: Recipe, parts: int) -> None:
        self.world = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        self.rank = dist.get_rank() if self.world > 1 else 0
        self._parts = parts
        _check_shares(recipe, self.world)

    def with_global_statistics(self, network: nn.Module, cuda: bool) -> nn.Module:
        """The network, with every batch norm computed over the global batch."""
        if self.world == 1:
            return network
        return nn.SyncBatchNorm.convert_sync_batchnorm(network) if cuda else _with_global_norms(network)

    def share(self, count: int, device: torch.device) -> Tensor:
        """int64 [count / world]: the rows of the global batch that this rank embeds."""
        return torch.arange(count, device=device).view(self._parts, -1)[:, self.rank :: self.world].reshape(-1)

    def gather(self, embeddings: Tensor) -> Tensor:
        """The embeddings [M, D] of the global batch, in its order, from the shares [M / world, D] of all ranks.

        Gradients flow back through it.
        """
        gathered = torch.stack(dist_nn.all_gather(embeddings))
        world, rows, width = gathered.shape
        return gathered.view(world, self._parts, rows // self._parts, width).permute(1, 2, 0, 3).reshape(-1, width)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Turns the gradients of the ranks into those of the global loss."""
        # Every rank computes the same loss. Gathering back sums the gradients of `world` equal losses, hence the mean.
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad.div_(self.world)


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all ranks, float [n, C, H, W] on each; torch's SyncBatchNorm needs CUDA."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        values = images.float()
        count = values.numel() // values.shape[1] * dist.get_world_size()
        mean = dist_nn.all_reduce(values.sum((0, 2, 3))) / count
        centred = values - mean.view(1, -1, 1, 1)
        variance = dist_nn.all_reduce(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.momentum is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(images.dtype)


def _with_global_norms(module: nn.Module) -> nn.Module:
    """The module; a GlobalBatchNorm2d with the same values replaces every BatchNorm2d in it."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            norm = GlobalBatchNorm2d(child.num_features, child.eps, child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm)
        else:
            _with_global_norms(child)
    return module


def _check_shares(recipe: Recipe, world: int) -> None:
    whole, what, fields = recipe.batch_size, str(recipe.batching), "batch_size"
    if recipe.batching == "all-pairs":
        whole = recipe.classes_per_batch * recipe.images_per_class
        what, fields = "images", "classes_per_batch × images_per_class"
    if whole % world:
        raise SiameseError(
            f"A batch of {whole} {what} cannot be shared evenly by {world} processes; "
            f"make {fields} a multiple of {world}."
        )
