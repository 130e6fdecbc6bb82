"""Answers the requests of the live view. Anybody can send anything here, so every argument is checked."""

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
    """[key, version] → the run's snapshot; {"unchanged": True} if it is the newest; {"gone": True} without a run."""
    key, since = _pair_of(arguments)
    access = current_lab().jobs.access(key)
    if access is None:
        return GONE
    job, jobs = access.job, current_lab().jobs
    snapshot = job.snapshot(since if isinstance(since, int) else -1)
    # These can change while the job itself does not.
    snapshot |= {"id": key, "place": jobs.place(job), "sharing": jobs.sharing(), "on_hold": jobs.line.on_hold}
    if snapshot.get("unchanged"):
        return snapshot
    if snapshot["seconds_left"] is not None:
        snapshot["seconds_left"] = round(snapshot["seconds_left"] * (1 + snapshot["sharing"]), 1)
    if snapshot["error"]:
        snapshot["error"] = in_both(snapshot["error"])
    snapshot |= _in_slow_motion(snapshot, job.control.steps_per_second)
    fault = in_both(jobs.fault) if jobs.fault else None
    return snapshot | {"may_control": access.may_control, "fault": fault, "detail": _detail(job)}


def _in_slow_motion(snapshot: dict[str, Any], rate: float | None) -> dict[str, Any]:
    """Speed and remaining time of a run that takes at most `rate` steps a second."""
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
    """[key, index] → histogram and map of one earlier validation."""
    key, index = _pair_of(arguments)
    access = current_lab().jobs.access(key)
    content = access.job.frame(index) if access is not None and isinstance(index, int) else None
    return GONE if content is None else content


def thumbnails(arguments: Any) -> dict[str, Any]:
    """[key] → the pictures of the embedding map in one sprite, their classes, and the names of the classes."""
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


def _pair_of(arguments: Any) -> tuple[Any, Any]:
    return (arguments[0], arguments[1]) if isinstance(arguments, list) and len(arguments) == 2 else (None, -1)


def _detail(job: TrainingJob) -> dict[str, Any] | None:
    single_step, dataset = job.single_step, job.dataset
    if single_step is None or dataset is None or single_step.step != job.history.newest_step:
        return None
    images, partner = dataset.train.images, dataset.train.partner
    two_domains = partner is not None and job.recipe.batching == "pairs"
    return {
        "step": single_step.step,
        "loss": single_step.loss,
        "what": "triplet" if job.recipe.batching == "triplets" else "pair",
        "pairs": [
            {
                "left": _picture(images, pair.left),
                "right": _picture(partner if two_domains else images, pair.right),
                "same": pair.same,
                "before": significant(pair.before),
                "after": significant(pair.after),
                "share": significant(pair.share),
                "force": pair.force,
            }
            for pair in single_step.pairs
        ],
    }


def _picture(images: Tensor | None, index: int) -> str:
    """The training image with this index. After the bank come its images turned by 90°, 180° and 270°."""
    assert images is not None
    turns, position = divmod(index, len(images))
    return data_uri(to_image(torch.rot90(images[position], turns, (1, 2))))
