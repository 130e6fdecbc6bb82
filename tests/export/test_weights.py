"""The weights that ship: each card's one-shot score is measured again, by what the file itself says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from siamese.commands import cli
from siamese.data.catalogue import available, load_dataset
from siamese.evaluation.protocols import Evaluator
from siamese.learning.sampling import holds_a_large_group
from siamese.models.checkpoint import Checkpoint

WEIGHTS = Path(cli.__file__).parents[2] / "weights"
NAMES = sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_is_measured_again(name: str, data_dir: Path) -> None:
    checkpoint = Checkpoint.load(WEIGHTS / f"{name}.safetensors")
    card = (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    of = checkpoint.data["name"]
    folder = data_dir
    if not {entry.name: entry.built_in for entry in available(data_dir)}[of]:
        given = os.environ.get("SIAMESE_TEST_DATA")
        if given is None or not {entry.name: entry.present for entry in available(Path(given))}[of]:
            pytest.skip(f"{of} is not here")
        folder = Path(given)
    dataset = load_dataset(of, folder)
    evaluation = Evaluator(checkpoint).oneshot(dataset, within_group=holds_a_large_group(dataset.test, 20))
    assert evaluation.words in card
    written = re.search(r"\| one-shot accuracy \| ([0-9.]+)", card)
    assert written is not None
    # Another processor may turn one trial of 400 over.
    assert 100 * evaluation.scores["oneshot_accuracy"] == pytest.approx(float(written[1]), abs=0.6)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_what_the_file_holds(name: str) -> None:
    path, card = WEIGHTS / f"{name}.safetensors", (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    checkpoint = Checkpoint.load(path)
    assert path.stat().st_size <= 2_000_000
    assert checkpoint.calibration is not None, f"python -m siamese calibrate weights/{name}.safetensors"
    assert f"weights/{name}.safetensors" in card and checkpoint.recipe.encoder in card
    assert (checkpoint.views == "one") == ("| views |" not in card)
