"""Take it home: links to settings and runs, and a run's weights, figures, tables and script."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal

from siamese import SiameseError
from siamese.export import files as export
from siamese.export.script.script import pytorch_script
from siamese.training.jobs.job import TrainingJob
from siamese.ui import choice
from siamese.ui.errors import in_both
from siamese.ui.lab import current_lab
from siamese.ui.widget import Widget

MOST_BYTES = 64 << 20  # of a file, because the browser gets it in one answer


def _weights(job: TrainingJob) -> bytes:
    if job.weights is None:
        raise SiameseError("There are no weights yet; they are kept when a run ends or is stopped.")
    return job.weights


def _script(job: TrainingJob) -> bytes:
    if job.dataset is None:
        raise SiameseError("The run has not begun yet; ask again in a moment.")
    channels, height, width = job.dataset.train.images.shape[1:]
    return pytorch_script(job.history.recipe, job.dataset_name, channels, (height, width)).encode()


def _figure(job: TrainingJob, kind: Literal["png", "svg"]) -> bytes:
    # Imported here: matplotlib makes the start of the server slower, and only few visitors want a figure.
    from siamese.export.figures.figure import as_png, as_svg, run_figure

    write = {"png": as_png, "svg": as_svg}[kind]
    return write(run_figure(job.history_copy(), choice.label(job.dataset_name, job.recipe), job.dataset))


FILES: dict[str, tuple[str, str, Callable[[TrainingJob], bytes]]] = {
    "weights": ("weights.safetensors", "application/octet-stream", _weights),
    "json": ("run.json", "application/json", lambda job: export.run_as_json(job.snapshot()).encode()),
    "csv": ("run.csv", "text/csv", lambda job: export.run_as_csv(job.history_copy()).encode()),
    "png": ("run.png", "image/png", lambda job: _figure(job, "png")),
    "svg": ("run.svg", "image/svg+xml", lambda job: _figure(job, "svg")),
    "script": ("train.py", "text/x-python", _script),
}


def download(arguments: Any) -> dict[str, Any]:
    """[key, kind] → {"name", "type", "base64"} of one of FILES for a run, or {"error": sentence in both languages}.

    The server writes no file. Anybody can call this with anything.
    """
    key, kind = arguments if isinstance(arguments, list) and len(arguments) == 2 else (None, None)
    access = current_lab().jobs.access(key)
    try:
        if access is None:
            raise SiameseError("There is no run to take home; start one first.")
        if not isinstance(kind, str) or kind not in FILES:
            raise SiameseError(f"There is nothing to take home under that name; choose {', '.join(FILES)}.")
        name, media_type, make = FILES[kind]
        content = make(access.job)
        if len(content) > MOST_BYTES:
            raise SiameseError(
                f"The file has {len(content) >> 20} MB, too many for a browser; train with python -m siamese train."
            )
    except SiameseError as error:
        return {"error": in_both(str(error))}
    stem = f"{access.job.dataset_name.partition(':')[0]}-{access.job.recipe.name}-"
    return {"name": stem + name, "type": media_type, "base64": base64.b64encode(content).decode()}


class TakeHome(Widget):
    """Buttons that copy links and download files.

    job: the key of the run on screen.
    link: {"what": "settings" or "watch", "query": …, "number": …}, the answer to the event `ask_link`, which the widget
        triggers with `what`. The browser copies the link.
    """

    def __init__(
        self, value: None = None, *, job: str | None = None, link: dict[str, Any] | None = None, **props: Any
    ) -> None:
        super().__init__(
            {"job": job, "link": link},
            "take-home",
            module="train/take_home.js",
            words="train/take_home.json",
            events=["ask_link"],
            server_functions=[download],
            **props,
        )
