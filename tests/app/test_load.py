"""A hundred people on one server for twenty seconds. `python -m siamese benchmark load` does the same for two minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from siamese.commands.benchmark import load
from siamese.commands.benchmark.bench import Bench
from siamese.commands.benchmark.people import Outcome, Person, Place
from siamese.data.bank import Dataset


def test_a_crowd_is_answered_and_leaves_nothing_behind(
    data_dir: Path, built_in: Callable[[str], Dataset], capfd: pytest.CaptureFixture[str]
) -> None:
    built_in("glyphs")
    (row,) = load.measure(Bench(torch.device("cpu"), data_dir=data_dir), load.QUICK)
    said = f"{row}\n{capfd.readouterr().err[-3000:]}"
    assert row["answers"]["wrong"] == 0, said
    assert row["answers"]["right"] >= 100 and row["answers"]["refused"] >= 1, said
    assert {"start", "stop", "compare", "upload", "batch", "poll", "nonsense"} <= set(row["actions"]), said
    for what in ("threads", "files"):
        if row[what]["before"] is not None:
            assert row[what]["after"] <= row[what]["before"] + 2, said
    assert row["memory_mb"]["after"] <= 1.1 * row["memory_mb"]["before"], said


def test_a_wrong_answer_is_counted_as_such() -> None:
    """The judge of the load test is no use if it finds everything right."""
    place = Place("http://127.0.0.1:9/", 1, 2, ("glyphs",))
    person = Person(place, 0)
    person._do("poll")  # nobody listens there
    assert person.outcome.counts == {"poll wrong": 1} and "ConnectionRefused" in person.outcome.wrong[0]
    person.outcome = Outcome()
    person._request = lambda *a, **k: (200, '{"unexpected": 1}')  # type: ignore[method-assign]
    for action in ("poll", "frame", "batch", "nonsense", "start"):
        person._do(action)
    assert set(person.outcome.counts) == {
        f"{action} wrong" for action in ("poll", "frame", "batch", "nonsense", "start")
    }
