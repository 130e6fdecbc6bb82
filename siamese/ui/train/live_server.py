"""What the live view asks the server for. Anybody can call these with anything, so every argument is checked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from siamese.evaluation.numbers import significant
from siamese.evaluation.validation import map_bank
from siamese.training.jobs.job import TrainingJob
from siamese.training.jobs.registry import Access
from siamese.ui.errors import in_both
from siamese.ui.lab import current_lab
from siamese.ui.pictures import data_uri, sprite, to_image
from siamese.ui.server.functions import quick

THUMBNAIL = 40  # pixels: sharp at twice the size that a map shows
GONE: dict[str, Any] = {"gone": True}


@quick
def poll(arguments: Any) -> dict[str, Any]:
    """[key, version] → the run's snapshot, {"same": True} if there is nothing newer, {"gone": True} for no such run."""
    key, since = _two(arguments)
    access = current_lab().jobs.access(key)
    if access is None:
        return GONE
    job, jobs = access.job, current_lab().jobs
    snapshot = job.snapshot(since if isinstance(since, int) else -1)
    # These move without anything happening to the job itself.
    snapshot |= {"id": key, "place": jobs.place(job), "sharing": jobs.sharing(), "held": jobs.line.held}
    if snapshot.get("same"):
        return snapshot
    if snapshot["seconds_left"] is not None:
        snapshot["seconds_left"] = round(snapshot["seconds_left"] * (1 + snapshot["sharing"]), 1)
    if snapshot["error"]:
        snapshot["error"] = in_both(snapshot["error"])
    snapshot |= _in_slow_motion(snapshot, job.control.steps_per_second)
    fault = in_both(jobs.fault) if jobs.fault else None
    return snapshot | {"may_control": access.may_control, "fault": fault, "detail": _detail(job)}


def _in_slow_motion(snapshot: dict[str, Any], rate: float | None) -> dict[str, Any]:
    """The speed of a run that takes at most `rate` steps a second, and the time that it needs so."""
    if rate is None or not snapshot["steps_per_s"]:
        return {"speed": rate}
    left = (snapshot["steps"] - snapshot["step"]) / rate
    share = min(1.0, rate / snapshot["steps_per_s"])
    return {
        "speed": rate,
        "pairs_per_s": round(snapshot["pairs_per_s"] * share),
        "seconds_left": max(snapshot["seconds_left"] or 0.0, round(left, 1)),
    }


def frame(arguments: Any) -> dict[str, Any]:
    """[key, index] → one earlier validation's histogram and map."""
    key, index = _two(arguments)
    access = current_lab().jobs.access(key)
    found = access.job.frame(index) if access is not None and isinstance(index, int) else None
    return GONE if found is None else found


def thumbnails(arguments: Any) -> dict[str, Any]:
    """[key] → the pictures of the embedding map in one sprite, with each one's class and the classes' names."""
    key = arguments[0] if isinstance(arguments, list) and arguments else arguments
    access: Access | None = current_lab().jobs.access(key)
    if access is None or access.job.dataset is None:
        return GONE
    bank = map_bank(access.job.recipe, access.job.dataset.validation)
    uri, columns = sprite(bank.images, THUMBNAIL)
    return {
        "sprite": uri,
        "size": THUMBNAIL,
        "columns": columns,
        "labels": bank.labels.tolist(),
        "names": list(bank.class_names),
    }


def _two(arguments: Any) -> tuple[Any, Any]:
    return (arguments[0], arguments[1]) if isinstance(arguments, list) and len(arguments) == 2 else (None, -1)


def _detail(job: TrainingJob) -> dict[str, Any] | None:
    stepped, dataset = job.stepped, job.dataset
    if stepped is None or dataset is None or stepped.step != job.history.newest_step:
        return None
    images, partner = dataset.train.images, dataset.train.partner
    crossed = partner is not None and job.recipe.batching == "pairs"
    return {
        "step": stepped.step,
        "loss": stepped.loss,
        "what": "triplet" if job.recipe.batching == "triplets" else "pair",
        "pairs": [
            {
                "left": _picture(images, pair.left),
                "right": _picture(partner if crossed else images, pair.right),
                "same": pair.same,
                "before": significant(pair.before),
                "after": significant(pair.after),
                "share": significant(pair.share),
                "force": pair.force,
            }
            for pair in stepped.pairs
        ],
    }


def _picture(images: Tensor | None, index: int) -> str:
    """The training image of that index; an index beyond the bank is one of its classes turned by quarter circles."""
    assert images is not None
    turns, position = divmod(index, len(images))
    return data_uri(to_image(torch.rot90(images[position], turns, (1, 2))))
