"""The page's words: the same keys and gaps in both languages, and a text for whatever the page asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import siamese.ui
from siamese.ui.static_files import STATIC, read_json
from siamese.ui.texts import NAMES, TRANSLATIONS
from siamese.ui.train import form

ASSETS = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
WORDS = [
    name
    for name in ASSETS
    if name.endswith(".json") and not name.endswith((".zh.json", "lessons.json", "package.json"))
]


@pytest.mark.parametrize("name", WORDS)
def test_both_languages_say_the_same_things(name: str) -> None:
    texts = read_json(name)
    assert set(texts) == {"en", "zh"}
    assert list(texts["en"]) == list(texts["zh"])
    for key, english in texts["en"].items():
        chinese = texts["zh"][key]
        assert sorted(re.findall(r"\{(\w+)\}", english)) == sorted(re.findall(r"\{(\w+)\}", chinese)), key
        assert english.strip() and chinese.strip()


def test_every_name_of_the_library_has_a_chinese_one() -> None:
    assert set(NAMES["en"]) == set(NAMES["zh"])
    assert all(re.search(r"[\u4e00-\u9fff]", text) for key, text in NAMES["zh"].items())


def test_every_control_has_its_words() -> None:
    for field in form.FIELDS:
        assert {f"{field.name}.label", f"{field.name}.info"} <= set(TRANSLATIONS["en"])


def test_every_word_is_asked_for_and_every_asked_one_exists() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(siamese.ui.__file__).parent.rglob("*.py"))
    asked = set(re.findall(r'i18n\("([\w.]+)"\)', sources))
    asked |= {f"{field.name}.{part}" for field in form.FIELDS for part in ("label", "info")}
    asked |= set(NAMES["en"])
    assert asked == set(TRANSLATIONS["en"])


@pytest.mark.parametrize("name", ASSETS)
def test_no_asset_names_another_host(name: str) -> None:
    assert not re.search(r"https?://|@import|url\((?!#)", (STATIC / name).read_text("utf-8"))


def test_all_assets_together_are_small() -> None:
    assert sum((STATIC / name).stat().st_size for name in ASSETS) < 500_000
