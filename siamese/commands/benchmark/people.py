"""Simulated people. Each uses the server as a browser and as a program does, and sometimes sends nonsense."""

from __future__ import annotations

import http.client
import io
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

POLL_SECONDS = 1.0
ACTION_SECONDS = 8.0  # the mean time between two actions of one person; polls are no actions
_ACTIONS = {"start": 3, "stop": 2, "status": 2, "compare": 3, "frame": 2, "batch": 2, "nonsense": 3}
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Place:
    """A server as people find it.

    chart, explore: the numbers of two components of the page, the one that is polled and the one that draws a batch.
    models: what images are compared with.
    """

    address: str
    chart: int
    explore: int
    models: tuple[str, ...]


@dataclass
class Outcome:
    """The answers of the server.

    counts: by action and verdict, which is "right", "refused" or "wrong".
    polls: milliseconds of each poll.
    wrong: the first answers that were neither right nor a clear refusal.
    """

    counts: Counter[str] = field(default_factory=Counter)
    polls: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, action: str, verdict: str, answer: object = "") -> None:
        self.counts[f"{action} {verdict}"] += 1
        if verdict == "wrong" and len(self.wrong) < 5:
            self.wrong.append(f"{action}: {str(answer)[:300]}")


class Person:
    """One of many people. The number decides all that a person does."""

    def __init__(self, place: Place, number: int) -> None:
        self.outcome = Outcome()
        self._place = place
        self._random = random.Random(number)
        self._session = f"person-{number}"
        self._key = "no-run-yet"
        self._version = -1
        url = urlsplit(place.address)
        self._connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)

    def live(self, until: float) -> None:
        """Polls once a second, and acts now and then, until time.monotonic() is `until`."""
        poll = time.monotonic() + self._random.random() * POLL_SECONDS
        act = time.monotonic() + self._random.random() * ACTION_SECONDS
        while (due := min(poll, act)) < until:
            time.sleep(max(0.0, due - time.monotonic()))
            if due == poll:
                self._do("poll")
                poll = max(poll + POLL_SECONDS, time.monotonic())
            else:
                self._do(self._random.choices(list(_ACTIONS), list(_ACTIONS.values()))[0])
                act = time.monotonic() + self._random.expovariate(1 / ACTION_SECONDS)
        self._do("stop")
        self._connection.close()

    def _do(self, action: str) -> None:
        try:
            getattr(self, f"_{action}")()
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            self.outcome.note(action, "wrong", repr(error))
            self._connection.close()

    def _request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] = _JSON) -> tuple[int, str]:
        def answer() -> tuple[int, str]:
            self._connection.request(method, f"/gradio_api/{path}", body, headers)
            response = self._connection.getresponse()
            return response.status, response.read().decode()

        try:
            return answer()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # The server may close a connection that was idle for long. A browser asks again on a new one, and so here.
            self._connection.close()
            return answer()

    def _post(self, path: str, **values: Any) -> tuple[int, str]:
        return self._request("POST", path, json.dumps(values).encode())

    def _function(self, component: int, name: str, data: Any) -> Any:
        """The answer of a function of a component, as the page's scripts ask for it."""
        status, text = self._post(
            "component_server/", component_id=component, fn_name=name, session_hash=self._session, data=data
        )
        if status != 200:
            raise ValueError(f"{status} {text}")
        return json.loads(text)

    def _event(self, action: str, path: str, **values: Any) -> Any:
        """The result of an event. None where the server refused it with a sentence; the refusal is counted."""
        status, text = self._post(path, **values)
        if status == 503:  # the queue is full
            self.outcome.note(action, "refused")
            return None
        event = json.loads(text)["event_id"]
        _, stream = self._request("GET", f"call/x/{event}")
        kind, _, data = stream.strip().rpartition("event: ")[2].partition("\ndata: ")
        if kind == "complete":
            return json.loads(data)
        sentence = json.loads(data).get("error")
        self.outcome.note(action, "refused" if isinstance(sentence, str) and sentence.endswith(".") else "wrong", data)
        return None

    def _judge(self, action: str, result: Any, right: bool) -> None:
        if result is not None:
            self.outcome.note(action, "right" if right else "wrong", result)

    def _poll(self) -> None:
        began = time.perf_counter()
        answer = self._function(self._place.chart, "poll", [self._key, self._version])
        self.outcome.polls.append(1000 * (time.perf_counter() - began))
        self._version = answer.get("v", -1)
        self._judge("poll", answer, answer.get("gone", False) or isinstance(answer.get("v"), int))

    def _start(self) -> None:
        settings = {"steps": self._random.choice((20, 60, 200)), "batch_size": 16}
        result = self._event("start", "call/start_training", data=["contrastive-pairs", "glyphs", settings])
        self._judge("start", result, right=bool(result) and {"id", "watch"} <= set(result[0]))
        if result:
            self._key, self._version = result[0]["id"], -1

    def _stop(self) -> None:
        result = self._event("stop", "call/stop_training", data=[self._key])
        self._judge("stop", result, right=result == [{"state": "stopped"}])

    def _status(self) -> None:
        result = self._event("status", "call/training_status", data=[self._key])
        self._judge("status", result, right=bool(result) and "state" in result[0])

    def _frame(self) -> None:
        answer = self._function(self._place.chart, "frame", [self._key, 0])
        self._judge("frame", answer, right=answer.get("gone", False) or "edges" in answer)

    def _upload(self) -> dict[str, Any]:
        content = io.BytesIO()
        side = self._random.choice((40, 200, 900))
        Image.effect_noise((side, side), self._random.randrange(20, 90)).save(content, "PNG")
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="mine.png"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status, text = self._request("POST", "upload", head + content.getvalue() + b"\r\n--x--\r\n", kind)
        self.outcome.note("upload", "right" if status == 200 else "wrong", text)
        return {"path": json.loads(text)[0], "meta": {"_type": "gradio.FileData"}}

    def _compare(self) -> None:
        images = [self._upload(), self._upload()]
        model = self._random.choice(self._place.models)
        result = self._event("compare", "call/dissimilarity", data=[*images, model])
        self._judge("compare", result, right=bool(result) and result[0]["dissimilarity"] >= 0)

    def _batch(self) -> None:
        options = {"from": "data:glyphs", "seed": self._random.randrange(1000)}
        answer = self._function(self._place.explore, "explore", ["batch", options])
        self._judge("batch", answer, right=bool(answer.get("cards")))

    def _nonsense(self) -> None:
        path, body = self._random.choice(
            [
                ("call/dissimilarity", b'{"data": [{"path": "/etc/passwd"}]}'),
                ("call/no_such_endpoint", b'{"data": []}'),
                ("run/dissimilarity", b'{"data": [null, null, "glyphs"]}'),
                ("queue/join", b'{"data": [[[['),
                ("queue/join", b'{"fn_index": 999999, "data": [], "session_hash": "abc"}'),
                ("component_server", b'{"component_id": "x"}'),
                ("call/start_training", b"a" * 100_000),
            ]
        )
        status, text = self._request("POST", path, body)
        self.outcome.note("nonsense", "refused" if 400 <= status < 500 and "detail" in text else "wrong", text)
