"""Guard: looks at every request before Gradio does.

Gradio opens the path in an image's payload, wherever on the disk it points, parses bodies of any size, and prints a
traceback for many malformed requests. What is wrong by its form is answered here, with one sentence.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from siamese import SiameseError
from siamese.data import limits
from siamese.ui.server.blocks import Page
from siamese.ui.server.log import where
from siamese.ui.server.sessions import waiting_bytes
from siamese.ui.server.uploads import UploadFolder
from siamese.ui.upload import uploaded

_log = logging.getLogger("siamese")

# Routes of Gradio that this page does not use: a proxy to other hosts, tools for developers, media streams, and the
# connection that a tab with gr.State would hold.
_CLOSED = re.compile(
    r"/(proxy=|dev/|vibe-|process_recording|stream/|heartbeat/|deep_link|profiling|run-history|runs\b|monitoring)"
)
_EVENT = re.compile(r"/gradio_api/(queue/join|run/|api/|call/)")
_LONGEST_KEY = 64  # letters of a session's or an event's key; Gradio's own have 36


class Refused(Exception):
    """A request that is answered with a status and a sentence, and goes no further."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Guard:
    """An ASGI middleware: bounds bodies, refuses foreign paths, and turns every error into one sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._uploads = UploadFolder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # nothing here speaks through a WebSocket
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, await self._checked(scope, receive), watched)
        except Refused as refused:
            await _answer(send, refused)
        except ClientDisconnect:
            pass
        except Exception as error:
            # Gradio looks endpoints and components up without asking whether they exist.
            unknown = isinstance(error, LookupError) or "FnIndex" in type(error).__name__
            # A stream of answers ends so where the session is unknown.
            if not unknown and not (answered and isinstance(error, RuntimeError)):
                _log.error("request failed (%s)", where(error))
            if answered:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif unknown:
                await _answer(send, Refused(404, "There is no such endpoint here; the page's footer lists them."))
            else:
                await _answer(send, Refused(400, "This request could not be understood; the page's footer says how."))

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """What the application receives instead: a bounded body, checked where it is that of an event."""
        path = scope["path"]
        if _CLOSED.search(path):
            raise Refused(404, "This server does not offer that.")
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return receive
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        if kind.startswith(b"multipart/"):
            return self._stored(_bounded(receive, limits.MAX_REQUEST_BYTES))
        body = await _whole(_bounded(receive, limits.MAX_JSON_BYTES))
        if "/gradio_api/" in path and body:
            event = _EVENT.search(path) is not None
            check_body(body, event)
            page = scope["app"].get_blocks()
            if event and isinstance(page, Page):
                _make_room(page, len(body))
                # By this the size of a request that waits is known, whatever its sender said.
                others = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
                scope["headers"] = [*others, (b"content-length", str(len(body)).encode())]
        return _replay(body, receive)

    def _stored(self, receive: Receive) -> Receive:
        """The same messages, while there is room on the disk for what they bring."""

        async def stored() -> Message:
            message = await receive()
            size = len(message.get("body", b""))
            if size and not await run_in_threadpool(self._uploads.take, size):
                raise Refused(503, "The server has no room for more files now; try again in a minute.")
            return message

        return stored


def _make_room(page: Page, nbytes: int) -> None:
    """Forgets answers that nobody fetches, and raises Refused where the requests under way are too many bytes."""
    page.unread.forget(page)
    if nbytes + waiting_bytes(page) > limits.MAX_WAITING_BYTES:
        raise Refused(503, "The server has many large requests to answer; try again in a moment.")


async def _answer(send: Send, refused: Refused) -> None:
    body = json.dumps({"detail": refused.sentence, "error": refused.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _bounded(receive: Receive, most: int) -> Receive:
    """The same messages, until more bytes than `most` have come."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise Refused(413, f"This request is larger than {most // limits.MIB} MB; send less at a time.")
        return message

    return bounded


async def _whole(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """First the body, and then whatever else comes: the application waits for the end of the connection."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def check_body(body: bytes, event: bool) -> None:
    """Raises Refused for a body that is no JSON object of reasonable size, and for an event with a foreign path."""
    # Counted before anything is parsed: a picture has no comma, and no request here has many values.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > limits.MAX_JSON_VALUES:
        raise Refused(413, f"This request holds more than {limits.MAX_JSON_VALUES:,} values; send fewer.")
    try:
        request = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "This request is no JSON; send an object.") from error
    if not isinstance(request, dict):
        raise Refused(400, "This request is no JSON object; send one.")
    for name in ("session_hash", "event_id"):
        key = request.get(name)
        if key is not None and (not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY):
            raise Refused(400, f'"{name}" is no key; leave it out.')
    if not event:
        return
    if not isinstance(request.get("event_data") or {}, dict):
        raise Refused(400, '"event_data" is no JSON object; leave it out.')
    try:
        _check_files(request)
    except SiameseError as error:
        raise Refused(400, str(error)) from error
    except RecursionError as error:
        raise Refused(400, "This request is nested too deeply; send fewer levels.") from error


def _check_files(value: Any) -> None:
    """Every object with a path, which Gradio takes for a file, has to name one that was uploaded here."""
    if isinstance(value, dict):
        if value.get("path") is not None:
            uploaded(value["path"])
        for item in value.values():
            _check_files(item)
    elif isinstance(value, list):
        for item in value:
            _check_files(item)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")
