"""The weights that ship: each card's one-shot score is measured again, by what the file itself says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from siamese.commands import cli
from siamese.data.bank import Dataset
from siamese.evaluation.protocols import Evaluator
from siamese.learning.sampling import holds_a_large_group
from siamese.models.checkpoint import Checkpoint
from siamese.models.views import ways

WEIGHTS = Path(cli.__file__).parents[2] / "weights"
NAMES = sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


@pytest.mark.parametrize("name", ["glyphs", "doodle-faces"])
def test_a_card_says_what_is_measured_again(name: str, built_in: Callable[[str], Dataset]) -> None:
    checkpoint, dataset = Checkpoint.load(WEIGHTS / f"{name}.safetensors"), built_in(name)
    evaluation = Evaluator(checkpoint).oneshot(dataset, within_group=holds_a_large_group(dataset.test, 20))
    _, section = (WEIGHTS / f"{name}.md").read_text(encoding="utf-8").split("### One-shot classification\n")
    written = re.search(r"\| one-shot accuracy \| ([0-9.]+)", section)
    assert written is not None
    # Other versions of the font renderer draw other images, and turn some trials over.
    assert 100 * evaluation.scores["oneshot_accuracy"] == pytest.approx(float(written[1]), abs=1.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_what_the_file_holds(name: str) -> None:
    path, card = WEIGHTS / f"{name}.safetensors", (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    checkpoint = Checkpoint.load(path)
    assert path.stat().st_size <= 2_000_000
    assert checkpoint.calibration is not None, f"python -m siamese calibrate weights/{name}.safetensors"
    assert f"weights/{name}.safetensors" in card and checkpoint.recipe.encoder in card
    assert (checkpoint.views == "one") == ("| views |" not in card)
    assert (ways(checkpoint.views) == 2) == ("upside down" in card)
