"""LessonCard: a short lesson beside the controls, which asks for a guess before it tells what happens."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from siamese.ui.lessons import load_lessons
from siamese.ui.texts import STATIC


class LessonCard(gr.HTML):
    """The lessons' list, or one lesson: what it is, what to watch, a question with its options, then the answer.

    lesson: the id of the open lesson, or None.  Triggers `open_lesson` with `id` (None to leave) for Python to set the
    controls; everything else happens in the browser, in its language.
    """

    def __init__(self, value: None = None, *, lesson: str | None = None, **props: Any) -> None:
        words = json.loads((STATIC / "lesson_card.json").read_text("utf-8"))
        lessons = [lesson.as_dict() for lesson in load_lessons()]
        script = (STATIC / "lesson_card.js").read_text("utf-8")
        super().__init__(
            value=value,
            html_template='<div class="lesson-card"></div>',
            js_on_load=f"const TEXTS = {json.dumps(words, ensure_ascii=False)};\n"
            f"const LESSONS = {json.dumps(lessons, ensure_ascii=False)};\n{script}",
            apply_default_css=False,
            lesson=lesson,
            **props,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "null"}
