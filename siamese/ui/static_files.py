"""The page's own files: scripts as ES modules, words and styles, served by this server from an address with a version."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.routing import Mount

STATIC = Path(__file__).with_name("static")
SCRIPTS = "*/*.js"  # one folder for each tab, and common/ for what several widgets use


class _Versioned(StaticFiles):
    """Static files that a browser may keep for ever, because another version has another address."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@cache
def static_path() -> str:
    """Where the static files are served, without a slash at either end: "siamese-" and a hash of all their bytes.

    The hash is computed once, so after an edit the server has to be restarted.
    """
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return f"siamese-{digest.hexdigest()[:12]}"


def static_route() -> Mount:
    """The route that serves the static files; it has to be there before the server starts."""
    return Mount(f"/{static_path()}", app=_Versioned(directory=STATIC))


def preload_links() -> str:
    """HTML for the page's head: the browser fetches all modules at once, not one after the other as they are imported.

    The addresses are relative, so that they hold behind a proxy with a path prefix.
    """
    modules = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.glob(SCRIPTS))
    return "\n".join(f'<link rel="modulepreload" href="{static_path()}/{module}">' for module in modules)


def styles() -> list[Path]:
    """All style sheets: the page's own first, then those of single views, which may override it."""
    return sorted(STATIC.glob("*.css"), key=lambda path: (path.name != "style.css", path.name))


@cache
def read_json(name: str) -> Any:
    """The values of a JSON file of the static folder. They are shared: do not change them."""
    return json.loads((STATIC / name).read_text("utf-8"))
