"""What a browser remembers after a reload: its own key, the job on screen, a name and that job's settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

import gradio as gr

from siamese.training.jobs.job import plain_name

# Both are fixed: with random ones a browser would forget its job when the server restarts. The secret protects nothing,
# since every browser gets it; nobody can guess the id of a job.
STORAGE_KEY = "siamese:browser"
STORAGE_SECRET = "siamese"
LONGEST_LINK = 2000  # letters; every setting of a recipe takes fewer than 1,000


@dataclass(frozen=True)
class Browser:
    """owner: a secret key, given at the first start of a run.
    job: the key of the job on screen, or None.
    name: of this browser's runs in the room.
    settings: of that job, as in a link. A server that was started again does not have the job, but can show these.
    """

    owner: str = ""
    job: str | None = None
    name: str = ""
    settings: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def remembered() -> gr.BrowserState:
    """The component that keeps a Browser in the browser."""
    return gr.BrowserState(None, storage_key=STORAGE_KEY, secret=STORAGE_SECRET)


def as_browser(value: Any) -> Browser:
    """Reads what a browser sent, which may be anything."""
    if not isinstance(value, dict):
        return Browser()
    owner, job, settings = value.get("owner"), value.get("job"), value.get("settings")
    return Browser(
        owner if _is_key(owner) else "",
        job if _is_key(job) else None,
        plain_name(value.get("name")),
        settings if isinstance(settings, str) and len(settings) <= LONGEST_LINK else "",
    )


def _is_key(value: object) -> TypeGuard[str]:
    """Whether it may be a key of this server. Keys have 16 letters; a long text would only fill memory."""
    return isinstance(value, str) and len(value) <= 64
