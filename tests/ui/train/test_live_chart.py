"""The live view as far as Python can see it: its texts, its style, its script and how Gradio takes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import gradio as gr
import pytest
from fontTools.ttLib import TTFont
from gradio.themes.utils.fonts import LocalFont, font_file_path

from siamese.ui.static_files import STATIC, read_json, static_path
from siamese.ui.theme import theme
from siamese.ui.train.live_chart import LiveChart

SCRIPTS = sorted(STATIC.glob("train/*.js"))
SOURCE = "\n".join(path.read_text("utf-8") for path in SCRIPTS)
TEXTS: dict[str, dict[str, str]] = read_json("train/live_chart.json")
CSS = re.sub(r"/\*.*?\*/", "", (STATIC / "style.css").read_text("utf-8"), flags=re.DOTALL)
# Keys that the script puts together: their beginning or their end stands in it.
COMPOSED = re.compile(r"^(state|unseen|force|step_lead|score)_|_(title|text)$|^note_\w+_wait$")


def test_every_text_the_script_asks_for_exists_and_none_is_left_over() -> None:
    texts = {
        key for name in ("live_chart", "lesson_card", "take_home") for key in read_json(f"train/{name}.json")["en"]
    }
    asked = set(re.findall(r"\bwords\.(\w+)", SOURCE))
    asked |= set(re.findall(r"\b(?:say|sentence)\(\s*\"(\w+)\"", SOURCE))
    assert asked and asked <= texts, asked - texts
    quoted = set(re.findall(r"\"(\w+)\"", SOURCE))
    unused = {key for key in TEXTS["en"] if key not in asked | quoted and not COMPOSED.search(key)}
    assert not unused


@pytest.mark.parametrize("state", ["idle", "waiting", "preparing", "running", "paused", "done", "stopped", "failed"])
def test_every_state_of_a_job_has_a_name_and_a_sign(state: str) -> None:
    assert f"state_{state}" in TEXTS["en"]
    signs = re.search(r"const SIGNS = \{(.*?)\};", (STATIC / "train/status_bar.js").read_text("utf-8"), re.DOTALL)
    assert signs and re.search(rf"\b{state}:", signs[1])


@pytest.mark.parametrize("kind", ["collapse", "diverged", "satisfied", "failed", "gone"])
def test_every_diagnosis_is_explained(kind: str) -> None:
    for texts in TEXTS.values():
        assert texts[f"{kind}_title"] and texts[f"{kind}_text"]


def test_names_from_anywhere_cannot_become_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", SOURCE)


def test_page_loads_the_module_and_its_words_from_this_server() -> None:
    script = LiveChart().js_on_load or ""
    assert f'import(new URL("{static_path()}/common/widget.js", document.baseURI))' in script
    about = json.loads(re.search(r"upload, watch }, (.*)\),\n", script)[1])  # type: ignore[index]
    assert about["module"] == "../train/live_chart.js" and (STATIC / "common" / about["module"]).is_file()
    assert about["texts"] == TEXTS


def test_style_holds_only_what_gradio_passes_on() -> None:
    assert set(re.findall(r"@([\w-]+)", CSS)) <= {"media", "keyframes", "font-face"}
    for block in re.findall(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\s*\}", CSS):
        selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", block) for part in rule.split(",")]
        assert selectors and not [s for s in selectors if re.match(r"(body|html|:root|\.gradio-container)", s)]


def test_rules_for_a_projector_are_variables() -> None:
    # Gradio's repeated form of the ordinary rules outweighs any rule that hangs on the body, but not its variables.
    rules = re.findall(r"(body\.projector[^{]*)\{([^}]*)\}", CSS)
    assert rules
    for _, body in rules:
        declarations = [line.strip() for line in body.split(";") if line.strip()]
        assert all(line.startswith("--") or line.endswith("!important") for line in declarations), declarations


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_the_guidelines_say() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("dark", ["", "_dark"])
def test_text_and_marks_stand_out(dark: str) -> None:
    look = vars(theme())
    papers = [look[f"{name}{dark}"] for name in ("body_background_fill", "block_background_fill")]
    rule = re.search(
        r"\.dark \.gradio-container \{(.*?)\}" if dark else r"^\.gradio-container \{(.*?)\}",
        CSS,
        re.DOTALL | re.MULTILINE,
    )
    marks = dict(re.findall(r"--(same|different|class-\d): (#\w{6})", rule[1] if rule else ""))
    assert len(marks) == 10
    for paper in papers:
        for ink in ("body_text_color", "body_text_color_subdued"):
            assert contrast(look[ink + dark], paper) >= 4.5, ink
        for name, colour in marks.items():
            assert contrast(colour, paper) >= 3, name


def test_fonts_come_from_this_server_and_hold_the_letters() -> None:
    look = theme()
    assert look._stylesheets == []
    fonts = [font for font in (*look._font, *look._font_mono) if isinstance(font, LocalFont)]
    assert fonts
    for font in fonts:
        for weight in font.weights:
            path: Path = font_file_path(font.name, weight)
            letters = set(TTFont(path).getBestCmap())
            assert set(map(ord, "abcxyzABCXYZ0123456789%.,→")) <= letters, path.name


def test_chart_carries_its_props_and_calls_three_functions() -> None:
    overlays = [{"id": "b", "label": "margin 0.5"}]
    with gr.Blocks():
        chart = LiveChart(job="a", overlays=overlays, plan={"steps": 10, "unseen": "people"}, elem_id="chart")
    config = chart.get_config()
    props = config["props"]
    assert (props["job"], props["watch"], props["overlays"]) == ("a", False, overlays)
    assert config["elem_id"] == "chart"
    assert [getattr(function, "__name__", "") for function in chart.server_fns] == ["poll", "frame", "thumbnails"]
    assert chart.api_info() == {"type": "null"}


def test_chart_tells_changes_of_state() -> None:
    with gr.Blocks() as demo:
        chart = LiveChart()
        chart.job_state(lambda: None, None, None)
    targets = [target for function in demo.fns.values() for target in function.targets]
    assert (chart._id, "job_state") in targets


def test_chart_is_rebuilt_from_its_own_arguments() -> None:
    with gr.Blocks():
        chart = LiveChart(job="a", elem_id="chart")
        again = LiveChart(**(chart.constructor_args | {"job": None, "watch": True, "render": False}))
    assert again.props["job"] is None and again.props["watch"] is True
    assert again.elem_id == "chart" and again.js_on_load == chart.js_on_load
