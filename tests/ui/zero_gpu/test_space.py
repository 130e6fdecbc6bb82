"""The app as a ZeroGPU Space, through Hugging Face's own package: segments, quota, and a GPU that is taken away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

pytest.importorskip("spaces")
HERE = Path(__file__).parent
WAIT = 180.0  # seconds after which a hanging test gives up; none that passes waits
SETTINGS = {"validate_every": 20, "classes_per_batch": 6, "images_per_class": 2, "image_size": 16}  # quick steps


class Space:
    """A server process, and what a test does to it."""

    def __init__(self, data_dir: Path) -> None:
        project = HERE.parents[2]
        environment = {**os.environ, "HOME": str(data_dir), "PYTHONPATH": str(project)}
        # The answers have a pipe of their own. Its workers write into the log, and a line of theirs may end up in the
        # middle of another one.
        answers, theirs = os.pipe()
        self.log = tempfile.TemporaryFile("a+")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "space.py"), str(project), str(data_dir), str(theirs)],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            pass_fds=[theirs],
            start_new_session=True,  # its workers are children of its own
        )
        os.close(theirs)
        self.answers = os.fdopen(answers)
        self.address = self._read()

    def _read(self) -> Any:
        line = self.answers.readline()
        assert line, self.said()
        return json.loads(line)

    def said(self) -> str:
        """The log so far."""
        self.log.seek(0)
        return self.log.read()

    def do(self, what: str, **more: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        self.answers.close()
        self.log.close()

    def start(self, visitor: str, **settings: Any) -> str:
        client = Client(self.address, verbose=False, headers={"x-ip-token": visitor})
        return client.predict("fast", "glyphs", {**SETTINGS, **settings}, api_name="/start_training")["id"]

    def until(self, job: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Polls as a page does, and returns the first snapshot that has got there."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            snapshot = self.do("poll", job=job)
            if reached(snapshot):
                return snapshot
            assert snapshot["state"] != "failed", (snapshot["error"], self.said())
            time.sleep(0.05)
        raise AssertionError((snapshot["state"], snapshot["step"], self.said()))


@pytest.fixture(scope="module")
def space(server_data: Path) -> Iterator[Space]:
    opened = Space(server_data)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_limit(space: Space) -> None:
    space.do("quota", seconds=None)


def over(snapshot: dict[str, Any]) -> bool:
    return snapshot["state"] in ("done", "stopped")


def test_a_run_goes_from_start_to_finish_in_segments(space: Space) -> None:
    before = space.do("host")
    job = space.start("ada", steps=25)
    end = space.until(job, over)
    assert end["state"] == "done" and end["step"] == 25 and end["scores"]["auc"] > 0.5
    steps = end["loss"]["step"]
    assert steps == sorted(set(steps)) and steps[-1] == 25, "no step is told twice"
    assert end["validation"]["step"] == sorted(set(end["validation"]["step"]))
    after = space.do("host")
    granted = after["scheduled"][len(before["scheduled"]) :]
    assert {asked["token"] for asked in granted} == {"ada"}, "the visitor's own quota"
    assert [float(asked["durationSeconds"]) for asked in granted][:2] == [12.0, 4.0][: len(granted)]
    assert after["released"] == len(after["scheduled"])
    assert space.do("cuda") == {"believed": True, "touched": False}


def test_pause_and_steer_between_segments_and_stop(space: Space) -> None:
    job = space.start("bob", steps=5000)
    space.until(job, lambda run: run["step"] > 0)
    space.do("margin", job=job, margin=1.75)
    space.do("pause", job=job)
    paused = space.until(job, lambda run: run["note"] == "pause")
    granted = len(space.do("host")["scheduled"])
    assert paused["state"] == "paused"
    space.do("step", job=job)
    stepped = space.until(job, lambda run: run["step"] == paused["step"] + 1 and run["note"] == "pause")
    assert stepped["margin"] == 1.75 and len(space.do("host")["scheduled"]) == granted + 1
    space.do("resume", job=job)
    space.until(job, lambda run: run["step"] > stepped["step"])
    space.do("stop", job=job)
    end = space.until(job, over)
    assert end["state"] == "stopped" and end["step"] > stepped["step"]


def test_a_spent_quota_is_said_and_the_run_goes_on_later(space: Space) -> None:
    space.do("quota", seconds=14)  # for the first segment and not for a second one
    job = space.start("cleo", steps=5000)
    stands = space.until(job, lambda run: run["note"] == "quota")
    assert stands["state"] == "paused" and stands["step"] > 0 and stands["note_wait"] == "1:00:00"
    space.do("resume", job=job)  # too early
    space.until(job, lambda run: run["state"] == "paused" and run["note"] == "quota")
    space.do("quota", seconds=None)
    space.do("resume", job=job)
    later = space.until(job, lambda run: run["step"] > stands["step"])
    assert later["note"] is None
    space.do("stop", job=job)
    space.until(job, over)


def test_a_quota_that_is_refused_at_once_leaves_a_run_that_can_begin_later(space: Space) -> None:
    space.do("quota", seconds=0)
    job = space.start("dora", steps=8)
    stands = space.until(job, lambda run: run["note"] == "quota")
    assert stands["state"] == "paused" and stands["step"] == 0
    space.do("quota", seconds=None)
    space.do("resume", job=job)
    assert space.until(job, over)["step"] == 8


def test_a_gpu_that_is_taken_away_costs_one_segment(space: Space) -> None:
    before = len(space.do("host")["scheduled"])
    job = space.start("eve", steps=5000)
    space.until(job, lambda run: len(space.do("host")["scheduled"]) > before + 1)  # in the second segment
    space.do("kill")
    stands = space.until(job, lambda run: run["note"] == "worker")
    saved = stands["step"]
    assert stands["state"] == "paused" and saved > 0
    assert all(step <= saved for step in stands["loss"]["step"] + stands["validation"]["step"])
    space.do("resume", job=job)
    space.until(job, lambda run: run["step"] > saved)
    space.do("stop", job=job)
    end = space.until(job, over)
    assert end["loss"]["step"] == sorted(set(end["loss"]["step"]))


def test_two_visitors_at_once_each_spend_their_own_quota(space: Space) -> None:
    before = len(space.do("host")["scheduled"])
    jobs = [space.start(visitor, steps=8) for visitor in ("fay", "gus")]
    ends = [space.until(job, over) for job in jobs]
    assert [end["step"] for end in ends] == [8, 8] and {end["state"] for end in ends} == {"done"}
    granted = space.do("host")["scheduled"][before:]
    assert {asked["token"] for asked in granted} == {"fay", "gus"}
    assert ends[0]["loss"]["value"] == ends[1]["loss"]["value"], "the same recipe gives the same run"
