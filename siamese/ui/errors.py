"""Error sentences for the page: in English as the library raises them, in Chinese by a catalogue of templates.

The library has one language, so that its errors stay plain sentences. `errors.zh.json` has a template for each, with {}
for a value, and its translation, with {0}, {1} … for the values. A value that fits a template is translated too.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import gradio as gr

from siamese.ui.static_files import read_json

_GAP = re.compile(r"\{\}")


def page_error(error: Exception) -> gr.Error:
    """An error that Gradio shows on the page without printing it on the server."""
    return gr.Error(str(error), print_exception=False)


def in_both(sentence: str) -> dict[str, str]:
    """A sentence for a widget, which shows it in the page's language: {"en": ..., "zh": ...}."""
    return {"en": sentence, "zh": in_chinese(sentence) or sentence}


def in_language_of(request: Any, sentence: str) -> str:
    """The sentence in the language that a request's browser asks for; a sentence without a Chinese one stays English.

    request: one of Gradio's, a list of them for a batch, or None.
    """
    request = request[0] if isinstance(request, list) and request else request
    languages = str(getattr(request, "headers", {}).get("accept-language", "")).lower()
    return in_both(sentence)["zh" if languages.startswith("zh") else "en"]


def in_chinese(sentence: str) -> str | None:
    """The Chinese of an English sentence of the library; None where the catalogue has no template for it."""
    for pattern, chinese in _catalogue():
        if match := pattern.fullmatch(sentence):
            return _filled(chinese, [in_chinese(value) or value for value in match.groups()])
    return None


def _filled(template: str, values: list[str]) -> str:
    # Not str.format: a value or the sentence itself may hold other braces.
    return re.sub(r"\{(\d)\}", lambda gap: values[int(gap[1])], template)


@cache
def _catalogue() -> list[tuple[re.Pattern[str], str]]:
    """Patterns with their Chinese, the one with the most fixed letters first: it says the most."""
    entries = sorted(read_json("errors.zh.json").items(), key=lambda entry: -len(_GAP.sub("", entry[0])))
    return [
        (re.compile("(.+?)".join(map(re.escape, _GAP.split(english))), re.DOTALL), chinese)
        for english, chinese in entries
    ]
