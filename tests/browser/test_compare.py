"""The Compare tab in a real browser: two images, one against many, and every way a picture comes in."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from siamese.data.bank import Dataset
from siamese.ui.lab import EXAMPLES, current_lab

Visitor = Any  # the class of conftest.py, which tests cannot import
WAIT = 30_000  # milliseconds for anything a busy two-core machine may take its time over
HOOK = [[(0.25, 0.25), (0.5, 0.26), (0.68, 0.3), (0.72, 0.45), (0.7, 0.75)], [(0.1, 0.76), (0.4, 0.78), (0.8, 0.82)]]
CROSS = [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]]


def draw(page: Page, pad: str, strokes: list[list[tuple[float, float]]]) -> None:
    for stroke in strokes:
        box = page.locator(f"{pad} .pad > svg").bounding_box()
        assert box is not None
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def opened(visit: Callable[..., Visitor], query: str = "", **profile: object) -> Visitor:
    visitor = visit(query, **profile)
    visitor.tab("Compare")
    visitor.wait("document.querySelector('.compare .model')?.dataset.model")
    return visitor


def measured(visitor: Visitor) -> float:
    visitor.wait("document.querySelector('.two').dataset.value > ''")
    return float(visitor.page.eval_on_selector(".two", "node => node.dataset.value"))


def well(side: int) -> str:
    return f".two .well:nth-child({side + 1})"


def give(visitor: Visitor, side: int, name: str) -> None:
    visitor.page.locator(well(side)).get_by_role("button", name="File").click()
    visitor.page.set_input_files(f"{well(side)} input[type=file]", EXAMPLES / name)
    visitor.page.wait_for_selector(f"{well(side)} .seen img", timeout=WAIT)
    # The mouse rests on the button, which is pressed now; its word is still to be read.
    visitor.wait(
        f"(style => style.color !== style.backgroundColor)(getComputedStyle(document.querySelector('{well(side)} "
        ".ways [aria-pressed=true]')))"
    )


def test_the_number_follows_the_pen_and_swapping_changes_nothing(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    page = visitor.page
    give(visitor, 1, "glyphs-same-right.png")
    page.locator(well(0)).get_by_role("button", name="Draw").click()
    box = page.locator(f"{well(0)} .pad > svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    last = measured(visitor)
    for x, y in ((150, 60), (160, 200), (60, 210), (200, 120)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
        visitor.wait(f"+document.querySelector('.two').dataset.value !== {last}")
        last = measured(visitor)
    page.mouse.up()
    visitor.wait("document.querySelector('.two .doubt').style.visibility === 'visible'")
    said = page.inner_text(".two .doubt")
    assert said.startswith("At this distance") and said.endswith(("are different.", "are the same."))
    assert "of 100 same pairs" in page.inner_text(".two .placed")
    before = measured(visitor)
    shown = page.inner_text(".two .big")
    assert float(shown) == pytest.approx(before, abs=5e-5) and len(shown.split(".")[1]) == 4
    page.get_by_role("button", name="swap").click()
    visitor.wait("document.querySelector('.two .well:nth-child(1) .frame')")
    visitor.wait("document.querySelector('.two .doubt').style.visibility === 'visible'")
    assert measured(visitor) == pytest.approx(before, abs=1e-5)
    assert page.inner_text(f"{well(0)} h2") == "First picture" and page.locator(f"{well(1)} .pad").count() == 1


def test_an_example_brings_its_model_and_says_where_it_comes_from(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    page = visitor.page
    pairs = json.loads((EXAMPLES / "pairs.json").read_text("utf-8"))["pairs"]
    for number in (0, 2):
        page.locator(".compare .examples li button").nth(number).click()
        visitor.wait(f"document.querySelector('.compare .model').dataset.model === '{pairs[number]['model']}'")
        visitor.wait("document.querySelector('.two').dataset.state === 'same'")
    value = measured(visitor)
    page.get_by_role("button", name="Where does it come from?").click()
    page.wait_for_selector(".where-view .map img", timeout=WAIT)
    assert "as said" in page.inner_text(".where-view .keys"), "the self-check"
    number = page.inner_text(".where-view .slider b")
    assert float(number.split(" → ")[0]) == pytest.approx(value, abs=5e-5)
    page.locator(".where-view .slider input").press("Home")
    assert page.inner_text(".where-view .slider b") != number
    page.get_by_role("button", name="Back to the hills").click()
    assert page.is_visible(".two .chart") and not page.is_visible(".where-view")


def test_a_card_opens_at_its_beginning(visit: Callable[..., Visitor]) -> None:
    page = opened(visit).page
    page.get_by_role("button", name="the whole card").click()
    above, below = page.eval_on_selector(
        "dialog[open]", "node => [node.scrollTop, node.scrollHeight - node.clientHeight]"
    )
    assert above == 0 and below > 0
    page.get_by_role("button", name="Close").click()
    assert not page.is_visible("dialog")


def test_a_pair_of_another_tab_opens_here(visit: Callable[..., Visitor], built_in: Callable[[str], Dataset]) -> None:
    visitor = opened(visit, "?compare=doodle-faces:0:v30&model=doodle-faces")
    value = measured(visitor)
    comparer = current_lab().comparer("doodle-faces")
    from siamese.ui.pictures import to_image

    dataset = built_in("doodle-faces")
    pair = dataset.test.images[0], dataset.validation.images[30]
    assert value == pytest.approx(comparer.compare(*map(to_image, pair)).dissimilarity, abs=1e-5)


def test_paste_and_a_file_that_is_no_image(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    page = visitor.page
    picture = base64.b64encode((EXAMPLES / "glyphs-same-left.png").read_bytes()).decode()
    page.evaluate(
        """(text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytes], "x.png", { type: "image/png" }));
            const event = () => new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event());
        }""",
        picture,
    )
    page.wait_for_selector(f"{well(0)} .frame img", timeout=WAIT)
    give(visitor, 1, "glyphs-same-right.png")
    before = measured(visitor)
    page.locator(well(1)).get_by_role("button", name="File").click()
    wrong = {"name": "notes.png", "mimeType": "image/png", "buffer": b"these are words"}
    page.set_input_files(f"{well(1)} input[type=file]", wrong)
    visitor.wait("document.querySelector('.two .verdict.error, .two .well-error:not(:empty)')")
    give(visitor, 1, "glyphs-same-right.png")
    visitor.wait("document.querySelector('.two').dataset.value > ''")
    assert measured(visitor) == pytest.approx(before, abs=1e-6)
    visitor.complaints.clear()  # the browser reports the picture that it could not show


def test_a_photograph_given_to_a_model_of_characters_is_warned_of(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    give(visitor, 0, "doodle-faces-twins-left.png")
    visitor.wait("document.querySelector('.two .seen .warning')")
    give(visitor, 0, "glyphs-same-left.png")
    visitor.wait("!document.querySelector('.two .seen .warning')")


def test_one_against_many(visit: Callable[..., Visitor]) -> None:
    """A board is drawn, asked, kept in a link, opened again and taken home."""
    visitor = opened(visit)
    page = visitor.page
    page.get_by_role("button", name="One against many").click()
    for name, strokes in (("hook", HOOK), ("cross", CROSS)):
        draw(page, ".many", strokes)
        page.get_by_label("Its name").fill(name)
        page.get_by_role("button", name="Put it on the board").click()
    assert page.locator(".board .thing:not(.add)").count() == 2 and page.inner_text(".board .num") == "2 of 20"
    draw(page, ".many", [[(0.1 + 0.6 * x, 0.3 + 0.6 * y) for x, y in stroke] for stroke in CROSS])
    visitor.wait("document.querySelector('.many').dataset.winner === 'cross'")
    assert page.inner_text(".many .answer b") == "cross" and page.locator(".thing.near").count() == 1
    assert page.locator(".bars .name").count() == 2
    page.get_by_role("button", name="Keep in a link").click()
    visitor.wait("location.hash.startsWith('#board=')")
    kept = page.evaluate("location.href").split(visitor.address)[1]
    with page.expect_download() as download:
        page.get_by_role("button", name="Take home").click()
    content = Path(download.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["board/01 hook/1.png", "board/02 cross/1.png"]
        assert all(archive.read(name).startswith(b"\x89PNG") for name in archive.namelist())

    other = opened(visit, kept)
    other.wait("document.querySelectorAll('.board .thing:not(.add)').length === 2")
    assert other.page.locator(".board h3").all_inner_texts() == ["hook", "cross"]
    draw(other.page, ".many", HOOK)
    other.wait("document.querySelector('.many').dataset.winner === 'hook'")


def test_none_of_these_on_the_ready_made_board(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    page = visitor.page
    page.get_by_role("button", name="One against many").click()
    page.get_by_role("button", name="Ready-made board").click()
    assert page.locator(".board .thing:not(.add)").count() == 8
    draw(page, ".many", HOOK)
    visitor.wait("document.querySelector('.many').dataset.state === 'none'")
    assert page.inner_text(".many .answer b") == "none of these" and page.locator(".thing.near").count() == 0


def test_a_running_run_gives_a_snapshot_and_goes_on(visit: Callable[..., Visitor]) -> None:
    visitor = visit("?steps=3000")
    page = visitor.page
    page.click("#start")
    visitor.wait_points(3)
    (job,) = [job for job in current_lab().jobs.all_jobs() if job.alive]
    visitor.tab("Compare")
    visitor.wait("[...document.querySelectorAll('.model option')].some((node) => node.value.startsWith('run:'))")
    page.select_option(".model select", f"run:{job.id}")
    visitor.wait("document.querySelector('.model').dataset.model?.startsWith('run:')")
    assert "snapshot" in page.inner_text(".model .lead") and job.alive
    page.locator(".compare .examples li button").first.click()
    page.select_option(".model select", f"run:{job.id}")
    measured(visitor)
    first = int(page.eval_on_selector(".model", "node => node.dataset.step"))
    visitor.wait(f"+document.querySelector('.live').dataset.step > {first}")
    page.get_by_role("button", name="Newest weights").click()
    visitor.wait(f"+document.querySelector('.model').dataset.step > {first}")
    assert job.alive


def test_an_uploaded_checkpoint_compares_and_another_file_does_not(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    page = visitor.page
    file = EXAMPLES.parent / "weights/doodle-faces.safetensors"
    page.set_input_files(".model input[type=file]", file)
    visitor.wait("document.querySelector('.model').dataset.model?.startsWith('file:')")
    assert page.locator(".model option:checked").inner_text() == file.name
    page.set_input_files(".model input[type=file]", EXAMPLES / "pairs.json")
    visitor.wait("document.querySelector('.model [role=status]').textContent.includes('no checkpoint')")


@pytest.fixture
def camera(chromium: Browser, address: str) -> Iterator[Page]:
    """A browser with Chromium's own fake webcam, which needs nobody's permission."""
    fake = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    browser = chromium.browser_type.launch(executable_path=path, args=fake)
    page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
    page.goto(address)
    yield page
    browser.close()


def test_a_picture_of_the_webcam(camera: Page) -> None:
    camera.get_by_role("tab", name="Compare").click()
    first = camera.locator(well(0))
    first.get_by_role("button", name="Photo").click()
    first.get_by_role("button", name="Switch it on").click()
    first.get_by_role("button", name="Take a picture").click()
    camera.wait_for_selector(f"{well(0)} .frame img", timeout=WAIT)
    # Chromium's test picture is no letter.
    camera.wait_for_selector(f"{well(0)} .seen .warning", timeout=WAIT)


@pytest.mark.parametrize("mode", ["two", "many"])
def test_phone_dark_and_both_modes_are_accessible(visit: Callable[..., Visitor], mode: str) -> None:
    visitor = opened(visit, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = visitor.page
    if mode == "many":
        page.get_by_role("button", name="One against many").click()
        page.get_by_role("button", name="Ready-made board").click()
    else:
        page.locator(".compare .examples li button").first.click()
        measured(visitor)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    results = Axe().run(page, context=".compare")
    serious = [v for v in results.response["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, [(v["id"], v["nodes"][0]["html"][:200]) for v in serious]


def test_a_lesson_leads_to_the_board_with_a_model_of_drawings(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit, "?lesson=one-shot")
    page = visitor.page
    page.locator(".compare .examples li button").nth(2).click()
    visitor.wait("document.querySelector('.compare .model').dataset.model === 'doodle-faces'")
    visitor.tab("Train")
    card = page.locator(".lesson-card")
    card.locator("button.option").first.click()
    card.locator("button.reveal").click()
    card.get_by_role("button", name="One against many").click()
    visitor.wait("document.querySelectorAll('.board .thing:not(.add)').length === 8")
    visitor.wait("['drawings', 'glyphs'].includes(document.querySelector('.compare .model').dataset.model)")
    draw(page, ".many", HOOK)
    visitor.wait("document.querySelector('.many').dataset.state !== 'empty'")
