"""The room in a browser: the teacher's page, the projector's, and what a pupil's page cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import torch

from siamese.data.bank import Dataset
from siamese.recipes import recipe_named
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.ui.app import build_demo, launch
from siamese.ui.lab import current_lab
from siamese.ui.settings import Settings

WAIT = 180.0  # seconds after which a hanging test gives up; none that passes waits
# As a proxy says it: without this, every page here comes from the server's own machine, which is the teacher's.
FORWARDED = {"X-Forwarded-For": "192.0.2.99"}
PUPIL = {"extra_http_headers": FORWARDED}


@pytest.fixture(scope="module")
def address(server_data: Path) -> Iterator[str]:
    """The address of a server that is open to a room."""
    settings = Settings(server_data, torch.device("cpu"), jobs=4, workers=1, threads=1, host="0.0.0.0", port=0)
    demo = build_demo(settings)
    launch(demo, settings, quiet=True)
    yield f"http://127.0.0.1:{demo.server_port}/"
    demo.close()
    current_lab().close()


def start(dataset: Dataset, name: str, steps: int) -> TrainingJob:
    recipe = replace(
        recipe_named("fast"), steps=steps, validate_every=10, image_size=16, classes_per_batch=6, images_per_class=2
    )
    return current_lab().jobs.submit(Visitor(name, name, name), recipe, "patterns", lambda _: dataset)


@pytest.fixture
def runs(dataset: Dataset) -> tuple[TrainingJob, ...]:
    """Two runs that are over, and one that goes on."""
    short = [start(dataset, name, 20) for name in ("Ada", "Noor")]
    for job in short:
        assert job.ended.wait(WAIT) and job.state == "done"
    return (*short, start(dataset, "Kenji", 10**6))


def test_the_teacher_sees_all_runs_ranked_and_holds_bounds_and_ends(
    visit: Callable, runs: tuple[TrainingJob, ...]
) -> None:
    lab, page = current_lab(), (visitor := visit("?room")).page
    visitor.wait("document.querySelectorAll('.room .run').length === 3")
    visitor.wait("[...document.querySelectorAll('.room .run .score b')].every((b) => b.textContent.endsWith('%'))")
    assert page.locator(".room .run h3 i").all_inner_texts() == ["1", "2", "3"]
    assert sorted(page.locator(".room .run h3 a").all_inner_texts()) == ["Ada", "Kenji", "Noor"]
    # One look, since the run that goes on may overtake meanwhile.
    scores = page.evaluate(
        "[...document.querySelectorAll('.room .run .score b')].map((b) => parseFloat(b.textContent))"
    )
    assert scores == sorted(scores, reverse=True)
    assert page.locator(".room .join svg path").count() == 1 and not page.locator("#start").is_visible()

    page.click(".room .bar .primary")
    visitor.wait("document.querySelector('.room .bar .primary').textContent.includes('Go on')")
    assert lab.jobs.line.on_hold and "All runs stand still" in page.inner_text(".room .notice")
    page.click(".room .bar .primary")
    visitor.wait("document.querySelector('.room .bar .primary').textContent.includes('Pause all')")
    assert not lab.jobs.line.on_hold

    page.click(".room .stepper button[aria-label=more]")
    visitor.wait("document.querySelector('.room .stepper b').textContent === '5'")
    page.select_option(".room .bar select", "600")
    visitor.wait("document.querySelector('.room .bar select').value === '600'")
    while lab.jobs.longest is None:
        page.wait_for_timeout(20)
    assert (lab.jobs.line.most_open, lab.jobs.longest) == (5, 600)
    page.select_option(".room .bar select", "")

    page.click(".room .bar .plain")
    page.locator(".room .run", has_text="Kenji").locator(".end").click()
    assert runs[2].ended.wait(WAIT) and runs[2].note == "teacher"
    visitor.wait("document.querySelectorAll('.room .run.over').length === 3")


def test_the_projector_and_the_pupils_only_look(visit: Callable, runs: tuple[TrainingJob, ...]) -> None:
    lab = current_lab()
    for query, profile in (("?room=watch", {}), ("?room", PUPIL), ("?room=a-guessed-key", PUPIL)):
        visitor = visit(query, **profile)
        visitor.wait("document.querySelectorAll('.room .run').length >= 3")
        assert not visitor.page.locator(".room .bar").is_visible(), query
        assert visitor.page.locator(".room .run .end:visible").count() == 0
    # Whoever passes by the page is refused as well.
    components = httpx.get(f"{visitor.address}config", timeout=60).json()["components"]
    number = next(one["id"] for one in components if one["props"].get("elem_id") == "room")
    call = {"component_id": number, "fn_name": "teach", "session_hash": "abc", "data": ["guess", "hold", True]}
    answer = httpx.post(f"{visitor.address}gradio_api/component_server/", json=call, headers=FORWARDED, timeout=60)
    assert answer.json() == {"closed": True} and not lab.jobs.line.on_hold

    link = visitor.page.locator(".room .run", has_text="Kenji").locator("h3 a").get_attribute("href")
    watching = visit(link, **PUPIL)
    watching.wait_points(1)
    assert watching.page.locator("#start").is_disabled() or not watching.page.locator("#start").is_visible()
    assert "only its owner" in watching.page.inner_text(".live .watching") and runs[2].alive

    teacher = visit(f"?room={lab.room_key}", **PUPIL)
    teacher.page.wait_for_selector(".room .bar")
    assert lab.room_key not in teacher.page.url, "a room can read the address bar"
