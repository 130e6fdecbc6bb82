"""A path in a request: nothing is opened but a regular file of Gradio's own upload folder."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

from siamese import SiameseError
from siamese.ui.compare.models import DEFAULT_MODEL
from siamese.ui.upload import uploaded

META = {"meta": {"_type": "gradio.FileData"}}
FORMS = {
    "with meta": META,
    "without meta": {},
    "wrong meta": {"meta": {}},
    "a URL beside it": {"url": "/file=x", **META},
}


def upload(web: httpx.Client) -> str:
    stream = io.BytesIO()
    Image.new("L", (40, 40), 90).save(stream, "PNG")
    return web.post("/gradio_api/upload", files={"files": ("mine.png", stream.getvalue())}).json()[0]


def event_of(web: httpx.Client, name: str) -> dict[str, Any]:
    """The number of the event with this handler, and how many inputs it takes."""
    dependencies = web.get("/config").json()["dependencies"]
    return next(one for one in dependencies if one["api_name"] == name)


def ask(web: httpx.Client, route: str, payload: Any) -> httpx.Response:
    """Sends the payload as the left image of a comparison."""
    model = DEFAULT_MODEL
    data = [payload, payload, model]
    if route == "queue/join":
        number = event_of(web, "dissimilarity")["id"]
        return web.post(f"/gradio_api/{route}", json={"fn_index": number, "data": data, "session_hash": "abc"})
    if route == "call/v2/dissimilarity":
        return web.post(f"/gradio_api/{route}", json={"left": payload, "right": payload, "model": model})
    return web.post(f"/gradio_api/{route}", json={"data": data})


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Paths that must not be opened: what would be lost by it, and the path."""
    secret = tmp_path / "secret.png"
    Image.new("L", (9, 9)).save(secret)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "link.png"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    yield {
        "a file of the disk": str(secret),
        "the password file": "/etc/passwd",
        "standard output": "/proc/self/fd/1",
        "a device without end": "/dev/zero",
        "a pipe": str(pipe),
        "a link out of the folder": str(link),
        "a way out of the folder": f"{folder}/../{tmp_path.relative_to('/')}/secret.png",
        "the folder itself": str(folder),
        "nothing": "",
        "no file": f"{folder}/no-such.png",
        "another host": "http://127.0.0.1:9/x.png",
        "a relative path": "examples/pairs.json",
        "a zero byte": f"{folder}/a\0b.png",
        "a path of a megabyte": "a" * 1_000_000,
    }
    link.unlink()


@pytest.mark.parametrize("route", ["call/dissimilarity", "call/v2/dissimilarity", "run/dissimilarity", "queue/join"])
def test_every_foreign_path_is_refused_before_it_is_opened(
    web: httpx.Client, elsewhere: dict[str, str], route: str
) -> None:
    for why, path in elsewhere.items():
        for form, more in FORMS.items():
            answer = ask(web, route, {"path": path, **more})
            said = f"{why}, {form}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code == 400 and "was not uploaded here" in answer.text, said
    # Wherever it stands in the request.
    for payload in ([{"path": "/etc/passwd"}], {"image": {"path": "/etc/passwd"}}, {"path": ["/etc/passwd"]}):
        assert ask(web, route, payload).status_code == 400


def test_forty_five_requests_that_never_end_leave_the_server_alive(web: httpx.Client) -> None:
    for _ in range(45):
        assert ask(web, "call/dissimilarity", {"path": "/proc/self/fd/1"}).status_code == 400
    assert web.get("/healthz").json()["device"] == "cpu"


def test_a_file_that_was_uploaded_is_compared(web: httpx.Client) -> None:
    payload = {"path": upload(web), **META}
    event = ask(web, "call/dissimilarity", payload).json()["event_id"]
    answer = web.get(f"/gradio_api/call/dissimilarity/{event}").text
    assert "event: complete" in answer
    assert json.loads(answer.split("data: ")[1])[0]["dissimilarity"] <= 1e-3


def test_a_direct_call_does_not_pass_by_the_queue(web: httpx.Client) -> None:
    """So many of them as somebody likes would run at once."""
    answer = ask(web, "run/dissimilarity", {"path": upload(web), **META})
    assert answer.status_code == 404 and "queue" in answer.text


def test_the_handler_itself_takes_only_uploads(elsewhere: dict[str, str]) -> None:
    for path in [*elsewhere.values(), None, 3, ["a"]]:
        with pytest.raises(SiameseError, match="was not uploaded here"):
            uploaded(path)


@pytest.mark.parametrize(
    "route", ["proxy=http://127.0.0.1:9/", "heartbeat/abc", "stream/x", "vibe-edit", "process_recording", "dev/reload"]
)
def test_routes_that_the_page_does_not_use_are_closed(web: httpx.Client, route: str) -> None:
    assert web.get(f"/gradio_api/{route}").status_code == 404
    assert web.post(f"/gradio_api/{route}", json={}).status_code == 404
