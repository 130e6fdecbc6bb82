"""The endpoints as tools for language models, asked by a real MCP client. Without the package mcp this test skips."""

from __future__ import annotations

import ast
import asyncio
import base64
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from siamese.ui.lab import EXAMPLES

pytest.importorskip("mcp", reason="the package mcp is not installed")
TOOLS = {"dissimilarity", "embed", "nearest", "sample_pairs", "start_training", "training_status", "stop_training"}


@pytest.fixture(scope="module")
def tools(server_data: Path) -> Iterator[str]:
    """The address of the tools of a server of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = EXAMPLES.parent
    command = [sys.executable, "app.py", "--mcp", "--port", str(port), "--data-dir", str(server_data)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            except httpx.HTTPError:
                assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
                time.sleep(0.2)
        yield f"{address}/gradio_api/mcp/"
        process.terminate()


def test_a_client_finds_the_tools_and_uses_them(tools: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    def picture(name: str) -> str:
        return "data:image/png;base64," + base64.b64encode((EXAMPLES / name).read_bytes()).decode()

    async def talk() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with streamablehttp_client(tools) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            offered = {tool.name.removeprefix("siamese_"): tool for tool in (await session.list_tools()).tools}
            names = {short: tool.name for short, tool in offered.items()}
            pairs = await session.call_tool(names["sample_pairs"], {"data": "glyphs", "pairs": 4, "seed": 1})
            pair = {"left": picture("glyphs-same-left.png"), "right": picture("glyphs-same-right.png")}
            compared = await session.call_tool(names["dissimilarity"], pair)
            # Gradio writes a tool's answer as Python would.
            return offered, ast.literal_eval(pairs.content[0].text), ast.literal_eval(compared.content[0].text)

    # In a thread of its own: a browser test of the same process keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        offered, pairs, compared = thread.submit(asyncio.run, talk()).result()
    assert set(offered) == TOOLS
    assert all(tool.description.strip() for tool in offered.values())
    assert set(offered["sample_pairs"].inputSchema["properties"]) == {"data", "pairs", "seed"}
    assert [pair["same"] for pair in pairs["pairs"]] == [True, True, False, False]
    assert compared["same"] is True and 0 < compared["dissimilarity"] < compared["threshold"]
