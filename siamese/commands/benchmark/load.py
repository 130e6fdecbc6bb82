"""A hundred simulated people use one server: the answers they get, and what remains of their visit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from siamese import SiameseError
from siamese.commands.benchmark.bench import Bench
from siamese.commands.benchmark.people import Person, Place
from siamese.data.catalogue import default_data_dir

ABOUT = (
    "The app in a process of its own, used over loopback by simulated people: each polls once a second and every eight "
    "seconds, on average, starts or stops a run, compares two uploads, draws a batch or sends nonsense. `wrong` counts "
    "answers that are neither right nor a clear refusal. Memory, threads and files of the server are measured after a "
    "short visit by all, and again after all have gone; memory is without the networks of finished runs, which are kept."
)


class Sizes(NamedTuple):
    """people: how many come.
    seconds: how long they stay.
    first: seconds of an earlier visit by all of them.
    settle: seconds after the last run, in which idle threads end and the server gives back their memory.
    """

    people: int
    seconds: float
    first: float = 5.0
    settle: float = 22.0


FULL = Sizes(100, 120.0)
QUICK = Sizes(100, 20.0)


def measure(bench: Bench, sizes: Sizes | None = None) -> Iterator[dict[str, Any]]:
    """One row: the answers, and the server before and after."""
    sizes = sizes or (QUICK if bench.quick else FULL)
    if find_spec("gradio") is None:
        yield bench.row("load", left_out="gradio is not installed")
        return
    bench.dataset("glyphs")  # rendered now; otherwise the server would render it during the measurement
    with _server(bench) as (process, place):
        _visit(place, sizes.people, sizes.first)
        before = _settled(process, place, sizes.settle)
        outcomes = _visit(place, sizes.people, sizes.seconds)
        after = _settled(process, place, sizes.settle)
    counts = sum((person.outcome.counts for person in outcomes), Counter[str]())
    polls = sorted(value for person in outcomes for value in person.outcome.polls)
    verdicts = {verdict: _total(counts, verdict) for verdict in ("right", "refused", "wrong")}
    for text in [text for person in outcomes for text in person.outcome.wrong][:20]:
        print(text, file=sys.stderr)
    yield bench.row(
        "load",
        people=sizes.people,
        seconds=sizes.seconds,
        poll_p50_ms=polls[len(polls) // 2],
        poll_p95_ms=polls[int(0.95 * len(polls))],
        answers=verdicts,
        actions={action: _total(counts, action) for action in sorted({name.split()[0] for name in counts})},
        **{
            name: {"before": before[name], "after": after[name]}
            for name in ("memory_mb", "kept_mb", "threads", "files")
        },
    )


def _total(counts: Counter[str], word: str) -> int:
    return sum(count for name, count in counts.items() if word in name.split())


def _visit(place: Place, people: int, seconds: float) -> list[Person]:
    """`people` people use the server for `seconds`. Returns when the last one has gone."""
    everybody = [Person(place, number) for number in range(people)]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=person.live, args=(until,)) for person in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return everybody


def _settled(process: subprocess.Popen[str], place: Place, seconds: float) -> dict[str, Any]:
    """The state of the server once no run has been left for so many seconds, or after ten times as many."""
    last = began = time.monotonic()
    while True:
        state, now = _state(process, place), time.monotonic()
        if state["runs"]:
            last = now
        if now - last > seconds or now - began > 10 * seconds:
            return state
        time.sleep(0.5)


def _state(process: subprocess.Popen[str], place: Place) -> dict[str, Any]:
    """memory_mb, without what finished runs keep, and threads and open files where the system says them."""
    with urllib.request.urlopen(f"{place.address}healthz", timeout=30) as answer:
        health = json.load(answer)
    memory = health["memory_mb"] - health["kept_mb"]
    state: dict[str, Any] = {
        "memory_mb": memory,
        "kept_mb": health["kept_mb"],
        "runs": health["jobs"] + health["waiting"],
    }
    folder = Path(f"/proc/{process.pid}")
    for name, inside in (("threads", "task"), ("files", "fd")):
        state[name] = len(os.listdir(folder / inside)) if folder.is_dir() else None
    return state


@contextmanager
def _server(bench: Bench) -> Iterator[tuple[subprocess.Popen[str], Place]]:
    """The app in another process, on a free port of this machine, with its own folder for uploads."""
    here = str(Path(__file__).resolve().parents[3])
    with tempfile.TemporaryDirectory() as uploads:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")])),
            "GRADIO_TEMP_DIR": uploads,
            "GRADIO_ANALYTICS_ENABLED": "False",
            "MPLBACKEND": "Agg",
        }
        command = [sys.executable, "-m", "siamese.commands.benchmark.load"]
        command += [str(bench.data_dir or default_data_dir()), str(bench.device)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SiameseError("The server of this measurement did not start.")
            orders = json.loads(line)
            yield process, Place(orders["address"], orders["chart"], orders["explore"], tuple(orders["models"]))
            process.stdin.close()
            process.wait(60)


def _serve(data_dir: str, device: str) -> None:
    """Serves until stdin ends. The first line of stdout has the address, the components and the models."""
    import torch

    from siamese.training.memory import share_pools
    from siamese.ui import lab
    from siamese.ui.app import build_demo, launch
    from siamese.ui.explore.tab import ExploreView
    from siamese.ui.settings import JOBS, Settings, default_workers
    from siamese.ui.train.live_chart import LiveChart

    share_pools()
    lab.LATER = ()  # rendering them would be part of the measurement
    workers, threads = default_workers(torch.device(device))
    settings = Settings(Path(data_dir), torch.device(device), JOBS, workers, threads, port=0)
    demo = build_demo(settings)
    address = launch(demo, settings, quiet=True)
    chart, explore = (
        next(number for number, block in demo.blocks.items() if isinstance(block, kind))
        for kind in (LiveChart, ExploreView)
    )
    models = [path.stem for path in lab.current_lab().shipped_paths()]
    print(json.dumps({"address": address, "chart": chart, "explore": explore, "models": models}), flush=True)
    sys.stdin.read()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
