"""The Compare tab: two images side by side and their dissimilarity."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from siamese import SiameseError
from siamese.comparison.explain import explain
from siamese.data.image_file import read_image
from siamese.evaluation.numbers import significant
from siamese.ui.browser import as_browser
from siamese.ui.lab import EXAMPLES, current_lab
from siamese.ui.models import model_dropdown, offer_models
from siamese.ui.pictures import data_uri, overlay
from siamese.ui.texts import i18n
from siamese.ui.upload import ImageUpload, image_upload
from siamese.ui.widget import Widget

MAP_SIDE = 224  # pixels of a picture that shows where a dissimilarity comes from


class Gauge(Widget):
    """The dissimilarity in large type, on a scale with its threshold, and the model it came from.

    result: what `measure` returns, {"error": sentence}, or None for an invitation.
    """

    def __init__(self, value: None = None, *, result: dict[str, Any] | None = None, **props: Any) -> None:
        super().__init__({"result": result}, "gauge", module="compare/gauge.js", words="compare/gauge.json", **props)


@dataclass
class CompareTab:
    """The tab's components."""

    model: gr.Dropdown
    left: ImageUpload
    right: ImageUpload
    gauge: Gauge
    explain: gr.Button
    examples: gr.Gallery
    pairs: list[dict[str, str]]
    asked: gr.Textbox
    ask: gr.Button
    answer: gr.JSON


def build() -> CompareTab:
    """Builds the components; `wire` gives them life."""
    pairs = example_pairs()
    with gr.Column(elem_classes="compare-layout"):
        with gr.Row(equal_height=True, elem_classes="compare-images"):
            left = image_upload(label=i18n("compare.left"), elem_id="left")
            right = image_upload(label=i18n("compare.right"), elem_id="right")
            with gr.Column(elem_classes="compare-result"):
                model = model_dropdown(elem_id="model")
                gauge = Gauge(elem_id="gauge")
                explain_it = gr.Button(i18n("compare.explain"), size="sm", elem_id="explain", interactive=False)
        examples = gr.Gallery(
            [(side_by_side(pair), pair["title"]) for pair in pairs],
            label=i18n("compare.examples"),
            columns=8,
            object_fit="contain",
            height="auto",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="examples",
        )
    # The same question for programs: an endpoint needs components, and these are never seen. The model is a text, since
    # the choices of a browser's dropdown hold its own runs and are not known to a program.
    asked, ask, answer = gr.Textbox(visible=False, label="model"), gr.Button(visible=False), gr.JSON(visible=False)
    return CompareTab(model, left, right, gauge, explain_it, examples, pairs, asked, ask, answer)


def wire(tab: CompareTab, opened: gr.Tab, browser: gr.BrowserState, demo: gr.Blocks) -> None:
    """Compares whenever an image or the model changes; a click on an example brings its images and its model."""
    infer: dict[str, Any] = {"concurrency_id": "compare", "concurrency_limit": 2, "show_progress": "hidden"}
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
    gr.on(
        [tab.left.change, tab.right.change, tab.model.change],
        _show,
        [tab.left, tab.right, tab.model],
        [tab.gauge, tab.explain],
        api_visibility="private",
        trigger_mode="always_last",
        **infer,
    )
    tab.explain.click(
        _explain, [tab.left, tab.right, tab.model], [tab.gauge, tab.explain], api_visibility="private", **infer
    )

    def choose(event: gr.SelectData) -> list[Any]:
        pair = tab.pairs[event.index if isinstance(event.index, int) else 0]
        return [_example(pair["left"]), _example(pair["right"]), pair["model"]]

    tab.examples.select(choose, None, [tab.left, tab.right, tab.model], **private)
    gr.on([opened.select, demo.load], _offer, [browser, tab.model], tab.model, **private)
    tab.ask.click(
        _answer,
        [tab.left, tab.right, tab.asked],
        tab.answer,
        api_name="dissimilarity",
        api_description="Dissimilarity of two images, the model's threshold, and whether the verdict is same.",
        **infer,
    )


def _offer(browser: Any, chosen: Any) -> gr.Dropdown:
    return offer_models(as_browser(browser).owner, chosen)


def example_pairs() -> list[dict[str, str]]:
    """The pairs of the examples folder: names of two files in it, a title, and the model that knows such images.

    A pair that cannot be read is left out, and the log says why.
    """
    listing = EXAMPLES / "pairs.json"
    try:
        pairs = json.loads(listing.read_text("utf-8"))["pairs"]
        if not isinstance(pairs, list):
            raise TypeError("no list of pairs")
    except (OSError, ValueError, LookupError, TypeError) as error:
        current_lab().leave_out("examples/pairs.json", f"{type(error).__name__}.")
        return []
    sound = []
    for number, pair in enumerate(pairs):
        try:
            for part in ("left", "right"):
                _example(pair[part])
            sound.append({name: str(pair[name]) for name in ("left", "right", "title", "model")})
        except (SiameseError, LookupError, TypeError) as error:
            current_lab().leave_out(f"example {number + 1} of examples/pairs.json", str(error))
    return sound


def _example(name: str) -> Image.Image:
    return read_image(EXAMPLES / Path(name).name, name)


def side_by_side(pair: dict[str, str], side: int = 160) -> Image.Image:
    """An example's two images next to each other, for its thumbnail."""
    both = [_example(pair[part]).convert("RGB").resize((side, side)) for part in ("left", "right")]
    card = Image.new("RGB", (2 * side + 4, side), "white")
    card.paste(both[0], (0, 0))
    card.paste(both[1], (side + 4, 0))
    return card


def _show(left: Image.Image | None, right: Image.Image | None, model: Any) -> tuple[Gauge, gr.Button]:
    return _shown(left, right, model, with_maps=False)


def _explain(left: Image.Image | None, right: Image.Image | None, model: Any) -> tuple[Gauge, gr.Button]:
    return _shown(left, right, model, with_maps=True)


def _shown(left: Image.Image | None, right: Image.Image | None, model: Any, with_maps: bool) -> tuple[Gauge, gr.Button]:
    """The gauge with what was measured, and the button that asks where it comes from, if that is still to be asked."""
    if left is None or right is None:
        return Gauge(result=None), gr.Button(visible=True, interactive=False)
    try:
        result = measure(left, right, model)
        if with_maps:
            result["maps"] = maps(left, right, model)
    except SiameseError as error:
        return Gauge(result={"error": str(error)}), gr.Button(visible=True, interactive=False)
    return Gauge(result=result), gr.Button(visible=not with_maps, interactive=True)


def maps(left: Image.Image, right: Image.Image, model: Any) -> list[str]:
    """Both images with what each place of them does to their dissimilarity, as data URIs."""
    comparer = current_lab().comparer(model)
    told = explain(comparer, comparer.prepare(left), comparer.prepare(right))
    # One scale for both: the strongest place of either is the deepest in colour.
    share = told.changes / told.changes.abs().max().clamp_min(1e-9)
    return [data_uri(overlay(image, part, MAP_SIDE)) for image, part in zip(told.images, share)]


def _answer(left: Image.Image | None, right: Image.Image | None, model: Any) -> dict[str, Any]:
    try:
        return measure(left, right, model)
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error


def measure(left: Image.Image | None, right: Image.Image | None, model: Any) -> dict[str, Any]:
    """The comparison of two images in JSON-ready values. Raises SiameseError where an image or the model is missing."""
    if left is None or right is None:
        which = "Both images are" if left is None and right is None else "One image is"
        raise SiameseError(f"{which} missing; choose two images to compare.")
    comparer = current_lab().comparer(model)
    result = comparer.compare(left, right)
    checkpoint = comparer.checkpoint
    return {
        "dissimilarity": significant(result.dissimilarity),
        "threshold": significant(result.threshold),
        "same": result.same,
        "inverted": any(result.inverted),
        "model": f"{checkpoint.data['title']} · {checkpoint.recipe.name}",
        "recipe": checkpoint.recipe.name,
        "accuracy": checkpoint.scores.get("pair_accuracy"),
        "unseen": checkpoint.data["unseen"],
        "step": checkpoint.step,
    }
