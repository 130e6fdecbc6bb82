"""What the server keeps, logs and says of itself."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import gradio as gr
import httpx
import pytest

from siamese import SiameseError
from siamese.data import limits
from siamese.ui.browser import as_browser
from siamese.ui.server.guard import Refused, check_body
from siamese.ui.server.log import _OneLine
from siamese.ui.server.sessions import MOST_SESSIONS, MOST_UNREAD, forget_unread


def test_healthz(web: httpx.Client) -> None:
    answer = web.get("/healthz")
    assert answer.headers["cache-control"] == "no-store"
    health = answer.json()
    assert set(health) == {"ready", "device", "jobs", "places", "waiting", "memory_mb", "free_mb"}
    assert (health["device"], health["places"]) == ("cpu", 1)
    assert health["memory_mb"] > 100 and health["free_mb"] > 0


def test_new_sessions_cost_a_bounded_amount(
    web: httpx.Client, demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demo.state_holder.capacity == MOST_SESSIONS
    monkeypatch.setattr(demo.state_holder, "capacity", 10)
    for number in range(30):
        request = {"component_id": 0, "fn_name": "no-such", "session_hash": f"session-{number}", "data": []}
        assert web.post("/gradio_api/component_server", json=request).status_code == 404
    assert len(demo.state_holder.session_data) <= 11


def test_answers_that_nobody_fetches_are_forgotten(demo: gr.Blocks) -> None:
    queue = demo._queue
    for number in range(2 * MOST_UNREAD):
        queue.pending_messages_per_session[f"unread-{number}"] = asyncio.Queue()
        queue.pending_event_ids_session[f"unread-{number}"] = {"event"} if number % 2 else set()
    forget_unread(demo)
    left = [name for name in queue.pending_messages_per_session if name.startswith("unread-")]
    assert len(queue.pending_messages_per_session) <= MOST_UNREAD
    # Those in which nothing is under way go first, and then the oldest.
    assert left and all(int(name.split("-")[1]) % 2 for name in left) and left[-1] == f"unread-{2 * MOST_UNREAD - 1}"
    for name in left:
        queue.pending_messages_per_session.pop(name), queue.pending_event_ids_session.pop(name)


def test_a_request_of_two_megabytes_is_one_short_line(web: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    number = next(one["id"] for one in web.get("/config").json()["dependencies"] if one["api_name"] == "dissimilarity")
    request = {"fn_index": number, "session_hash": "abc", "data": ["secret word " * 170_000]}
    event = web.post("/gradio_api/queue/join", json=request).json()["event_id"]
    with web.stream("GET", f"/gradio_api/call/x/{event}") as stream:
        answer = next(line for line in stream.iter_lines() if line.startswith("data: ") and "error" in line)
    assert "reload the page and try again" in answer
    log = capfd.readouterr().err
    assert "secret" not in log and "Traceback" not in log and len(log) < 500, log[:1000]
    assert "event dissimilarity failed (ValueError" in log


@pytest.mark.parametrize("event_data", [None, {}])
def test_an_event_without_its_data_is_a_sentence(
    web: httpx.Client, event_data: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    number = next(one["id"] for one in web.get("/config").json()["dependencies"] if one["api_name"] == "choose")
    request = {"fn_index": number, "session_hash": "abc", "data": [], "event_data": event_data}
    event = web.post("/gradio_api/queue/join", json=request).json()["event_id"]
    with web.stream("GET", f"/gradio_api/call/x/{event}") as stream:
        assert "reload the page" in next(line for line in stream.iter_lines() if "data: {" in line)
    assert "Traceback" not in capfd.readouterr().err


def test_settings_that_are_a_list_are_a_sentence(web: httpx.Client) -> None:
    event = web.post("/gradio_api/call/start_training", json={"data": ["fast", "glyphs", ["steps", 3]]}).json()
    answer = web.get(f"/gradio_api/call/start_training/{event['event_id']}").text
    assert "event: error" in answer and "The settings are no object" in answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b'{"data": [NaN]}', 400),
        (b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"data": [' + b"1," * limits.MAX_JSON_VALUES + b"1]}", 413),
        (b'{"session_hash": 3}', 400),
        (b'{"session_hash": "' + b"a" * 65 + b'"}', 400),
        (b'{"event_data": [3]}', 400),
        (b'{"data": [{"path": "/etc/passwd"}]}', 400),
    ],
)
def test_a_body_of_the_wrong_form_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(Refused) as refused:
        check_body(body, event=True)
    assert refused.value.status == status and len(refused.value.sentence) < 120


def test_a_body_that_is_too_long_is_refused_before_it_is_parsed(web: httpx.Client) -> None:
    content = b'{"data": ["' + b"a" * limits.MAX_JSON_BYTES + b'"]}'
    answer = web.post("/gradio_api/call/dissimilarity", content=content)
    assert answer.status_code == 413 and "larger than 8 MB" in answer.text


def test_a_log_line_is_one_line_without_what_was_sent() -> None:
    try:
        raise SiameseError("secret\nword")
    except SiameseError as error:
        record = logging.LogRecord(
            "x", logging.WARNING, "", 0, "a\nb\x1b[31m" + "c" * 1000, (), (type(error), error, None)
        )
    line = _OneLine().format(record)
    assert "\n" not in line and "\x1b" not in line and "secret" not in line and len(line) < 400


def test_a_browser_is_not_believed() -> None:
    assert as_browser({"owner": "a" * 1_000_000, "job": 3}) == as_browser(None)
    assert as_browser({"owner": "abc", "job": "def"}).owner == "abc"


def test_a_server_that_was_started_again_offers_the_same_settings(web: httpx.Client) -> None:
    """The browser remembers them, since the new server knows nothing of the run."""
    number = next(one["id"] for one in web.get("/config").json()["dependencies"] if one["api_name"] == "attach")
    for settings, steps in (("data=glyphs&recipe=fast&steps=4321", True), ("steps=no", False), ("a" * 9999, False)):
        session = f"restarted-{len(settings)}"
        browser = {"owner": "somebody", "job": "a-run-of-another-life", "settings": settings}
        request = {"fn_index": number, "session_hash": session, "data": [browser]}
        assert web.post("/gradio_api/queue/join", json=request).status_code == 200
        with web.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
            done = next(line for line in stream.iter_lines() if "process_completed" in line)
        assert '"success":true' in done and ("4321" in done) == steps, done[:2000]
