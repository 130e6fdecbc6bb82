"""Sentences of errors as the page shows them."""

from __future__ import annotations

import gradio as gr


def page_error(error: Exception) -> gr.Error:
    """The error as Gradio shows it on the page; nothing is printed on the server."""
    return gr.Error(str(error), print_exception=False)
