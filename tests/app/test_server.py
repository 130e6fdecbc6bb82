"""What the server keeps, logs and says of itself."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from siamese import SiameseError
from siamese.data import limits
from siamese.ui.api.pictures import sample_pairs
from siamese.ui.browser import as_browser
from siamese.ui.lab import current_lab as lab
from siamese.ui.server import uploads
from siamese.ui.server.guard import Refusal, check_body
from siamese.ui.server.log import _OneLine
from siamese.ui.server.sessions import MOST_SESSIONS, MOST_UNREAD, UnreadAnswers, size_of
from siamese.ui.server.uploads import IN_USE_SECONDS, UploadFolder
from siamese.ui.train import live_server
from siamese.ui.train.live_chart import LiveChart


def test_healthz(web: httpx.Client) -> None:
    answer = web.get("/healthz")
    assert answer.headers["cache-control"] == "no-store"
    health = answer.json()
    assert set(health) == {"ready", "device", "jobs", "places", "waiting", "memory_mb", "kept_mb", "free_mb"}
    assert (health["device"], health["places"]) == ("cpu", 1)
    assert health["memory_mb"] > 100 and health["free_mb"] > 0


def test_new_sessions_are_few_and_light(web: httpx.Client, demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = demo.state_holder.session_data
    assert demo.state_holder.capacity == MOST_SESSIONS
    monkeypatch.setattr(demo.state_holder, "capacity", 10)
    for number in range(15):
        request = {"data": ["no-run"], "session_hash": f"session-{number}"}
        event = web.post("/gradio_api/call/training_status", json=request).json()["event_id"]
        assert "event: error" in web.get(f"/gradio_api/call/training_status/{event}").text
    assert "session-14" in sessions and len(sessions) <= 11
    assert len(sessions["session-14"].config_values) < 3, "the whole page is not described anew for every session"


@pytest.mark.parametrize("path", ["/gradio_api/component_server/", "/gradio_api/component_server"])
def test_a_question_of_a_widget_opens_no_session_and_needs_no_thread(
    path: str, web: httpx.Client, demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = next(number for number, block in demo.blocks.items() if isinstance(block, LiveChart))
    question = {"component_id": chart, "fn_name": "poll", "session_hash": "only-asks", "data": ["no-run", -1]}
    threads: list[str] = []
    monkeypatch.setattr(live_server, "current_lab", lambda: threads.append(threading.current_thread().name) or lab())
    for wrong in ({}, {"fn_name": "get_config"}, {"component_id": 10**9}, {"component_id": []}, {"data": {"a": 1}}):
        answer = web.post(path, json=question | wrong)
        good = not wrong or "data" in wrong
        assert answer.status_code == 200 if good else answer.status_code in (400, 404)
        assert answer.json() == {"gone": True} if good else set(answer.json()) == {"detail", "error"}
    assert len(set(threads)) == 1 and "AnyIO" not in threads[0], "the loop that receives requests answers"
    assert "only-asks" not in demo.state_holder.session_data


def test_an_error_inside_a_widgets_function_is_logged_and_not_taken_for_an_unknown_one(
    web: httpx.Client, demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def poll(data: list[object]) -> object:
        return {}["lost"]

    poll.quick = True  # type: ignore[attr-defined]
    number, chart = next((number, block) for number, block in demo.blocks.items() if isinstance(block, LiveChart))
    monkeypatch.setattr(chart, "server_fns", [poll])
    question = {"component_id": number, "fn_name": "poll", "data": []}
    assert web.post("/gradio_api/component_server/", json=question).status_code == 400
    assert "request failed (KeyError in " in capfd.readouterr().err
    assert web.post("/gradio_api/component_server/", json=question | {"fn_name": "lost"}).status_code == 404
    assert not capfd.readouterr().err


def test_answers_that_nobody_fetches_are_forgotten(demo: gr.Blocks) -> None:
    queue = demo._queue
    for number in range(2 * MOST_UNREAD):
        queue.pending_messages_per_session[f"unread-{number}"] = asyncio.Queue()
        queue.pending_event_ids_session[f"unread-{number}"] = {"event"} if number % 2 else set()
    UnreadAnswers().forget(demo)
    left = [name for name in queue.pending_messages_per_session if name.startswith("unread-")]
    assert len(queue.pending_messages_per_session) <= MOST_UNREAD
    # Those in which nothing is under way go first, and then the oldest.
    assert left and all(int(name.split("-")[1]) % 2 for name in left) and left[-1] == f"unread-{2 * MOST_UNREAD - 1}"
    for name in left:
        queue.pending_messages_per_session.pop(name), queue.pending_event_ids_session.pop(name)


def test_answers_that_nobody_fetches_are_a_bounded_number_of_bytes(
    web: httpx.Client, demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(number: int) -> str:
        request = {"data": ["glyphs", 4, number], "session_hash": f"never-back-{number}"}
        return web.post("/gradio_api/call/sample_pairs", json=request).json()["event_id"]

    queue = demo._queue.pending_messages_per_session
    one = ask(0)
    assert "complete" in web.get(f"/gradio_api/call/sample_pairs/{one}").text
    answer = sample_pairs("glyphs", 4, 0)
    monkeypatch.setattr(limits, "MAX_UNREAD_BYTES", 3 * size_of(answer))
    for number in range(1, 9):
        before = len(demo.unread._bytes)
        ask(number)
        while demo._queue.event_ids_to_events:  # until it is answered
            web.get("/healthz")
        assert len(demo.unread._bytes) <= before + 1
    waiting = [name for name in queue if name.startswith("never-back") and not queue[name].empty()]
    assert 1 <= len(waiting) <= 4 and "never-back-8" in waiting, "the newest answer is still there"
    for name in waiting:
        queue.pop(name)


def test_requests_under_way_are_a_bounded_number_of_bytes(
    web: httpx.Client, demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    monkeypatch.setattr(limits, "MAX_WAITING_BYTES", 1_000_000)
    number = next(fn for fn, event in demo.fns.items() if event.api_name == "sample_pairs")
    monkeypatch.setattr(demo.fns[number], "fn", lambda *_: waits.wait(30) and {})
    request = {"data": ["x" * 400_000, 4, 0]}
    try:
        status = [web.post("/gradio_api/call/sample_pairs", json=request).status_code for _ in range(3)]
        assert status == [200, 200, 503]
        assert web.post("/gradio_api/call/sample_pairs", json={"data": ["glyphs", 4, 0]}).status_code == 200
    finally:
        waits.set()
    while demo._queue.event_ids_to_events:
        web.get("/healthz")
    assert web.post("/gradio_api/call/sample_pairs", json=request).status_code == 200


def test_the_upload_folder_keeps_the_newest_files_within_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "get_upload_folder", lambda: str(tmp_path))
    folder, now = UploadFolder(most=1000), time.time()

    def come(name: str, size: int, age: float) -> bool:
        if not folder.take(size):
            return False
        path = tmp_path / name / "mine.png"
        path.parent.mkdir()
        path.write_bytes(bytes(size))
        os.utime(path, (now - age, now - age))
        return True

    old = 10 * IN_USE_SECONDS
    assert all(come(f"old {n}", 300, old - n) for n in range(3))
    assert come("new", 300, 0.0), "the oldest give way"
    kept = sorted(path.parent.name for path in tmp_path.rglob("*.png"))
    assert kept == ["new", "old 2"]
    assert come("newer", 300, 0.0) and come("newest", 300, 0.0)
    assert not come("too much", 300, 0.0), "what is in use stays"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.png")) <= 1000
    assert not UploadFolder(most=1000).take(1001)


def test_a_full_upload_folder_is_a_sentence(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UploadFolder, "take", lambda *_: False)
    answer = web.post("/gradio_api/upload", files={"files": ("mine.png", b"\x89PNG")})
    assert answer.status_code == 503 and "no room for more files" in answer.json()["detail"]


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
    with pytest.raises(Refusal) as refusal:
        check_body(body, event=True)
    assert refusal.value.status == status and len(refusal.value.sentence) < 120


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
