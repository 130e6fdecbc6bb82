"""The worst mistakes of a network, against a slow loop over all its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from siamese import SiameseError
from siamese.comparison.compare import Comparer
from siamese.data.bank import Dataset
from siamese.evaluation.mistakes import Mistakes, worst_mistakes
from siamese.evaluation.protocols import Evaluator
from siamese.evaluation.validation import most_pairs
from siamese.learning.sampling import fixed_pairs
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.events import Finished
from siamese.training.loop import train
from siamese.ui.pictures import to_image

RECIPE = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=2, precision="float32")


@pytest.fixture(scope="module")
def checkpoint(make_dataset: Callable[..., Dataset]) -> Checkpoint:
    *_, finished = train(RECIPE, make_dataset(), device=torch.device("cpu"))
    assert isinstance(finished, Finished)
    # A background that says nothing: a comparison inverts no image.
    return replace(Checkpoint.from_bytes(finished.last), dark_background=None)


def rows(mistakes: Mistakes) -> list[tuple[int, int, bool, float]]:
    return list(
        zip(
            mistakes.left.tolist(),
            mistakes.right.tolist(),
            mistakes.same.tolist(),
            [round(d, 4) for d in mistakes.dissimilarity.tolist()],
        )
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.3])
def test_the_worst_come_first_in_turn(seed: int, shift: float, checkpoint: Checkpoint, dataset: Dataset) -> None:
    checkpoint = replace(checkpoint, threshold=max(1e-3, checkpoint.threshold + shift))
    told = worst_mistakes(Evaluator(checkpoint), dataset, 12, seed)
    test, comparer = dataset.test, Comparer(checkpoint)
    pairs = fixed_pairs(test, min(2000, most_pairs(test)), seed)
    assert told.asked == len(pairs.same)
    wrong: dict[bool, list[tuple[float, int, int]]] = {True: [], False: []}
    for i, j, same in zip(*(part.tolist() for part in pairs)):
        answer = comparer.compare(to_image(test.images[i]), to_image(test.images[j]))
        if answer.same != same:
            wrong[same].append((abs(answer.dissimilarity - checkpoint.threshold), i, j))
    assert told.wrong == len(wrong[True]) + len(wrong[False])
    for kind in (True, False):
        shown = [abs(d - checkpoint.threshold) for _, _, same, d in rows(told) if same == kind]
        expected = sorted((beyond for beyond, _, _ in wrong[kind]), reverse=True)[: len(shown)]
        assert shown == pytest.approx(expected, abs=2e-4)
    assert len(told.same) == min(12, told.wrong)
    if min(len(wrong[True]), len(wrong[False])) >= 6:
        assert told.same.tolist() == [True, False] * 6
    for i, j, same, _ in rows(told):
        assert bool(test.labels[i] == test.labels[j]) == same


def test_the_seed_decides_what_is_asked(checkpoint: Checkpoint, dataset: Dataset) -> None:
    evaluator = Evaluator(replace(checkpoint, threshold=0.05))
    assert rows(worst_mistakes(evaluator, dataset, 12, 4)) == rows(worst_mistakes(evaluator, dataset, 12, 4))


def test_a_network_that_is_never_wrong_has_no_mistakes(
    checkpoint: Checkpoint, make_dataset: Callable[..., Dataset]
) -> None:
    dataset = make_dataset()
    # Every class in one grey of its own: the encoder's raw answer is enough to tell them apart.
    test = replace(
        dataset.test, images=(dataset.test.labels * 20).byte().view(-1, 1, 1, 1).expand_as(dataset.test.images)
    )
    told = worst_mistakes(Evaluator(replace(checkpoint, threshold=1e-6)), replace(dataset, test=test), 12, 0)
    assert told.wrong == 0 and len(told.same) == 0 and told.asked > 0


def test_a_network_that_says_no_number_is_told(checkpoint: Checkpoint, dataset: Dataset) -> None:
    broken = replace(
        checkpoint,
        weights={
            n: torch.full_like(w, torch.nan) if w.is_floating_point() else w for n, w in checkpoint.weights.items()
        },
    )
    with pytest.raises(SiameseError, match="not finite"):
        worst_mistakes(Evaluator(broken), dataset, 12, 0)
