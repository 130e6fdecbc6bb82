"""The models that a person can choose from: this browser's own runs and those that ship."""

from __future__ import annotations

from siamese.ui import choice
from siamese.ui.lab import RUN_PREFIX, current_lab
from siamese.ui.texts import title_in_both

DEFAULT_MODEL = "drawings"  # the pads are drawn on, and it knows print as well
MOST_RUNS = 12  # of a browser, the newest first

Model = tuple[str | dict[str, str], str]  # (title, key); the title of a model that ships is in both languages


def shipped_models() -> list[Model]:
    """The models that ship."""
    lab = current_lab()
    # A lab keeps the comparers, so the files, which are megabytes, are read once.
    about = [(lab.comparer(path.stem).checkpoint.data, path.stem) for path in lab.shipped_paths()]
    return [(title_in_both(data["name"], data["title"]), key) for data, key in about]


def usable_models(owner: str) -> list[Model]:
    """A browser's runs, the newest first, then the models that ship.

    A run that still trains is among them: it is compared with a snapshot of its weights.
    """
    runs = current_lab().usable_runs(owner)[:MOST_RUNS]
    return [
        *((f"▶ {choice.label(job.dataset_name, job.recipe)}", RUN_PREFIX + job.id) for job in runs),
        *shipped_models(),
    ]
