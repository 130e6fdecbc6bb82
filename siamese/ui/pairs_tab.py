"""The Explore pairs tab: the batches a network is trained on, and the pairs a trained one gets wrong, made visible."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
import torch

from siamese import SiameseError
from siamese.data.bank import ImageBank
from siamese.evaluation.mistakes import worst_mistakes
from siamese.evaluation.protocols import Evaluator
from siamese.learning.sampling import check_pairs, holds_a_large_group, sample_episodes, sample_pairs, sample_triplets
from siamese.models.inputs import two_domains
from siamese.ui import form
from siamese.ui.browser import as_browser
from siamese.ui.lab import current_lab
from siamese.ui.models import model_dropdown, offer_models
from siamese.ui.pictures import data_uri, to_image
from siamese.ui.texts import i18n
from siamese.ui.widget import Widget

SHOWN = 12  # pairs or triplets of a drawn batch that fit on a projector
WAY = 10
EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": 4}


class BatchView(Widget):
    """A drawn batch as a wall of cards. batch: what `draw` returns, or None for an invitation."""

    def __init__(self, value: None = None, *, batch: dict[str, Any] | None = None, **props: Any) -> None:
        super().__init__(
            {"batch": batch}, "batch", module="explore/batch_view.js", words="explore/batch_view.json", **props
        )


@dataclass
class PairsTab:
    """The tab's components."""

    data: gr.Dropdown
    model: gr.Dropdown
    kind: gr.Radio
    seed: gr.Number
    again: gr.Button
    view: BatchView


def build() -> PairsTab:
    """Builds the components; `wire` gives them life."""
    kinds = [(i18n(f"kind.{kind}"), kind) for kind in ("pairs", "triplets", "episode", "mistakes")]
    with gr.Row(elem_classes="train-layout"):
        with gr.Column(elem_classes="controls"):
            again = gr.Button(i18n("button.draw"), variant="primary", elem_id="draw")
            with gr.Column(elem_classes="settings"):
                data = gr.Dropdown(
                    form.data_choices(),
                    value=form.DEFAULT_DATA,
                    label=i18n("pairs.data.label"),
                    info=i18n("pairs.data.info"),
                    elem_id="pairs-data",
                )
                model = model_dropdown(elem_id="pairs-model", visible=False)
                kind = gr.Radio(
                    kinds,
                    value="pairs",
                    label=i18n("pairs.kind.label"),
                    info=i18n("pairs.kind.info"),
                    elem_id="pairs-kind",
                )
                seed = gr.Number(
                    0,
                    precision=0,
                    minimum=0,
                    maximum=2**31 - 1,
                    label=i18n("pairs.seed.label"),
                    info=i18n("pairs.seed.info"),
                    elem_id="pairs-seed",
                )
        with gr.Column(elem_classes="panels"):
            view = BatchView(elem_id="batch")
    return PairsTab(data, model, kind, seed, again, view)


def wire(tab: PairsTab, opened: gr.Tab, browser: gr.BrowserState) -> None:
    """Draws when the tab is opened, when a control changes, and again with a new seed on the button."""
    inputs = [tab.data, tab.kind, tab.seed, tab.model]
    offered = [tab.data, tab.model]
    gr.on([tab.kind.input, opened.select], _offer, [tab.kind, browser, tab.model], offered, **EVENT).then(
        _show, inputs, tab.view, **EVENT
    )
    gr.on([tab.data.input, tab.model.input, tab.seed.submit], _show, inputs, tab.view, **EVENT)
    tab.again.click(lambda: secrets.randbelow(10_000), None, tab.seed, **EVENT).then(_show, inputs, tab.view, **EVENT)


def _offer(kind: str, browser: Any, chosen: Any) -> tuple[Any, gr.Dropdown]:
    """Batches come from a data set, mistakes from a model: the control that is asked for, with this browser's runs."""
    of_model = kind == "mistakes"
    return gr.update(visible=not of_model), offer_models(as_browser(browser).owner, chosen, visible=of_model)


def _show(data: str, kind: str, seed: float | None, model: Any) -> BatchView:
    try:
        if seed is None or not 0 <= seed < 2**31:
            raise SiameseError(f"The seed is {seed}; it has to be a whole number from 0 to {2**31 - 1}.")
        if kind == "mistakes":
            return BatchView(batch=mistakes_of(model, int(seed)))
        return BatchView(batch=draw(current_lab().dataset(data).train, kind, int(seed)))
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error


def mistakes_of(model: Any, seed: int) -> dict[str, Any]:
    """The worst mistakes of a model on the test part of its data, in JSON-ready values, as `draw` gives a batch.

    Raises SiameseError for a model that does not exist, or whose data set has no name here.
    """
    lab = current_lab()
    checkpoint = lab.comparer(model).checkpoint
    told = worst_mistakes(Evaluator(checkpoint), lab.dataset(checkpoint.data["name"]), SHOWN, seed)
    left = partial(_picture, told.bank)
    right = partial(_picture, told.bank, partner=two_domains(checkpoint.recipe, told.bank))
    rows = zip(*(part.tolist() for part in (told.left, told.right, told.same, told.dissimilarity)))
    items = [{"pictures": [left(a), right(b)], "same": same, "dissimilarity": d} for a, b, same, d in rows]
    about = {"wrong": told.wrong, "asked": told.asked, "unseen": checkpoint.data["unseen"]}
    return {"kind": "mistakes", "items": items, "threshold": checkpoint.threshold, **about}


def draw(bank: ImageBank, kind: str, seed: int) -> dict[str, Any]:
    """A batch of a bank in JSON-ready values: "pairs", "triplets" or "episode" (10-way one-shot, or as many ways as
    there are classes). Each item has pictures (data URIs), the names of their classes, and what is same.

    Raises SiameseError for a bank that cannot fill it.
    """
    picture = partial(_picture, bank)
    if kind == "episode":
        way = min(WAY, bank.classes)
        within = holds_a_large_group(bank, way)
        episode = sample_episodes(bank, way, 1, 1, seed, within)
        support = episode.support[0, :, 0].tolist()
        answer = int(episode.answer[0])
        items = [{"pictures": [picture(i)], "same": place == answer} for place, i in enumerate(support)]
        return {"kind": kind, "query": picture(int(episode.query[0])), "items": items, "within_group": within}
    check_pairs(bank)
    generator = torch.Generator(bank.device).manual_seed(seed)
    if kind == "triplets":
        triplets = sample_triplets(bank, SHOWN, generator)
        rows = zip(*(part.tolist() for part in triplets))
        return {"kind": kind, "items": [{"pictures": [picture(i) for i in row], "same": None} for row in rows]}
    pairs = sample_pairs(bank, SHOWN, generator)
    # The two halves are dealt alternately, as a batch mixes them.
    order = torch.arange(SHOWN).view(2, -1).T.reshape(-1)
    rows = zip(pairs.left[order].tolist(), pairs.right[order].tolist(), pairs.same[order].tolist())
    other = partial(_picture, bank, partner=bank.partner is not None)
    return {"kind": "pairs", "items": [{"pictures": [picture(a), other(b)], "same": same} for a, b, same in rows]}


def _picture(bank: ImageBank, index: int, partner: bool = False) -> dict[str, str]:
    images = bank.partner if partner and bank.partner is not None else bank.images
    name = bank.class_names[int(bank.labels[index])]
    return {"uri": data_uri(to_image(images[index])), "name": name}
