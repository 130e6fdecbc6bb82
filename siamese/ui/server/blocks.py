"""Page: a gr.Blocks that answers an error of an event with a sentence, in the language of the browser."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from siamese.ui.errors import in_language_of
from siamese.ui.server.log import where
from siamese.ui.server.sessions import UnreadAnswers

UNEXPECTED = "The server could not do this; reload the page and try again."
_log = logging.getLogger("siamese")


class Page(gr.Blocks):
    """A gr.Blocks that keeps the exceptions of events away from the caller and the log.

    Gradio would print a traceback, which quotes the request, and send the text of the exception, which can contain a
    path of this machine. A gr.Error without a printed exception is one of our sentences, so it passes.

    unread: the answers that its sessions have not fetched yet.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unread = UnreadAnswers()

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        def sentence_error(sentence: str, duration: float | None = 10) -> gr.Error:
            text = in_language_of(kwargs.get("request"), sentence)
            return gr.Error(text, duration=duration, print_exception=False)

        try:
            answer = await super().process_api(*args, **kwargs)
        except gr.Error as error:
            # Gradio's own components raise these for values that are not among the choices.
            raise sentence_error(error.message, error.duration) from None
        except Exception as error:
            function = kwargs.get("block_fn", args[0] if args else None)
            _log.error("event %s failed (%s)", getattr(function, "api_name", None) or "of the page", where(error))
            raise sentence_error(UNEXPECTED) from None
        self.unread.note(kwargs.get("session_hash"), answer.get("data"))
        return answer
