"""The page: three tabs over one lab."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from siamese.training.jobs.registry import SWITCH_INTERVAL
from siamese.ui import page_head
from siamese.ui.api.pictures import offer_picture_api
from siamese.ui.api.runs import offer_api
from siamese.ui.compare import tab as compare_tab
from siamese.ui.explore import tab as explore_tab
from siamese.ui.lab import current_lab, open_lab
from siamese.ui.own import view as own_view
from siamese.ui.own.view import OwnView
from siamese.ui.room import view as room_view
from siamese.ui.room.address import is_room, reachable_address
from siamese.ui.server.blocks import Page
from siamese.ui.server.functions import function_routes
from siamese.ui.server.guard import Guard
from siamese.ui.server.health import health_route
from siamese.ui.server.log import open_log
from siamese.ui.server.sessions import MOST_SESSIONS, lighten_sessions
from siamese.ui.settings import Settings
from siamese.ui.static_files import preload_links, static_route, styles
from siamese.ui.texts import i18n
from siamese.ui.theme import theme
from siamese.ui.train import events as train_events
from siamese.ui.train import tab as train_tab


def build_demo(settings: Settings) -> gr.Blocks:
    """Opens the lab and builds the page on it."""
    open_lab(settings)
    # No gr.State, no unload, no stream: each would hold a connection open for every tab, and a browser has six.
    with Page(title="Siamese", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        page_head.build()
        room_view.build()
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(i18n("tab.train"), id="train"):
                train = train_tab.build(in_room=is_room(settings))
            with gr.Tab(i18n("tab.pairs"), id="pairs") as pairs_opened:
                pairs = explore_tab.build()
                own = OwnView(elem_id="own")
            with gr.Tab(i18n("tab.compare"), id="compare") as compare_opened:
                compare = compare_tab.build()
        train_running = train_events.wire(train, demo)
        explore_tab.wire(pairs, pairs_opened, train.browser, demo)
        own_view.wire(own, train_running, tabs)
        compare_tab.wire(compare, compare_opened, train.browser, demo)
        offer_picture_api()
        demo.load(_tab_of_link, None, tabs, **explore_tab.QUICK)
        offer_api()
    return demo


# How long a connection stays open that nobody uses. After uvicorn's own five seconds a busy machine closed connections
# whose next request had arrived already.
KEEP_ALIVE_SECONDS = 30


def _tab_of_link(request: gr.Request) -> Any:
    """A link to a view of another tab opens that tab: ?explore=… or ?compare=…"""
    query = dict(request.query_params) if request is not None else {}
    wanted = "pairs" if "explore" in query else "compare" if "compare" in query else None
    return gr.skip() if wanted is None else gr.Tabs(selected=wanted)


def launch(demo: gr.Blocks, settings: Settings, quiet: bool = False) -> str:
    """Starts serving the page in the background and returns its address; wait_for_end waits."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    open_log()
    # After every failed event Gradio sums up all events that it remembers: 10,000, unless this number is smaller.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "20")
    # Closed, because a direct call of an endpoint would bypass the queue and its limits.
    demo.queue(max_size=200, default_concurrency_limit=4, api_open=False)
    _, address, _ = demo.launch(
        server_name=settings.host,
        server_port=settings.port or _free_port(settings.host),
        share=settings.share,
        theme=theme(),
        css_paths=styles(),
        head=preload_links(),
        app_kwargs={"routes": [static_route(), health_route(), *function_routes()], "middleware": [Middleware(Guard)]},
        state_session_capacity=MOST_SESSIONS,
        i18n=i18n,
        run_history=False,
        footer_links=["api", "settings"],
        max_file_size="10mb",
        show_error=False,  # our own sentences appear anyway; any other error may contain a path of this machine
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=settings.mcp,
        prevent_thread_lock=True,
        quiet=quiet,
    )
    lighten_sessions(demo)
    demo.server.config.timeout_keep_alive = KEEP_ALIVE_SECONDS  # Gradio leaves no other way
    # Only now: Gradio gives up where its server does not answer at once, and rendering would keep it busy.
    lab = current_lab()
    lab.warm_up()
    lab.address = reachable_address(settings, demo.server_port)
    if not quiet:
        if is_room(settings):
            print(f"* Others reach this page at: {lab.address}")
        if lab.jobs.fault:
            print(f"* {lab.jobs.fault}")
        print(f"* The room, for the teacher: {lab.address}/?room={lab.room_key}", flush=True)
    return address


def _free_port(host: str) -> int:
    """A port that is free now. Gradio looks from 7860 upwards, so two servers that start together may take the same."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def wait_for_end(demo: gr.Blocks) -> None:
    """Serves until Control-C, then ends every run and the process.

    If a thread computes in torch while Python shuts down, the process aborts. So this ends it without that.
    """
    try:
        demo.block_thread()
    finally:
        demo.close(verbose=False)
        current_lab().close()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
