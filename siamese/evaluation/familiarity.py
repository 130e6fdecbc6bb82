"""Whether a network was made for a picture, by simple statistics of the picture as the network sees it.

The rule was measured on the models that ship: it turns away at most 1 of 100 of their own test images, and takes every
photograph of a face for foreign to the model of characters. It says nothing about whether an answer is right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from siamese.data.bank import ImageBank
from siamese.models.calibration import Familiarity

_SLACK = 1.1  # the limit is this many times the distance of the farthest images but 1 in 200
_RIDGE = 1e-4  # added to every variance, so that a statistic that never varies does not decide alone


def image_statistics(images: Tensor) -> Tensor:
    """uint8 [n, C, H, W] prepared images to float64 [n, d]: brightness and its quantiles, the share of middle greys,
    how rough the picture is along x, along y and in its second differences, the border; colour images add how
    saturated they are and the mean of each channel. d is 13, or 18 with colour."""
    pixels = images.float() / 255
    grey = pixels.mean(1)
    flat = grey.flatten(1)
    border = torch.cat([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    inner = grey[:, 1:-1, 1:-1]
    bends = 4 * inner - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    columns = [
        flat.mean(1),
        flat.std(1),
        ((flat > 0.15) & (flat < 0.85)).float().mean(1),
        *torch.quantile(flat, torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], device=flat.device), dim=1),
        grey.diff(dim=2).abs().flatten(1).mean(1),
        grey.diff(dim=1).abs().flatten(1).mean(1),
        bends.abs().flatten(1).mean(1),
        border.mean(1),
        border.std(1),
    ]
    if pixels.shape[1] == 3:
        saturation = (pixels.amax(1) - pixels.amin(1)).flatten(1)
        columns += [saturation.mean(1), saturation.std(1), *pixels.flatten(2).mean(2).T]
    return torch.stack(columns, 1).double().cpu()


def measure_familiarity(train: ImageBank, validation: ImageBank) -> Familiarity:
    """The statistics of prepared training images, and the limit that nearly all images of both parts keep."""
    ours, others = (_statistics(bank) for bank in (train, validation))
    mean = ours.mean(0)
    covariance = torch.cov(ours.T) if len(ours) > 1 else torch.zeros(ours.shape[1], ours.shape[1])
    factor = torch.linalg.cholesky(covariance.double() + _RIDGE * torch.eye(len(mean), dtype=torch.float64))
    rows, columns = torch.tril_indices(len(mean), len(mean))
    rule = Familiarity(tuple(mean.tolist()), tuple(factor[rows, columns].tolist()), 0.0)
    farthest = max(float(torch.quantile(_distance(rule, part), 0.995)) for part in (ours, others))
    return Familiarity(rule.mean, rule.factor, _SLACK * farthest)


def foreign(rule: Familiarity, images: Tensor) -> list[bool]:
    """For each of uint8 [n, C, H, W] prepared images, whether the network was not made for such a picture."""
    statistics = image_statistics(images)
    if statistics.shape[1] != len(rule.mean):  # the file may come from somebody else
        return [False] * len(images)
    return (_distance(rule, statistics) > rule.limit).tolist()


def _statistics(bank: ImageBank) -> Tensor:
    return torch.cat([image_statistics(part) for part in bank.images.split(512)])


def _distance(rule: Familiarity, statistics: Tensor) -> Tensor:
    """Mahalanobis distance of each row: float64 [n]."""
    size = len(rule.mean)
    factor = torch.zeros(size, size, dtype=torch.float64)
    rows, columns = torch.tril_indices(size, size)
    factor[rows, columns] = torch.tensor(rule.factor, dtype=torch.float64)
    away = (statistics - torch.tensor(rule.mean, dtype=torch.float64)).T
    return torch.linalg.solve_triangular(factor, away, upper=False).square().sum(0).sqrt()
