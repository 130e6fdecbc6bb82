"""A pair inside a network: feature maps, embeddings, and what each dimension adds to the distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from siamese.models.network import PseudoSiameseNetwork, SiameseNetwork
from siamese.models.similarity import Similarity

MOST_STAGES = 4
CHANNELS = 4  # feature maps of each stage


@dataclass(frozen=True, eq=False)
class Stage:
    """One convolution of the encoder with the layers between it and the next one.

    maps: float32 [2, k, h, w], of the left and of the right image.  channels: the numbers of these k channels.
    filters: how many channels there are.  kernels: float32 [towers, k, kh, kw], for each of the k filters of each tower
    its two-dimensional slice with the largest weights.
    """

    maps: Tensor
    channels: tuple[int, ...]
    filters: int
    kernels: Tensor


@dataclass(frozen=True, eq=False)
class Inside:
    """What a network makes of one pair.

    stages: at most four, first to last.  embeddings: float32 [2, D].  dissimilarity: of the pair.
    parts: float32 [D], what each dimension adds to it (see the function parts).
    towers: 1, or 2 with separate weights.
    """

    stages: tuple[Stage, ...]
    embeddings: Tensor
    parts: Tensor
    dissimilarity: float
    towers: int


@torch.no_grad()
def inside(
    network: SiameseNetwork,
    embed: Callable[[], Tensor],
    left: int,
    right: int,
    channels: Sequence[Sequence[int]] | None = None,
) -> Inside:
    """Records what the network makes of one pair while embed() passes a batch through it.

    embed: calls network.embed_pairs on the batch and returns its embeddings, float32 [M, D]. With two towers the left
    images are the first half of the batch.  left, right: the rows of the pair.
    channels: the channels of each stage to show. None, or a list that does not fit, shows those that vary most.
    """
    two = isinstance(network, PseudoSiameseNetwork)
    traces = [_Trace(network.encoder, [left] if two else [left, right])]
    try:
        if isinstance(network, PseudoSiameseNetwork):
            traces.append(_Trace(network.right_encoder, [right]))
            traces[1].second_half = True
        embeddings = embed()
    finally:
        for trace in traces:
            trace.close()
    pair = embeddings[[left, right]].float().cpu()
    similarity = network.similarity
    stages = _stages(traces)
    channel_lists: Sequence[Sequence[int] | None] = (
        channels if channels is not None and len(channels) == len(stages) else [None] * len(stages)
    )
    return Inside(
        tuple(
            _stage(maps, convolutions, channels_of_stage)
            for (maps, convolutions), channels_of_stage in zip(stages, channel_lists)
        ),
        pair,
        parts(similarity, pair[0], pair[1]),
        float(similarity(embeddings[left], embeddings[right])),
        2 if two else 1,
    )


@torch.no_grad()
def parts(similarity: Similarity, a: Tensor, b: Tensor) -> Tensor:
    """What each dimension adds to the dissimilarity of two embeddings, float32 [D] each: float32 [D].

    The sum is the dissimilarity for "manhattan", "squared-euclidean" and "cosine" (half the squared difference of the
    unit vectors) and its square for "euclidean". For "exponential" it is the distance before the exponential, and for
    "learned" the logit of "different" without its bias.
    """
    a, b = a.float(), b.float()
    if similarity.kind in ("manhattan", "exponential"):
        return (a - b).abs()
    if similarity.kind == "learned":
        return -similarity.same_logit.weight.detach().float().cpu()[0] * (a - b).abs()
    if similarity.kind == "cosine":
        a, b = torch.nn.functional.normalize(a, dim=0), torch.nn.functional.normalize(b, dim=0)
        return (a - b).square() / 2
    return (a - b).square()


@dataclass
class _Trace:
    """Records the feature maps of some rows of a batch: after each convolution and the layers that follow it.

    stages: each convolution with its maps, float32 [rows, C, h, w].
    """

    encoder: nn.Module
    rows: list[int]
    second_half: bool = False
    stages: list[tuple[nn.Conv2d, Tensor]] = field(default_factory=list)
    hooks: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        for module in self.encoder.modules():
            if not any(module.children()):
                self.hooks.append(module.register_forward_hook(self._record))

    def _record(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not isinstance(output, Tensor) or output.dim() != 4:
            return
        rows = [row - len(output) if self.second_half else row for row in self.rows]
        # A copy, because the next layer may change the tensor in place.
        maps = output[rows].detach().float().cpu()
        if isinstance(module, nn.Conv2d):
            self.stages.append((module, maps))
        elif self.stages:
            self.stages[-1] = (self.stages[-1][0], maps)

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()


def _stages(traces: list[_Trace]) -> list[tuple[Tensor, list[nn.Conv2d]]]:
    """The stages to show: maps, float32 [2, C, h, w], and the convolution of each tower."""
    towers = [_choose(trace.stages) for trace in traces]
    if len(towers) == 1:
        return [(maps, [convolution]) for convolution, maps in towers[0]]
    # Two towers can have different layers; only stages of equal size are shown side by side.
    both = [(a, b) for a, b in zip(*towers) if a[1].shape == b[1].shape]
    return [(torch.cat([a[1], b[1]]), [a[0], b[0]]) for a, b in both]


def _choose(stages: list[tuple[nn.Conv2d, Tensor]]) -> list[tuple[nn.Conv2d, Tensor]]:
    """All stages of a small encoder. Of a deep one, the last stage of each resolution, at most MOST_STAGES of them."""
    stages = [(convolution, maps) for convolution, maps in stages if min(maps.shape[2:]) > 1]
    if len(stages) > MOST_STAGES:
        last_of_size = {tuple(maps.shape[2:]): (convolution, maps) for convolution, maps in stages}
        stages = list(last_of_size.values())
    if len(stages) > MOST_STAGES:
        places = torch.linspace(0, len(stages) - 1, MOST_STAGES).round().long().tolist()
        stages = [stages[place] for place in places]
    return stages


def _stage(maps: Tensor, convolutions: list[nn.Conv2d], channels: Sequence[int] | None) -> Stage:
    filters = maps.shape[1]
    if channels is None or not channels or not all(0 <= channel < filters for channel in channels):
        variation = maps.flatten(2).std(2, correction=0).mean(0)
        channels = sorted(variation.topk(min(CHANNELS, filters)).indices.tolist())
    channels = tuple(channels[:CHANNELS])
    kernels = []
    for convolution in convolutions:
        # A depthwise or pointwise convolution can have fewer filters than the stage has channels.
        weights = convolution.weight.detach().float().cpu()
        of_channel = weights[[channel % len(weights) for channel in channels]]
        strongest = of_channel.flatten(2).norm(dim=2).argmax(1)
        kernels.append(of_channel[torch.arange(len(channels)), strongest])
    return Stage(maps[:, list(channels)], channels, filters, torch.stack(kernels))
