"""A real server and a real Chromium. Without a browser these tests skip, saying so, unless SIAMESE_NEED_BROWSER is set."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from siamese.ui.app import build_demo, launch
from siamese.ui.lab import current_lab
from siamese.ui.settings import Settings

# Chromium asks its makers' hosts for updates and lists of its own accord; a test of "no other host" wants it silent.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT = 60_000  # milliseconds for anything a busy two-core machine may take its time over


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("SIAMESE_NEED_BROWSER"):
            pytest.fail("No Chromium found, and SIAMESE_NEED_BROWSER asks for one.")
        pytest.skip("No Chromium found; install it to run the browser tests.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(server_data: Path) -> Iterator[gr.Blocks]:
    """A server of this process with room for two runs at once."""
    settings = Settings(server_data, torch.device("cpu"), jobs=2, workers=2, threads=1, port=0)
    demo = build_demo(settings)
    launch(demo, settings, quiet=True)
    yield demo
    demo.close()
    current_lab().close()


@pytest.fixture(scope="module")
def address(demo: gr.Blocks) -> str:
    return demo.local_url


class Visitor:
    """One page of one browser, with everything it complained of and every host it spoke to."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.visits = 0
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.unanswered: set[Request] = set()  # but not a widget's questions, or a stream of the queue's answers
        self.page.on("request", self._asked)
        self.page.on("requestfinished", lambda request: self.unanswered.discard(request))
        self.page.on("requestfailed", lambda request: self.unanswered.discard(request))
        self.page.on("framenavigated", lambda frame: self._visited())

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location.get('url', '')}".strip())

    def _asked(self, request: Request) -> None:
        if request.url.startswith("http"):
            self.hosts.add(request.url.split("/")[2].rsplit(":", 1)[0])
        if "/component_server/" not in request.url and "/queue/data" not in request.url:
            self.unanswered.add(request)

    def _visited(self) -> None:
        self.visits += 1

    def open(self, query: str = "") -> None:
        self.page.goto(self.address + query)
        self.page.wait_for_selector("#start", state="attached", timeout=WAIT)
        self.wait("document.querySelector('.live')?.childElementCount > 0")

    def wait(self, condition: str, timeout: int = WAIT) -> None:
        """Waits for a JavaScript expression to become true."""
        self.page.wait_for_function(f"() => {condition}", timeout=timeout)

    def wait_answered(self, demo: gr.Blocks) -> None:
        """Waits until Gradio has answered everything that the newest page asked. A widget's questions go on meanwhile.

        The server says what its queue still owes: Chromium does not always report the end of a stream of answers.
        """
        owed = demo._queue.pending_event_ids_session
        until = time.monotonic() + WAIT / 1000
        while self.unanswered or any(list(owed.values())[-1:]):
            assert time.monotonic() < until, [request.url for request in self.unanswered]
            self.page.wait_for_event("requestfinished", timeout=WAIT)

    def live(self, key: str) -> str:
        """A data attribute of the live view: state, step, points, net, fps."""
        return self.page.eval_on_selector(".live", "(node, key) => node.dataset[key]", key) or ""

    def wait_state(self, *states: str) -> None:
        wanted = ", ".join(f"'{state}'" for state in states)
        self.wait(f"[{wanted}].includes(document.querySelector('.live').dataset.state)")

    def wait_points(self, points: int) -> None:
        self.wait(f"+document.querySelector('.live').dataset.points >= {points}")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Callable[..., Visitor]]:
    """Opens pages; each gets a browser profile of its own, unless it shares that of another visitor."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def open_one(query: str = "", beside: Visitor | None = None, **profile: Any) -> Visitor:
        profile = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"} | profile
        context = beside.context if beside else chromium.new_context(**profile)
        contexts.append(context)
        visitor = Visitor(context, address)
        visitors.append(visitor)
        visitor.open(query)
        return visitor

    yield open_one
    hosts = set().union(*(visitor.hosts for visitor in visitors))
    complaints = [text for visitor in visitors for text in visitor.complaints]
    for context in set(contexts):
        context.close()
    for job in list(current_lab().jobs.all_jobs()):
        job.stop()
        assert job.ended.wait(30)
    assert hosts <= {"127.0.0.1", "localhost"}, f"the page spoke to {hosts}"
    assert not complaints, f"the browser complained: {complaints}"
