"""Mining: the hardest pairs among all pairs of a test set, exactly, in blocks that fit in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from siamese import SiameseError
from siamese.evaluation.judge import Judge

# Images compared with each other at a time. What is computed of a megabyte of float64 stays in a CPU's cache; larger
# tiles take four times as long.
_ROWS, _COLUMNS = 256, 512


class MinedPairs(NamedTuple):
    """left, right: int64 [n], images of the bank; same: bool [n]; dissimilarity: float32 [n]; in the order asked for."""

    left: Tensor
    right: Tensor
    same: Tensor
    dissimilarity: Tensor


@dataclass(frozen=True)
class Mining:
    """What all pairs of a set of images hold, at one threshold.

    hardest_same: the farthest pairs of one class.  hardest_different: the nearest of two classes.  mistakes: the pairs
    farthest on the wrong side of the threshold, one of each kind in turn as far as there are so many, the worst first.
    nearest: the pairs nearest to the threshold.
    same, different: how many pairs of each kind there are; wrong_same, wrong_different: how many are judged wrongly.
    """

    hardest_same: MinedPairs
    hardest_different: MinedPairs
    mistakes: MinedPairs
    nearest: MinedPairs
    same: int
    different: int
    wrong_same: int
    wrong_different: int


def mine(judge: Judge, labels: Tensor, threshold: float, most: int, threads: int = 1) -> Mining:
    """Looks at every pair of images once and keeps the `most` first of each order.

    judge: what compares the images. Where left and right images are embedded alike, a pair counts once; where they come
    from two domains or two towers, (i, j) and (j, i) are two pairs. No image meets itself.
    labels: int64 [N], the class of each image, rising: the images of a class stand together.
    threads: how many look at the same time. The result does not depend on it.
    Time grows with N²; memory does not. Raises SiameseError for fewer than two images, or distances
    that are not finite.
    """
    n = len(labels)
    if n < 2:
        raise SiameseError(f"Pairs need at least 2 images, and there is {n}; add images.")
    left, right = judge.left.cpu(), judge.right.cpu()
    if not bool(torch.isfinite(left).all() & torch.isfinite(right).all()):
        raise SiameseError("The network's embeddings are not finite numbers, so its pairs cannot be ranked.")
    labels = labels.cpu().int()
    # Same pairs of a row lie between the first and the last image of its class; all other columns are different ones.
    starts, ends = torch.searchsorted(labels, labels).tolist(), torch.searchsorted(labels, labels, right=True).tolist()
    similarity = judge.similarity.cpu()
    once = judge.left is judge.right

    @torch.no_grad()
    def look(strips: range) -> _Found:
        found = _Found(_Smallest(most), _Smallest(most), _Smallest(most))
        for top in strips:
            bottom = min(n, top + _ROWS)
            for begin in range(top if once else 0, n, _COLUMNS):
                end = min(n, begin + _COLUMNS)
                tile = similarity.matrix(left[top:bottom], right[begin:end])
                corner = (top, begin)
                if begin >= ends[bottom - 1] or end <= starts[top]:
                    found.near.offer(tile, None, corner)
                    found.close.offer(tile, None, corner, around=threshold)
                    found.wrong_different += int(torch.count_nonzero(tile < threshold))
                    continue
                same = labels[top:bottom, None] == labels[None, begin:end]
                rows, columns = torch.arange(top, bottom)[:, None], torch.arange(begin, end)[None]
                valid = columns > rows if once else columns != rows
                same, different = same & valid, ~same & valid
                found.far.offer(tile, same, corner, descending=True)
                found.near.offer(tile, different, corner)
                found.close.offer(tile, valid, corner, around=threshold)
                found.wrong_same += int(torch.count_nonzero((tile >= threshold) & same))
                found.wrong_different += int(torch.count_nonzero((tile < threshold) & different))
        return found

    # Every thread takes each so many-th strip of rows, since the strips of a half square grow shorter.
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(look, (range(_ROWS * k, n, _ROWS * threads) for k in range(threads))))
    far, near, close = (_joined([getattr(part, name) for part in parts]) for name in ("far", "near", "close"))
    counts = torch.bincount(labels.long()).double()
    ordered = 1 if once else 2
    same_pairs = ordered * int((counts * (counts - 1) / 2).sum())
    hardest_same, hardest_different = far.pairs(labels), near.pairs(labels)
    return Mining(
        hardest_same,
        hardest_different,
        _mistakes(hardest_same, hardest_different, threshold, most),
        close.pairs(labels),
        same_pairs,
        ordered * (n * (n - 1) // 2) - same_pairs,
        sum(part.wrong_same for part in parts),
        sum(part.wrong_different for part in parts),
    )


class _Smallest:
    """The pairs with the smallest keys so far, at most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.keys = torch.empty(0)
        self.left = self.right = torch.empty(0, dtype=torch.long)
        self.distances = torch.empty(0)

    @property
    def bound(self) -> float:
        """No key above this one can still get in."""
        return float(self.keys[-1]) if len(self.keys) == self.most else float("inf")

    def offer(
        self,
        block: Tensor,
        allowed: Tensor | None,
        corner: tuple[int, int],
        *,
        descending: bool = False,
        around: float | None = None,
    ) -> None:
        """Takes in a block of distances, float32 [r, c], whose corner is that pair; allowed: bool [r, c], or all.

        The key is the distance, its negative (descending), or how far it lies from `around`.
        """
        # Without a bound everything would have to be sorted, so the first rows come first.
        few = 1 + 8 * self.most // block.shape[1] if self.bound == float("inf") else len(block)
        for rows in (slice(0, few), slice(few, len(block))):
            part = None if allowed is None else allowed[rows]
            self._offer(block[rows], part, (corner[0] + rows.start, corner[1]), descending, around)

    def _offer(
        self, block: Tensor, allowed: Tensor | None, corner: tuple[int, int], descending: bool, around: float | None
    ) -> None:
        bound = self.bound
        if around is not None:
            inside = (block >= around - bound) & (block <= around + bound)
        else:
            inside = block >= -bound if descending else block <= bound
        if allowed is not None:
            inside &= allowed
        at = inside.nonzero()
        if not len(at):
            return
        distances = block[at[:, 0], at[:, 1]]
        keys = (distances - around).abs() if around is not None else -distances if descending else distances
        self._merge(keys, at[:, 0] + corner[0], at[:, 1] + corner[1], distances)

    def _merge(self, keys: Tensor, left: Tensor, right: Tensor, distances: Tensor) -> None:
        keys = torch.cat([self.keys, keys])
        # Stable, so that of pairs with one key those seen first stay.
        order = keys.sort(stable=True).indices[: self.most]
        self.keys = keys[order]
        self.left = torch.cat([self.left, left])[order]
        self.right = torch.cat([self.right, right])[order]
        self.distances = torch.cat([self.distances, distances])[order]

    def pairs(self, labels: Tensor) -> MinedPairs:
        return MinedPairs(self.left, self.right, labels[self.left] == labels[self.right], self.distances)


@dataclass
class _Found:
    """What one thread has found so far."""

    far: _Smallest
    near: _Smallest
    close: _Smallest
    wrong_same: int = 0
    wrong_different: int = 0


def _joined(parts: list[_Smallest]) -> _Smallest:
    """The smallest of all parts. Of pairs with one key the earlier tile comes first, as if one thread had seen all."""
    columns = zip(*((part.keys, part.left, part.right, part.distances) for part in parts))
    keys, left, right, distances = (torch.cat(column) for column in columns)
    # Inside a part, pairs with one key stand in the order of their tiles already.
    order = (left // _ROWS).argsort(stable=True)
    joined = _Smallest(parts[0].most)
    joined._merge(keys[order], left[order], right[order], distances[order])
    return joined


def _mistakes(same: MinedPairs, different: MinedPairs, threshold: float, most: int) -> MinedPairs:
    """The worst pairs of both orders that lie on the wrong side: one of each kind in turn, then what is left of one."""
    # A dissimilarity at the threshold is "different", so a same pair there is a mistake and a different one is not.
    wrong_same = int((same.dissimilarity >= threshold).sum())
    wrong_different = int((different.dissimilarity < threshold).sum())
    of_same = min(wrong_same, max(most // 2, most - wrong_different))
    of_different = min(wrong_different, most - of_same)
    joined = MinedPairs(*(torch.cat([a[:of_same], b[:of_different]]) for a, b in zip(same, different)))
    # How far a same and a different pair lie beyond the threshold are not comparable, so places decide.
    place = torch.cat([torch.arange(of_same) * 2, torch.arange(of_different) * 2 + 1])
    order = place.argsort()
    return MinedPairs(*(part[order] for part in joined))
