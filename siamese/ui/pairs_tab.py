"""The Explore pairs tab: the batches a network is trained on, made visible."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
import torch

from siamese.data.bank import ImageBank
from siamese.errors import SiameseError
from siamese.sampling import check_pairs, sample_episodes, sample_pairs, sample_triplets
from siamese.ui import form
from siamese.ui.lab import current_lab
from siamese.ui.pictures import data_uri, to_image
from siamese.ui.texts import i18n
from siamese.ui.widget import Widget, words

SHOWN = 12  # pairs or triplets of a drawn batch that fit on a projector
WAY = 10
EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": 4}


class BatchView(Widget):
    """A drawn batch as a wall of cards. batch: what `draw` returns, or None for an invitation."""

    def __init__(self, value: None = None, *, batch: dict[str, Any] | None = None, **props: Any) -> None:
        super().__init__(
            {"batch": batch},
            markup='<div class="batch" data-count="0"></div>',
            scripts=["common.js", "batch_view.js"],
            data={"TEXTS": words("batch_view.json")},
            **props,
        )


@dataclass
class PairsTab:
    """The tab's components."""

    data: gr.Dropdown
    kind: gr.Radio
    seed: gr.Number
    again: gr.Button
    view: BatchView


def build() -> PairsTab:
    """Builds the components; `wire` gives them life."""
    kinds = [(i18n(f"kind.{kind}"), kind) for kind in ("pairs", "triplets", "episode")]
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
    return PairsTab(data, kind, seed, again, view)


def wire(tab: PairsTab, opened: gr.Tab) -> None:
    """Draws when the tab is opened, when a control changes, and again with a new seed on the button."""
    inputs = [tab.data, tab.kind, tab.seed]
    gr.on([tab.data.input, tab.kind.input, tab.seed.submit, opened.select], _show, inputs, tab.view, **EVENT)
    tab.again.click(lambda: secrets.randbelow(10_000), None, tab.seed, **EVENT).then(_show, inputs, tab.view, **EVENT)


def _show(data: str, kind: str, seed: float | None) -> BatchView:
    try:
        if seed is None or not 0 <= seed < 2**31:
            raise SiameseError(f"The seed is {seed}; it has to be a whole number from 0 to {2**31 - 1}.")
        return BatchView(batch=draw(current_lab().dataset(data).train, kind, int(seed)))
    except SiameseError as error:
        raise gr.Error(str(error), print_exception=False) from error


def draw(bank: ImageBank, kind: str, seed: int) -> dict[str, Any]:
    """A batch of a bank in JSON-ready values: "pairs", "triplets" or "episode" (10-way one-shot, or as many ways as
    there are classes). Each item has pictures (data URIs), the names of their classes, and what is same.

    Raises SiameseError for a bank that cannot fill it.
    """
    picture = partial(_picture, bank)
    if kind == "episode":
        way = min(WAY, bank.classes)
        within = bool((torch.bincount(bank.groups) >= way).any()) and len(bank.group_names) > 1
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
