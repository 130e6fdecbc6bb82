"""A pair inside a network: the feature maps of each stage, the embeddings, and what each dimension adds."""

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
    """One convolution of the encoder and what follows it up to the next.

    maps: float32 [2, k, h, w], of the left and of the right image.  channels: which k of its `filters` channels.
    kernels: float32 [towers, k, kh, kw]: of each filter shown, the slice with the largest weights, in each tower.
    """

    maps: Tensor
    channels: tuple[int, ...]
    filters: int
    kernels: Tensor


@dataclass(frozen=True, eq=False)
class Inside:
    """stages: at most four, first to last.  embeddings: float32 [2, D].  parts: float32 [D], what each dimension adds
    to the dissimilarity (see parts).  dissimilarity: between the two.  towers: 1, or 2 with weights of their own."""

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
    """Looks at the images in rows left and right of a batch while embed() passes it through the network.

    embed: calls network.embed_pairs on the batch and returns its embeddings, float32 [M, D]; with two towers the left
    images are the first half of the batch.
    channels: which channels of each stage to show; None or a list that does not fit shows those that vary most.
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
    channels_of = channels if channels is not None and len(channels) == len(stages) else [None] * len(stages)
    return Inside(
        tuple(_stage(maps, convolutions, wanted) for (maps, convolutions), wanted in zip(stages, channels_of)),
        pair,
        parts(similarity, pair[0], pair[1]),
        float(similarity(embeddings[left], embeddings[right])),
        2 if two else 1,
    )


@torch.no_grad()
def parts(similarity: Similarity, a: Tensor, b: Tensor) -> Tensor:
    """What each dimension of two embeddings, float32 [D] each, adds: float32 [D].

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
    """Keeps some rows of what each convolution of an encoder, with what follows it, makes of a batch."""

    encoder: nn.Module
    rows: list[int]
    second_half: bool = False
    seen: list[tuple[nn.Conv2d, Tensor]] = field(default_factory=list)
    hooks: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        for module in self.encoder.modules():
            if not any(module.children()):
                self.hooks.append(module.register_forward_hook(self._keep))

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not isinstance(output, Tensor) or output.dim() != 4:
            return
        rows = [row - len(output) if self.second_half else row for row in self.rows]
        # Copied at once, because an activation may work in place.
        kept = output[rows].detach().float().cpu()
        if isinstance(module, nn.Conv2d):
            self.seen.append((module, kept))
        elif self.seen:
            self.seen[-1] = (self.seen[-1][0], kept)

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()


def _stages(traces: list[_Trace]) -> list[tuple[Tensor, list[nn.Conv2d]]]:
    """Maps, float32 [2, C, h, w], and the convolution in each tower, of the stages that are shown."""
    chosen = [[entry for entry in _chosen(trace.seen)] for trace in traces]
    if len(chosen) == 1:
        return [(maps, [convolution]) for convolution, maps in chosen[0]]
    # Two towers may be built differently; the stages that fit beside each other are shown.
    both = [(a, b) for a, b in zip(*chosen) if a[1].shape == b[1].shape]
    return [(torch.cat([a[1], b[1]]), [a[0], b[0]]) for a, b in both]


def _chosen(seen: list[tuple[nn.Conv2d, Tensor]]) -> list[tuple[nn.Conv2d, Tensor]]:
    """All stages of a small encoder. Of a deep one, the last stage of each resolution, at most MOST_STAGES of them."""
    seen = [entry for entry in seen if min(entry[1].shape[2:]) > 1]
    if len(seen) > MOST_STAGES:
        last_of_size = {tuple(maps.shape[2:]): (convolution, maps) for convolution, maps in seen}
        seen = list(last_of_size.values())
    if len(seen) > MOST_STAGES:
        places = torch.linspace(0, len(seen) - 1, MOST_STAGES).round().long().tolist()
        seen = [seen[place] for place in places]
    return seen


def _stage(maps: Tensor, convolutions: list[nn.Conv2d], wanted: Sequence[int] | None) -> Stage:
    filters = maps.shape[1]
    if wanted is None or not wanted or not all(0 <= channel < filters for channel in wanted):
        variation = maps.flatten(2).std(2, correction=0).mean(0)
        wanted = sorted(variation.topk(min(CHANNELS, filters)).indices.tolist())
    channels = tuple(wanted[:CHANNELS])
    kernels = []
    for convolution in convolutions:
        # A depthwise or pointwise convolution may have other filters than the stage has channels.
        weights = convolution.weight.detach().float().cpu()
        of_channel = weights[[channel % len(weights) for channel in channels]]
        strongest = of_channel.flatten(2).norm(dim=2).argmax(1)
        kernels.append(of_channel[torch.arange(len(channels)), strongest])
    return Stage(maps[:, list(channels)], channels, filters, torch.stack(kernels))
