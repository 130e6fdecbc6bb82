"""The scores of an evaluation as rows of text, for a terminal and for a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siamese.evaluation.protocols import Evaluation

_TITLES = {
    "pair_accuracy": "pair accuracy",
    "eer": "equal error rate",
    "auc": "AUC",
    "true_accept_at_1pct": "true accepts at 1 % false accepts",
    "precision_at_1": "precision at 1",
    "oneshot_accuracy": "one-shot accuracy",
    "threshold": "threshold",
}


def score_rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Title, the network's score and raw pixels' score of everything that was measured, as text.

    The range after a one-shot accuracy is its 95 % interval.
    """
    scores = evaluation.scores
    rows = []
    for name, title in _TITLES.items():
        if name in scores:
            baseline = scores.get(f"baseline_{name}")
            rows.append(
                (title, _as_text(name, scores), "" if baseline is None else _as_text(f"baseline_{name}", scores))
            )
    return rows


def _as_text(name: str, scores: Mapping[str, Any]) -> str:
    value = scores[name]
    if name.endswith("threshold"):
        return f"{value:.4g}"
    if name.endswith("auc"):
        return f"{value:.4f}"
    if name.endswith("oneshot_accuracy"):
        low, high = (scores[name.replace("accuracy", end)] for end in ("low", "high"))
        return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"
    return f"{100 * value:.2f} %"
