"""One server of this process for all tests of this folder, as a program sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import httpx
import pytest
import torch
from gradio_client import Client

from siamese.ui.app import build_demo, launch
from siamese.ui.lab import current_lab
from siamese.ui.settings import Settings


@pytest.fixture(scope="package")
def demo(server_data: Path) -> Iterator[gr.Blocks]:
    """A page that is served, with room for one run at once."""
    settings = Settings(server_data, torch.device("cpu"), jobs=1, workers=1, threads=1, port=0)
    demo = build_demo(settings)
    launch(demo, settings, quiet=True)
    # While modules are loaded in the background they add loggers, and pytest walks through all loggers at each test.
    lab = current_lab()
    assert lab._warming is not None
    lab._warming.join(120)
    yield demo
    demo.close()
    current_lab().close()


@pytest.fixture(scope="package")
def address(demo: gr.Blocks) -> str:
    return demo.local_url


@pytest.fixture(scope="package")
def client(address: str) -> Client:
    """Gradio's own client of that server."""
    return Client(address, verbose=False)


@pytest.fixture
def web(address: str) -> Iterator[httpx.Client]:
    """Bare HTTP to that server."""
    with httpx.Client(base_url=address, timeout=30) as web:
        yield web
