"""The Train tab as a lesson: steering, lessons, links, the waiting line, comparing runs, taking home, keyboard, access."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from siamese.models.checkpoint import Checkpoint
from siamese.training.events import Progress
from siamese.ui.lab import current_lab
from siamese.ui.train.lessons import load_lessons

LONG = "?recipe=contrastive-pairs&steps=5000&batch_size=16"


def running() -> Any:
    (job,) = [job for job in current_lab().jobs.all_jobs() if job.alive]
    return job


def values(visitor: Any, *fields: str) -> list[str]:
    """What controls show."""
    return [visitor.page.input_value(f"#{field} input") for field in fields]


def test_learning_rate_and_margin_move_during_a_run(visit: Callable) -> None:
    visitor = visit(LONG)
    visitor.page.click("#start")
    visitor.wait_points(3)
    job = running()
    rate = visitor.page.locator("#field-learning-rate input")
    rate.click()
    rate.fill("0.0005")
    rate.press("Enter")
    margin = visitor.page.locator("#field-margin input[type=number]")
    margin.fill("2")
    margin.press("Enter")
    margin.blur()

    def arrived(progress: Progress | None) -> bool:
        return progress is not None and (progress.learning_rate, progress.margin) == (0.0005, 2.0)

    for _ in range(300):
        if arrived(job.history.progress):
            break
        visitor.page.wait_for_timeout(100)
    assert arrived(job.history.progress)
    # The collapse line follows the margin: m²/4 = 1.
    visitor.wait("document.querySelector('.live').dataset.state === 'running'")
    assert job.snapshot()["loss"]["collapse"] == pytest.approx(1.0)


def test_a_lesson_link_sets_the_controls_and_asks_for_a_guess(visit: Callable) -> None:
    lesson = next(lesson for lesson in load_lessons() if lesson.id == "collapse")
    visitor = visit("?lesson=collapse")
    visitor.wait("document.querySelector('.lesson-card').dataset.lesson === 'collapse'")
    visitor.wait(f"document.querySelector('#recipe input').value === '{lesson.settings['recipe']}'")
    card = visitor.page.locator(".lesson-card")
    told = lesson.as_dict()["en"]
    assert told["reveal"] not in card.inner_text()
    card.locator("button.option").first.click()
    card.locator("button.reveal").click()
    assert told["reveal"] in card.inner_text()


def test_lessons_are_walked_through_and_speak_chinese(visit: Callable) -> None:
    visitor = visit(locale="zh-CN")
    visitor.page.click(".lesson-card .invite")
    for lesson in load_lessons():
        visitor.wait(f"document.querySelector('.lesson-card').dataset.lesson === '{lesson.id}'")
        assert lesson.as_dict()["zh"]["title"] in visitor.page.inner_text(".lesson-card")
        following = visitor.page.locator(".lesson-card .walk button", has_text="下一课")
        if following.count():
            following.click()
    assert "开始" in visitor.page.inner_text("#start")


def test_errors_speak_chinese(visit: Callable) -> None:
    visitor = visit("?recipe=nonsense", locale="zh-CN")
    visitor.page.wait_for_selector("text=没有名为“nonsense”的配方")
    visitor.page.click("#advanced > button")
    visitor.page.locator("#field-seed input").fill("-5")
    visitor.page.click("#start")
    visitor.page.wait_for_selector("text=seed 的值是 -5")


def test_a_copied_link_opens_the_same_settings(visit: Callable) -> None:
    first = visit("?recipe=hard-triplets&margin=0.7&soft_margin=false&seed=5&steps=250&data=doodle-faces")
    first.wait("document.querySelector('#recipe input').value === 'hard-triplets'")
    first.page.click("#home > button")
    first.page.click(".take-home button[data-what=settings]")
    first.wait("document.querySelector('.take-home').dataset.link")
    link = first.page.eval_on_selector(".take-home", "node => node.dataset.link")
    second = visit("?" + link.split("?")[1])
    second.wait("document.querySelector('#recipe input').value === 'hard-triplets'")
    second.page.click("#advanced > button")
    shown = values(second, "field-margin", "field-seed", "field-steps", "data")
    assert shown == ["0.7", "5", "250", "Doodle faces"]


def test_slow_motion_by_link_and_live(visit: Callable) -> None:
    visitor = visit(LONG + "&speed=1")
    visitor.wait("document.querySelector('#speed input[value=\"1\"]')?.checked === true")
    visitor.page.click("#start")
    visitor.wait_points(2)
    # At one step a second each step is looked at, as it comes.
    visitor.page.wait_for_selector(".step-detail:not([hidden])")
    assert running().control.steps_per_second == 1 and int(visitor.live("step")) < 10
    visitor.page.get_by_label("full speed").check()
    visitor.wait_points(15)
    assert running().control.steps_per_second is None
    # A second tab finds the run's own speed.
    running().control.set_speed(20)
    second = visit(beside=visitor)
    second.wait("document.querySelector('#speed input[value=\"20\"]')?.checked === true")


def test_the_waiting_line_has_places_and_moves(visit: Callable) -> None:
    first, second, third = visit(LONG), visit(LONG), visit(LONG)
    for visitor in (first, second):
        visitor.page.click("#start")
        visitor.wait_points(1)
    third.page.click("#start")
    third.wait_state("waiting")
    first.page.click("#stop")
    third.wait_state("running")
    third.wait_points(1)


@pytest.mark.parametrize("state", ["idle", "paused", "stopped", "done"])
def test_a_reload_changes_nothing(visit: Callable, state: str) -> None:
    short = state == "done"
    visitor = visit("?recipe=contrastive-pairs&batch_size=16&steps=50" if short else LONG)
    if state != "idle":
        visitor.page.click("#start")
        visitor.wait_points(3)
    if state in ("paused", "stopped"):
        visitor.page.click("#pause" if state == "paused" else "#stop")
    visitor.wait_state(state)
    points = visitor.live("points")
    visitor.page.goto(visitor.address)
    visitor.wait(f"document.querySelector('.live')?.dataset.state === '{state}'")
    visitor.wait(f"document.querySelector('.live').dataset.points >= {points}")
    visitor.complaints.clear()  # the page that was left complains of what it was still asking for


def test_a_run_that_the_server_has_no_more_is_said_and_its_settings_are_offered(visit: Callable) -> None:
    """As after a server that was killed and started again."""
    visitor = visit("?recipe=contrastive-pairs&batch_size=16&steps=4321")
    visitor.page.click("#start")
    visitor.wait_points(1)
    for key, job in list(current_lab().jobs._jobs.items()):
        job.stop()
        del current_lab().jobs._jobs[key]
    visitor.wait_state("gone")
    visitor.page.goto(visitor.address)
    visitor.wait("document.querySelector('.live')?.dataset.state === 'gone'")
    said = visitor.page.inner_text(".live .notice")
    assert "no longer has this run" in said and "press Start" in said
    visitor.page.click("#start")
    visitor.wait_points(1)
    assert "4,321" in visitor.page.inner_text(".live .status")
    visitor.complaints.clear()  # the page that was left complains of what it was still asking for


def test_reset_leaves_an_empty_stage(visit: Callable) -> None:
    visitor = visit(LONG)
    visitor.page.click("#start")
    visitor.wait_points(2)
    visitor.page.click("#reset")
    visitor.wait_state("idle")
    visitor.wait("document.querySelector('.live').dataset.points === '0'")
    visitor.wait("!document.querySelector('#start').disabled")


def test_earlier_runs_are_drawn_behind(visit: Callable) -> None:
    visitor = visit("?recipe=contrastive-pairs&batch_size=16&steps=50&seed=1")
    visitor.page.click("#start")
    visitor.wait_state("done")
    visitor.page.click("#advanced > button")
    visitor.page.locator("#field-seed input").fill("2")
    visitor.page.click("#start")
    visitor.wait("document.querySelector('.live').dataset.state !== 'done'")
    visitor.wait_state("done")
    visitor.page.click("#runs > button")
    visitor.page.locator("#overlays input[type=checkbox]").first.check()
    visitor.page.wait_for_selector(".live .legend :text('seed 1')")


def test_what_is_taken_home_works(visit: Callable, tmp_path: Path) -> None:
    visitor = visit("?data=glyphs&recipe=contrastive-pairs&batch_size=16&steps=50")
    visitor.page.click("#start")
    visitor.wait_state("done")
    visitor.page.click("#home > button")
    saved = {}
    for kind in ("weights", "json", "csv", "png", "svg", "script"):
        with visitor.page.expect_download() as download:
            visitor.page.click(f".take-home button[data-what={kind}]")
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    assert Checkpoint.load(saved["weights"]).step <= 50
    assert saved["png"].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in saved["svg"].read_bytes()[:2000]
    lines = saved["script"].read_text().splitlines()
    assert len(lines) <= 60
    # The script is a whole program: with no data it says what it wants.
    run = subprocess.run([sys.executable, saved["script"]], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode != 0 and "Traceback" not in run.stdout


def test_keyboard_alone_starts_and_stops(visit: Callable) -> None:
    visitor = visit(LONG)

    def press(button: str) -> None:
        for _ in range(60):
            visitor.page.keyboard.press("Tab")
            if visitor.page.evaluate("() => document.activeElement?.closest('button')?.id") == button:
                break
        else:
            pytest.fail(f"Tab never reached {button}")
        visitor.page.keyboard.press("Enter")

    press("start")
    visitor.wait_points(1)
    visitor.wait("!document.querySelector('#stop').disabled")
    visitor.page.evaluate("() => document.activeElement?.blur()")
    press("stop")
    visitor.wait_state("stopped")


@pytest.mark.parametrize("tab", ["Train", "Explore pairs", "Compare"])
def test_nothing_serious_for_axe(visit: Callable, tab: str) -> None:
    visitor = visit()
    visitor.tab(tab)
    if tab == "Explore pairs":
        visitor.wait("document.querySelectorAll('.explore[data-busy=false] .pair-card').length === 12")
    visitor.page.wait_for_load_state("networkidle")
    results = Axe().run(visitor.page)
    serious = [v for v in results.response["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, [(v["id"], v["nodes"][0]["html"][:200]) for v in serious]


@pytest.mark.parametrize(
    "profile",
    [
        {"viewport": {"width": 1280, "height": 720}},
        {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "device_scale_factor": 3},
        {"viewport": {"width": 1280, "height": 720}, "color_scheme": "dark"},
    ],
    ids=["projector", "phone", "dark"],
)
@pytest.mark.parametrize("tab", ["Train", "Explore pairs", "Compare"])
def test_no_page_is_wider_than_its_window(visit: Callable, profile: dict, tab: str) -> None:
    visitor = visit(**profile)
    visitor.tab(tab)
    visitor.page.wait_for_timeout(300)
    wide = visitor.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
