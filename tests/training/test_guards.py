"""No step of any recipe waits for the device, draws unseeded numbers, or mixes devices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from waiting import NothingWaits

from siamese.data.bank import ImageBank
from siamese.learning.augment import draw_transforms
from siamese.learning.batches import batch_loss, draw_batch
from siamese.recipes import RECIPES, Recipe, recipe_named
from siamese.training.step import StepInputs, TrainingStep

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SMALL: dict[str, Any] = {"batch_size": 4, "classes_per_batch": 4, "images_per_class": 3, "embedding_dim": 8}
ALL_PAIRS = Recipe(batching="all-pairs", encoder="strided")
# Every named recipe, as it suits itself to each kind of data, and what no named recipe has.
RECIPES_BY_KIND = {
    f"{name} {kind}": recipe_named(name, kind)
    for name in RECIPES
    for kind in ("", "digits", "characters", "print", "pen", "pen-and-print", "faces", "photos")
    if kind == "" or recipe_named(name, kind) != RECIPES[name]
}
OTHERS = {
    "bce over all pairs": replace(ALL_PAIRS, loss="bce", similarity="learned"),
    "hard triplets": replace(ALL_PAIRS, loss="triplet", mining="hard", soft_margin=True),
    "random triplets": replace(ALL_PAIRS, loss="triplet", mining="random"),
    "all triplets": replace(ALL_PAIRS, loss="triplet", mining="all"),
    "all soft triplets": replace(ALL_PAIRS, loss="triplet", mining="all", soft_margin=True),
    "exponential": Recipe(similarity="exponential", encoder="strided", optimizer="sgd", momentum=0.5),
    "manhattan": replace(ALL_PAIRS, similarity="manhattan", augmentation="koch"),
    "squared": replace(ALL_PAIRS, similarity="squared-euclidean", augmentation="shift"),
    "cosine": replace(ALL_PAIRS, similarity="cosine", normalize=False),
    "efficientnet": Recipe(encoder="efficientnet_b0"),
    "mobilenet": Recipe(encoder="mobilenet_v3_small"),
    "vgg": Recipe(encoder="vgg11_bn"),
}
ALL = RECIPES_BY_KIND | OTHERS


def small_step(recipe: Recipe, make_bank: Callable[..., ImageBank]) -> TrainingStep:
    side = 66 if recipe.encoder == "koch-2015" else 32
    recipe = replace(recipe, **SMALL, image_size=side if recipe.image_size else None, precision="float32")
    return TrainingStep(recipe, make_bank(size=32, partner=recipe.second_tower is not None), CPU)


@pytest.mark.parametrize("name", ALL)
def test_no_step_waits_for_the_device_or_draws_unseeded(name: str, make_bank: Callable[..., ImageBank]) -> None:
    step = small_step(ALL[name], make_bank)
    step()  # the optimiser makes its state
    with NothingWaits():
        step()
    assert step.losses[:2].isfinite().all()


def fakes_cuda() -> bool:
    """Whether torch can make a tensor that only claims to lie on a GPU: torch 2.8 built for CUDA needs a driver."""
    try:
        with FakeTensorMode():
            return torch.ones(1).to(CUDA).device.type == "cuda"
    except RuntimeError:
        return False


@pytest.mark.skipif(not fakes_cuda(), reason="this torch makes no fake CUDA tensor without a driver")
@pytest.mark.parametrize("name", ALL)
def test_every_batch_its_embeddings_and_its_loss_stay_on_the_device(
    name: str, make_bank: Callable[..., ImageBank], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On tensors that only claim to lie on a GPU: no operation may read a value, or bring in a tensor from the CPU."""
    step = small_step(ALL[name], make_bank)
    bank, starts = step.bank, step.bank.starts
    with FakeTensorMode() as fake:

        def moved(tensor: Tensor) -> Tensor:
            return fake.from_tensor(tensor).detach().to(CUDA)

        for module in step.network.modules():
            for key, parameter in module._parameters.items():
                module._parameters[key] = None if parameter is None else torch.nn.Parameter(moved(parameter))
            for key, buffer in module._buffers.items():
                module._buffers[key] = None if buffer is None else moved(buffer)
        step.bank = SimpleNamespace(  # type: ignore[assignment]
            images=moved(bank.images),
            partner=None if bank.partner is None else moved(bank.partner),
            counts=moved(bank.counts),
            starts=moved(starts),
            classes=bank.classes,
            device=CUDA,
        )
        step.device = CUDA
        margin = moved(step.margin)
        # A machine without CUDA has no CUDA generator; this stands in for one.
        step.generator = SimpleNamespace(device=CUDA)  # type: ignore[assignment]
        rand = torch.rand

        def seeded(*size: Any, device: torch.device, generator: Any) -> Tensor:
            assert generator is step.generator and torch.device(device).type == "cuda"
            return rand(*size, device=device)

        monkeypatch.setattr(torch, "rand", seeded)
        # The backward pass asks for a real device; what it computes waits for nothing, as the test above shows.
        with torch.no_grad():
            batch = draw_batch(step.recipe, step.bank, step.generator)
            transforms = draw_transforms(step.recipe.augmentation, len(batch.index), step.generator)
            embeddings = step.embed(StepInputs(batch, transforms))
            loss = batch_loss(step.recipe, step.network.similarity, embeddings, batch, margin, step.generator)
        assert embeddings.device.type == loss.device.type == "cuda"
        assert embeddings.shape == (len(batch.index), step.recipe.embedding_dim) and loss.shape == ()
