"""The lessons: complete in both languages, and with settings that make a recipe."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from siamese import SiameseError
from siamese.recipes import RECIPES, Recipe
from siamese.ui import choice
from siamese.ui.static_files import read_json
from siamese.ui.train.lessons import LANGUAGES, Lesson, LessonText, lesson_named, load_lessons, read_lessons

IDS = ("pair", "pull-push", "margin", "collapse", "hard-pairs", "triplets", "one-shot", "two-towers")
LESSONS = load_lessons()
# Names that Chinese texts write in Latin letters too.
LATIN = {"ln", "ReLU", "ROC", "AUC", "m", "B", "x", "N'Ko"}


def words(text: LessonText) -> list[str]:
    return [text.title, text.text, text.watch, text.question, *text.options, text.reveal]


def test_there_are_eight_in_their_order() -> None:
    assert tuple(lesson.id for lesson in LESSONS) == IDS
    assert load_lessons() is LESSONS


@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_settings_make_a_recipe(lesson: Lesson) -> None:
    recipe = lesson.recipe
    assert isinstance(recipe, Recipe) and recipe.name == lesson.settings["recipe"] in RECIPES
    for name, value in lesson.settings.items():
        if name not in ("data", "recipe"):
            assert getattr(recipe, name) == value
            assert getattr(RECIPES[recipe.name], name) != value, f"{name} is what the recipe has anyway"


@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_the_form_takes_the_settings(lesson: Lesson) -> None:
    data, recipe = choice.from_query({name: choice.as_text(value) for name, value in lesson.settings.items()})
    assert (data, recipe) == (lesson.data, lesson.recipe)


@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_languages_say_the_same(lesson: Lesson) -> None:
    assert len(lesson.en.options) == len(lesson.zh.options)
    for english, chinese in zip(words(lesson.en), words(lesson.zh), strict=True):
        assert sorted(numbers(english)) == sorted(numbers(chinese)), (english, chinese)


def numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_neither_language_is_left_in_the_other(lesson: Lesson) -> None:
    for text in words(lesson.en):
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", text), text
    for text in words(lesson.zh):
        assert re.search(r"[\u4e00-\u9fff]", text) or not re.search(r"[A-Za-z]", text), text
        assert set(re.findall(r"[A-Za-z][A-Za-z']*", text)) <= LATIN, text
        # Chinese sentences have Chinese marks.
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]|[\u4e00-\u9fff]\.(?!\d)", text), text


@pytest.mark.parametrize("lesson", LESSONS, ids=IDS)
def test_texts_are_short_sentences(lesson: Lesson) -> None:
    for text in (lesson.en, lesson.zh):
        for part in (text.text, text.watch, text.reveal):
            assert part.endswith((".", "。"))
            assert 1 <= len(re.findall(r"[.!?](?=\s|$)|[。！？]", part)) <= 4, part
        assert text.question.endswith(("?", "？", ":", "："))
        assert max(map(len, words(text))) <= 480


def test_answers_are_not_always_in_one_place() -> None:
    assert len({lesson.answer for lesson in LESSONS}) > 1


def test_as_dict_is_plain_json() -> None:
    values = json.loads(json.dumps([lesson.as_dict() for lesson in LESSONS]))
    assert read_lessons(values) == LESSONS
    assert values == read_json("lessons.json")


def test_lesson_named() -> None:
    assert lesson_named("collapse").id == "collapse"
    with pytest.raises(SiameseError, match='There is no lesson "nothing"; the lessons are pair, pull-push'):
        lesson_named("nothing")


BROKEN: list[tuple[str, Any]] = [
    ("keys", lambda lesson: lesson.pop("tab")),
    ("takes place in", lambda lesson: lesson.update(tab="cellar")),
    ("no option", lambda lesson: lesson.update(answer=9)),
    ("no option", lambda lesson: lesson.update(answer=-1)),
    ("which do not exist", lambda lesson: lesson["settings"].update(data="nowhere")),
    ("make no recipe: There is no recipe", lambda lesson: lesson["settings"].update(recipe="nothing")),
    ("make no recipe: margin is", lambda lesson: lesson["settings"].update(margin=-1)),
    ("make no recipe: A recipe has no field", lambda lesson: lesson["settings"].update(colour="red")),
    ("make no recipe", lambda lesson: lesson["settings"].pop("recipe")),
    ("keys .* in zh", lambda lesson: lesson["zh"].pop("watch")),
    (
        "another number of options",
        lambda lesson: (
            lesson["en"]["options"].append("x") or lesson["en"]["options"].pop(0) and lesson["zh"]["options"].pop()
        ),
    ),
    ("two to four", lambda lesson: lesson["en"].update(options=["x"])),
    ("lacks text in en", lambda lesson: lesson["en"].update(title=" ")),
    ("lacks text in zh", lambda lesson: lesson["zh"].update(reveal=None)),
    ("an option twice", lambda lesson: lesson["en"].update(options=["x", "x", "y"])),
]


@pytest.mark.parametrize(("sentence", "spoil"), BROKEN, ids=[sentence for sentence, _ in BROKEN])
def test_what_is_not_right_is_refused_by_name(sentence: str, spoil: Any) -> None:
    values = copy.deepcopy(read_json("lessons.json"))
    spoil(values[2])
    with pytest.raises(SiameseError, match=f'The lesson "margin" .*{sentence}'):
        read_lessons(values)


def test_an_id_may_not_come_twice() -> None:
    values = read_json("lessons.json")
    with pytest.raises(SiameseError, match='The lesson "pair" has the id of an earlier one'):
        read_lessons([*values, values[0]])


def test_both_languages_are_there() -> None:
    assert set(LANGUAGES) <= set(Lesson.__dataclass_fields__)
