"""What a browser remembers: who it is to this server, and which job it looks at. Nothing else survives a reload."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

import gradio as gr

from siamese.training.jobs.job import plain_name

# A fixed key and secret: with random ones a browser would forget its job whenever the server restarts. The secret is
# sent to every browser; it keeps nothing safe, and the job's unguessable id does.
STORAGE_KEY = "siamese:browser"
STORAGE_SECRET = "siamese"
LONGEST_LINK = 2000  # letters; every setting of a recipe takes fewer than 1,000


@dataclass(frozen=True)
class Browser:
    """owner: unguessable, given at the first start of a run; job: the key of the job on screen, or None.
    name: what its runs are called in the room. settings: those of that job as a link has them, so that they come back
    where a server was started again and knows the job no more."""

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
    """Whether it may be one of this server's keys, which have 16 letters; a longer one would only fill the memory."""
    return isinstance(value, str) and len(value) <= 64
