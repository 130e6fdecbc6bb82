"""The whole path in a real browser: start, grow, reload, offline, pause, step, stop."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
import pytest

from siamese.ui.lab import current_lab
from siamese.ui.server import functions

SHORT = "?recipe=contrastive-pairs&steps=5000&batch_size=16"


def step(visitor) -> int:
    return int(visitor.live("step"))


def test_a_run_from_start_to_stop(visit: Callable, demo: gr.Blocks) -> None:
    visitor = visit(SHORT)
    assert visitor.live("state") == "idle"
    visitor.page.click("#start")
    visitor.wait_points(5)
    before = int(visitor.live("points"))
    visitor.wait_points(before + 1)

    # A reload finds the job again, with the whole curve.
    visitor.page.reload()
    visitor.wait("document.querySelector('.live')?.dataset.state === 'running'")
    visitor.wait_points(before)

    # Four seconds offline: the page stays, says so, and goes on by itself. What it asked for on loading is answered
    # before: Gradio reloads a page of which an outage cuts an event off.
    visitor.wait("!document.querySelector('#stop').disabled")
    visitor.wait_answered(demo)
    visits = visitor.visits
    visitor.context.set_offline(True)
    visitor.wait("document.querySelector('.live').dataset.net === 'down'")
    visitor.page.wait_for_timeout(4000)  # the length of the outage is the subject here
    visitor.complaints.clear()  # Chromium reports each request that an outage refuses
    offline = step(visitor)
    visitor.context.set_offline(False)
    visitor.wait("document.querySelector('.live').dataset.net === 'up'")
    visitor.wait(f"+document.querySelector('.live').dataset.step > {offline}")
    visitor.complaints.clear()
    assert visitor.visits == visits

    visitor.page.click("#pause")
    visitor.wait_state("paused")
    visitor.page.click("#pause")
    visitor.wait_state("running")
    visitor.page.click("#stop")
    visitor.wait_state("stopped")
    assert visitor.page.is_enabled("#start")


def test_the_questions_of_a_page_do_not_reach_gradio(visit: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    call, asked = functions._call, []
    monkeypatch.setattr(functions, "_call", lambda each, data: asked.append(each.__name__) or call(each, data))
    visitor = visit(SHORT)
    visitor.page.click("#start")
    visitor.wait_points(1)
    assert "poll" in asked


def test_a_single_step_is_exactly_one_and_is_shown(visit: Callable) -> None:
    visitor = visit(SHORT)
    for wanted in (1, 2, 3):
        visitor.page.click("#step")
        visitor.wait(f"document.querySelector('.live').dataset.step === '{wanted}'")
        visitor.wait_state("paused")
    visitor.wait("document.querySelectorAll('.step-pairs li').length === 12")


def test_a_second_tab_sees_and_stops_the_same_run(visit: Callable) -> None:
    first = visit(SHORT)
    first.page.click("#start")
    first.wait_points(3)
    second = visit(beside=first)
    second.wait_state("running")
    second.page.click("#stop")
    second.wait_state("stopped")
    first.page.bring_to_front()  # a tab in the background asks but every twenty seconds
    first.wait_state("stopped")


def test_a_stranger_cannot_stop_by_the_watch_link(visit: Callable) -> None:
    teacher = visit(SHORT)
    teacher.page.click("#start")
    teacher.wait_points(3)
    (job,) = [job for job in current_lab().jobs.all_jobs() if job.alive]
    pupil = visit(f"?watch={job.watch_id}")
    pupil.wait_state("running")
    pupil.wait_points(3)
    pupil.wait("document.querySelector('#stop').disabled && document.querySelector('#step').disabled")
    assert job.alive
    teacher.page.click("#stop")
    pupil.wait_state("stopped")
