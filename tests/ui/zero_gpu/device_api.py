"""The four answers that Hugging Face's `spaces` package wants from a ZeroGPU host, so that the package's own forks, pipes,
pickling and errors run on any machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class DeviceApi:
    """A host that lends one GPU to whoever asks, while `quota` seconds last (None: for ever).

    scheduled: the questions for a GPU that were granted; released: the tokens given back; pids: of the processes that
    have had a GPU, the newest last.
    """

    def __init__(self) -> None:
        self.quota: float | None = None
        self.scheduled: list[dict[str, str]] = []
        self.released: list[dict[str, str]] = []
        self.pids: list[int] = []
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                self.rfile.read(int(self.headers.get("content-length") or 0))
                status, headers, answer = api.answer(parts.path, dict(parse_qsl(parts.query)))
                body = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", "content-length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, question: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON for one request."""
        with self._lock:
            if path == "/schedule":
                seconds = float(question["durationSeconds"])
                if self.quota is not None and seconds > self.quota:
                    refused = {"X-Approve-Result": "quota-exceeded", "X-Authenticated": "regular"}
                    return 429, refused, {"left": int(self.quota), "wait": 3600}
                if self.quota is not None:
                    self.quota -= seconds
                self.scheduled.append(question)
                token = f"token {len(self.scheduled)}"
                return 200, {}, {"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": token}
            if path == "/allow":
                self.pids.append(int(question["pid"]))
            elif path == "/release":
                self.released.append(question)
            return 200, {}, {}
