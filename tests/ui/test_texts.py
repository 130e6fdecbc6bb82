"""The page's words: the same keys and gaps in both languages, and a text for whatever the page asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from siamese.ui import form
from siamese.ui.texts import STATIC, TRANSLATIONS

FILES = ["page.json", "gauge.json", "batch_view.json", "take_home.json", "lesson_card.json"]


@pytest.mark.parametrize("name", FILES)
def test_both_languages_say_the_same_things(name: str) -> None:
    texts = json.loads((STATIC / name).read_text("utf-8"))
    assert set(texts) == {"en", "zh"}
    assert list(texts["en"]) == list(texts["zh"])
    for key, english in texts["en"].items():
        chinese = texts["zh"][key]
        assert sorted(re.findall(r"\{(\w+)\}", english)) == sorted(re.findall(r"\{(\w+)\}", chinese)), key
        assert english.strip() and chinese.strip()


def test_every_control_has_its_words() -> None:
    for field in form.FIELDS:
        assert {f"{field.name}.label", f"{field.name}.info"} <= set(TRANSLATIONS["en"])


def test_every_word_is_asked_for_and_every_asked_one_exists() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(form.__file__).parent.glob("*.py"))
    asked = set(re.findall(r'i18n\("([\w.]+)"\)', sources))
    asked |= {f"{field.name}.{part}" for field in form.FIELDS for part in ("label", "info")}
    asked |= {f"kind.{kind}" for kind in ("pairs", "triplets", "episode", "mistakes")}
    assert asked == set(TRANSLATIONS["en"])


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_no_asset_names_another_host(path: Path) -> None:
    assert not re.search(r"https?://|@import|url\(", path.read_text("utf-8"))


def test_all_assets_together_are_small() -> None:
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 500_000
