"""The page's words in English and Chinese; the browser's language chooses."""

from __future__ import annotations

import gradio as gr

from siamese.ui.static_files import read_json

TRANSLATIONS: dict[str, dict[str, str]] = read_json("page.json")

# Browsers ask for Chinese under several names.
i18n = gr.I18n(
    en=TRANSLATIONS["en"],
    zh=TRANSLATIONS["zh"],
    **{"zh-CN": TRANSLATIONS["zh"], "zh-TW": TRANSLATIONS["zh"]},
)
