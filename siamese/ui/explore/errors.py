"""The test pairs that say most about a network, out of all of them: mistakes, the hardest, the nearest to the threshold."""

from __future__ import annotations

import weakref
from typing import Any

from siamese.evaluation.mining import Mining, mine
from siamese.training.jobs.machine import usable_cores
from siamese.ui.explore.cards import scale_of, test_cards
from siamese.ui.explore.source import Judged, Source, in_worker

ORDERS = ("mistakes", "hardest_same", "hardest_different", "nearest")
MOST = 64

_mined: weakref.WeakKeyDictionary[Judged, Mining] = weakref.WeakKeyDictionary()


def errors(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    """size pairs of the test images in one of ORDERS, and how many of all pairs are judged wrongly.

    options: order, size, step (of a network judged before, if it is still there).
    """
    return in_worker(lambda: _errors(source, options))


def _errors(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    judged = source.judged(options.get("step"))
    checkpoint = judged.checkpoint
    if (mined := _mined.get(judged)) is None:
        mined = _mined[judged] = mine(judged.judge, judged.bank.labels, checkpoint.threshold, MOST, usable_cores())
    order = options["order"] if options["order"] in ORDERS else ORDERS[0]
    pairs = getattr(mined, order)
    size = options["size"]
    rows = list(zip(*(part[:size].tolist() for part in pairs)))
    distances = pairs.dissimilarity
    return {
        "step": checkpoint.step,
        "cards": test_cards(checkpoint.recipe, judged.bank, rows),
        "threshold": round(checkpoint.threshold, 4),
        "scale": scale_of(distances, checkpoint.threshold) if len(distances) else 1.0,
        "images": len(judged.bank),
        "all_images": len(judged.dataset.test),
        "pairs": {"same": mined.same, "different": mined.different},
        "wrong": {"same": mined.wrong_same, "different": mined.wrong_different},
        "unseen": judged.dataset.unseen,
        "title": judged.dataset.title,
    }
