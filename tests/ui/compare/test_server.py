"""What the Compare tab asks for: anything gets an answer, and the answers are the network's own."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from siamese.data.bank import Dataset
from siamese.ui.compare import server as compare_server
from siamese.ui.compare.asked_picture import decode_ink, picture_key
from siamese.ui.lab import Lab, open_lab
from siamese.ui.pictures import data_uri, to_image
from siamese.ui.settings import Settings


@pytest.fixture(scope="module")
def lab(data_dir: Path, built_in: Callable[[str], Dataset]) -> Iterator[Lab]:
    built_in("glyphs")
    lab = open_lab(Settings(data_dir, torch.device("cpu"), jobs=1, workers=1, threads=1))
    yield lab
    lab.close()


def ink(*strokes: tuple[tuple[int, int], ...]) -> dict[str, str]:
    parts = [base64.urlsafe_b64encode(bytes(v for point in stroke for v in point)).decode() for stroke in strokes]
    return {"ink": ".".join(part.rstrip("=") for part in parts)}


HOOK, CROSS = ink(((60, 60), (180, 60), (180, 190))), ink(((40, 40), (200, 200)), ((200, 40), (40, 200)))


@pytest.mark.parametrize("function", compare_server.FUNCTIONS, ids=lambda one: one.__name__)
def test_anything_gets_a_sentence(lab: Lab, function: Callable[[Any], Any]) -> None:
    values = (None, "text", 3, {}, [], [None], ["glyphs"], ["glyphs", 1], ["glyphs", {"ink": 3}, {"url": "x"}])
    more = (["glyphs", [None], [["a"]]], ["nothing", HOOK, HOOK], ["nowhere", "x"], ["glyphs", HOOK, "board"])
    for wrong in (*values, *more, ["/etc/passwd", "x"], [{"a": 1}, [[]], None], ["glyphs", "9" * 99]):
        answer = function(wrong)
        if "error" in answer:
            assert answer["error"]["en"].endswith((".", "!", "?")) and answer["error"]["zh"], answer
            assert str(lab.settings.data_dir) not in str(answer["error"]), answer


def test_a_measurement_is_the_networks_own(lab: Lab) -> None:
    bank = lab.dataset("glyphs").test
    by_number = compare_server.measure(["glyphs", *({"data": "glyphs", "image": str(n)} for n in (0, 1))])
    by_address = compare_server.measure(["glyphs", *({"url": data_uri(to_image(bank.images[n]))} for n in (0, 1))])
    expected = lab.comparer("glyphs").compare(to_image(bank.images[0]), to_image(bank.images[1]))
    for answer in (by_number, by_address):
        assert answer["dissimilarity"] == pytest.approx(expected.dissimilarity, abs=1e-6)
        assert (answer["same"], answer["different"]) == (expected.same, pytest.approx(expected.different))
    there, back = (compare_server.measure(["glyphs", *pair]) for pair in ((HOOK, CROSS), (CROSS, HOOK)))
    assert there["dissimilarity"] == pytest.approx(back["dissimilarity"], abs=1e-6)
    alone = compare_server.measure(["glyphs", HOOK, None])
    assert "dissimilarity" not in alone and alone["seen"][0].startswith("data:image/png") and alone["seen"][1] is None


def test_a_board_is_learnt_once_and_asked_by_its_keys(lab: Lab) -> None:
    learnt = compare_server.learn(["glyphs", [HOOK, CROSS]])["pictures"]
    assert [one["key"] for one in learnt] == [picture_key(HOOK), picture_key(CROSS)]
    keys = [[one["key"]] for one in learnt]
    answer = compare_server.nearest(["glyphs", CROSS, keys])
    assert [number for number, *_ in answer["ranking"]] == [1, 0] and answer["ranking"][0][1] < 1e-3
    assert answer["none"] is False and 0 < answer["threshold"] < answer["ranking"][1][1]
    assert compare_server.nearest(["glyphs", CROSS, [["unknown"]]])["missing"]
    assert "takes from 1 to 20" in compare_server.nearest(["glyphs", CROSS, [keys[0]] * 21])["error"]["en"]


def test_where_it_comes_from_agrees_with_its_check(lab: Lab) -> None:
    answer = compare_server.where(["glyphs", HOOK, CROSS])
    side, patch = answer["decisive"]
    assert answer["checked"] == pytest.approx(answer["hidden"][side][patch], abs=1e-4)
    assert len(answer["patches"]) == len(answer["hidden"][0]) == 64 and len(answer["cells"][1]) == 14 * 14


def test_a_card_shows_what_was_measured(lab: Lab) -> None:
    for model in ("glyphs", "doodle-faces"):
        card = compare_server.card([model, False])
        assert [row[0] for row in card["rows"]] == ["pairs", "oneshot"]
        assert all(0 < raw < ours <= 1 for _, _, ours, raw in card["rows"])
        assert f"{100 * card['rows'][0][2]:.2f} %" in card["text"] and card["hills"]["pairs"] >= 1_000


def test_ink_is_checked() -> None:
    assert decode_ink(HOOK["ink"])[0][0] == (60 / 255, 60 / 255)
    for wrong in (None, 3, "", "%%%", "a" * 70_000, "."):
        with pytest.raises(ValueError, match="drawing"):
            decode_ink(wrong)
