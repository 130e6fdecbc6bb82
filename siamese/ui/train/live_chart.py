"""LiveChart: the live view of one training job. The browser polls small snapshots and draws them."""

from __future__ import annotations

from typing import Any

from siamese.ui.texts import data_titles

# After every update Gradio builds the component again from its constructor arguments. So the server functions are fixed
# here, and not passed in.
from siamese.ui.train.live_server import frame, poll, thumbnails
from siamese.ui.widget import Widget


class LiveChart(Widget):
    """Loss, distances, embedding map and scores of one job, live.

    It polls `live_server.poll` outside Gradio's queue and draws on canvases. Gradio's events carry nothing about a run
    except `job_state`, which it triggers with `state` and `job` whenever the job's state changes.

    job: the id of the job to show; None shows an empty chart for the next run.
    watch: this browser may watch the run, but not control it.
    overlays: up to three other runs, each {"id", "label"}; their loss curves are drawn dashed behind this one.
    plan: for the empty chart: {"steps": int, "unseen": str, "fault": sentence in both languages or None}, or None.
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
