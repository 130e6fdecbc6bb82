"""Pollers: many simulated browsers in one process, each of which polls once a second.

Run as python -m siamese.commands.benchmark.pollers. It reads one line of JSON from stdin, its orders. When every
poller has its first answer it prints "ready". When the time is over it prints its measurements as JSON.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any

INTERVAL = 1.0  # seconds between the polls of one browser


class Poller:
    """One browser: it asks for what is newer than its last answer, and keeps its connection open."""

    def __init__(self, orders: dict[str, Any], number: int) -> None:
        self.milliseconds: list[float] = []
        self.errors = 0
        self._orders = orders
        self._session = f"poller-{number}"
        self._version = -1
        self._connection = http.client.HTTPConnection(orders["host"], orders["port"], timeout=30)

    def ask(self) -> None:
        """One poll."""
        data = [self._orders["key"], self._version]
        body = {
            "data": data,
            "component_id": self._orders["component"],
            "fn_name": "poll",
            "session_hash": self._session,
        }
        began = time.perf_counter()
        try:
            self._connection.request(
                "POST", self._orders["path"], json.dumps(body), {"Content-Type": "application/json"}
            )
            response = self._connection.getresponse()
            content = response.read()
            self.milliseconds.append(1000 * (time.perf_counter() - began))
            answer = json.loads(content)
            self._version = answer["v"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            self.errors += 1
            self._connection.close()

    def run(self, start: float, until: float) -> None:
        """Polls at `start` and then once in an interval, until `until`."""
        due = start
        while due < until:
            time.sleep(max(0.0, due - time.perf_counter()))
            self.ask()
            due += INTERVAL


def main() -> None:
    """Reads the orders (host, port, path, component, key, count, seconds) and follows them."""
    orders = json.loads(sys.stdin.readline())
    pollers = [Poller(orders, number) for number in range(orders["count"])]
    for poller in pollers:
        poller.ask()
        poller.milliseconds.clear()
    print("ready", flush=True)
    start = time.perf_counter()
    threads = [
        threading.Thread(target=poller.run, args=(start + INTERVAL * number / len(pollers), start + orders["seconds"]))
        for number, poller in enumerate(pollers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    milliseconds = [value for poller in pollers for value in poller.milliseconds]
    print(json.dumps({"milliseconds": milliseconds, "errors": sum(poller.errors for poller in pollers)}), flush=True)


if __name__ == "__main__":
    main()
