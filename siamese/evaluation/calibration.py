"""Measures on validation images what the distances of a network mean. The result is kept in its checkpoint.

    checkpoint = calibrate(checkpoint, dataset)        # as the end of every run does
    python -m siamese calibrate weights/*.safetensors   # for files that were written before this was measured

Drawings are moved at random as in training, since those of unseen alphabets, and people's own, vary more than a few
validation alphabets do. Photographs stay as they are. With printed validation pairs a good network makes almost no
mistake. A calibration by those alone promises too much: of ten pairs of unseen glyphs that it calls "9 of 10 different",
five are. So where there is print, each pair counts a second time with its images bent, as two drawings by hand differ
(elastic deformation, Simard et al. 2003). People draw on boards, so where all is print, boards are measured with bent
images alone.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from siamese import SiameseError
from siamese.data.bank import Dataset, ImageBank
from siamese.data.ink import ink_span
from siamese.data.strokes import Hand
from siamese.evaluation import metrics
from siamese.evaluation.familiarity import measure_familiarity
from siamese.evaluation.frequency import rising_frequency
from siamese.evaluation.judge import Judge
from siamese.evaluation.protocols import Evaluator
from siamese.evaluation.validation import most_pairs
from siamese.learning.augment import apply_transforms, draw_transforms
from siamese.learning.sampling import fixed_pairs, sample_episodes
from siamese.models.calibration import BoardRule, Calibration, Hills
from siamese.models.checkpoint import Checkpoint

PAIRS = 10_000
LEAST_PAIRS = 100  # with fewer pairs a frequency means nothing
EPISODES = 2_000
BOARDS = (1, 2, 3, 5, 8, 12, 20)
_IMAGES = 1_600
_TRAIN_IMAGES = 4_000
_BEND = 0.036  # standard deviation of the bend of a printed character, as a share of the image's side
_BINS = 120
_MOST_INK = 0.4
_SEED = 0


def calibrate(checkpoint: Checkpoint, dataset: Dataset, device: torch.device | None = None) -> Checkpoint:
    """The checkpoint with the calibration that the validation part of its data set gives.

    At most 1,600 validation images are asked, evenly over the classes. The checkpoint comes back as it is where there
    are fewer than 100 balanced pairs, or the network's answers are not finite.
    """
    evaluator = Evaluator(checkpoint, device)
    bank = evaluator.prepared(dataset, _evenly(dataset.validation, _IMAGES))
    if most_pairs(bank) < LEAST_PAIRS:
        return checkpoint
    try:
        return replace(checkpoint, calibration=_measure(evaluator, dataset, bank))
    except SiameseError:  # the distances of a network that diverged mean nothing
        return checkpoint


def _measure(evaluator: Evaluator, dataset: Dataset, bank: ImageBank) -> Calibration:
    checkpoint = evaluator.checkpoint
    train = evaluator.prepared(dataset, _evenly(dataset.train, _TRAIN_IMAGES))
    drawings = checkpoint.dark_background is not None
    moved = _moved(bank, checkpoint.recipe.augmentation) if drawings else bank
    judge = evaluator.network_judge(moved)
    pairs = fixed_pairs(moved, min(PAIRS, most_pairs(moved)), _SEED)
    distance, same = judge.dissimilarities(pairs.left, pairs.right), pairs.same
    shares = torch.linspace(0, 1, 101, dtype=torch.float64)
    quantiles = [tuple(torch.quantile(distance[kind].double(), shares).tolist()) for kind in (same, ~same)]
    of_boards, all_distances, all_same = judge, distance, same
    if dataset.kind in ("print", "pen-and-print"):
        bent = evaluator.network_judge(_bent(moved))
        all_distances = torch.cat([distance, bent.dissimilarities(pairs.left, pairs.right)])
        all_same = same.repeat(2)
        of_boards = bent if dataset.kind == "print" else judge
    dark = checkpoint.dark_background
    return Calibration(
        pairs=len(same),
        same=quantiles[0],
        different=quantiles[1],
        hills=_hills(distance, same),
        difference=rising_frequency(all_distances, ~all_same),
        board=_board_rules(of_boards, moved),
        familiarity=measure_familiarity(train, bank),
        hand=None if dark is None else measure_hand(train.images, dark),
    )


def measure_hand(images: Tensor, dark_background: bool) -> Hand | None:
    """How drawings lie in uint8 [n, C, H, W] images; None where more than two fifths of them are ink, as in photographs.

    Ink is what is nearer to the strokes' grey than to the paper's.

    The width of a pen is twice the ink over the length of its outline, which is the total variation of the image.
    """
    ink = images.float().mean(1).cpu() / 255
    ink = ink if dark_background else 1 - ink
    height, width = ink.shape[1:]
    side = max(height, width)
    marked = ink > 0.5
    marked = marked[marked.flatten(1).any(1)]
    if not len(marked) or float(marked.float().mean()) > _MOST_INK:
        return None
    (top, bottom), (left, right) = (ink_span(marked.any(axis)) for axis in (2, 1))
    extent = torch.maximum(bottom - top, right - left) / side
    off = torch.maximum((top + bottom - height).abs(), (left + right - width).abs()) / (2 * side)
    across, down = ink[:, 1:, 1:] - ink[:, 1:, :-1], ink[:, 1:, 1:] - ink[:, :-1, 1:]
    outline = (across.square() + down.square()).sqrt().flatten(1).sum(1).clamp_min(1e-6)
    pen = 2 * ink.flatten(1).sum(1) / outline / side

    def quantile(values: Tensor, share: float) -> float:
        return float(torch.quantile(values.double(), share))

    return Hand(quantile(extent, 0.5), quantile(off, 0.99), quantile(pen, 0.5))


def _board_rules(judge: Judge, bank: ImageBank) -> tuple[BoardRule, ...]:
    """A rule for each size of board that the classes fill with one to spare, from episodes of one picture a thing.

    Each episode has one class more than the board. Its query is asked twice: with its own class on the board, and
    without it, so that every second newcomer is none of the things.
    """
    rules: list[BoardRule] = []
    usable = int((bank.counts > 1).sum())
    for things in BOARDS:
        if things >= usable:
            break
        episodes = sample_episodes(bank, things + 1, 1, EPISODES, _SEED, False)
        queries = episodes.query.repeat_interleave(things + 1)
        distance = judge.dissimilarities(queries, episodes.support.reshape(-1)).view(EPISODES, things + 1)
        own = distance.gather(1, episodes.answer[:, None]).squeeze(1)
        others = distance.scatter(1, episodes.answer[:, None], torch.inf)
        stranger = others.amin(1)
        # On the board its own class takes the place of another: the first of the others, which are in random order.
        dropped = torch.where(episodes.answer == 0, 1, 0)[:, None]
        rival = others.scatter(1, dropped, torch.inf).amin(1)
        nearest = torch.cat([torch.minimum(own, rival), stranger])
        right = torch.cat([own < rival, torch.zeros(EPISODES, dtype=torch.bool)])
        threshold = metrics.best_threshold(nearest, right)
        if rules:  # a larger board is never easier; what differs otherwise is chance
            threshold = min(threshold, rules[-1].threshold)
        rules.append(BoardRule(things, threshold, rising_frequency(nearest, ~right)))
    return tuple(rules)


def _hills(distance: Tensor, same: Tensor) -> Hills:
    """Histograms smoothed by a Gaussian of a fiftieth of the axis, reflected at 0 (Silverman 1986)."""
    upper = max(1.02 * float(torch.quantile(distance.double(), 0.998)), 1e-6)
    _, *shares = metrics.histogram(distance, same, _BINS, upper)
    width = _BINS / 50
    reach = 8
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / width).square())
    rows = torch.tensor(shares)[:, None]
    smooth = F.conv1d(F.pad(rows, (reach, reach), mode="reflect"), (kernel / kernel.sum())[None, None])[:, 0]
    smooth = smooth / smooth.max().clamp_min(1e-9)
    return Hills(upper, tuple(smooth[0].tolist()), tuple(smooth[1].tolist()))


def _evenly(bank: ImageBank, most: int) -> ImageBank:
    """The first images of every class, about `most` in all."""
    each = max(2, most // bank.classes)
    if int(bank.counts.max()) <= each:
        return bank
    keep = torch.cat([torch.arange(min(each, int(c))) + s for c, s in zip(bank.counts.cpu(), bank.starts.cpu())])
    return replace(
        bank,
        images=bank.images[keep],
        counts=bank.counts.clamp_max(each),
        partner=None if bank.partner is None else bank.partner[keep],
    )


def _moved(bank: ImageBank, augmentation: str) -> ImageBank:
    """Every image, changed at random as in training."""
    generator = Generator().manual_seed(_SEED)

    def move(images: Tensor) -> Tensor:
        transforms = draw_transforms(augmentation, len(images), generator)
        if transforms is None:
            return images
        return apply_transforms(images.float() / 255, transforms, augmentation).mul(255).round().byte()

    return replace(bank, images=move(bank.images), partner=None if bank.partner is None else move(bank.partner))


def _bent(bank: ImageBank) -> ImageBank:
    """Every image, bent smoothly at random, as drawings by hand differ."""
    generator = Generator().manual_seed(_SEED)
    count, (height, width) = len(bank), bank.images.shape[2:]
    # In units of grid_sample, where a side is 2.
    bend = torch.randn(count, 2, 4, 4, generator=generator).clamp(-2, 2) * 2 * _BEND
    bend = F.interpolate(bend, size=(height, width), mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    still = F.affine_grid(torch.eye(2, 3).expand(count, 2, 3), [count, 1, height, width], align_corners=False)
    bent = F.grid_sample(bank.images.float(), still + bend, padding_mode="border", align_corners=False)
    return replace(bank, images=bent.round().byte())
