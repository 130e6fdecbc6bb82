"""The whole app as a ZeroGPU Space: python space.py FOLDER_OF_THE_PROJECT DATA_DIR ANSWERS

Writes JSON lines into the open file of number ANSWERS: first its address, then one answer for each JSON line of stdin. A
question does what a browser's buttons do, or asks what the host has seen.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [sys.argv[1], str(Path(__file__).parent)]
from device_api import DeviceApi  # noqa: E402

api = DeviceApi()
os.environ.update(
    SPACES_ZERO_GPU="true",
    SPACES_ZERO_DEVICE_API_URL=api.address,
    SPACE_ID="somebody/siamese",
    GRADIO_ANALYTICS_ENABLED="False",
    MPLBACKEND="Agg",
)
os.environ.pop("SYSTEM", None)

import spaces  # noqa: E402, F401 - before torch and gradio, as app.py does it
from spaces.zero import torch as zero_torch  # noqa: E402

if not Path("/proc/driver/nvidia").exists():  # without a GPU a segment computes on its CPU
    zero_torch.init = lambda nvidia_uuid: None
    zero_torch.move = lambda callback=None: None

import torch  # noqa: E402

from siamese.ui import zero_gpu  # noqa: E402
from siamese.ui.app import build_demo, launch  # noqa: E402
from siamese.ui.lab import current_lab  # noqa: E402
from siamese.ui.settings import read_settings  # noqa: E402

zero_gpu.SEGMENT_SECONDS = 0.7


def answer(question: dict[str, Any]) -> Any:
    """What a question of the test leads to."""
    what = question["do"]
    if what == "host":
        return {"scheduled": api.scheduled, "released": len(api.released), "pids": api.pids}
    if what == "quota":
        api.quota = question["seconds"]
        return None
    if what == "kill":
        os.kill(api.pids[-1], signal.SIGKILL)
        return None
    if what == "cuda":
        return {"believed": torch.cuda.is_available(), "touched": torch.cuda.is_initialized()}
    access = current_lab().jobs.access(question["job"])
    assert access is not None
    control = access.job.control
    if what == "poll":
        return access.job.snapshot()
    if what == "margin":
        control.margin = question["margin"]
    else:
        {"pause": control.pause, "resume": control.resume, "step": control.step_once, "stop": access.job.stop}[what]()
    return None


if __name__ == "__main__":
    settings = read_settings(["--port", "0", "--data-dir", sys.argv[2], "--host", "127.0.0.1"])
    answers = int(sys.argv[3])

    def write(value: Any) -> None:
        """At once and whole: a forked process would repeat what waits in a buffer."""
        os.write(answers, f"{json.dumps(value)}\n".encode())

    write(launch(build_demo(settings), settings, quiet=True))
    # Not sys.stdin: a forked process closes it, and would wait for ever for the lock that a reader here holds.
    rest = b""
    while more := os.read(0, 65536):
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            write(answer(json.loads(line)))
