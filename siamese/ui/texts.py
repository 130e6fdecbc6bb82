"""The page's words in English and Chinese; the browser's language chooses."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

STATIC = Path(__file__).with_name("static")

TRANSLATIONS: dict[str, dict[str, str]] = json.loads((STATIC / "page.json").read_text("utf-8"))

# Browsers ask for Chinese under several names.
i18n = gr.I18n(
    en=TRANSLATIONS["en"],
    zh=TRANSLATIONS["zh"],
    **{"zh-CN": TRANSLATIONS["zh"], "zh-TW": TRANSLATIONS["zh"]},
)
