"""Reads the lessons from lessons.json: short texts with one question each, and the settings that show the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from siamese import SiameseError
from siamese.data.catalogue import OFFERED
from siamese.recipes import Recipe, recipe_named
from siamese.ui.static_files import read_json

LANGUAGES = ("en", "zh")
TABS = ("train", "pairs", "compare")
THEN = ("", "board")  # where a lesson leads after its answer: nowhere, or to the board of the Compare tab


@dataclass(frozen=True)
class LessonText:
    """A lesson in one language.

    text: what it is about.  watch: what to look at while it runs.  question, options: the guess before the result.
    reveal: what happened, and why.
    """

    title: str
    text: str
    watch: str
    question: str
    options: tuple[str, ...]
    reveal: str


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    tab: the tab it uses.  settings: data, recipe, and new values of recipe fields.
    answer: the index of the right option, the same in every language.  then: one of THEN.
    """

    id: str
    tab: str
    settings: dict[str, Any]
    answer: int
    en: LessonText
    zh: LessonText
    then: str

    @property
    def data(self) -> str:
        """The name of the data set."""
        return str(self.settings["data"])

    @property
    def recipe(self) -> Recipe:
        """The recipe with the settings of the lesson."""
        changes = {name: value for name, value in self.settings.items() if name not in ("data", "recipe")}
        return recipe_named(self.settings["recipe"]).with_settings(changes)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the page."""
        return asdict(self)


@cache
def load_lessons() -> tuple[Lesson, ...]:
    """All lessons in order. Raises SiameseError, with the name of the lesson, for an error in the file."""
    return read_lessons(read_json("lessons.json"))


def lesson_named(id: str) -> Lesson:
    """The lesson with this id. Raises SiameseError, with all ids, where there is none."""
    for lesson in load_lessons():
        if lesson.id == id:
            return lesson
    names = ", ".join(lesson.id for lesson in load_lessons())
    raise SiameseError(f'There is no lesson "{id}"; the lessons are {names}.')


def read_lessons(values: Any) -> tuple[Lesson, ...]:
    """Lessons from JSON values, a list of objects. Raises SiameseError, with the name of the lesson, for an error."""
    lessons = tuple(_lesson(value, number) for number, value in enumerate(values, 1))
    for number, lesson in enumerate(lessons):
        _check(lesson.id not in [other.id for other in lessons[:number]], lesson.id, "has the id of an earlier one")
    return lessons


def _lesson(value: Mapping[str, Any], number: int) -> Lesson:
    name = str(value.get("id", f"number {number}"))
    expected = {"id", "tab", "then", "settings", "answer", *LANGUAGES}
    _check(value.keys() == expected, name, f"has the keys {sorted(value)}; they have to be {sorted(expected)}")
    _check(value["tab"] in TABS, name, f'takes place in "{value["tab"]}"; it has to be one of {", ".join(TABS)}')
    texts = {language: _text(value[language], name, language) for language in LANGUAGES}
    counts = {len(text.options) for text in texts.values()}
    _check(len(counts) == 1, name, "has another number of options in each language")
    _check(value["answer"] in range(counts.pop()), name, f"has the answer {value['answer']}, which is no option")
    settings = value["settings"]
    _check(settings.get("data") in OFFERED, name, f'wants the data "{settings.get("data")}", which do not exist')
    _check(value["then"] in THEN, name, f'leads to "{value["then"]}", which does not exist')
    lesson = Lesson(name, value["tab"], dict(settings), value["answer"], **texts, then=value["then"])
    try:
        lesson.recipe  # noqa: B018 - settings that do not fit together are refused here, not when the lesson is opened
    except (KeyError, SiameseError) as error:
        raise SiameseError(f'The lesson "{name}" has settings that make no recipe: {error}') from error
    return lesson


def _text(value: Mapping[str, Any], name: str, language: str) -> LessonText:
    expected = set(LessonText.__dataclass_fields__)
    _check(
        value.keys() == expected,
        name,
        f"has the keys {sorted(value)} in {language}; wanted are {sorted(expected)}",
    )
    options = tuple(value["options"])
    _check(2 <= len(options) <= 4, name, f"has {len(options)} options in {language}; it needs two to four")
    words = [value[key] for key in sorted(expected - {"options"})] + list(options)
    _check(
        all(isinstance(word, str) and word.strip() == word != "" for word in words), name, f"lacks text in {language}"
    )
    _check(len(set(options)) == len(options), name, f"has an option twice in {language}")
    return LessonText(**{**value, "options": options})


def _check(fits: bool, lesson: str, what: str) -> None:
    if not fits:
        raise SiameseError(f'The lesson "{lesson}" {what}.')
