"""ImageBank: a whole data set as one uint8 tensor, sorted by class, so that sampling is index arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese import SiameseError

_PART_BYTES = 64 << 20  # how many float32 numbers are changed at a time


@dataclass(frozen=True, eq=False)
class ImageBank:
    """Images sorted by class, resident on one device.

    images: uint8 [N, C, H, W], C = 1 (grey) or 3 (RGB); the images of a class stand next to each other.
    counts: int64 [classes], images per class, each at least 1; sums to N.
    class_names: one name a class.
    groups: int64 [classes], the group (alphabet, family) each class belongs to.
    group_names: one name a group.
    partner: the same N images seen in a second domain (uint8 [N, C, H, W]), for pseudo-siamese networks; else None.
    """

    images: Tensor
    counts: Tensor
    class_names: tuple[str, ...]
    groups: Tensor
    group_names: tuple[str, ...]
    partner: Tensor | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.dim() != 4 or self.images.shape[1] not in (1, 3):
            raise SiameseError(
                f"A bank holds uint8 images of shape N×C×H×W with 1 or 3 channels, not {self.images.dtype} "
                f"{tuple(self.images.shape)}."
            )
        if int(self.counts.sum()) != len(self.images) or len(self.counts) != len(self.class_names):
            raise SiameseError(
                f"{len(self.images)} images, counts that sum to {int(self.counts.sum())} and "
                f"{len(self.class_names)} class names do not belong together."
            )
        if len(self.counts) and int(self.counts.min()) < 1:
            empty = self.class_names[int(self.counts.argmin())]
            raise SiameseError(f'Class "{empty}" has no image; leave it out or give it one.')
        if len(self.groups) != len(self.counts):
            raise SiameseError(f"{len(self.groups)} group numbers for {len(self.counts)} classes; each needs one.")
        if self.partner is not None and self.partner.shape[0] != len(self.images):
            raise SiameseError(
                f"{self.partner.shape[0]} partner images for {len(self.images)} images; each needs exactly one."
            )

    @classmethod
    def from_labels(
        cls,
        images: Tensor,
        labels: Tensor,
        class_names: Sequence[str],
        groups: Sequence[int] | None = None,
        group_names: Sequence[str] = ("all",),
        partner: Tensor | None = None,
    ) -> ImageBank:
        """Sorts images (uint8 [N, C, H, W]) by their labels (int64 [N]) into a bank; keeps the order within a class.

        Raises SiameseError where a class has no image or the parts do not fit together.
        """
        order = torch.argsort(labels, stable=True)
        return cls(
            images=images[order].contiguous(),
            counts=torch.bincount(labels, minlength=len(class_names)),
            class_names=tuple(class_names),
            groups=torch.zeros(len(class_names), dtype=torch.long) if groups is None else torch.tensor(groups),
            group_names=tuple(group_names),
            partner=None if partner is None else partner[order].contiguous(),
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def nbytes(self) -> int:
        """Bytes of all images, the partner's included."""
        return self.images.nbytes + (0 if self.partner is None else self.partner.nbytes)

    @property
    def device(self) -> torch.device:
        return self.images.device

    @cached_property
    def starts(self) -> Tensor:
        """int64 [classes]: index of the first image of each class."""
        return torch.cumsum(self.counts, 0) - self.counts

    @cached_property
    def labels(self) -> Tensor:
        """int64 [N]: the class of each image."""
        return torch.repeat_interleave(torch.arange(self.classes, device=self.device), self.counts)

    def to(self, device: torch.device | str) -> ImageBank:
        """The same bank on another device."""
        return replace(
            self,
            images=self.images.to(device),
            counts=self.counts.to(device),
            groups=self.groups.to(device),
            partner=None if self.partner is None else self.partner.to(device),
        )

    def select_classes(self, classes: Sequence[int], each: int | None = None) -> ImageBank:
        """A bank of the given classes only, in the given order. Groups without a class are left out.

        each: how many images of a class are kept, the first ones (None: all).
        """
        chosen = list(classes)
        counts = self.counts[chosen] if each is None else self.counts[chosen].clamp_max(each)
        starts = self.starts[chosen].tolist()
        keep = torch.cat([torch.arange(start, start + count) for start, count in zip(starts, counts.tolist())])
        old_groups = sorted({int(self.groups[c]) for c in classes})
        renumber = {old: new for new, old in enumerate(old_groups)}
        return replace(
            self,
            images=self.images[keep],
            counts=counts,
            class_names=tuple(self.class_names[c] for c in classes),
            groups=torch.tensor([renumber[int(self.groups[c])] for c in classes]),
            group_names=tuple(self.group_names[g] for g in old_groups),
            partner=None if self.partner is None else self.partner[keep],
        )

    def prepared(self, size: tuple[int, int] | None, grey: bool, invert: bool) -> ImageBank:
        """The bank as a network takes it: resized to (height, width), made grey, inverted, each where the argument says so."""

        def change(images: Tensor) -> Tensor:
            if grey and images.shape[1] == 3:
                images = _in_parts(images, _grey)
            if size is not None and tuple(images.shape[2:]) != tuple(size):
                images = _in_parts(images, partial(resize, size=size))
            return 255 - images if invert else images

        return replace(self, images=change(self.images), partner=None if self.partner is None else change(self.partner))


def joined(banks: Sequence[ImageBank]) -> ImageBank:
    """Several banks of one image size as one, without partners; the groups of each stay separate."""
    before = [sum(len(bank.group_names) for bank in banks[:i]) for i in range(len(banks))]
    return ImageBank(
        torch.cat([bank.images for bank in banks]),
        torch.cat([bank.counts for bank in banks]),
        tuple(name for bank in banks for name in bank.class_names),
        torch.cat([bank.groups + first for bank, first in zip(banks, before)]),
        tuple(name for bank in banks for name in bank.group_names),
    )


def _grey(images: Tensor) -> Tensor:
    """uint8 [N, 3, H, W] to uint8 [N, 1, H, W] by the weights of ITU-R 601."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(1, 3, 1, 1)
    return (images.float() * weights).sum(1, keepdim=True).round().byte()


def _in_parts(images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """change(images), one part at a time, so that the float32 images in between need little memory."""
    first = change(images[:1])
    changed = torch.empty((len(images), *first.shape[1:]), dtype=first.dtype, device=first.device)
    rows = max(1, _PART_BYTES // (4 * max(first.numel(), images[0].numel())))
    for start in range(0, len(images), rows):
        changed[start : start + rows] = change(images[start : start + rows])
    return changed


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Antialiased bilinear resize of uint8 [N, C, H, W] images to size (height, width); returns uint8."""
    out = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True, align_corners=False)
    return out.round().clamp_(0, 255).byte()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named set in three disjoint parts.

    name: for the command line and the links of the page.  title: for people.
    kind: "digits", "characters" (by hand), "print", "pen" (strokes drawn again), "pen-and-print", "faces", "photos",
        "drawings" (grey, plain paper) or "images". Some recipes have other settings for some kinds.
    unseen: what the validation and test parts hold that training never saw, a plural noun ("alphabets", "people",
        "classes", "images").
    dark_background: True where strokes are light on dark, so that an upload on white paper is inverted first;
        None where the background says nothing.
    """

    name: str
    title: str
    kind: str
    unseen: str
    train: ImageBank
    validation: ImageBank
    test: ImageBank
    dark_background: bool | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the images of all three parts."""
        return self.train.nbytes + self.validation.nbytes + self.test.nbytes
