"""Oriented filters: fixed filters and a learnt projection, an encoder for data sets with few images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_DIRECTIONS = 8
_CELLS = 8  # per side of the grid; the response of each filter is averaged in each cell
FEATURES = 4 * _DIRECTIONS * _CELLS**2  # of every image, whatever its size
_SHRINKS = (1.0, 1.75, 3.0)  # the image is made smaller by these factors: fine, middle and coarse waves


class OrientedFilters(nn.Module):
    """Edges and waves in eight directions, averaged in the cells of a grid: float [n, C, H, W] → float [n, 32, 8, 8].

    Edges: histograms of oriented gradients with wide cells (Dalal & Triggs 2005). Waves: the amplitude of Gabor filters
    at three scales (Daugman 1985; Liu & Wechsler 2002 for faces). A square root reduces the weight of a few strong
    edges. The filters are not trained, so a network cannot memorise the few people of its training set with them.
    """

    edges: Tensor
    waves: Tensor

    def __init__(self) -> None:
        super().__init__()
        device = torch.empty(0).device  # the one that the network is built on
        waves, edges = _filters()
        self.register_buffer("waves", waves.to(device), persistent=False)
        self.register_buffer("edges", edges.to(device), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        grey = images.mean(1, keepdim=True)
        height, width = grey.shape[2:]
        edges = F.adaptive_avg_pool2d(_smooth(_convolve(grey, self.edges).relu(), max(height, width) // 12), _CELLS)
        edges = edges / (_smooth(edges.square().sum(1, keepdim=True), 1).sqrt() + 0.01)
        parts = [edges]
        for shrink in _SHRINKS:
            size = [max(9, round(side / shrink)) for side in (height, width)]
            small = F.interpolate(grey, size, mode="bilinear", antialias=True, align_corners=False)
            reach = max(size) // 9
            small = small - _smooth(small, reach)
            small = small / (_smooth(small.square(), reach).sqrt() + 0.05)
            even, odd = _convolve(small, self.waves).chunk(2, 1)
            parts.append(F.adaptive_avg_pool2d(_smooth((even**2 + odd**2).sqrt(), 1), _CELLS))
        return torch.cat(parts, 1).sqrt()


def _filters() -> tuple[Tensor, Tensor]:
    """Waves, float32 [16, 1, 9, 9]: eight even ones, then eight odd ones.  Edges, float32 [8, 1, 3, 3]."""
    # On the device "meta" torch would load its compiler for this arithmetic, which takes two seconds.
    with torch.device("cpu"):
        turn = torch.arange(_DIRECTIONS).view(-1, 1, 1) / _DIRECTIONS * torch.pi
        y, x = torch.meshgrid(torch.arange(-4.0, 5), torch.arange(-4.0, 5), indexing="ij")
        phase = 2 * torch.pi / 2.6 * (x * turn.cos() + y * turn.sin())
        window = torch.exp(-(x**2 + y**2) / 2.88)
        window = window / window.sum()
        even = window * phase.cos()
        even = even - window * even.sum((1, 2), keepdim=True)  # no response to an image of one grey
        slope = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])
        edges = slope * (2 * turn).cos() + slope.T * (2 * turn).sin()
        return torch.cat([even, window * phase.sin()])[:, None], edges[:, None]


def _convolve(images: Tensor, filters: Tensor) -> Tensor:
    reach = filters.shape[-1] // 2
    return F.conv2d(F.pad(images, [reach] * 4, mode="replicate"), filters)


def _smooth(maps: Tensor, reach: int) -> Tensor:
    """The mean over a square, applied twice. reach: how many pixels the square extends to each side."""
    for _ in range(2):
        maps = F.avg_pool2d(maps, 2 * reach + 1, 1, reach, count_include_pad=False)
    return maps
