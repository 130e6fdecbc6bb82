"""A thousand malformed requests: the process lives, other people's runs go on, and nothing but sentences comes back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.ui import choice
from siamese.ui.lab import ROOT, current_lab
from siamese.ui.static_files import static_path

OURS = [str(ROOT), sys.prefix, "site-packages", str(Path.home()) + "/", "Traceback", "Internal Server Error", "/proc/"]
EVENTS = ("queue/join", "call/", "call/v2/", "run/", "api/")
ROUTES = (
    *(
        "",
        "config",
        "theme.css",
        "healthz",
        "manifest.json",
        "robots.txt",
        "pwa_icon",
        "favicon.ico",
        "login",
        "logout",
    ),
    *(f"static/{name}" for name in ("", "../app.py", "%2e%2e/app.py", "a\\b")),
    *("assets/x", "svelte/../../x", f"{static_path()}/../../lab.py", f"{static_path()}/style.css", "siamese-0/x.js"),
    *(
        f"gradio_api/{name}"
        for name in ("info", "openapi.json", "app_id", "user", "token", "upload", "cancel", "reset")
    ),
    *(f"gradio_api/{name}" for name in ("component_server", "startup-events", "queue/status", "heartbeat/x", "runs")),
    *(f"gradio_api/{name}" for name in ("file=/etc/passwd", "file=", "file=http://127.0.0.1:9/", "file/../../x")),
    *(f"gradio_api/{name}" for name in ("proxy=http://127.0.0.1:9/", "custom_component/x/server/y/z", "vibe-code")),
    *(f"gradio_api/{name}" for name in ("queue/data?session_hash=unknown", "call/dissimilarity/unknown", "stream/x")),
    *("gradio_api/upload_progress", "gradio_api/deep_link", "monitoring", "gradio_api/mcp/", "gradio_api/monitoring"),
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["/etc/passwd", "../../x", "glyphs", "run:x", "fast", "\0", "<b>", "a" * 5000, "data:image/png;base64,AA"]
    ),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["path", "url", "meta", "value", "steps"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The good one four times of five, so that a request comes as far as its other parts."""
    return st.integers(0, 4).flatmap(lambda drawn: bad if drawn == 0 else good)


def server_functions(demo: gr.Blocks) -> list[tuple[int, str]]:
    """Every function that a script of the page may call: the component's number and the function's name."""
    return [
        (number, name)
        for number, block in demo.blocks.items()
        for name in vars(block)
        if callable(getattr(block, name)) and getattr(getattr(block, name), "_is_server_fn", False)
    ]


@pytest.fixture(scope="module")
def someones_run(demo: gr.Blocks) -> Iterator[TrainingJob]:
    """A run of somebody else, which goes on meanwhile."""
    lab = current_lab()
    recipe = choice.base_recipe("glyphs", "contrastive-pairs").with_settings({"steps": 1_000_000, "batch_size": 16})
    job = lab.jobs.submit(Visitor("somebody"), recipe, "glyphs", lambda progress: lab.dataset("glyphs", progress))
    yield job
    for other in lab.jobs.all_jobs():
        other.stop()
    for other in lab.jobs.all_jobs():
        assert other.ended.wait(60)


def answers_well(answer: httpx.Response) -> None:
    said = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500 or answer.status_code == 503, said
    # A page of the server's own holds many words; everything else is short.
    if "text/html" not in answer.headers.get("content-type", "") and "javascript" not in said:
        assert not [word for word in OURS if word in answer.text.replace("/proc/self", "")], said


def seen(job: TrainingJob) -> int:
    return job.snapshot()["step"]


def test_a_thousand_malformed_requests(
    demo: gr.Blocks, web: httpx.Client, someones_run: TrainingJob, capfd: pytest.CaptureFixture[str]
) -> None:
    functions = server_functions(demo)
    events = sorted(demo.fns)
    names = sorted({str(fn.api_name) for fn in demo.fns.values()} | {"no-such"})
    assert functions and len(events) > 10
    session = mostly(st.just("abc"), values | st.just("x" * 500))
    number = mostly(st.sampled_from(events), values | st.just(10**6))
    data = mostly(st.lists(values, max_size=4), values)
    join = st.fixed_dictionaries(
        {"data": data, "fn_index": number, "session_hash": session},
        optional={"event_data": values, "trigger_id": values, "event_id": values, "batched": values},
    )
    call = st.fixed_dictionaries({"data": data}, optional={"session_hash": session})
    which = mostly(st.sampled_from(functions), st.sampled_from([(0, "poll"), (-1, "x")]))
    function = which.flatmap(
        lambda one: st.fixed_dictionaries(
            {
                "component_id": st.just(one[0]) | values,
                "fn_name": st.just(one[1]),
                "data": data,
                "session_hash": session,
            }
        )
    )
    body = st.one_of(values.map(json.dumps), st.binary(max_size=60), st.just("[" * 100_000), st.just('{"a": NaN}'))
    request = st.one_of(
        st.tuples(st.just("POST"), st.just("gradio_api/queue/join"), join.map(json.dumps)),
        st.tuples(st.just("POST"), st.just("gradio_api/component_server/"), function.map(json.dumps)),
        st.tuples(
            st.just("POST"),
            st.builds("gradio_api/{}{}".format, st.sampled_from(EVENTS[1:]), st.sampled_from(names)),
            st.one_of(call.map(json.dumps), body),
        ),
        st.tuples(st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]), st.sampled_from(ROUTES), body),
        st.tuples(st.just("GET"), st.text(max_size=30).map(lambda text: text.replace("#", "")), st.just("")),
    )
    kinds = mostly(st.just("application/json"), st.sampled_from(["multipart/form-data; boundary=x", "text/plain", ""]))
    began, sent, under_way = seen(someones_run), 0, []

    @settings(max_examples=1000, suppress_health_check=list(HealthCheck))
    @given(request, kinds)
    def send(one: tuple[str, str, str | bytes], kind: str) -> None:
        nonlocal sent
        method, path, content = one
        content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        try:
            request = web.build_request(method, "/" + path.lstrip("/"), content=content, headers={"content-type": kind})
        except (httpx.InvalidURL, ValueError):
            return  # nothing that could be sent
        with_stream = web.send(request, stream=True)
        try:
            # A stream of events has no end while its event waits; its first line is enough.
            if "event-stream" in with_stream.headers.get("content-type", ""):
                next(with_stream.iter_raw(), b"")
                return
            with_stream.read()
        finally:
            with_stream.close()
        sent += 1
        answers_well(with_stream)
        if with_stream.status_code == 200 and "event_id" in with_stream.text:
            under_way.append(with_stream.json()["event_id"])

    send()
    assert sent >= 900
    # The answers of events that were let in come by another way.
    for event in under_way[:200]:
        with web.stream("GET", f"/gradio_api/call/x/{event}") as stream:
            for line in stream.iter_lines():
                assert not [word for word in OURS if word in line], line[:300]
                if line.startswith("event: ") and "heartbeat" not in line:
                    break
    assert web.get("/healthz").json()["device"] == "cpu"
    assert someones_run.alive and seen(someones_run) > began
    log = capfd.readouterr().err
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
    assert max(map(len, log.splitlines()), default=0) <= 400
