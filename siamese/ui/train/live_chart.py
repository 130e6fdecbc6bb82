"""LiveChart: the live view of one training job, drawn in the browser from small snapshots that it asks for itself."""

from __future__ import annotations

from typing import Any

from siamese.ui.texts import data_titles

# Gradio builds the component anew from its constructor arguments after every update, so what it calls on the server
# is fixed here and not passed in.
from siamese.ui.train.live_server import frame, poll, thumbnails
from siamese.ui.widget import Widget


class LiveChart(Widget):
    """Loss, distances, embedding map and scores of one job, live.

    It polls `live_server.poll` outside Gradio's queue and draws on canvases; nothing about a run passes through
    Gradio's events except `job_state`, which it triggers with `state` and `job` whenever the job's state changes.

    job: the id of the job to show; None shows what a press on Start will bring.
    watch: this browser may look but not control.
    overlays: up to three other runs, each {"id", "label"}, whose loss curves are drawn dashed behind this one.
    plan: what the idle picture announces: {"steps": int, "unseen": str, "fault": sentence in both languages or None}, or None.
    other props: those of gr.HTML (elem_id, visible, ...).
    """

    def __init__(
        self,
        value: None = None,
        *,
        job: str | None = None,
        watch: bool = False,
        overlays: list[dict[str, str]] | None = None,
        plan: dict[str, Any] | None = None,
        **props: Any,
    ) -> None:
        super().__init__(
            {"job": job, "watch": watch, "overlays": overlays or [], "plan": plan},
            "live",
            module="train/live_chart.js",
            words="train/live_chart.json",
            events=["job_state"],
            data=data_titles(),
            server_functions=[poll, frame, thumbnails],
            **props,
        )
