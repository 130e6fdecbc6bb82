"""The Explore tab in a real browser: each view, a run that is followed, guesses, links, themes and accessibility."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe

from siamese.evaluation import metrics
from siamese.ui.explore.server import explore
from siamese.ui.lab import current_lab

SHORT = "?recipe=contrastive-pairs&steps=5000&batch_size=32"


class Explorer:
    """The Explore tab of one page."""

    def __init__(self, visitor: Any) -> None:
        self.visitor, self.page = visitor, visitor.page

    def ready(self, view: str) -> None:
        self.visitor.wait(
            f"(() => {{ const d = document.querySelector('.explore')?.dataset; return d?.view === '{view}' && "
            "d.busy !== 'true' && d.state === 'shown'; })()"
        )

    def open(self, view: str = "batch") -> None:
        self.visitor.tab("Explore pairs")
        self.ready(view)

    def look(self, view: str) -> None:
        self.page.click(f".explore .chip[data-value='{view}']")
        self.ready(view)

    def data(self, key: str) -> str:
        return self.page.eval_on_selector(".explore", "(node, key) => node.dataset[key] ?? ''", key)

    def pictures(self) -> str:
        return self.page.eval_on_selector_all(".explore .cards img", "nodes => nodes.map(n => n.src).join()")

    def wait_step(self, condition: str) -> None:
        self.visitor.wait(f"+document.querySelector('.explore').dataset.step {condition}")


def test_a_run_is_followed_on_the_wall_and_inside_a_pair(visit: Callable) -> None:
    visitor = visit(SHORT)
    visitor.page.click("#start")
    visitor.wait_points(3)
    tab = Explorer(visitor)
    tab.open()
    tab.wait_step("> 0")
    first = int(tab.data("step"))
    tab.wait_step(f"> {first}")  # the wall follows a run that goes on
    visitor.page.click("#explore-toggle")
    visitor.wait("document.querySelector('.explore .state b').textContent.includes('Paused')")
    visitor.page.wait_for_function(
        "() => document.querySelector('.live').dataset.state === 'paused' || !document.querySelector('.live').offsetParent"
    )
    (job,) = [job for job in current_lab().jobs.all_jobs() if job.alive]
    tab.wait_step(f"=== {job.history.newest_step}")
    wall = explore(["batch", {"from": f"run:{job.id}"}])
    assert tab.pictures() == ",".join(uri for card in wall["cards"] for uri in (card["left"], card["right"]))
    assert (
        visitor.page.locator(".explore .truth.same").count()
        == visitor.page.locator(".explore .truth.different").count()
        == 6
    )
    before = tab.pictures()
    visitor.page.click("#explore-step")
    tab.wait_step(f"=== {wall['step'] + 1}")
    assert tab.pictures() != before

    # A pair from inside: the distance of its card, and the same two pictures followed through the next steps.
    card = visitor.page.locator(".explore .pair-card").nth(8)
    number = card.locator(".number").inner_text()
    card.click()
    tab.ready("inside")
    assert f"{number} before step {wall['step'] + 1}" in (visitor.page.text_content(".explore .flow") or "")
    assert visitor.page.locator(".explore .flow image.pixels").count() == 3 * (2 * 4 + 4)
    shown = visitor.page.eval_on_selector_all(
        ".explore .flow image:not(.pixels)", "n => n.map(i => i.getAttribute('href'))"
    )
    for step in (2, 3):
        visitor.page.click("#explore-step")
        visitor.wait(
            f"document.querySelector('.explore .course-row .number')?.textContent.includes('{wall['step'] + step}')"
        )
    after = visitor.page.eval_on_selector_all(
        ".explore .flow image:not(.pixels)", "n => n.map(i => i.getAttribute('href'))"
    )
    assert after == shown
    visitor.page.click(".explore .back")
    tab.ready("batch")
    tab.look("triplets")
    total = visitor.page.eval_on_selector_all(
        ".explore .kinds .fact", "n => n.reduce((sum, f) => sum + +f.dataset.count, 0)"
    )
    assert total == 256

    # Somebody else watches by a link, and has no button that steps.
    tab.look("batch")
    link = f"?explore=batch&from=run:{job.watch_id}&size=32"
    pupil = Explorer(visit(link))
    pupil.ready("batch")
    assert pupil.page.locator(".explore .pair-card").count() == 32
    assert pupil.page.locator("#explore-step").count() == 0


def test_thresholds_count_what_the_server_counts(visit: Callable) -> None:
    visitor = visit("?explore=threshold&from=glyphs")
    tab = Explorer(visitor)
    tab.ready("threshold")
    answer = explore(["threshold", {"from": "glyphs"}])

    def numbers() -> list[str]:
        return visitor.page.locator(".explore .four .fact > .soft").all_inner_texts()

    def wanted(threshold: float) -> list[str]:
        same, different = (
            torch.tensor(np.frombuffer(base64.b64decode(answer[k]), "<f4")) for k in ("same", "different")
        )
        let_in = int(metrics.verdict(different.double(), threshold).sum())
        away = int((~metrics.verdict(same.double(), threshold)).sum())
        return [f"{let_in:,} of {len(different):,} strangers let in", f"{away:,} of {len(same):,} friends turned away"]

    assert numbers()[:2] == wanted(answer["thresholds"]["validation"])
    for name in ("few", "equal", "best"):
        visitor.page.click(f".explore [data-set='{name}']")
        assert numbers()[:2] == wanted(answer["thresholds"][name])
    # Dragged, and moved by the keyboard: the numbers stay those of the threshold that is shown.
    box = visitor.page.locator(".explore .hills").bounding_box()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 100)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 100, steps=5)
    visitor.page.mouse.up()
    for key in (None, "ArrowLeft", "PageUp"):
        if key:
            visitor.page.keyboard.press(key)
        at = float(visitor.page.eval_on_selector(".explore .hills", "node => node.dataset.threshold"))
        assert numbers()[:2] == wanted(at)
    assert visitor.page.locator(".explore .set [aria-pressed=true]").count() == 0
    # The errors that are shown are errors.
    for list_, wrong in ((0, lambda d: d < at), (1, lambda d: d >= at)):
        shown = (
            visitor.page.locator(".explore .errors").nth(list_).locator("li:not([hidden]) .number").all_inner_texts()
        )
        assert all(wrong(float(d)) for d in shown)
    visitor.page.locator(".explore .error:visible").first.click()
    tab.ready("inside")


def test_mistakes_episodes_and_guesses(visit: Callable) -> None:
    visitor = visit()
    tab = Explorer(visitor)
    tab.open()
    tab.look("errors")
    page = visitor.page
    assert page.locator(".explore .badge").count() == page.locator(".explore .pair-card").count() == 12
    assert page.locator(".explore .truth.same").count() == 6
    page.get_by_role("button", name="at the threshold").click()
    visitor.wait("document.querySelector('.explore h2').textContent.includes('least sure')")

    tab.look("episode")
    assert page.locator(".explore .candidate").count() == 5
    page.locator(".explore .candidate").nth(2).click()
    visitor.wait("document.querySelectorAll('.explore .candidate.answer').length === 1")
    page.click(".explore .more")
    visitor.wait(
        "[...document.querySelectorAll('.explore .fact')].filter(n => n.textContent.includes('interval')).length === 3"
    )
    page.click("#explore-draw")
    visitor.wait("!document.querySelector('.explore .candidate.answer')")

    tab.look("batch")
    page.get_by_role("switch", name="Guess first").click()
    visitor.wait("document.querySelectorAll('.explore .hidden-truth').length === 12")
    hidden = page.inner_html(".explore .cards")
    assert "same</span>" not in hidden and "LETTER" not in hidden, "nothing gives the answer away"
    page.locator(".explore .hidden-truth").first.focus()
    for _ in range(12):
        page.keyboard.press("s")  # the keyboard goes on to the next pair by itself
    visitor.wait("document.querySelector('.explore .scores-row')")
    scores = page.inner_text(".explore .scores-row")
    assert "6 / 12" in scores and "the network" in scores and "raw pixels" in scores


def test_a_view_comes_back_from_its_link_and_in_chinese(visit: Callable) -> None:
    visitor = visit("?explore=errors&from=glyphs&errors=hardest_different&size=32", locale="zh-CN")
    tab = Explorer(visitor)
    tab.ready("errors")
    assert visitor.page.locator(".explore .pair-card").count() == 32
    assert visitor.page.inner_text(".explore h2") == "两类之间最近的图片对"
    assert visitor.page.eval_on_selector(".explore", "n => n.lang") == "zh-CN"


@pytest.mark.parametrize("profile", [{}, {"viewport": {"width": 390, "height": 800}}], ids=["desk", "phone"])
def test_every_view_fits_and_satisfies_axe(visit: Callable, profile: dict[str, Any]) -> None:
    visitor = visit("?explore=threshold&from=glyphs", **profile)
    tab = Explorer(visitor)
    tab.ready("threshold")
    for view in ("threshold", "batch", "triplets", "episode", "errors", "inside"):
        if view == "inside":
            visitor.page.locator(".explore .pair-card").first.click()
            tab.ready("inside")
        else:
            tab.look(view)
        width = visitor.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], (view, width)
        results = Axe().run(visitor.page)
        serious = [v for v in results.response["violations"] if v["impact"] in ("serious", "critical")]
        assert not serious, [(view, v["id"], v["nodes"][0]["html"][:200]) for v in serious]
