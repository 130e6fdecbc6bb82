"""Encoders: networks that turn images into embeddings, by name."""

from __future__ import annotations

import contextlib
import socket
from collections import OrderedDict
from http.client import HTTPException
from pathlib import Path
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese import SiameseError
from siamese.models.oriented import FEATURES, OrientedFilters
from siamese.recipes.recipe import TorchvisionEncoder

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_PATIENCE = 30.0  # seconds; a download without a byte for this time is stopped


class PixelScale(nn.Module):
    """x → x · scale − offset for each channel: turns pixels from 0 to 1 (float [n, C, H, W]) into those an encoder expects."""

    scale: Tensor
    offset: Tensor

    def __init__(self, scale: list[float], offset: list[float]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", torch.tensor(offset).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images * self.scale - self.offset


class Projection(nn.Linear):
    """nn.Flatten and nn.Linear in one: float [n, C, H, W] → float [n, embedding_dim], with the weights of these two.

    It reads the maps in the channels_last order in which they are stored. nn.Flatten would copy them, and its gradient
    would have another memory format than the ReLU before it; on a CPU, that costs a small network 1/15 of its step.
    """

    def forward(self, maps: Tensor) -> Tensor:
        weight = self.weight.unflatten(1, maps.shape[1:]).permute(0, 2, 3, 1).flatten(1)
        return F.linear(maps.permute(0, 2, 3, 1).flatten(1), weight, self.bias)


class Residual(nn.Module):
    """Two 3×3 convolutions, and a shortcut that adds their input to their output (He, Zhang, Ren, Sun 2016).

    float [n, inputs, H, W] → float [n, outputs, ⌈H/stride⌉, ⌈W/stride⌉]. Where the shapes differ, the shortcut averages
    the pixels of a stride and mixes the channels by a 1×1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = nn.Sequential()
        if inputs != outputs or stride > 1:
            mixed = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), *mixed)
        self.layers = nn.Sequential(*_block(inputs, outputs, 3, stride), *_block(outputs, outputs, 3, 1)[:-1])
        self.relu = nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        # The shortcut first: what looks into the network (models/inside.py) takes the last convolution of a block.
        shortcut = self.shortcut(maps)
        return self.relu(shortcut + self.layers(maps))


def build_encoder(
    name: str,
    channels: int,
    size: tuple[int, int],
    embedding_dim: int,
    *,
    pretrained: bool = False,
    raw_pixels: bool = False,
    fetch: bool = True,
) -> nn.Module:
    """The encoder of that name: float [n, channels, height, width] in 0 to 1 → float [n, embedding_dim].

    size: (height, width).
    pretrained: load ImageNet weights (torchvision encoders only).
    fetch: False leaves the weights random, for callers that load others from a checkpoint.
    raw_pixels: multiply the input by 255.
    Raises SiameseError for images that are too small for the network, and for weights that cannot be fetched.
    """
    if name in get_args(TorchvisionEncoder):
        network = _torchvision(name, channels, size, embedding_dim, pretrained and fetch)
    else:
        network = {
            "strided": _strided,
            "strided-wide": _strided_wide,
            "strided-mid": _strided_mid,
            "strided-deep": _strided_deep,
            "residual": _residual,
            "conv4": _conv4,
            "mnist-post": _mnist_post,
            "faces-code": _faces_code,
            "koch-2015": _koch,
            "triplet-network": _triplet_network,
            "oriented": _oriented,
        }[name](channels, size, embedding_dim)
    if pretrained:
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.449,), (0.226,))
        scale = PixelScale([1 / s for s in std], [m / s for m, s in zip(mean, std)])
        return nn.Sequential(scale, network)
    if raw_pixels:
        return nn.Sequential(PixelScale([255.0] * channels, [0.0] * channels), network)
    return network


def _features(layers: nn.Module, channels: int, size: tuple[int, int], name: str) -> int:
    """How many numbers the convolutions make of one image. Raises SiameseError where the image is too small for them."""
    count = 0  # for an image that is too small, torch 2.8 returns an empty tensor, and later versions raise an error
    probe = layers.eval()
    if isinstance(layers, nn.Sequential):
        # Batch norm changes no shape. On the device "meta", by which checkpoints are checked, it would make torch load
        # its compiler, which takes two seconds of every start. A shortcut has the shape of the layers beside it.
        parts = [part for layer in layers for part in (layer.layers if isinstance(layer, Residual) else [layer])]
        probe = nn.Sequential(*(part for part in parts if not isinstance(part, nn.BatchNorm2d)))
    with contextlib.suppress(RuntimeError), torch.no_grad():
        count = probe(torch.zeros(1, channels, *size)).numel()
    layers.train()
    if not count:
        raise SiameseError(
            f"Images of {size[1]}×{size[0]} pixels are too small for the encoder {name}; "
            "set image_size higher or choose the encoder strided."
        )
    return count


def _block(inputs: int, outputs: int, kernel: int, stride: int, pool: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
    return layers + ([nn.MaxPool2d(2)] if pool else [])


def _projected(
    layers: list[nn.Module], channels: int, size: tuple[int, int], embedding_dim: int, name: str
) -> nn.Sequential:
    return _with_projection(layers, _features(nn.Sequential(*layers), channels, size, name), embedding_dim)


def _with_projection(layers: list[nn.Module], features: int, embedding_dim: int) -> nn.Sequential:
    # Checkpoints use the names of these layers: do not change them.
    return nn.Sequential(OrderedDict({"0": nn.Sequential(*layers), "2": Projection(features, embedding_dim)}))


def _strided(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Two strided 5×5 convolutions (16, 32): on a CPU five times faster than pooled 3×3 ones of the same widths."""
    return _projected(_block(channels, 16, 5, 2) + _block(16, 32, 5, 2), channels, size, embedding_dim, "strided")


def _strided_wide(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Three strided convolutions (5×5 32, 5×5 64, 3×3 128)."""
    layers = _block(channels, 32, 5, 2) + _block(32, 64, 5, 2) + _block(64, 128, 3, 2)
    return _projected(layers, channels, size, embedding_dim, "strided-wide")


def _strided_mid(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Five convolutions, the first two 5×5 and strided (32, 64), then 3×3: 96, 128 strided, 128. Twice the work of
    strided-wide, half of strided-deep's."""
    layers = _block(channels, 32, 5, 2) + _block(32, 64, 5, 2) + _block(64, 96, 3, 1)
    layers += _block(96, 128, 3, 2) + _block(128, 128, 3, 1)
    return _projected(layers, channels, size, embedding_dim, "strided-mid")


def _strided_deep(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Five convolutions, every other one strided (5×5 32, then 3×3: 64, 128, 128, 128): four times the work of
    strided-wide, and less than two thirds of conv4's."""
    layers = _block(channels, 32, 5, 2) + _block(32, 64, 3, 1) + _block(64, 128, 3, 2)
    layers += _block(128, 128, 3, 1) + _block(128, 128, 3, 2)
    return _projected(layers, channels, size, embedding_dim, "strided-deep")


def _residual(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Two strided 5×5 convolutions (32, 64), then three residual blocks (64, 96, and 128 strided): twice the work of
    strided-mid."""
    layers = _block(channels, 32, 5, 2) + _block(32, 64, 5, 2)
    layers += [Residual(64, 64), Residual(64, 96), Residual(96, 128, 2)]
    return _projected(layers, channels, size, embedding_dim, "residual")


def _conv4(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Four blocks of 64 3×3 filters and pooling: Conv-4 of the few-shot literature (Vinyals et al. 2016)."""
    layers = _block(channels, 64, 3, 1, pool=True)
    for _ in range(3):
        layers += _block(64, 64, 3, 1, pool=True)
    return _projected(layers, channels, size, embedding_dim, "conv4")


def _mnist_post(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Two unpadded 3×3 convolutions (32, 64), each pooled, then 120 and 84 units; 1,600 features at 28×28 pixels."""
    convolutions = nn.Sequential(
        nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)
    )
    features = _features(convolutions, channels, size, "mnist-post")
    return nn.Sequential(convolutions, nn.Flatten(), nn.Linear(features, 120), nn.ReLU(), nn.Linear(120, embedding_dim))


def _faces_code(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Three reflection-padded 3×3 convolutions (4, 8, 8), each with ReLU and batch norm, then 500, 500 and the
    embedding; 80,000 features and 40 million weights at 100×100 pixels."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((channels, 4), (4, 8), (8, 8)):
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.ReLU(), nn.BatchNorm2d(outputs)]
    convolutions = nn.Sequential(*layers)
    features = _features(convolutions, channels, size, "faces-code")
    return nn.Sequential(
        convolutions,
        nn.Flatten(),
        nn.Linear(features, 500),
        nn.ReLU(),
        nn.Linear(500, 500),
        nn.ReLU(),
        nn.Linear(500, embedding_dim),
    )


def _koch(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Koch, Zemel, Salakhutdinov 2015: 64@10×10, 128@7×7, 128@4×4, 256@4×4, then sigmoid units; 105×105 pixels."""
    convolutions = nn.Sequential(
        nn.Conv2d(channels, 64, 10),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 7),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(128, 128, 4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(128, 256, 4),
        nn.ReLU(),
    )
    features = _features(convolutions, channels, size, "koch-2015")
    network = nn.Sequential(convolutions, nn.Flatten(), nn.Linear(features, embedding_dim), nn.Sigmoid())
    return network.apply(weigh_as_koch)


def weigh_as_koch(layer: nn.Module) -> None:
    """Gives a convolution or a linear layer new random weights, as Koch, Zemel, Salakhutdinov 2015 do.

    Other layers stay as they are. With PyTorch's own weights all sigmoid units begin near ½, and the loss is still ln 2
    after 100 steps.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.2 if isinstance(layer, nn.Linear) else 0.01)
        assert layer.bias is not None
        nn.init.normal_(layer.bias, 0.5, 0.01)


def _triplet_network(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Hoffer & Ailon 2015: convolutions of 32 (5×5), 64 and embedding_dim (3×3) filters with ReLU and pooling between;
    the last map, pooled to one value a filter, is the embedding. Their dropout is left out, because it uses the random
    generator that all threads share."""
    network = nn.Sequential(
        nn.Conv2d(channels, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, embedding_dim, 3),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
    )
    _features(network, channels, size, "triplet-network")
    return network


def _oriented(channels: int, size: tuple[int, int], embedding_dim: int) -> nn.Module:
    """Fixed oriented filters and a learnt projection, for data sets with few images."""
    return _with_projection([OrientedFilters()], FEATURES, embedding_dim)


def _torchvision(name: str, channels: int, size: tuple[int, int], embedding_dim: int, pretrained: bool) -> nn.Module:
    """A torchvision classifier with one projection instead of its head, for any image size and 1 or 3 channels.

    Stochastic depth is switched off, because it uses the random generator that all threads share.
    """
    from torchvision import models  # imported only for such an encoder, because the import takes seconds

    options = {"stochastic_depth_prob": 0.0} if name == "efficientnet_b0" else {}
    network = _vgg11_bn() if name == "vgg11_bn" else getattr(models, name)(**options)
    if pretrained:
        # The VGG here has no classifier, so the weights of the classifier are left over.
        network.load_state_dict(_imagenet_weights(name), strict=name != "vgg11_bn")
    _replace_ends(network, name, channels, embedding_dim)
    _features(network, channels, size, name)
    return network


def _vgg11_bn() -> nn.Module:
    """The VGG of torchvision, initialised as there, but without its classifier: its 124 million weights would take half
    a gigabyte and a second, and would be replaced at once.
    """
    from torchvision.models import vgg

    features = vgg.make_layers(vgg.cfgs["A"], batch_norm=True)
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    parts = {"features": features, "avgpool": nn.Identity(), "flatten": nn.Flatten(), "classifier": nn.Identity()}
    return nn.Sequential(OrderedDict(parts))


def imagenet_weights_here(name: str) -> bool:
    """Whether the ImageNet weights of a torchvision encoder are in the cache already."""
    from torchvision.models import get_model_weights

    url = get_model_weights(name).DEFAULT.url
    return (Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]).is_file()


def fetch_imagenet_weights(name: str) -> None:
    """Fetches the ImageNet weights of a torchvision encoder into the cache unless they are there.

    Raises SiameseError where they cannot be fetched, or where nothing arrives for half a minute.
    """
    if imagenet_weights_here(name):
        return
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)  # torch.hub has no timeout of its own
    try:
        _imagenet_weights(name)
    finally:
        socket.setdefaulttimeout(previous)


def _imagenet_weights(name: str) -> dict[str, Any]:
    from torchvision.models import get_model_weights

    try:
        # weights_only: only tensors are read, whatever else the downloaded file holds.
        weights = get_model_weights(name).DEFAULT
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, HTTPException, RuntimeError) as error:  # no network, half a file, or a wrong checksum
        raise SiameseError(
            f"The ImageNet weights of {name} cannot be fetched; is there no network here? "
            "Set pretrained to false to start from random weights."
        ) from error


def _replace_ends(network: Any, name: str, channels: int, embedding_dim: int) -> None:
    """Replaces the first convolution by one for these channels, and the classifier by a projection."""
    if name == "resnet18":
        network.fc = nn.Linear(network.fc.in_features, embedding_dim)
        network.conv1 = _for_channels(network.conv1, channels)
        return
    # The first convolution of the other three: a plain layer in VGG, the first of a block in the mobile networks.
    first = network.features if name == "vgg11_bn" else network.features[0]
    first[0] = _for_channels(first[0], channels)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    features = 512 if name == "vgg11_bn" else network.classifier[0 if name == "mobilenet_v3_small" else 1].in_features
    network.classifier = nn.Linear(features, embedding_dim)


def _for_channels(layer: nn.Conv2d, channels: int) -> nn.Conv2d:
    """The first convolution for grey images. Its filters are summed over the colours, so the result stays the same."""
    if channels == layer.in_channels:
        return layer
    layer.in_channels = channels
    layer.weight = nn.Parameter(layer.weight.detach().sum(1, keepdim=True))
    return layer
