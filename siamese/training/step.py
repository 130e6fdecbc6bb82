"""TrainingStep: one optimiser step, with sampling, augmentation, network and loss.

It never waits for the device, so that a GPU can capture it as a CUDA graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.learning.augment import Transforms, apply_transforms, draw_transforms
from siamese.learning.batches import Batch, batch_loss, check_bank, draw_batch
from siamese.learning.class_memory import ClassMemory
from siamese.models.inputs import as_floats, prepare_bank, two_domains
from siamese.models.network import SiameseNetwork, build_network
from siamese.recipes import Recipe
from siamese.training.ranks import Ranks

LOSS_BUFFER = 4096  # losses of the newest steps that stay on the device until the next Progress event
_PARTS = {"pairs": 2, "triplets": 3, "all-pairs": 1}  # of a batch: left, right; anchor, positive, negative; one


@dataclass(frozen=True, eq=False)
class StepInputs:
    """The images that a step learns from, and their random changes. A replayed graph reuses the tensors."""

    batch: Batch
    transforms: Transforms | None


def with_rotations(bank: ImageBank) -> ImageBank:
    """The bank with four times the classes: each class turned by 0, 90, 180 and 270 degrees (Santoro et al. 2016).

    Raises SiameseError for images that are not square.
    """
    if bank.images.shape[2] != bank.images.shape[3]:
        height, width = bank.images.shape[2:]
        raise SiameseError(f"rotations_as_classes needs square images, and these are {width}×{height}; set image_size.")

    def all_turns(images: Tensor) -> Tensor:
        return torch.cat([images.rot90(k, (2, 3)) for k in range(4)])

    return replace(
        bank,
        images=all_turns(bank.images),
        counts=bank.counts.repeat(4),
        class_names=tuple(f"{name} turned {90 * k}°" if k else name for k in range(4) for name in bank.class_names),
        groups=bank.groups.repeat(4),
        partner=None if bank.partner is None else all_turns(bank.partner),
    )


def in_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether an encoder of this precision computes in bfloat16 on this device.

    "auto" means bfloat16 on a CPU that has instructions for it: every encoder was 1.2 to 2.1 times faster there. Other
    CPUs emulate it and are slower. On CUDA "auto" means float32: nobody has measured there yet.
    """
    if precision != "auto" or device.type != "cpu":
        return precision == "bfloat16"
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.8 cannot tell
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


class TrainingStep:
    """One optimiser step of a recipe on a bank that lies on the device; calling it takes the step.

    Everything it needs lies in tensors of fixed address, and nothing inside waits for the device, so that the very
    same code runs eagerly on any device or is captured once and replayed as a CUDA graph.

    With torch.distributed initialised, the ranks share each batch, and loss and gradients are those of one process.

    network, optimizer: what is trained.  bank: prepared, on the device.  margin, learning_rate: 0-dim float32 tensors,
    to be changed in place with set_margin and set_learning_rate.
    Raises SiameseError for a bank that cannot fill the batches, settings that do not fit it, and a batch that cannot be
    shared evenly by the ranks.
    """

    def __init__(self, recipe: Recipe, bank: ImageBank, device: torch.device) -> None:
        bank = prepare_bank(recipe, bank)
        self.recipe = recipe.fitted(bank)
        if recipe.rotations_as_classes:
            bank = with_rotations(bank)
        check_bank(self.recipe, bank)
        self.ranks = Ranks(self.recipe, _PARTS[recipe.batching])
        self.bank = bank.to(device)
        self.memory = ClassMemory.of(self.recipe, self.bank)
        self.device = device
        self.cuda = device.type == "cuda"
        self.bfloat16 = in_bfloat16(recipe.precision, device)
        channels, height, width = bank.images.shape[1:]
        built = build_network(recipe, channels, (height, width)).to(device)
        network = self.ranks.with_global_statistics(built, self.cuda)
        self.network = cast(SiameseNetwork, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        self.network.train()
        self.generator = torch.Generator(device).manual_seed(recipe.seed)
        self.margin = torch.tensor(float(recipe.margin), device=device)
        self.learning_rate = torch.tensor(float(recipe.learning_rate), device=device)
        self.optimizer = self._optimizer()
        self.steps_done = torch.zeros((), dtype=torch.long, device=device)
        self.losses = torch.zeros(LOSS_BUFFER, device=device)
        # For the step view: the inputs of the newest step, and their embeddings before the weights moved.
        self.inputs: StepInputs | None = None
        self.embeddings: Tensor | None = None

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe, parameters = self.recipe, list(self.network.parameters())
        # On CUDA the rate is a device tensor, so that a replayed step sees a new value.
        options: dict[str, Any] = {"lr": self.learning_rate if self.cuda else recipe.learning_rate, "fused": True}
        options["weight_decay"] = recipe.weight_decay
        if recipe.optimizer == "sgd":
            return torch.optim.SGD(parameters, momentum=recipe.momentum, **options)
        kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
        return kind(parameters, capturable=self.cuda, **options)

    def set_learning_rate(self, rate: float) -> None:
        """Changes the rate of the next steps, also of replayed ones."""
        if self.cuda:
            self.learning_rate.fill_(rate)
        else:
            for group in self.optimizer.param_groups:
                group["lr"] = rate

    def set_margin(self, margin: float) -> None:
        """Changes the margin of the next steps, also of replayed ones."""
        self.margin.fill_(margin)

    def __call__(self) -> None:
        batch = draw_batch(self.recipe, self.bank, self.generator, memory=self.memory)
        transforms = draw_transforms(self.recipe.augmentation, len(batch.index), self.generator)
        self.inputs = StepInputs(batch, transforms)
        embeddings = self.embed(self.inputs)
        self.embeddings = embeddings.detach()
        if self.memory is not None:
            classes = self.bank.labels[batch.index[:: self.recipe.images_per_class]]
            self.memory.remember(classes, self.embeddings)
        loss = batch_loss(self.recipe, self.network.similarity, embeddings, batch, self.margin, self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.ranks.world > 1:
            self.ranks.average_gradients(self.network.parameters())
        self.optimizer.step()
        self.losses.index_copy_(0, (self.steps_done % LOSS_BUFFER).view(1), loss.detach().view(1))
        self.steps_done.add_(1)

    def embed(self, inputs: StepInputs) -> Tensor:
        """Embeddings, float32 [M, D], of the images of a batch with their random changes, by the network as it is now.

        With several ranks: of the whole global batch.
        """
        index, transforms = inputs.batch.index, inputs.transforms
        if self.ranks.world > 1:
            mine = self.ranks.share(len(index), self.device)
            index = index[mine]
            transforms = None if transforms is None else Transforms(*(t[mine] for t in transforms))
        images = as_floats(self._pictures(index))
        if transforms is not None:
            images = apply_transforms(images, transforms, self.recipe.augmentation)
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            embeddings = self.network.embed_pairs(images)
        return embeddings if self.ranks.world == 1 else self.ranks.gather(embeddings)

    def _pictures(self, index: Tensor) -> Tensor:
        if two_domains(self.recipe, self.bank):
            assert self.bank.partner is not None
            left, right = index.chunk(2)
            return torch.cat([self.bank.images[left], self.bank.partner[right]])
        return self.bank.images[index]
