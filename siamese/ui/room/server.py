"""Answers the requests of the room's page. Anybody can send anything here, so every argument is checked."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from gradio.context import LocalContext

from siamese.training.jobs.job import TrainingJob
from siamese.ui.errors import in_both
from siamese.ui.lab import Lab, current_lab
from siamese.ui.room.address import is_loopback, is_room, qr_rows

MOST_TILES = 80
LONGEST_CHOICES = (60, 120, 300, 600)  # seconds; the limits of a run that the teacher can choose, beside no limit
CACHE_SECONDS = 0.5  # for this time everybody gets the same answer
CLOSED: dict[str, Any] = {"closed": True}


def room(arguments: Any) -> dict[str, Any]:
    """[key] → every run of the room, the teacher's settings, and how to join; {"closed": True} without permission."""
    lab = current_lab()
    teacher = _may_teach(lab, _first(arguments))
    if not (teacher or _may_watch(lab)):
        return CLOSED
    return _overview(lab) | {"teacher": teacher}


def teach(arguments: Any) -> dict[str, Any]:
    """[key, action, value] carries out an action of the teacher.

    Actions: "hold" (bool), "jobs" (1 to 64), "longest" (seconds, or None), "end" (a run's watch key).
    {"closed": True} for anybody else, {"done": False} for an unknown action or value.
    """
    lab = current_lab()
    if not _may_teach(lab, _first(arguments)):
        return CLOSED
    action, value = arguments[1:3] if len(arguments) == 3 else (None, None)
    act = _ACTIONS.get(action) if isinstance(action, str) else None
    done = act is not None and act(lab, value)
    lab.overview = None
    return {"done": done}


def _hold(lab: Lab, value: Any) -> bool:
    if isinstance(value, bool):
        lab.jobs.line.hold(value)
    return isinstance(value, bool)


def _set_jobs(lab: Lab, value: Any) -> bool:
    good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 64
    if good:
        lab.jobs.line.set_most_open(value)
    return good


def _set_longest(lab: Lab, value: Any) -> bool:
    good = value is None or value in LONGEST_CHOICES
    if good:
        lab.jobs.longest = value
    return good


def _end(lab: Lab, value: Any) -> bool:
    access = lab.jobs.access(value)
    if access is None or not access.job.alive:
        return False
    access.job.stop("teacher")
    return True


_ACTIONS: dict[str, Callable[[Lab, Any], bool]] = {
    "hold": _hold,
    "jobs": _set_jobs,
    "longest": _set_longest,
    "end": _end,
}


def _first(arguments: Any) -> Any:
    return arguments[0] if isinstance(arguments, list) and arguments else None


def _may_teach(lab: Lab, key: Any) -> bool:
    """Who has the key that the terminal prints, or sits at the server itself.

    Behind a proxy or a tunnel everybody seems to sit at the server, so there only the key counts.
    """
    if isinstance(key, str) and secrets.compare_digest(key.encode(), lab.room_key.encode()):
        return True
    settings, request = lab.settings, LocalContext.request.get(None)
    if settings.space or settings.share or is_loopback(settings.host) or request is None:
        return False
    through_proxy = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    return not through_proxy and is_loopback(str(getattr(request.client, "host", "")))


def _may_watch(lab: Lab) -> bool:
    """In a room everybody may look. On the internet only people with the key may."""
    return is_room(lab.settings) and not (lab.settings.space or lab.settings.share)


def _overview(lab: Lab) -> dict[str, Any]:
    now, cached = time.monotonic(), lab.overview
    if cached is None or now - cached[0] > CACHE_SECONDS:
        cached = lab.overview = (now, _make_overview(lab))
    return cached[1]


def _make_overview(lab: Lab) -> dict[str, Any]:
    jobs = lab.jobs
    newest = {job.owner: job for job in jobs.all_jobs()}  # the last run of each browser
    order = jobs.line.waiting_jobs()
    places = {job: place for place, job in enumerate(order, 1)}
    groups: dict[str, list[dict[str, Any]]] = {}
    visible = sorted(newest.values(), key=lambda job: (not job.alive, -job.submitted))[:MOST_TILES]
    for job in visible:
        groups.setdefault(job.dataset_name, []).append(_tile(job, places.get(job, 0), jobs.sharing()))
    for tiles in groups.values():
        tiles.sort(key=lambda tile: -1.0 if tile["score"] is None else tile["score"], reverse=True)
    ranked = sorted(groups.values(), key=len, reverse=True)
    return {
        "sets": [{**tiles[0]["dataset"], "runs": tiles} for tiles in ranked],
        "line": [tile for tiles in ranked for tile in tiles if tile["place"]],
        "on_hold": jobs.line.on_hold,
        "jobs": jobs.line.most_open,
        "longest": jobs.longest,
        "fault": in_both(jobs.fault) if jobs.fault else None,
        "address": lab.address,
        "qr": qr_rows(lab.address) if lab.address else [],
    }


def _tile(job: TrainingJob, place: int, sharing: int) -> dict[str, Any]:
    tile = job.glance() | {"id": job.watch_id, "place": place}
    if tile["seconds_left"] is not None:
        tile["seconds_left"] = round(tile["seconds_left"] * (1 + sharing))
    return tile
