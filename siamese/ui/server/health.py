"""/healthz: whether the server answers, and how busy it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from siamese.training.memory import free_bytes, used_bytes
from siamese.ui.lab import current_lab

_MB = 1_000_000


def health() -> dict[str, Any]:
    """How busy the server is.

    ready: the first data set of the page is loaded.  jobs: runs that train or are paused.  places: the most of them.
    waiting: runs in line.  memory_mb: of this process.  kept_mb: part of it, for the networks of finished runs.
    free_mb: what the process may still take.
    """
    lab = current_lab()
    states = Counter(job.state for job in lab.jobs.all_jobs())
    return {
        "ready": lab.ready.is_set(),
        "device": str(lab.settings.device),
        "jobs": states["preparing"] + states["running"] + states["paused"],
        "places": lab.settings.jobs,
        "waiting": states["waiting"],
        "memory_mb": used_bytes() // _MB,
        "kept_mb": lab.jobs.finished_bytes() // _MB,
        "free_mb": free_bytes() // _MB,
    }


def _answer(request: Request) -> JSONResponse:
    return JSONResponse(health(), headers={"Cache-Control": "no-store"})


def health_route() -> Route:
    """The route. Add it before the server starts."""
    return Route("/healthz", _answer)
