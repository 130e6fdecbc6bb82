"""Guard: checks every request before Gradio gets it.

Gradio opens the path in an image's payload, wherever on the disk it points, parses bodies of any size, and prints a
traceback for many malformed requests. The guard answers malformed requests with one sentence.
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

# Routes of Gradio that this page does not need: a proxy to other hosts, tools for developers, media streams, and the
# permanent connection of a tab with gr.State.
_CLOSED = re.compile(
    r"/(proxy=|dev/|vibe-|process_recording|stream/|heartbeat/|deep_link|profiling|run-history|runs\b|monitoring)"
)
_EVENT = re.compile(r"/gradio_api/(queue/join|run/|api/|call/)")
_LONGEST_KEY = 64  # letters of a session's or an event's key; Gradio's own have 36


class Refusal(Exception):
    """A request is answered with this status and sentence, and Gradio does not get it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Guard:
    """An ASGI middleware: limits the size of bodies, refuses foreign paths, and turns every error into one sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._uploads = UploadFolder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no WebSockets here
        has_answer = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_answer
            has_answer = True
            await send(message)

        try:
            await self._app(scope, await self._check(scope, receive), send_and_note)
        except Refusal as refusal:
            await _answer(send, refusal)
        except ClientDisconnect:
            pass
        except Exception as error:
            # Gradio looks up endpoints and components that may not exist.
            unknown = isinstance(error, LookupError) or "FnIndex" in type(error).__name__
            # A stream of answers ends with a RuntimeError where the session is unknown.
            if not unknown and not (has_answer and isinstance(error, RuntimeError)):
                _log.error("request failed (%s)", where(error))
            if has_answer:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif unknown:
                await _answer(send, Refusal(404, "There is no such endpoint here; the page's footer lists them."))
            else:
                await _answer(send, Refusal(400, "This request could not be understood; the page's footer says how."))

    async def _check(self, scope: Scope, receive: Receive) -> Receive:
        """The messages for the application: a body of limited size, checked if it is that of an event."""
        path = scope["path"]
        if _CLOSED.search(path):
            raise Refusal(404, "This server does not offer that.")
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return receive
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        if kind.startswith(b"multipart/"):
            return self._store(_limit(receive, limits.MAX_REQUEST_BYTES))
        body = await _read_body(_limit(receive, limits.MAX_JSON_BYTES))
        if "/gradio_api/" in path and body:
            event = _EVENT.search(path) is not None
            check_body(body, event)
            page = scope["app"].get_blocks()
            if event and isinstance(page, Page):
                _make_room(page, len(body))
                # The true size, whatever the sender said: waiting_bytes() adds these up.
                others = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
                scope["headers"] = [*others, (b"content-length", str(len(body)).encode())]
        return _replay(body, receive)

    def _store(self, receive: Receive) -> Receive:
        """The same messages, as long as there is room on the disk for their content."""

        async def receive_if_room() -> Message:
            message = await receive()
            size = len(message.get("body", b""))
            if size and not await run_in_threadpool(self._uploads.take, size):
                raise Refusal(503, "The server has no room for more files now; try again in a minute.")
            return message

        return receive_if_room


def _make_room(page: Page, nbytes: int) -> None:
    """Deletes answers that nobody fetches. Raises Refusal where the requests under way have too many bytes together."""
    page.unread.forget(page)
    if nbytes + waiting_bytes(page) > limits.MAX_WAITING_BYTES:
        raise Refusal(503, "The server has many large requests to answer; try again in a moment.")


async def _answer(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"detail": refusal.sentence, "error": refusal.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _limit(receive: Receive, most: int) -> Receive:
    """The same messages. Raises Refusal when they have more than `most` bytes together."""
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise Refusal(413, f"This request is larger than {most // limits.MIB} MB; send less at a time.")
        return message

    return receive_limited


async def _read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """First the body, then the later messages: the application waits for the end of the connection."""
    body_delivered = False

    async def replay() -> Message:
        nonlocal body_delivered
        if body_delivered:
            return await receive()
        body_delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def check_body(body: bytes, event: bool) -> None:
    """Raises Refusal for a body that is not a JSON object of reasonable size, and for an event with a foreign path."""
    # Count before parsing: a picture contains no comma, and no request here has many values.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > limits.MAX_JSON_VALUES:
        raise Refusal(413, f"This request holds more than {limits.MAX_JSON_VALUES:,} values; send fewer.")
    try:
        request = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "This request is no JSON; send an object.") from error
    if not isinstance(request, dict):
        raise Refusal(400, "This request is no JSON object; send one.")
    for name in ("session_hash", "event_id"):
        key = request.get(name)
        if key is not None and (not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY):
            raise Refusal(400, f'"{name}" is no key; leave it out.')
    if not event:
        return
    if not isinstance(request.get("event_data") or {}, dict):
        raise Refusal(400, '"event_data" is no JSON object; leave it out.')
    try:
        _check_files(request)
    except SiameseError as error:
        raise Refusal(400, str(error)) from error
    except RecursionError as error:
        raise Refusal(400, "This request is nested too deeply; send fewer levels.") from error


def _check_files(value: Any) -> None:
    """Every object with a path must name an uploaded file, because Gradio opens that path."""
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
