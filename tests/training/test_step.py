"""One training step: what it sees, what it changes, and how rate and margin are moved while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor
from waiting import NothingWaits

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.learning.batches import batch_loss
from siamese.models.inputs import as_floats, prepare_bank, two_domains
from siamese.recipes import RECIPES, Recipe
from siamese.recipes.recipe import Optimizer, Precision
from siamese.training.cuda_graph import restore_state, save_state
from siamese.training.step import LOSS_BUFFER, TrainingStep, in_bfloat16, with_rotations

CPU = torch.device("cpu")
PAIRS = Recipe(encoder="strided", embedding_dim=8, batch_size=8)
ALL_PAIRS = replace(PAIRS, batching="all-pairs", classes_per_batch=4, images_per_class=3)
BCE = replace(PAIRS, loss="bce", similarity="learned")


def weights(step: TrainingStep) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in step.network.parameters()]


def run(step: TrainingStep, steps: int) -> list[float]:
    done = int(step.steps_done)
    for _ in range(steps):
        step()
    return step.losses[done : done + steps].tolist()


def test_as_floats() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    floats = as_floats(images)
    assert floats.dtype == torch.float32 and floats.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(floats[0, :, 0, 0], torch.tensor([0.0, 0.2, 1.0]))
    assert as_floats(images, channels_last=False).is_contiguous()


def test_the_bank_is_prepared_as_the_recipe_says(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(channels=3, size=16, partner=True)
    prepared = prepare_bank(Recipe(image_size=10, grey=True, invert=True), bank)
    assert prepared.partner is not None
    for images in (prepared.images, prepared.partner):
        assert images.shape == (48, 1, 10, 10) and images.dtype == torch.uint8
    inverted = prepare_bank(Recipe(invert=True), bank)
    assert torch.equal(inverted.images, 255 - bank.images)
    assert torch.equal(prepare_bank(Recipe(), bank).images, bank.images)


def test_only_pairs_have_two_domains(make_bank: Callable[..., ImageBank]) -> None:
    assert two_domains(PAIRS, make_bank(partner=True))
    assert not two_domains(PAIRS, make_bank())
    assert not two_domains(ALL_PAIRS, make_bank(partner=True))


def test_rotations_make_three_more_classes_of_each(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(classes=3, each=2, size=6, groups=2, partner=True)
    turned = with_rotations(bank)
    assert turned.partner is not None and bank.partner is not None
    assert turned.classes == 12 and len(turned) == 24
    assert turned.class_names[3] == "class 0 turned 90°" and turned.class_names[11] == "class 2 turned 270°"
    assert turned.groups.tolist() == bank.groups.tolist() * 4
    for k in range(4):
        part = slice(6 * k, 6 * k + 6)
        assert torch.equal(turned.images[part], bank.images.rot90(k, (2, 3)))
        assert torch.equal(turned.partner[part], bank.partner.rot90(k, (2, 3)))
    # An image beyond the bank is one of its own, turned: pictures of pairs rely on it.
    assert torch.equal(turned.images[6 + 4], bank.images[4].rot90(1, (1, 2)))


def test_rotations_need_square_images(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(size=8)
    wide = replace(bank, images=bank.images[:, :, :6])
    with pytest.raises(SiameseError, match="needs square images, and these are 8×6; set image_size"):
        TrainingStep(replace(PAIRS, rotations_as_classes=True), wide, CPU)
    TrainingStep(replace(PAIRS, rotations_as_classes=True, image_size=8), wide, CPU)


@pytest.mark.parametrize(("classes", "fitted"), [(4, (16, 10)), (10, (40, 4)), (2, (8, 20))])
def test_rotated_classes_are_counted_once_when_a_batch_is_fitted(
    make_bank: Callable[..., ImageBank], classes: int, fitted: tuple[int, int]
) -> None:
    recipe = replace(ALL_PAIRS, classes_per_batch=40, images_per_class=4, rotations_as_classes=True)
    step = TrainingStep(recipe, make_bank(classes=classes), CPU)
    assert (step.recipe.classes_per_batch, step.recipe.images_per_class) == fitted
    step()


@pytest.mark.parametrize("recipe", [PAIRS, ALL_PAIRS, BCE, replace(PAIRS, batching="triplets", loss="triplet")])
def test_the_loss_is_that_of_the_batch_before_the_weights_move(
    make_bank: Callable[..., ImageBank], recipe: Recipe
) -> None:
    step = TrainingStep(replace(recipe, augmentation="affine"), make_bank(), CPU)
    before = save_state(step)
    step()
    assert step.inputs is not None and step.embeddings is not None
    drawn, embeddings, loss = step.inputs, step.embeddings, float(step.losses[0])
    moved = weights(step)
    restore_state(step, before)
    with torch.no_grad():
        torch.testing.assert_close(step.embed(drawn), embeddings)
        again = batch_loss(step.recipe, step.network.similarity, embeddings, drawn.batch, recipe.margin)
    assert float(again) == pytest.approx(loss, rel=1e-6)
    assert any(not torch.equal(a, b) for a, b in zip(moved, weights(step)))


def test_the_images_of_a_batch_are_embedded_in_one_call(make_bank: Callable[..., ImageBank]) -> None:
    for recipe, images in ((PAIRS, 16), (ALL_PAIRS, 12), (replace(PAIRS, batching="triplets", loss="triplet"), 24)):
        step = TrainingStep(recipe, make_bank(), CPU)
        seen: list[int] = []
        step.network.encoder.register_forward_hook(lambda _, inputs, __, seen=seen: seen.append(len(inputs[0])))
        step()
        assert seen == [images]


def test_two_towers_see_two_domains(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank(partner=True)
    assert bank.partner is not None
    step = TrainingStep(replace(PAIRS, second_tower="conv4"), bank, CPU)
    seen: dict[str, Tensor] = {}
    step.network.encoder.register_forward_hook(lambda _, inputs, __: seen.__setitem__("left", inputs[0]))
    right = step.network.right_encoder
    assert isinstance(right, torch.nn.Module)
    right.register_forward_hook(lambda _, inputs, __: seen.__setitem__("right", inputs[0]))
    step()
    assert step.inputs is not None
    first, second = step.inputs.batch.index.chunk(2)
    assert torch.equal(seen["left"], as_floats(bank.images[first]))
    assert torch.equal(seen["right"], as_floats(bank.partner[second]))


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
@pytest.mark.parametrize("recipe", [PAIRS, ALL_PAIRS, BCE], ids=["pairs", "all-pairs", "bce"])
def test_the_same_seed_gives_the_same_losses(
    make_bank: Callable[..., ImageBank], recipe: Recipe, optimizer: str
) -> None:
    recipe = replace(recipe, optimizer=optimizer, momentum=0.5, augmentation="affine", learning_rate=0.01)
    first, again, other = (run(TrainingStep(replace(recipe, seed=seed), make_bank(), CPU), 6) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("precision", get_args(Precision))
def test_losses_are_float32_and_finite_in_either_precision(make_bank: Callable[..., ImageBank], precision: str) -> None:
    step = TrainingStep(replace(PAIRS, precision=precision), make_bank(), CPU)
    losses = run(step, 5)
    assert step.embeddings is not None and step.embeddings.dtype == torch.float32
    assert step.losses.dtype == torch.float32 and all(0 < loss < 10 for loss in losses)


def test_auto_is_bfloat16_on_cpus_that_compute_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    for able, expected in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able, raising=False)
        assert in_bfloat16("auto", CPU) is expected
        assert not in_bfloat16("auto", cuda)
        for device in (CPU, cuda):
            assert in_bfloat16("bfloat16", device) and not in_bfloat16("float32", device)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not in_bfloat16("auto", CPU), "a torch that cannot tell"


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_a_rate_of_zero_freezes_the_weights(make_bank: Callable[..., ImageBank], optimizer: str) -> None:
    step = TrainingStep(replace(PAIRS, optimizer=optimizer, momentum=0.5), make_bank(), CPU)
    run(step, 2)
    step.set_learning_rate(0.0)
    before = weights(step)
    run(step, 3)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(step)))
    step.set_learning_rate(0.01)
    run(step, 1)
    assert not all(torch.equal(a, b) for a, b in zip(before, weights(step)))


@pytest.mark.parametrize("margin", [1, 1.0])
def test_the_margin_moves_while_it_runs(make_bank: Callable[..., ImageBank], margin: float) -> None:
    step = TrainingStep(replace(PAIRS, margin=margin, learning_rate=0.0), make_bank(), CPU)
    assert step.margin.dtype == torch.float32
    before = save_state(step)
    of_recipe = run(step, 1)
    restore_state(step, before)
    step.set_margin(0.25)
    smaller = run(step, 1)
    assert float(step.margin) == 0.25 and smaller[0] < of_recipe[0]
    assert step.inputs is not None and step.embeddings is not None
    expected = batch_loss(step.recipe, step.network.similarity, step.embeddings, step.inputs.batch, 0.25)
    assert float(expected) == pytest.approx(smaller[0], rel=1e-6)


def test_the_buffer_of_losses_is_a_ring(make_bank: Callable[..., ImageBank]) -> None:
    step = TrainingStep(PAIRS, make_bank(), CPU)
    step.steps_done.fill_(LOSS_BUFFER - 1)
    step.losses.fill_(-1)
    run(step, 0)
    step()
    step()
    assert int(step.steps_done) == LOSS_BUFFER + 1
    assert float(step.losses[-1]) > 0 and float(step.losses[0]) > 0 and float(step.losses[1]) == -1


def test_a_bank_or_image_that_does_not_fit_is_refused(make_bank: Callable[..., ImageBank]) -> None:
    with pytest.raises(SiameseError, match="at least 2 classes"):
        TrainingStep(ALL_PAIRS, make_bank(classes=1), CPU)
    with pytest.raises(SiameseError, match="Images of 16×16 pixels are too small for the encoder koch-2015"):
        TrainingStep(replace(PAIRS, encoder="koch-2015"), make_bank(), CPU)


def test_the_bank_itself_is_left_as_it_is(make_bank: Callable[..., ImageBank]) -> None:
    bank = make_bank()
    before = bank.images.clone()
    run(TrainingStep(replace(ALL_PAIRS, augmentation="affine", invert=True), bank, CPU), 2)
    assert torch.equal(bank.images, before)


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipes_step_waits_for_the_device(name: str, make_bank: Callable[..., ImageBank]) -> None:
    recipe = replace(RECIPES[name], batch_size=8)
    step = TrainingStep(replace(recipe, precision="float32"), make_bank(size=32, partner=True), CPU)
    step()
    with NothingWaits():
        step()
    assert step.losses[:2].isfinite().all()
