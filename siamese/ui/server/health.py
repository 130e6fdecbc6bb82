"""/healthz: whether the server answers, and how much it has to do."""

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
    """ready: the data set that the page opens with is loaded.  jobs: runs that train or are paused, of `places` that may at once;
    waiting: runs in line.  memory_mb, free_mb: of this process, and left for it; kept_mb: of it, for the networks of runs
    that are over."""
    lab = current_lab()
    states = Counter(job.state for job in lab.jobs.all_jobs())
    return {
        "ready": lab.ready.is_set(),
        "device": str(lab.settings.device),
        "jobs": states["preparing"] + states["running"] + states["paused"],
        "places": lab.settings.jobs,
        "waiting": states["waiting"],
        "memory_mb": used_bytes() // _MB,
        "kept_mb": lab.jobs.kept_bytes() // _MB,
        "free_mb": free_bytes() // _MB,
    }


def _answer(request: Request) -> JSONResponse:
    return JSONResponse(health(), headers={"Cache-Control": "no-store"})


def health_route() -> Route:
    """The route; it has to be there before the server starts."""
    return Route("/healthz", _answer)
