"""The choice of images: pairs, triplets, classes × images, one-shot episodes, and fixed pairs for tests.

Training calls the sample_ functions in every step. They are index arithmetic on the bank's device, with a generator of
that device, and never wait for it, so a CUDA graph can capture them. The check_ functions check a bank once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.learning.class_memory import ClassMemory


class Pairs(NamedTuple):
    """left, right: int64 [n], numbers of images in the bank.  same: bool [n], whether both are of one class."""

    left: Tensor
    right: Tensor
    same: Tensor


class Triplets(NamedTuple):
    """anchor, positive (of the anchor's class), negative (of another): int64 [n], numbers of images in the bank."""

    anchor: Tensor
    positive: Tensor
    negative: Tensor


class Episodes(NamedTuple):
    """support: int64 [trials, way, shot] and query: int64 [trials], numbers of images in the bank.

    answer: int64 [trials], the place from 0 to way − 1 of the class that the query belongs to.
    """

    support: Tensor
    query: Tensor
    answer: Tensor


def check_pairs(bank: ImageBank) -> None:
    """Raises SiameseError where the bank cannot give both kinds of pairs (or triplets) of every class."""
    if bank.classes < 2:
        names = f' ("{bank.class_names[0]}")' if bank.classes else ""
        raise SiameseError(
            f"Different pairs need at least 2 classes, and there is {bank.classes}{names}; add images of another class."
        )
    _check_two_images(bank)


def check_classes_images(bank: ImageBank, classes: int, images: int) -> None:
    """Raises SiameseError where the bank cannot give batches of that many classes with that many images each.

    A class may hold fewer images than that (sample_classes_images repeats them), but has to hold two.
    """
    if classes > bank.classes:
        raise SiameseError(
            f"A batch of {classes} classes cannot be drawn from {bank.classes}; ask for {bank.classes} or fewer."
        )
    if classes < 2 or images < 2:
        raise SiameseError(
            f"A batch of {classes} classes × {images} images has no pairs of both kinds; take at least 2 × 2."
        )
    _check_two_images(bank)


def sample_pairs(bank: ImageBank, n: int, generator: torch.Generator) -> Pairs:
    """n pairs, the first n // 2 of one class and the rest of two, each class equally likely, no image with itself."""
    same = torch.arange(n, device=bank.device) < n // 2
    chance = torch.rand(4, n, device=bank.device, generator=generator)
    left_class = _below(chance[0], bank.classes)
    left = _below(chance[1], bank.counts[left_class])
    # A pair is either same or different, so one draw can choose its partner or its other class.
    partner = _other(left, chance[2], bank.counts[left_class])
    other_class = _other(left_class, chance[2], bank.classes)
    stranger = _below(chance[3], bank.counts[other_class])
    right_class = torch.where(same, left_class, other_class)
    right = torch.where(same, partner, stranger)
    return Pairs(bank.starts[left_class] + left, bank.starts[right_class] + right, same)


def sample_triplets(bank: ImageBank, n: int, generator: torch.Generator) -> Triplets:
    """n triplets: the anchor's class and the negative's are each equally likely, and differ; so do all the images."""
    chance = torch.rand(5, n, device=bank.device, generator=generator)
    own = _below(chance[0], bank.classes)
    anchor = _below(chance[1], bank.counts[own])
    positive = _other(anchor, chance[2], bank.counts[own])
    other = _other(own, chance[3], bank.classes)
    negative = _below(chance[4], bank.counts[other])
    return Triplets(bank.starts[own] + anchor, bank.starts[own] + positive, bank.starts[other] + negative)


def sample_classes_images(
    bank: ImageBank, classes: int, images: int, generator: torch.Generator, memory: ClassMemory | None = None
) -> tuple[Tensor, Tensor]:
    """A batch of distinct classes with so many images each: (index, labels), both int64 [classes · images].

    index: numbers of images in the bank; labels: the class of each. Images of a class stand together and are distinct,
    every set of them equally likely; a class with fewer than asked gives all of its images, some of them repeated.
    memory: half of the classes are random, and with each comes one that looks like it; None: all of them are random.
    """
    # randperm and multinomial wait for the device; the places of the largest of random keys are a random subset too.
    keys = torch.rand(bank.classes, device=bank.device, generator=generator)
    if memory is not None:
        first = keys.topk((classes + 1) // 2).indices
        # Two classes may have the same look-alike. Then one more random class fills its place.
        keys = keys.index_fill(0, memory.look_alike(first, generator), 2.0).index_fill(0, first, 3.0)
    drawn = keys.topk(classes).indices
    position = _distinct(bank.counts[drawn], images, generator)
    return (bank.starts[drawn][:, None] + position).flatten(), drawn.repeat_interleave(images)


def holds_a_large_group(bank: ImageBank, way: int) -> bool:
    """Whether there are several groups, and one has enough classes for an episode of `way` classes.

    Only classes with two images count. Where there are fewer of them than ways, an episode takes all of them.
    """
    usable = bank.groups[bank.counts > 1].cpu()
    sizes = torch.bincount(usable, minlength=len(bank.group_names))
    return len(bank.group_names) > 1 and int(sizes.max()) >= max(2, min(way, len(usable)))


def sample_episodes(bank: ImageBank, way: int, shot: int, trials: int, seed: int, within_group: bool) -> Episodes:
    """One-shot (shot = 1) or few-shot episodes on the CPU, the same for the same seed.

    Each has way classes with shot images of each, and a query: one more image of one of them. within_group: all classes
    of an episode come from one group (an alphabet); groups too small are passed over, the others equally likely.
    Only classes with shot + 1 images take part.

    Raises SiameseError, with the numbers, where there are too few classes.
    """
    if way < 2 or shot < 1 or trials < 1:
        raise SiameseError(
            f"{trials} trials of {way}-way {shot}-shot make no test; take at least 1 trial, 2 ways and 1 shot."
        )
    counts, groups = bank.counts.cpu(), bank.groups.cpu()
    usable = (counts > shot).nonzero().flatten()
    pools = [usable[groups[usable] == g] for g in range(len(bank.group_names))] if within_group else [usable]
    large = [pool for pool in pools if len(pool) >= way]
    if not large:
        most = max(range(len(pools)), key=lambda g: len(pools[g]))
        where = f'the largest group, "{bank.group_names[most]}", has' if within_group else "there are"
        raise SiameseError(
            f"{way}-way {shot}-shot episodes need {way} classes with {shot + 1} images each, and {where} only "
            f"{len(pools[most])}; ask for fewer ways or shots."
        )
    generator = torch.Generator().manual_seed(seed)
    which = torch.randint(len(large), (trials,), generator=generator).tolist()
    drawn = torch.stack([large[g][torch.randperm(len(large[g]), generator=generator)[:way]] for g in which])
    answer = torch.randint(way, (trials,), generator=generator)
    position = _distinct(counts[drawn.flatten()], shot + 1, generator)
    # Each set of images is equally likely, but not its order, and the last image becomes the query.
    order = torch.rand(position.shape, generator=generator).argsort(1)
    starts = counts.cumsum(0) - counts
    index = (starts[drawn.flatten()][:, None] + position.gather(1, order)).view(trials, way, shot + 1)
    return Episodes(index[:, :, :shot].contiguous(), index[torch.arange(trials), answer, shot], answer)


def fixed_pairs(bank: ImageBank, n: int, seed: int) -> Pairs:
    """n // 2 same pairs, then n // 2 different ones, on the CPU, the same for the same seed.

    No pair occurs twice, in either order; every pair of its kind is equally likely, so large classes weigh more.
    Raises SiameseError where the bank does not hold so many pairs.
    """
    counts = bank.counts.cpu()
    starts = counts.cumsum(0) - counts
    generator = torch.Generator().manual_seed(seed)
    half = n // 2

    # Same pairs are numbered class by class; within a class (0,1), (0,2), (1,2), (0,3) and so on. The float64 root is
    # exact where a row begins, up to 2²⁶ images a class.
    last, owner = _numbered(counts * (counts - 1) // 2, half, "same", generator)
    high = ((1 + (1 + 8 * last.double()).sqrt()) / 2).long()
    low = last - high * (high - 1) // 2
    same_left, same_right = starts[owner] + low, starts[owner] + high

    # Different pairs are numbered by the class of the later image; its partner is any image before that class.
    number, owner = _numbered(counts * starts, half, "different", generator)
    before = starts[owner]
    later, earlier = before + number // before, number % before

    left, right = torch.cat([same_left, earlier]), torch.cat([same_right, later])
    swap = torch.rand(2 * half, generator=generator) < 0.5
    return Pairs(torch.where(swap, right, left), torch.where(swap, left, right), torch.arange(2 * half) < half)


def _numbered(pairs_of_class: Tensor, n: int, kind: str, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """n distinct pairs out of all: (number within the class, class), int64 [n]; pairs_of_class: int64 [classes]."""
    ends = pairs_of_class.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    if total < n:
        raise SiameseError(
            f"{n} {kind} pairs are wanted and these images hold only {total}; ask for at most {2 * total} pairs, or "
            "add images."
        )
    if total <= 4 * n:
        chosen = torch.randperm(total, generator=generator)[:n]
    else:
        # The first n different numbers of independent draws are a fair sample without repetition.
        distinct: dict[int, None] = {}
        while len(distinct) < n:
            distinct.update(dict.fromkeys(torch.randint(total, (2 * n,), generator=generator).tolist()))
        chosen = torch.tensor(list(distinct)[:n], dtype=torch.long)
    owner = torch.searchsorted(ends, chosen, right=True)
    return chosen - (ends - pairs_of_class)[owner], owner


def _check_two_images(bank: ImageBank) -> None:
    fewest = int(bank.counts.argmin())
    if int(bank.counts[fewest]) < 2:
        raise SiameseError(
            f'Class "{bank.class_names[fewest]}" has one image and a same pair takes two; add one or leave it out.'
        )


def _below(chance: Tensor, count: Tensor | int) -> Tensor:
    """A whole number from 0 to count − 1 for each chance, float32 in [0, 1), as int64; count is below 2²⁴.

    The largest chance is 1 − 2⁻²⁴, and times such a count float32 rounds it to less than the count.
    """
    return (chance * count).long()


def _other(number: Tensor, chance: Tensor, count: Tensor | int) -> Tensor:
    """A whole number from 0 to count − 1 other than the given one; all others are equally likely."""
    return (number + 1 + _below(chance, count - 1)) % count


def _distinct(counts: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n different whole numbers below each count: int64 [rows, n], every set equally likely, their order not.

    Where a count is below n, its numbers in turn, over and over. Floyd's algorithm (Bentley & Floyd 1987), all rows at
    once: the cost does not grow with the counts, so a class of 6,000 images is as cheap as one of 20.
    """
    last = counts[:, None] - n + torch.arange(n, device=counts.device)
    chance = torch.rand(last.shape, device=counts.device, generator=generator)
    drawn = _below(chance, last.clamp_min(0) + 1)
    chosen = drawn.clone()
    for k in range(1, n):
        taken = (chosen[:, :k] == drawn[:, k : k + 1]).any(1)
        chosen[:, k] = torch.where(taken, last[:, k], drawn[:, k])
    in_turn = torch.arange(n, device=counts.device) % counts[:, None]
    return torch.where(counts[:, None] >= n, chosen, in_turn)
