"""Every sentence that the library may raise on the page has a Chinese one, with the same values in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import siamese
from siamese import SiameseError
from siamese.ui import choice
from siamese.ui.errors import in_both, in_chinese, in_language_of
from siamese.ui.static_files import read_json

PACKAGE = Path(siamese.__file__).parent
# What only the command line can reach: no page shows it.
COMMAND_LINE = {"evaluation/lake.py", "export/examples.py", "export/files.py", "training/ranks.py"}
RAISED = ("SiameseError", "Diverged", "Error", "fail")
CATALOGUE: dict[str, str] = read_json("errors.zh.json")


def templates(node: ast.expr) -> list[str]:
    """The sentences that an expression may give, with {} for each value; none where it is not written out there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        sentences = [""]
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            choices = templates(inner) if isinstance(inner, (ast.Constant, ast.IfExp)) else ["{}"]
            sentences = [sentence + choice for sentence in sentences for choice in choices]
        return sentences
    if isinstance(node, ast.BinOp):
        return [left + right for left in templates(node.left) for right in templates(node.right)]
    if isinstance(node, ast.IfExp):
        return templates(node.body) + templates(node.orelse)
    return []


def raised_sentences() -> list[tuple[str, str]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in COMMAND_LINE or name.startswith("commands/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            if called in RAISED:
                found += [(f"{name}:{node.lineno}", sentence) for sentence in templates(node.args[0])]
    return found


SENTENCES = raised_sentences()


def test_the_sentences_are_found() -> None:
    assert len(SENTENCES) > 100
    assert any(place.startswith("recipes/recipe.py") for place, _ in SENTENCES)


def test_every_sentence_has_a_chinese_one() -> None:
    missing = [(place, sentence) for place, sentence in SENTENCES if in_chinese(sentence.replace("{}", "7")) is None]
    assert not missing, "add these to siamese/ui/static/errors.zh.json"


@pytest.mark.parametrize("english", CATALOGUE)
def test_a_template_keeps_every_value(english: str) -> None:
    gaps = english.count("{}")
    chinese = CATALOGUE[english]
    assert set(re.findall(r"\{(\d)\}", chinese)) == {str(k) for k in range(gaps)}
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    values = [f"v{k}v" for k in range(gaps)]
    filled = in_chinese("".join(part + value for part, value in zip(english.split("{}"), [*values, ""])))
    assert filled is not None and all(value in filled for value in values)


def test_a_real_error_in_both_languages() -> None:
    with pytest.raises(SiameseError) as caught:
        choice.from_query({"loss": "nonsense"})
    both = in_both(str(caught.value))
    assert both["en"] == str(caught.value) and "'nonsense'" in both["zh"] and "之一" in both["zh"]


def test_the_browser_s_language_chooses() -> None:
    sentence = "The drawing is empty; draw something first."
    for asked, wanted in (("zh-CN,zh;q=0.9", "zh"), ("en-US,en;q=0.9", "en"), ("", "en")):
        request = SimpleNamespace(headers={"accept-language": asked})
        assert in_language_of(request, sentence) == in_both(sentence)[wanted]
    assert in_language_of(None, sentence) == sentence


def test_a_sentence_that_nobody_wrote_stays_as_it_is() -> None:
    assert in_both("Something else.") == {"en": "Something else.", "zh": "Something else."}
