"""What the page shows of a model: what it learnt from, how well it does, and what its distances mean."""

from __future__ import annotations

import re
from typing import Any

from siamese.comparison.compare import Comparer
from siamese.ui.lab import WEIGHTS, current_lab


def model_card(comparer: Comparer, model: str) -> dict[str, Any]:
    """JSON values of a model that `Lab.comparer` has found under this key."""
    checkpoint = comparer.checkpoint
    calibration, scores = checkpoint.calibration, checkpoint.scores
    access = current_lab().run_of(model)
    card = WEIGHTS / f"{model}.md" if model in {path.stem for path in current_lab().shipped_paths()} else None
    text = card.read_text("utf-8") if card is not None and card.exists() else None
    measured = None if access is None else access.job.history.baseline
    baseline = None if measured is None else measured.scores
    way = int(scores.get("way", 20))
    rows = [
        ["pairs", None, scores.get("pair_accuracy"), None if baseline is None else baseline.pair_accuracy],
        ["oneshot", way, scores.get("oneshot"), None if baseline is None else baseline.oneshot],
    ]
    if text is not None:
        rows = [
            ["pairs", None, *_measured(text, "pair accuracy")],
            ["oneshot", _way(text, way), *_measured(text, "one-shot accuracy")],
        ]
    learnt = re.search(r"([\d,]+) training images of ([\d,]+) classes", text or "")
    return {
        "title": checkpoint.data["title"],
        "unseen": checkpoint.data["unseen"],
        "kind": checkpoint.data.get("kind", "images"),
        "recipe": checkpoint.recipe.name,
        "learnt": None if learnt is None else learnt[2].replace(",", ""),
        "step": checkpoint.step,
        "running": access is not None and access.job.alive,
        "threshold": checkpoint.threshold,
        "rows": [row for row in rows if row[2] is not None],
        "tested": "test" if text is not None else "validation",
        "text": text,
        "command": f"python -m siamese compare weights/{model}.safetensors one.png other.png" if card else None,
        "size": list(checkpoint.size),
        "dark": checkpoint.dark_background,
        "towers": checkpoint.recipe.second_tower is not None,
        "hills": None
        if calibration is None
        else {
            "upper": calibration.hills.upper,
            "same": [round(v, 4) for v in calibration.hills.same],
            "different": [round(v, 4) for v in calibration.hills.different],
            "pairs": calibration.pairs,
        },
    }


def _measured(text: str, name: str) -> list[float | None]:
    """The two shares of a row of the card's tables: of the network and of raw pixels."""
    row = re.search(rf"\| {name} \| ([\d.]+)[^|]*\| ([\d.]+)[^|]*\|", text)
    return [None, None] if row is None else [float(row[1]) / 100, float(row[2]) / 100]


def _way(text: str, otherwise: int) -> int:
    found = re.search(r"(\d+)-way 1-shot", text)
    return otherwise if found is None else int(found[1])
