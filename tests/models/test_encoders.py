"""Shapes, sizes and weights of every encoder, and what happens where an image is too small or a network is missing."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args
from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import Tensor, nn

from siamese import SiameseError
from siamese.models import encoders
from siamese.models.encoders import IMAGENET_MEAN, IMAGENET_STD, PixelScale, build_encoder
from siamese.models.network import build_network
from siamese.recipes import RECIPES, Recipe
from siamese.recipes.recipe import Encoder, TorchvisionEncoder

META = torch.device("meta")  # shapes and counts without the weights


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def images(n: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(seed))


def smallest(name: str) -> int:
    return {"koch-2015": 65, "mnist-post": 10, "triplet-network": 20, "conv4": 16, "vgg11_bn": 32}.get(name, 8)


@pytest.mark.parametrize("size", [(105, 105), (72, 96)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", get_args(Encoder))
def test_every_encoder_embeds_images_of_any_size(name: str, channels: int, size: tuple[int, int]) -> None:
    with META:
        encoder = build_encoder(name, channels, size, 7)
        embeddings = encoder(torch.zeros(2, channels, *size))
    assert embeddings.shape == (2, 7) and embeddings.dtype == torch.float32
    assert encoder.training


@pytest.mark.parametrize("name", get_args(Encoder))
def test_every_encoder_tells_images_apart_and_draws_no_random_number(name: str) -> None:
    side = max(32, smallest(name))
    torch.manual_seed(0)
    encoder = build_encoder(name, 1, (side, side), 5)
    before = torch.random.get_rng_state()
    with torch.no_grad():
        embeddings = encoder(images(3, 1, side, side))
    assert bool(torch.isfinite(embeddings).all()) and len(embeddings.unique(dim=0)) == 3
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", ["koch-2015", "mnist-post", "triplet-network", "conv4", "vgg11_bn"])
def test_an_image_that_is_too_small_is_refused_in_a_sentence(name: str) -> None:
    side = smallest(name)
    with META:
        build_encoder(name, 1, (side, side), 4)
    for size in ((side - 1, side), (side, side - 1)):
        with META, pytest.raises(SiameseError) as told:
            build_encoder(name, 1, size, 4)
        assert str(told.value) == (
            f"Images of {size[1]}×{size[0]} pixels are too small for the encoder {name}; "
            "set image_size higher or choose the encoder strided."
        )


def of_recipe(name: str, channels: int, side: int) -> nn.Module:
    with META:
        return build_network(RECIPES[name], channels, (side, side))


@pytest.mark.parametrize(
    ("name", "side", "count"),
    [
        # By hand, layer by layer, weights and biases.
        ("mnist-post", 28, (9 + 1) * 32 + (32 * 9 + 1) * 64 + 1601 * 120 + 121 * 84 + 85),
        ("faces-code", 100, 2 * 20 + (9 + 1) * 4 + 37 * 8 + 73 * 8 + 80_001 * 500 + 501 * 500 + 501 * 5),
        (
            "koch-2015",
            105,
            101 * 64 + (64 * 49 + 1) * 128 + (128 * 16 + 1) * 128 + 2049 * 256 + 9217 * 4096 + 4097,
        ),
    ],
)
def test_published_networks_have_their_published_weights(name: str, side: int, count: int) -> None:
    assert parameters(of_recipe(name, 1, side)) == count


def test_published_counts() -> None:
    assert parameters(of_recipe("mnist-post", 1, 28)) == 221_185
    assert round(parameters(of_recipe("faces-code", 1, 100)) / 1e6, 2) == 40.25
    assert round(parameters(of_recipe("koch-2015", 1, 105)) / 1e6, 2) == 38.95


def linear_inputs(encoder: nn.Module) -> list[int]:
    return [module.in_features for module in encoder.modules() if isinstance(module, nn.Linear)]


def test_features_of_the_published_networks() -> None:
    with META:
        assert linear_inputs(build_encoder("mnist-post", 1, (28, 28), 84)) == [1600, 120]
        assert linear_inputs(build_encoder("faces-code", 1, (100, 100), 5)) == [80_000, 500, 500]
        assert linear_inputs(build_encoder("koch-2015", 1, (105, 105), 4096)) == [9216]
        assert linear_inputs(build_encoder("conv4", 1, (28, 28), 64)) == [64]


def test_koch_begins_with_the_weights_of_its_paper_in_all_layers() -> None:
    recipe = replace(RECIPES["koch-2015"], embedding_dim=256)
    network = build_network(recipe, 1, (80, 80))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6, "four convolutions, the sigmoid units and the weights of |a − b|"
    for layer in layers:
        weights, biases = layer.weight.detach(), layer.bias.detach()
        spread = 0.01 if isinstance(layer, nn.Conv2d) else 0.2
        assert float(weights.std()) == pytest.approx(spread, rel=0.2)
        assert abs(float(weights.mean())) < 5 * spread / len(weights.flatten()) ** 0.5
        assert float(biases.mean()) == pytest.approx(0.5, abs=0.05)
    other = build_network(replace(recipe, encoder="strided", image_size=None), 1, (28, 28))
    assert float(other.similarity.same_logit.weight.detach().std()) < 0.1, "of the others, PyTorch's own"


@pytest.mark.parametrize("name", get_args(TorchvisionEncoder))
def test_a_grey_image_is_seen_as_in_rgb(name: str) -> None:
    grey, colour = (build_seeded(name, channels) for channels in (1, 3))
    with torch.no_grad():
        for index, parameter in enumerate(colour.parameters()):
            if index:  # all but the first convolution, which has three times the weights
                list(grey.parameters())[index].copy_(parameter)
        pictures = images(2, 1, 64, 64)
        torch.testing.assert_close(grey(pictures), colour(pictures.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def build_seeded(name: str, channels: int) -> nn.Module:
    torch.manual_seed(3)
    return build_encoder(name, channels, (64, 64), 6).eval()


def test_pixel_scale() -> None:
    scaled = PixelScale([2.0, 4.0, 1.0], [0.5, 0.0, 1.0])(torch.ones(1, 3, 2, 2))
    assert scaled[0, :, 0, 0].tolist() == [1.5, 4.0, 0.0]


def test_raw_pixels_run_to_255() -> None:
    encoder = build_encoder("strided", 1, (8, 8), 3, raw_pixels=True)
    assert isinstance(encoder, nn.Sequential)
    white = encoder[0](torch.ones(1, 1, 8, 8))
    assert white.unique().tolist() == [255.0]
    assert set(encoder.state_dict()) == {f"1.{name}" for name in encoder[1].state_dict()}


def no_network(*_: Any, **__: Any) -> Any:
    raise URLError("unreachable")


@pytest.mark.parametrize(
    "error", [URLError("unreachable"), TimeoutError(), ConnectionResetError(), RuntimeError("invalid hash value")]
)
@pytest.mark.parametrize("name", get_args(TorchvisionEncoder))
def test_weights_that_cannot_be_fetched(name: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fails)
    with META, pytest.raises(SiameseError) as told:
        build_encoder(name, 3, (64, 64), 8, pretrained=True)
    assert str(told.value) == (
        f"The ImageNet weights of {name} cannot be fetched; is there no network here? "
        "Set pretrained to false to start from random weights."
    )


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Tensor]]:
    """Stands in for the download: name → the state dict that torchvision would have fetched, read as it reads files."""
    kept: dict[str, dict[str, Tensor]] = {}

    def fetch(url: str, *, progress: bool, check_hash: bool, weights_only: bool) -> Any:
        assert check_hash and weights_only and not progress
        name = next(name for name in kept if name in url)
        file = io.BytesIO()
        torch.save(kept[name], file)
        file.seek(0)
        return torch.load(file, weights_only=weights_only)

    def publish(name: str) -> dict[str, Tensor]:
        torch.manual_seed(1)
        kept[name] = getattr(torchvision.models, name)().state_dict()
        return kept[name]

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    return publish


@pytest.mark.parametrize("channels", [1, 3])
def test_pretrained_weights_are_used(channels: int, published: Callable[[str], dict[str, Tensor]]) -> None:
    weights = published("resnet18")
    encoder = build_encoder("resnet18", channels, (64, 64), 8, pretrained=True)
    state = encoder.state_dict()
    assert torch.equal(state["1.layer4.0.conv1.weight"], weights["layer4.0.conv1.weight"])
    first = weights["conv1.weight"] if channels == 3 else weights["conv1.weight"].sum(1, keepdim=True)
    assert torch.equal(state["1.conv1.weight"], first)
    assert state["1.fc.weight"].shape == (8, 512)
    assert isinstance(encoder, nn.Sequential)
    middle = torch.tensor(IMAGENET_MEAN if channels == 3 else (0.449,)).view(1, -1, 1, 1)
    torch.testing.assert_close(encoder[0](middle), torch.zeros_like(middle), atol=1e-6, rtol=0)
    bright = encoder[0](middle + torch.tensor(IMAGENET_STD if channels == 3 else (0.226,)).view(1, -1, 1, 1))
    torch.testing.assert_close(bright, torch.ones_like(bright))


def test_vgg_is_torchvisions_without_its_classifier(published: Callable[[str], dict[str, Tensor]]) -> None:
    theirs = {name: value for name, value in published("vgg11_bn").items() if name.startswith("features.")}
    encoder = build_encoder("vgg11_bn", 3, (32, 32), 8, pretrained=True)
    ours = {name[2:]: value for name, value in encoder.state_dict().items() if name.startswith("1.features.")}
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], value) for name, value in theirs.items())
    fresh = build_encoder("vgg11_bn", 3, (32, 32), 8).state_dict()
    for name, value in theirs.items():  # drawn from the same distributions as torchvision's
        if value.dim() == 4:
            assert float(fresh[name].std()) == pytest.approx(float(value.std()), rel=0.1)
        else:
            assert torch.equal(fresh[name], value), name


def test_without_fetch_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    recipe = Recipe(encoder="resnet18", pretrained=True)
    network = build_network(recipe, 3, (32, 32), fetch=False)
    assert "encoder.1.conv1.weight" in network.state_dict()
    with pytest.raises(SiameseError):
        build_network(recipe, 3, (32, 32))


def test_a_download_does_not_hold_the_lock_of_all_other_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second network is built while the first one's weights are still on their way."""
    on_its_way, arrived = threading.Event(), threading.Event()
    timeouts = []

    def slow(*args: Any, **options: Any) -> Any:
        timeouts.append(socket.getdefaulttimeout())
        on_its_way.set()
        assert arrived.wait(30)
        raise OSError("no network after all")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", slow)
    monkeypatch.setattr("siamese.models.encoders.imagenet_weights_here", lambda name: False)
    failed = []

    def fetch() -> None:
        try:
            build_network(Recipe(encoder="resnet18", pretrained=True), 3, (32, 32))
        except SiameseError as error:
            failed.append(str(error))

    thread = threading.Thread(target=fetch)
    thread.start()
    assert on_its_way.wait(30)
    build_network(Recipe(), 1, (28, 28))
    arrived.set()
    thread.join(30)
    assert failed and "cannot be fetched" in failed[0]
    assert timeouts == [30.0] and socket.getdefaulttimeout() is None


def test_there_is_a_builder_for_every_name() -> None:
    assert set(get_args(Encoder)) >= set(get_args(TorchvisionEncoder))
    with pytest.raises(KeyError):
        encoders.build_encoder("nonsense", 1, (28, 28), 4)
