"""The drawing pad, the drop zone and the webcam as modules of their own, on a page that holds nothing else."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route

from siamese.ui.static_files import STATIC

SECURE, INSECURE = "http://localhost:1/", "http://pad.test/"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pad</title><style>{css}</style>
<main class="gradio-container" style="--ink:#000;--page:#fff;--card:#fff;--input-border-color:#888;--line:#ccc;
  width:300px;height:2000px"></main>
<script type="module">
import {{ createPad }} from "./pad.js";
import {{ createDropZone, createCamera, shrink }} from "./picture_input.js";
Object.assign(window, {{ createPad, createDropZone, createCamera, shrink, words: {words}, main: document.querySelector("main") }});
window.ready = true;
</script>"""


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []

    def answer(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        if name:
            route.fulfill(body=(STATIC / "common" / name).read_text("utf-8"), content_type="text/javascript")
            return
        words = json.loads((STATIC / "common/picture_input.json").read_text("utf-8"))["en"]
        body = PAGE.format(css=(STATIC / "pad.css").read_text("utf-8"), words=json.dumps(words))
        route.fulfill(body=body, content_type="text/html")

    def open_one(address: str = SECURE, **profile: Any) -> Page:
        context = chromium.new_context(**profile)
        contexts.append(context)
        page = context.new_page()
        page.route("**/*", answer)
        page.goto(address)
        page.wait_for_function("() => window.ready")
        return page

    yield open_one
    for context in contexts:
        context.close()


def pad_on(page: Page) -> None:
    page.evaluate(
        """() => {
        window.calls = { stroke: 0, change: 0 };
        window.pad = createPad({ words, onStroke: () => calls.stroke++, onChange: () => calls.change++ });
        main.append(pad.element);
    }"""
    )


def drag(page: Page, *places: tuple[float, float]) -> None:
    """A stroke of the mouse through places given as shares of the pad."""
    box = page.locator(".pad svg").bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def picture(page: Page, size: int) -> np.ndarray:
    """The pad's PNG as float [size, size], 0 for ink and 1 for paper."""
    url = page.evaluate("(size) => pad.toDataURL(size)", size)
    image = Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
    assert image.size == (size, size)
    return np.asarray(image.convert("L")) / 255.0


@pytest.mark.parametrize("profile", [{}, {"device_scale_factor": 3, "color_scheme": "dark"}], ids=["plain", "sharp"])
def test_a_stroke_becomes_ink_where_the_mouse_went(open_page: Callable[..., Page], profile: dict[str, Any]) -> None:
    page = open_page(**profile)
    pad_on(page)
    assert page.evaluate("pad.isEmpty()")
    assert picture(page, 32).min() == 1.0
    drag(page, (0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
    pixels = picture(page, 100)
    assert pixels[50, 25:75].max() < 0.1  # the line itself
    assert pixels[:40].min() == 1.0 and pixels[60:].min() == 1.0 and pixels[:, :14].min() == 1.0
    assert 4 <= (pixels[:, 50] < 0.5).sum() <= 8  # 6 % of the side
    strokes = page.evaluate("pad.strokes()")
    assert len(strokes) == 1 and np.allclose(strokes[0][-1], (0.8, 0.5), atol=0.01)
    drag(page, (0.1, 0.1), (0.1, 0.1))  # a tap is a dot
    assert picture(page, 100)[10, 10] < 0.1


def test_undo_and_clear_by_button_and_by_key(open_page: Callable[..., Page]) -> None:
    page = open_page()
    pad_on(page)
    undo, clear = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Clear")
    assert undo.is_disabled() and clear.is_disabled()
    for height in (0.2, 0.4, 0.6):
        drag(page, (0.2, height), (0.8, height))
    assert page.evaluate("calls.stroke") == 3 and page.evaluate("calls.change") > 3
    undo.click()
    assert picture(page, 50)[30].min() == 1.0 and page.evaluate("pad.strokes().length") == 2
    page.locator(".pad svg").focus()
    page.keyboard.press("Control+z")
    assert page.evaluate("pad.strokes().length") == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("pad.isEmpty()") and undo.is_disabled()
    assert page.evaluate("document.activeElement.tagName") == "svg"  # the focus is not lost with the button
    assert page.evaluate("calls.stroke") == 6


def test_a_finger_draws_and_does_not_scroll(open_page: Callable[..., Page]) -> None:
    page = open_page(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 500})
    pad_on(page)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        listed = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": listed})

    touch("touchStart", (60, 250))
    for y in range(240, 60, -20):
        touch("touchMove", (60, y))
    touch("touchStart", (60, 80), (200, 200))  # a second finger draws nothing
    touch("touchMove", (60, 80), (220, 220))
    touch("touchEnd")
    page.wait_for_function("() => calls.stroke === 1")
    assert page.evaluate("pad.strokes().length") == 1 and page.evaluate("scrollY") == 0
    assert page.evaluate("Math.max(...pad.strokes()[0].map((point) => point[0])) < 0.5")


def test_large_pictures_are_made_small_before_they_are_sent(open_page: Callable[..., Page]) -> None:
    page = open_page()
    photo = np.random.default_rng(0).integers(0, 255, (700, 1400, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "PNG")
    page.evaluate(
        """() => {
        window.got = [];
        const onFiles = async (files) => { for (const file of files)
            got.push(await shrink(file, words).catch((error) => ({ error: error.message }))) };
        main.append(createDropZone({ words, onFiles }).element);
    }"""
    )
    page.locator("input[type=file]").set_input_files(
        [
            {"name": "photo.png", "mimeType": "image/png", "buffer": out.getvalue()},
            {"name": "old.pgm", "mimeType": "image/x-portable-graymap", "buffer": b"P5 2 2 255\n\0\x40\x80\xff"},
            {"name": "big.tif", "mimeType": "image/tiff", "buffer": b"II*\0" + bytes(1_100_000)},
        ]
    )
    page.wait_for_function("() => got.length === 3")
    sent, raw, refused = page.evaluate("got")
    header, data = sent["url"].split(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert header == "data:image/jpeg;base64" and image.size == (512, 256) and sent["name"] == "photo.png"
    assert base64.b64decode(raw["url"].split(",")[1]).startswith(b"P5")  # only the server can read it
    assert "big.tif" in refused["error"] and "PNG or JPEG" in refused["error"]


def test_paste_reaches_the_zone_under_the_pointer_and_no_text_field(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate(
        """() => {
        window.got = [];
        for (const name of ["a", "b"]) {
            const zone = createDropZone({ words, onFiles: (files) => got.push(name + files[0].name) });
            zone.element.id = name;
            main.append(zone.element);
        }
        main.append(document.createElement("input"));
        window.paste = (target) => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File(["x"], "x.png", { type: "image/png" }));
            target.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        };
    }"""
    )
    page.evaluate("paste(document.body)")
    assert page.evaluate("got") == []
    page.locator("#b").hover()
    page.evaluate("paste(document.body)")
    page.evaluate("paste(document.querySelector('main > input'))")
    page.mouse.move(0, 1000)
    page.evaluate("paste(document.querySelector('#a button'))")
    assert page.evaluate("got") == ["bx.png", "ax.png"]


def camera_on(page: Page) -> None:
    page.evaluate(
        """() => {
        window.taken = [];
        window.camera = createCamera({ words, onPicture: (picture) => taken.push(picture) });
        main.append(camera.element);
    }"""
    )


def test_the_webcam_takes_a_picture_and_goes_off_out_of_sight(open_page: Callable[..., Page]) -> None:
    page = open_page()
    # A moving canvas stands in for the device: a test machine has none.
    page.evaluate(
        """() => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [640, 480];
        const brush = canvas.getContext("2d");
        setInterval(() => { brush.fillStyle = "#0072b2"; brush.fillRect(0, 0, 640, 480); }, 50);
        window.stream = canvas.captureStream(20);
        navigator.mediaDevices.getUserMedia = async () => stream;
    }"""
    )
    camera_on(page)
    assert page.get_by_text("Nothing is sent before you press.").is_visible()
    page.get_by_role("button", name="Switch it on").click()
    page.wait_for_function("() => document.querySelector('video')?.videoWidth === 640")
    page.get_by_role("button", name="Take a picture").click()
    url = page.evaluate("taken[0].url")
    image = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
    assert image.size == (480, 480) and url.startswith("data:image/jpeg")
    assert np.abs(np.asarray(image)[240, 240].astype(int) - (0, 0x72, 0xB2)).max() < 12
    page.evaluate("main.hidden = true")
    page.wait_for_function("() => stream.getTracks().every((track) => track.readyState === 'ended')")
    page.evaluate("main.hidden = false")
    assert page.get_by_role("button", name="Switch it on").is_visible()


def test_a_webcam_that_is_refused_or_not_allowed_says_why(open_page: Callable[..., Page]) -> None:
    page = open_page()
    refuse = "async () => { throw new DOMException('', 'NotAllowedError') }"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {refuse} }}")
    camera_on(page)
    page.get_by_role("button", name="Switch it on").click()
    page.get_by_text("The browser did not allow the webcam").wait_for()
    page = open_page(INSECURE)
    camera_on(page)
    assert page.get_by_text("browsers allow it only where").is_visible()
    assert page.get_by_role("button").count() == 0
