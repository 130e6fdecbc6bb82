"""LessonCard: a short lesson beside the controls. It asks for a guess before it explains the result."""

from __future__ import annotations

from typing import Any

from siamese.ui.train.lessons import load_lessons
from siamese.ui.widget import Widget


class LessonCard(Widget):
    """The list of lessons, or one lesson: its text, what to watch, a question with options, then the answer.

    lesson: the id of the open lesson, or None.  The card triggers `open_lesson` with `id` (None closes the lesson), so
    that Python sets the controls. Everything else happens in the browser, in its language.
    """

    def __init__(self, value: None = None, *, lesson: str | None = None, **props: Any) -> None:
        super().__init__(
            {"lesson": lesson},
            "lesson-card",
            module="train/lesson_card.js",
            words="train/lesson_card.json",
            events=["open_lesson"],
            data=[each.as_dict() for each in load_lessons()],
            **props,
        )
