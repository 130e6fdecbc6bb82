"""Answers the requests of widgets at Gradio's own addresses for them, but without Gradio's detours.

Gradio 6.31 opens a session for every browser, hands each request to another thread, and encodes the answer value by
value. A full room sends a hundred requests a second, so that would cost more than everything else on the server.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from gradio.context import LocalContext
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Function = TypeVar("Function", bound=Callable[..., Any])


def quick(function: Function) -> Function:
    """Marks a server function that answers at once from memory, so that it needs no thread."""
    function.quick = True  # type: ignore[attr-defined]
    return function


async def _answer(request: Request) -> Response:
    """The answer of a widget's server function as JSON.

    Raises LookupError where there is no such widget or function, and something else for other malformed requests. The
    guard answers them all.
    """
    body = await request.json()
    widget = request.app.get_blocks().blocks[body["component_id"]]
    functions = {function.__name__: function for function in getattr(widget, "server_fns", ())}
    function, data = functions[body["fn_name"]], body["data"]
    LocalContext.request.set(request)  # a function finds its visitor here
    if getattr(function, "quick", False):
        content = _call(function, data)
    else:
        content = await run_in_threadpool(_call, function, data)
    return Response(content, media_type="application/json")


def _call(function: Callable[..., Any], data: Any) -> bytes:
    try:
        result = function(data)
    except LookupError as error:
        # The guard takes a LookupError for an unknown endpoint, and would not log it.
        raise ValueError(f"{function.__name__} looked for something that it was not given") from error
    return json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def function_routes() -> list[Route]:
    """The routes: browsers ask at the address with a slash at its end. Add them before the server starts."""
    return [Route(f"/gradio_api/component_server{end}", _answer, methods=["POST"]) for end in ("/", "")]
