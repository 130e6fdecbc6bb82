"""LiveChart: the live view of one training job, drawn in the browser from small snapshots that it asks for itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

# Gradio builds the component anew from its constructor arguments after every update, so what it calls on the server
# is fixed here and not passed in.
from siamese.ui.live_server import frame, poll, thumbnails

STATIC = Path(__file__).with_name("static")
SCRIPTS = ("plot.js", "curves.js", "distances.js", "map.js", "panels.js", "live_chart.js")


def javascript() -> str:
    """The script of the view: its texts in every language, then the files of `SCRIPTS`, as one function body."""
    texts = json.loads((STATIC / "texts.json").read_text("utf-8"))
    parts = [f"const TEXTS = {json.dumps(texts, ensure_ascii=False)};"]
    parts += [(STATIC / name).read_text("utf-8") for name in SCRIPTS]
    return "\n".join(parts)


class LiveChart(gr.HTML):
    """Loss, distances, embedding map and scores of one job, live.

    It polls `live_server.poll` outside Gradio's queue and draws on canvases; nothing about a run passes through
    Gradio's events except `job_state`, which it triggers with `state` and `job` whenever the job's state changes.

    job: the id of the job to show; None shows what a press on Start will bring.
    watch: this browser may look but not control.
    overlays: up to three other runs, each {"id", "label"}, whose loss curves are drawn dashed behind this one.
    plan: what the idle picture announces: {"steps": int, "unseen": str}, or None.
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
            value=value,
            html_template='<div class="live" data-state="idle" data-step="0" data-points="0" data-net="up"></div>',
            js_on_load=javascript(),
            apply_default_css=False,
            server_functions=[poll, frame, thumbnails],
            job=job,
            watch=watch,
            overlays=overlays or [],
            plan=plan,
            **props,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "null"}
