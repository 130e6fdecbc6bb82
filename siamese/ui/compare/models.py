"""The models that a person can choose from: this browser's own runs and those that ship."""

from __future__ import annotations

from siamese.ui import choice
from siamese.ui.lab import RUN_PREFIX, current_lab

DEFAULT_MODEL = "drawings"  # the pads are drawn on, and it is the best model for print as well
MOST_RUNS = 12  # of a browser, the newest first


def shipped_models() -> list[tuple[str, str]]:
    """The models that ship, as (title, key)."""
    lab = current_lab()
    # A lab keeps the comparers, so the files, which are megabytes, are read once.
    return [(lab.comparer(path.stem).checkpoint.data["title"], path.stem) for path in lab.shipped_paths()]


def usable_models(owner: str) -> list[tuple[str, str]]:
    """A browser's runs, the newest first, then the models that ship, as (title, key).

    A run that still trains is among them: it is compared with a snapshot of its weights.
    """
    runs = current_lab().usable_runs(owner)[:MOST_RUNS]
    return [
        *((f"▶ {choice.label(job.dataset_name, job.recipe)}", RUN_PREFIX + job.id) for job in runs),
        *shipped_models(),
    ]
