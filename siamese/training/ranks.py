"""One global batch over several processes (torchrun): each embeds its share, and the loss sees all of it.

Every rank draws the same global batch from the same seed, so only embeddings and gradients travel. What each rank
computes is, up to rounding, what one process computes on the whole batch; batch norm included.
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
    """This process, number `rank` of `world`; alone, world is 1 and nothing travels.

    parts: what a batch is made of, in order (lefts and rights; anchors, positives and negatives; or one part), since a
    share holds the same stretch of each. Raises SiameseError for a batch that the ranks cannot share evenly.
    """

    def __init__(self, recipe: Recipe, parts: int) -> None:
        self.world = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        self.rank = dist.get_rank() if self.world > 1 else 0
        self._parts = parts
        _check_shares(recipe, self.world)

    def with_global_statistics(self, network: nn.Module, cuda: bool) -> nn.Module:
        """The network with its batch norms, if any, over the global batch."""
        if self.world == 1:
            return network
        return nn.SyncBatchNorm.convert_sync_batchnorm(network) if cuda else _converted(network)

    def share(self, count: int, device: torch.device) -> Tensor:
        """int64 [count / world]: which of the global batch's images this rank embeds."""
        return torch.arange(count, device=device).view(self._parts, -1)[:, self.rank :: self.world].reshape(-1)

    def gather(self, embeddings: Tensor) -> Tensor:
        """The global batch's embeddings, [M, D] in its own order, of all shares [M / world, D]; gradients flow back."""
        gathered = torch.stack(dist_nn.all_gather(embeddings))
        world, rows, width = gathered.shape
        return gathered.view(world, self._parts, rows // self._parts, width).permute(1, 2, 0, 3).reshape(-1, width)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Turns every rank's gradients into those of the one global loss."""
        # Each rank's backward already sums what all ranks' equal losses ask of its share, so that is their mean.
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad.div_(self.world)


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all ranks' equal shares, float [n, C, H, W]; torch's SyncBatchNorm is for CUDA."""

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


def _converted(module: nn.Module) -> nn.Module:
    """The module with a GlobalBatchNorm2d of the same values in the place of every BatchNorm2d in it."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            norm = GlobalBatchNorm2d(child.num_features, child.eps, child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm)
        else:
            _converted(child)
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
