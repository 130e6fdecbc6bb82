"""Page: the gr.Blocks whose events answer an error with a sentence, in the language of the browser that asks."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from siamese.ui.errors import in_language_of
from siamese.ui.server.log import where
from siamese.ui.server.sessions import Unread

UNFORESEEN = "The server could not do this; reload the page and try again."
_log = logging.getLogger("siamese")


class Page(gr.Blocks):
    """A gr.Blocks in which no exception of an event reaches the caller or the log as Gradio would show it.

    Gradio prints a traceback, which quotes the request, and sends the exception's text, which may name a path of this
    machine. A gr.Error without a printed exception is a sentence of ours and passes.

    unread: what its sessions have not fetched yet.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unread = Unread()

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        def answer(sentence: str, duration: float | None = 10) -> gr.Error:
            text = in_language_of(kwargs.get("request"), sentence)
            return gr.Error(text, duration=duration, print_exception=False)

        try:
            answered = await super().process_api(*args, **kwargs)
        except gr.Error as error:
            # Gradio's own components raise these for values that are not among the choices.
            raise answer(error.message, error.duration) from None
        except Exception as error:
            function = kwargs.get("block_fn", args[0] if args else None)
            _log.error("event %s failed (%s)", getattr(function, "api_name", None) or "of the page", where(error))
            raise answer(UNFORESEEN) from None
        self.unread.note(kwargs.get("session_hash"), answered.get("data"))
        return answered
