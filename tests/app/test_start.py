"""A server that starts in spite of what lies in its folders, and that ends, and starts again, without a word lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from siamese.ui import lab as labs
from siamese.ui.app import build_demo
from siamese.ui.compare import models
from siamese.ui.compare import tab as compare_tab
from siamese.ui.lab import Lab
from siamese.ui.settings import Settings

ROOT = Path(labs.__file__).resolve().parents[2]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of weights/ and examples/ to be damaged, and no open lab."""
    for name in ("weights", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setattr(labs, "WEIGHTS", tmp_path / "weights")
    for module in (labs, compare_tab):
        monkeypatch.setattr(module, "EXAMPLES", tmp_path / "examples")
    monkeypatch.setattr(labs, "_open", None)
    return tmp_path


def damage(folder: Path, how: str) -> str:
    """Breaks one thing; returns the word by which the log names it."""
    weights = sorted((folder / "weights").glob("*.safetensors"))[0]
    listing = folder / "examples/pairs.json"
    pairs = json.loads(listing.read_text())["pairs"]
    if how == "weights cut short":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif how == "weights that are noise":
        weights.write_bytes(os.urandom(1000))
    elif how == "an empty file of weights":
        weights.write_bytes(b"")
    elif how == "no listing of examples":
        listing.unlink()
    elif how == "a listing that is no JSON":
        listing.write_text("{")
    elif how == "a listing of something else":
        listing.write_text('{"pairs": {"a": 1}}')
    elif how == "a pair without a picture":
        listing.write_text(json.dumps({"pairs": [{"title": "x"}, 3, *pairs[1:]]}))
    elif how == "a picture is missing":
        (folder / "examples" / pairs[0]["left"]).unlink()
    elif how == "a picture is cut short":
        picture = folder / "examples" / pairs[0]["right"]
        picture.write_bytes(picture.read_bytes()[:60])
    return weights.name if "weights" in how else "pairs.json"


DAMAGES = (
    "weights cut short",
    "weights that are noise",
    "an empty file of weights",
    "no listing of examples",
    "a listing that is no JSON",
    "a listing of something else",
    "a pair without a picture",
    "a picture is missing",
    "a picture is cut short",
)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_left_out_and_named(folders: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    named = damage(folders, how)
    lab = labs.open_lab(Settings(folders, torch.device("cpu"), jobs=1, workers=1, threads=1))
    try:
        shipped, pairs = models.shipped_models(), compare_tab.examples()
        models.shipped_models(), compare_tab.examples()
        assert all(pair[side].startswith("data:image/png;base64,") for pair in pairs for side in ("left", "right"))
    finally:
        lab.close()
    whole = len(list((folders / "weights").glob("*.safetensors")))
    assert len(shipped) == (whole - 1 if "weights" in how else whole)
    assert len(pairs) < len(json.loads((ROOT / "examples/pairs.json").read_text())["pairs"]) or "weights" in how
    lines = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert lines and all(named in line for line in lines) and len(lines) == len(set(lines)), lines


def test_the_page_is_built_without_weights_and_examples(folders: Path) -> None:
    for folder in ("weights", "examples"):
        shutil.rmtree(folders / folder)
    build_demo(Settings(folders, torch.device("cpu"), jobs=1, workers=1, threads=1))
    labs.current_lab().close()


def test_closing_ends_the_drawing_of_data_sets(tmp_path: Path) -> None:
    lab = Lab(Settings(tmp_path, torch.device("cpu"), jobs=1, workers=1, threads=1))
    lab.warm_up()
    lab.close()
    assert lab._warming is not None
    lab._warming.join(120)  # close() itself waits for ten seconds, in which a busy machine does nothing
    assert not lab._warming.is_alive() and not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("end", ["nothing trains", "somebody asks"])
def test_what_the_page_needs_later_is_drawn_while_nothing_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    drawn: list[str] = []

    def draw(name: str, folder: Path, progress: Callable[[float], None] | None = None) -> None:
        drawn.append(name)
        if progress is not None:
            progress(1.0)

    monkeypatch.setattr(labs, "load_dataset", draw)
    lab = Lab(Settings(tmp_path, torch.device("cpu"), jobs=1, workers=1, threads=1))
    training = [1]
    monkeypatch.setattr(lab.jobs.line, "turning", lambda: training[0])
    lab.warm_up()
    assert lab.ready.wait(30) and drawn == ["glyphs"] and lab._warming is not None
    if end == "nothing trains":
        training[0] = 0
    else:
        lab.dataset("doodle-faces")
    lab._warming.join(30)
    assert not lab._warming.is_alive() and set(drawn) == {"glyphs", "doodle-faces"}
    lab.close()


class Server:
    """app.py in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], web: httpx.Client) -> None:
        self.process, self.web = process, web

    def ask(self, name: str, *data: Any) -> str:
        event = self.web.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
        return self.web.get(f"/gradio_api/call/{name}/{event}").text

    def call(self, name: str, *data: Any) -> Any:
        answer = self.ask(name, *data)
        assert "event: complete" in answer, answer
        return json.loads(answer.split("event: complete\ndata: ")[1].splitlines()[0])[0]

    def wait_for_step(self, key: str) -> None:
        while self.call("training_status", key)["step"] < 1:
            time.sleep(0.1)


@contextmanager
def serving(data_dir: Path, log: Path) -> Iterator[Server]:
    command = [sys.executable, "app.py", "--data-dir", str(data_dir), "--port", "0", "--jobs", "1"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "http://" in line)
        with httpx.Client(base_url=line.split()[-1], timeout=60) as web:
            yield Server(process, web)
    finally:
        process.kill()
        process.wait(30)


def test_killed_in_a_run_started_again_and_ended_by_control_c(server_data: Path, tmp_path: Path) -> None:
    settings = {"steps": 5000, "batch_size": 16}
    with serving(server_data, tmp_path / "neighbour") as neighbour, serving(server_data, tmp_path / "first") as server:
        other = neighbour.call("start_training", "contrastive-pairs", "glyphs", settings)["id"]
        key = server.call("start_training", "contrastive-pairs", "glyphs", settings)["id"]
        server.wait_for_step(key)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(30)
        # Two servers share one data folder, and nothing else.
        neighbour.wait_for_step(other)
        assert "event: error" in neighbour.ask("training_status", key)
    with serving(server_data, tmp_path / "second") as server:
        assert server.web.get("/healthz").json()["jobs"] == 0
        chart = next(
            one["id"]
            for one in server.web.get("/config").json()["components"]
            if one["props"].get("elem_id") == "chart"
        )
        poll = {"component_id": chart, "fn_name": "poll", "session_hash": "abc", "data": [key, -1]}
        assert server.web.post("/gradio_api/component_server/", json=poll).json() == {"gone": True}
        key = server.call("start_training", "contrastive-pairs", "glyphs", settings)["id"]
        server.wait_for_step(key)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0, "a process that aborts ends with -6"
    said = (tmp_path / "second").read_text()
    assert "terminate called" not in said and "Traceback" not in said, said
