"""The room: who may look, who may teach, what the teacher's actions do, and what a name may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from gradio.context import LocalContext
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.bank import Dataset
from siamese.recipes import recipe_named
from siamese.training.jobs.job import LONGEST_NAME, TrainingJob, Visitor, plain_name
from siamese.ui.lab import Lab, open_lab
from siamese.ui.room import server as room_server
from siamese.ui.room.address import is_room, qr_rows, reachable_address
from siamese.ui.room.server import CLOSED, room, teach
from siamese.ui.settings import Settings
from siamese.ui.train import live_server
from siamese.ui.train.events import _plan

SETTINGS = Settings(Path("nowhere"), torch.device("cpu"), jobs=4, workers=1, threads=1, host="0.0.0.0")


def request(host: str, **headers: str) -> Any:
    return SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(room_server, "CACHE_SECONDS", -1.0)
    opened = open_lab(replace(SETTINGS, data_dir=tmp_path))
    opened.address = "http://192.0.2.7:7860"
    token = LocalContext.request.set(request("192.0.2.99"))
    yield opened
    LocalContext.request.reset(token)
    opened.close()


def start(lab: Lab, dataset: Dataset, name: str, **settings: Any) -> TrainingJob:
    recipe = replace(recipe_named("fast"), **{"steps": 20, "validate_every": 10, "image_size": 16, **settings})
    return lab.jobs.submit(Visitor(name, name, name), recipe, "patterns", lambda _: dataset)


def test_the_key_opens_the_bar_and_nothing_else_does(lab: Lab) -> None:
    for wrong in (None, "", "x", lab.room_key[:-1], 3, [lab.room_key], {"key": lab.room_key}):
        assert room([wrong])["teacher"] is False and teach([wrong, "hold", True]) == CLOSED
    assert room(None)["teacher"] is False and teach(None) == CLOSED and teach([]) == CLOSED
    assert room([lab.room_key])["teacher"] is True
    assert not lab.jobs.line.on_hold


@pytest.mark.parametrize(
    "settings, host, headers, teacher",
    [
        ({}, "127.0.0.1", {}, True),
        ({}, "::1", {}, True),
        ({}, "192.0.2.99", {}, False),
        ({}, "127.0.0.1", {"x-forwarded-for": "192.0.2.99"}, False),
        ({"share": True}, "127.0.0.1", {}, False),
        ({"space": True}, "127.0.0.1", {}, False),
        ({"host": "127.0.0.1"}, "127.0.0.1", {}, False),
    ],
)
def test_the_servers_own_machine_is_the_teachers(
    lab: Lab, settings: dict[str, Any], host: str, headers: dict[str, str], teacher: bool
) -> None:
    lab.settings = replace(lab.settings, **settings)
    LocalContext.request.set(request(host, **headers))
    assert room([""]).get("teacher", False) is teacher
    assert (teach(["", "hold", False]) == CLOSED) is not teacher


def test_on_the_internet_only_the_key_opens_the_room(lab: Lab) -> None:
    lab.settings = replace(lab.settings, space=True)
    assert room([""]) == CLOSED
    assert room([lab.room_key])["teacher"]


def test_runs_are_ranked_within_their_data_set_and_can_be_opened_to_look(lab: Lab, dataset: Dataset) -> None:
    jobs = [start(lab, dataset, name, seed=n) for n, name in enumerate(("<b>Ada</b>", "Noor", "Kenji"))]
    for job in jobs:
        assert job.ended.wait(60) and job.state == "done", job.error
    seen = room([""])
    (patterns,) = seen["sets"]
    scores = [run["score"] for run in patterns["runs"]]
    assert scores == sorted(scores, reverse=True) and {run["name"] for run in patterns["runs"]} >= {"<b>Ada</b>"}
    for run in patterns["runs"]:
        access = lab.jobs.access(run["id"])
        assert access is not None and not access.may_control and len(run["curve"]) == len(run["curve_steps"]) <= 60
        assert run["pixels"] is not None and run["step"] == 20
    assert not {job.id for job in jobs} & set(json.dumps(seen).split('"')), "no key that controls a run is given away"


def test_the_teacher_holds_bounds_and_ends(lab: Lab, dataset: Dataset) -> None:
    key = lab.room_key
    job = start(lab, dataset, "long", steps=10**5)
    assert teach([key, "hold", True]) == {"done": True} and room([""])["on_hold"]
    assert teach([key, "jobs", 2]) == {"done": True} and room([""])["jobs"] == 2
    assert teach([key, "longest", 120]) == {"done": True} and room([""])["longest"] == 120
    assert teach([key, "longest", None]) == {"done": True} and lab.jobs.longest is None
    assert teach([key, "end", job.watch_id]) == {"done": True}
    assert job.ended.wait(60) and job.state == "stopped" and job.note == "teacher"
    assert teach([key, "end", job.watch_id]) == {"done": False}
    assert teach([key, "hold", False]) == {"done": True}


@pytest.mark.parametrize(
    "action, value",
    [
        ("hold", 1),
        ("jobs", 0),
        ("jobs", 65),
        ("jobs", True),
        ("jobs", "9"),
        ("longest", 7),
        ("longest", "x"),
        ("end", 5),
    ]
    + [("", None), (None, None), ([], 1), ("__class__", 1)],
)
def test_anything_else_changes_nothing(lab: Lab, action: Any, value: Any) -> None:
    before = room([""])
    assert teach([lab.room_key, action, value]) == {"done": False}
    assert room([""]) == before


def test_looking_at_the_room_keeps_no_forgotten_run_alive(lab: Lab, dataset: Dataset) -> None:
    job = start(lab, dataset, "forgotten", steps=10**5)
    job.last_seen = 0.0
    room([""])
    assert job.last_seen == 0.0


def test_a_gpu_that_cannot_be_used_is_said_on_every_page(lab: Lab, dataset: Dataset) -> None:
    lab.jobs.fault = "This machine has an NVIDIA GPU that cannot be used (too old). Runs train on the CPU."
    job = start(lab, dataset, "me", steps=10**5)
    announced = _plan("glyphs", recipe_named("fast"))
    for page in (room([""]), live_server.poll([job.id, -1]), announced):
        assert page["fault"]["en"] == lab.jobs.fault and "NVIDIA GPU" in page["fault"]["zh"] != lab.jobs.fault


@given(st.one_of(st.text(max_size=80), st.none(), st.integers(), st.lists(st.text())))
def test_a_name_is_one_short_line(name: Any) -> None:
    plain = plain_name(name)
    assert len(plain) <= LONGEST_NAME and plain == plain.strip() and "\n" not in plain
    assert plain_name(plain) == plain


def test_names_as_people_write_them() -> None:
    assert plain_name("  Ada &\n Ben ") == "Ada & Ben" and plain_name("Zoë 小明 🙂") == "Zoë 小明 🙂"
    assert plain_name("a\u202eb\u0000c\u200f") == "abc" and plain_name("x" * 99) == "x" * 24


def test_the_address_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reachable_address(replace(SETTINGS, host="192.0.2.7"), 7860) == "http://192.0.2.7:7860"
    assert reachable_address(replace(SETTINGS, host="2001:db8::7"), 80) == "http://[2001:db8::7]:80"
    assert "0.0.0.0" not in reachable_address(SETTINGS, 7860) and "127." not in reachable_address(SETTINGS, 7860)
    monkeypatch.setenv("SPACE_HOST", "ada-siamese.hf.space")
    assert reachable_address(SETTINGS, 7860) == "https://ada-siamese.hf.space"
    assert is_room(SETTINGS) and not is_room(replace(SETTINGS, host="localhost"))


def test_the_code_is_a_square_with_three_finders() -> None:
    rows = qr_rows("http://192.0.2.7:7860")
    assert len(rows) == 25 and all(len(row) == 25 and set(row) <= {"0", "1"} for row in rows)
    assert rows[0][:7] == rows[0][-7:] == rows[-1][:7] == "1111111" and rows[0][7] == "0"
