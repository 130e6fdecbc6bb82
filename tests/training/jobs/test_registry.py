"""Jobs and their waiting line: order, limits, failures that are seen, and workers that outlive them all."""

from __future__ import annotations

import contextvars
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from endless import endless

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.evaluation.scores import Validation
from siamese.models.checkpoint import Checkpoint
from siamese.recipes import Recipe
from siamese.training.control import TrainingControl
from siamese.training.events import Event, Finished, Paused, Progress, Started
from siamese.training.jobs import line as line_module
from siamese.training.jobs import registry as jobs
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.training.jobs.registry import FINISHED_SECONDS, IDLE_SECONDS, PAUSED_SECONDS, JobRegistry
from siamese.training.loop import train

WAIT = 60.0  # seconds after which a hanging test gives up; none that passes waits
STARTED = Started("CPU", 10, 48, 8, 0.1, 0.25, "m²/4")


def progress(step: int) -> Progress:
    return Progress(step, (1 / step,), 0.1 * step, 10.0, 640.0, 0.003, 1.0)


class Script:
    """Stands in for train(): runs that do what their recipe's name says, and wait at a gate where they have one."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.started: dict[str, threading.Event] = {}
        self.gates: dict[str, threading.Event] = {}

    def gate(self, name: str) -> threading.Event:
        """Makes the run of that name wait, once it has started, until the event is set."""
        self.started[name], self.gates[name] = threading.Event(), threading.Event()
        return self.gates[name]

    def __call__(
        self, recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device
    ) -> Iterator[Event]:
        self.order.append(recipe.name)
        yield STARTED
        if recipe.name in self.gates:
            self.started[recipe.name].set()
            assert self.gates[recipe.name].wait(WAIT)
        if recipe.name.startswith("refuse"):
            raise SiameseError("This cannot be trained; take another.")
        if recipe.name.startswith("break"):
            raise ZeroDivisionError("secret /server/path")
        for step in range(1, recipe.steps + 1):
            while not control.ready:
                yield Paused()
            if not control.next_steps(1)[0]:
                yield Finished(step - 1, 0.1, "stopped", b"stopped weights")
                return
            yield progress(step)
        why = "diverged" if recipe.name.startswith("diverge") else "steps"
        yield Finished(recipe.steps, 0.1, why, b"weights of " + recipe.name.encode())
        if recipe.name.startswith("late"):
            raise RuntimeError("while tidying up")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def open_registry(script: Script) -> Iterator[Callable[..., JobRegistry]]:
    opened: list[JobRegistry] = []

    def make(running: int = 1, run: Any = script) -> JobRegistry:
        opened.append(JobRegistry(running, running, threads=1, run=run))
        return opened[-1]

    yield make
    for gate in script.gates.values():
        gate.set()
    for registry in opened:
        registry.close(WAIT)


@pytest.fixture
def submit(dataset: Dataset) -> Callable[..., TrainingJob]:
    """Submits a run of that name and length, each of an owner of its own."""

    def make(
        registry: JobRegistry, name: str, *, owner: str = "", paused: bool = False, **settings: Any
    ) -> TrainingJob:
        recipe = Recipe(name=name, **{"steps": 3, **settings})
        return registry.submit(
            Visitor(owner or name, address=name), recipe, "patterns", lambda progress: dataset, paused=paused
        )

    return make


Submit = Callable[..., TrainingJob]
Open = Callable[..., JobRegistry]


def ended(job: TrainingJob) -> str:
    assert job.ended.wait(WAIT)
    return job.state


def test_a_job_runs_to_its_end(open_registry: Open, submit: Submit, dataset: Dataset) -> None:
    job = submit(open_registry(), "plain")
    assert ended(job) == "done" and not job.alive and job.error is None
    assert job.weights == b"weights of plain" and job.dataset is dataset
    told = job.snapshot()
    assert (told["state"], told["step"], told["recipe"]["name"]) == ("done", 3, "plain")
    assert told["dataset"] == {"name": "patterns", "title": "Patterns", "unseen": "classes"}
    json.dumps(told, allow_nan=False)


def test_jobs_wait_in_order_and_know_their_place(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("0")
    registry = open_registry()
    line = [submit(registry, str(n)) for n in range(5)]
    assert script.started["0"].wait(WAIT)
    assert [registry.place(job) for job in line] == [0, 1, 2, 3, 4]
    assert [job.state for job in line] == ["running"] + ["waiting"] * 4
    gate.set()
    assert [ended(job) for job in line] == ["done"] * 5
    assert script.order == ["0", "1", "2", "3", "4"]
    assert [registry.place(job) for job in line] == [0] * 5


def test_so_many_run_at_once_and_no_more(open_registry: Open, submit: Submit, script: Script) -> None:
    gates = [script.gate(str(n)) for n in range(3)]
    registry = open_registry(running=2)
    line = [submit(registry, str(n)) for n in range(3)]
    assert script.started["0"].wait(WAIT) and script.started["1"].wait(WAIT)
    assert not script.started["2"].is_set() and registry.place(line[2]) == 1
    gates[1].set()
    assert ended(line[1]) == "done" and script.started["2"].wait(WAIT)
    assert line[0].state == "running"


def test_one_run_of_an_owner_at_a_time(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("first")
    registry = open_registry()
    first = submit(registry, "first", owner="me")
    with pytest.raises(SiameseError, match="A run of this browser is still going on; stop it before"):
        submit(registry, "second", owner="me")
    assert script.started["first"].wait(WAIT)
    first.stop()
    with pytest.raises(SiameseError, match="is coming to its end; try again in a moment"):
        submit(registry, "second", owner="me")
    gate.set()
    assert ended(first) == "stopped"
    second = submit(registry, "second", owner="me")
    assert ended(second) == "done"
    assert registry.of_owner("me") == [first, second] and registry.of_owner("you") == []


def test_a_full_line_is_told(
    open_registry: Open, submit: Submit, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "MOST_WAITING", 3)
    script.gate("0")
    registry = open_registry()
    submit(registry, "0")
    assert script.started["0"].wait(WAIT)
    line = [submit(registry, str(n)) for n in (1, 2, 3)]
    with pytest.raises(SiameseError, match="3 runs are waiting already; try again in a minute"):
        submit(registry, "4")
    line[1].stop()  # makes room at once
    assert registry.place(submit(registry, "4")) == 3
    assert registry.place(line[2]) == 2 and registry.place(line[1]) == 0


def test_stop_while_waiting(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("0")
    registry = open_registry()
    first, second, third = (submit(registry, str(n)) for n in range(3))
    assert script.started["0"].wait(WAIT)
    second.stop()
    assert second.state == "stopped" and second.ended.is_set() and registry.place(third) == 1
    gate.set()
    assert (ended(first), ended(third)) == ("done", "done")
    assert script.order == ["0", "2"] and second.snapshot()["step"] == 0


def test_stop_while_preparing(open_registry: Open, script: Script, dataset: Dataset) -> None:
    registry = open_registry()
    loading, loaded = threading.Event(), threading.Event()

    def load(tell: Callable[[float], None]) -> Dataset:
        tell(0.25)
        loading.set()
        assert loaded.wait(WAIT)
        return dataset

    job = registry.submit(Visitor("me"), Recipe(name="slow"), "patterns", load)
    assert loading.wait(WAIT)
    told = job.snapshot()
    assert (told["state"], told["preparing_share"]) == ("preparing", 0.25)
    assert told["dataset"] == {"name": "patterns", "title": "patterns", "unseen": "images"}
    job.stop()
    assert job.state == "preparing" and job.alive
    loaded.set()
    assert ended(job) == "stopped" and script.order == []


def test_stop_while_running(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("long")
    job = submit(open_registry(), "long", steps=10**6)
    assert script.started["long"].wait(WAIT)
    job.stop()
    gate.set()
    assert ended(job) == "stopped" and job.weights == b"stopped weights" and job.error is None


def test_pause_step_and_stop_while_paused(open_registry: Open, dataset: Dataset) -> None:
    stepped = threading.Semaphore(0)

    def run(recipe: Recipe, dataset: Dataset, control: TrainingControl, **_: object) -> Iterator[Event]:
        yield STARTED
        for event in endless(recipe, dataset, control):
            yield event
            if isinstance(event, Progress):
                stepped.release()

    registry = open_registry(run=run)
    job = registry.submit(Visitor("me"), Recipe(), "patterns", lambda tell: dataset, paused=True)
    for step in (1, 2, 3):
        job.control.step_once()
        assert stepped.acquire(timeout=WAIT)
        told = job.snapshot()
        assert (told["state"], told["step"]) == ("paused", step)
    assert not stepped.acquire(blocking=False)
    job.control.resume()
    assert stepped.acquire(timeout=WAIT) and job.state == "running"
    job.control.pause()
    assert job.state == "paused"
    job.stop()
    assert ended(job) == "stopped"


@pytest.mark.parametrize("name", ["refuse", "break", "diverge"])
def test_a_failure_is_seen_and_the_worker_survives(
    name: str, open_registry: Open, submit: Submit, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = open_registry()
    failing, following = submit(registry, name), submit(registry, "next")
    assert ended(failing) == "failed" and ended(following) == "done"
    told = failing.snapshot()
    assert told["state"] == "failed"
    assert (
        told["error"]
        == {
            "refuse": "This cannot be trained; take another.",
            "break": "Training ended with an unforeseen ZeroDivisionError; the server's log has the details.",
            "diverge": "The loss is no longer a finite number; lower the learning rate and start again.",
        }[name]
    )
    log = capsys.readouterr().err
    assert ("Traceback" in log and "secret /server/path" in log) == (name == "break")
    assert failing.weights == (b"weights of diverge" if name == "diverge" else None)


@pytest.mark.parametrize("error", [SiameseError('There is no file "mine.zip".'), OSError("disk"), MemoryError()])
def test_data_that_cannot_be_loaded_fails_the_job(
    error: Exception, open_registry: Open, submit: Submit, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(tell: Callable[[float], None]) -> Dataset:
        raise error

    registry = open_registry()
    job = registry.submit(Visitor("me"), Recipe(), "mine.zip", load)
    assert ended(job) == "failed" and job.error is not None
    if isinstance(error, SiameseError):
        assert job.error == str(error)
    else:
        assert job.error.startswith(f"Training ended with an unforeseen {type(error).__name__};")
    assert ended(submit(registry, "next")) == "done"


def test_a_failure_after_the_end_changes_nothing(
    open_registry: Open, submit: Submit, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = open_registry()
    job = submit(registry, "late")
    assert ended(submit(registry, "next")) == "done"  # so "late" has come to its very end
    assert job.state == "done" and job.error is None and job.weights == b"weights of late"
    assert "while tidying up" in capsys.readouterr().err


def test_a_run_that_ends_without_saying_so_is_stopped(open_registry: Open, dataset: Dataset) -> None:
    def run(*_: object, **__: object) -> Iterator[Event]:
        yield STARTED

    job = open_registry(run=run).submit(Visitor("me"), Recipe(), "patterns", lambda tell: dataset)
    assert ended(job) == "stopped"


def test_keys_open_and_watch_but_nothing_else_does(open_registry: Open, submit: Submit) -> None:
    registry = open_registry()
    job, other = submit(registry, "a"), submit(registry, "b")
    assert len({job.id, job.watch_id, other.id, other.watch_id}) == 4 and len(job.id) >= 16
    mine, watched = registry.access(job.id), registry.access(job.watch_id)
    assert mine is not None and mine.job is job and mine.may_control
    assert watched is not None and watched.job is job and not watched.may_control
    for wrong in ("", "x", job.id[:-1], job.id + " ", None, 3, [job.id], {"id": job.id}, b"a"):
        assert registry.access(wrong) is None


def test_a_snapshot_is_sent_only_where_something_changed(open_registry: Open, dataset: Dataset) -> None:
    go, done = threading.Semaphore(0), threading.Semaphore(0)

    def run(recipe: Recipe, dataset: Dataset, control: TrainingControl, **_: object) -> Iterator[Event]:
        for event in (STARTED, progress(1), Finished(1, 0.1, "steps", None)):
            assert go.acquire(timeout=WAIT)
            yield event
            done.release()

    registry = open_registry(run=run)
    job = registry.submit(Visitor("me"), Recipe(), "patterns", lambda tell: dataset)
    go.release()
    assert done.acquire(timeout=WAIT)
    first = job.snapshot()
    assert first["state"] == "running" and job.snapshot(first["v"]) == {"unchanged": True, "v": first["v"]}
    assert job.snapshot(first["v"] - 2)["step"] == 0 and job.snapshot()["v"] == first["v"]
    job.control.pause()
    paused = job.snapshot(first["v"])
    assert paused["state"] == "paused" and job.snapshot(paused["v"]) == {"unchanged": True, "v": paused["v"]}
    job.control.resume()
    assert job.snapshot(paused["v"])["state"] == "running"
    go.release()
    assert done.acquire(timeout=WAIT)
    second = job.snapshot(first["v"])
    assert second["step"] == 1 and second["v"] > first["v"]
    go.release()
    assert ended(job) == "done"
    assert job.snapshot(second["v"])["state"] == "done"


def test_an_idle_job_ends(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("0")
    registry = open_registry()
    running, waiting = submit(registry, "0", steps=10**6), submit(registry, "1")
    assert script.started["0"].wait(WAIT)
    registry.tidy(max(running.last_seen, waiting.last_seen) + IDLE_SECONDS - 1)
    assert not running.control.stopped and waiting.state == "waiting"
    now = max(running.last_seen, waiting.last_seen) + IDLE_SECONDS + 1
    running.last_seen = now - 5  # somebody looks at this one
    registry.tidy(now)
    assert waiting.state == "stopped" and not running.control.stopped
    registry.tidy(now + IDLE_SECONDS)
    assert running.control.stopped
    gate.set()
    assert ended(running) == "stopped"


def test_a_paused_job_makes_room_for_those_who_wait(open_registry: Open, submit: Submit, script: Script) -> None:
    script.gate("0").set()
    registry = open_registry()
    holder = submit(registry, "0", steps=10**6, paused=True)
    assert script.started["0"].wait(WAIT)
    late = (holder.control.paused_since or 0.0) + PAUSED_SECONDS + 1
    holder.last_seen = late  # its page looks at it all the time
    registry.tidy(late)
    assert not holder.control.stopped, "nobody else wants its place"
    waiting = submit(registry, "1")
    waiting.last_seen = late
    registry.tidy(late - 2)
    assert not holder.control.stopped
    registry.tidy(late)
    assert ended(holder) == "stopped" and ended(waiting) == "done"


def test_a_paused_job_that_waits_is_not_blamed_for_it(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("0")
    registry = open_registry()
    running, paused = submit(registry, "0"), submit(registry, "1", paused=True)
    submit(registry, "2")
    assert script.started["0"].wait(WAIT)
    now = (paused.control.paused_since or 0.0) + PAUSED_SECONDS + 1
    for job in registry.all_jobs():
        job.last_seen = now
    registry.tidy(now)
    assert paused.state == "waiting" and not paused.control.stopped
    gate.set()
    assert ended(running) == "done"


def test_looking_at_a_job_keeps_it(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("0")
    job = submit(open_registry(), "0")
    job.last_seen = 0.0
    job.snapshot()
    assert job.last_seen > 0
    gate.set()
    assert ended(job) == "done"


def test_a_finished_job_is_forgotten_after_an_hour(open_registry: Open, submit: Submit) -> None:
    registry = open_registry()
    job = submit(registry, "0")
    assert ended(job) == "done" and job.ended_at is not None
    registry.tidy(job.ended_at + FINISHED_SECONDS - 1)
    assert registry.access(job.id) is not None and registry.of_owner("0") == [job]
    registry.tidy(job.ended_at + FINISHED_SECONDS + 1)
    assert registry.access(job.id) is None and registry.access(job.watch_id) is None
    assert registry.of_owner("0") == []


def test_what_finished_jobs_keep_in_memory_is_bounded(
    open_registry: Open,
    submit: Submit,
    dataset: Dataset,
    make_dataset: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = open_registry()
    line = [submit(registry, str(n)) for n in range(6)]
    for number, job in enumerate(line):
        assert ended(job) == "done"
        job.ended_at = float(number)  # in this order, whatever the clock's grain
        job.weights, job.dataset = b"x" * 100_000, make_dataset() if number < 5 else dataset
    size = dataset.nbytes
    assert size == 3 * 48 * 16 * 16
    monkeypatch.setattr(jobs, "MOST_FINISHED_BYTES", 3 * 100_000)
    registry.tidy(10.0)
    assert [job.weights is not None for job in line] == [False] * 3 + [True] * 3
    kept = 300_000 // size
    assert kept >= 6 and all(job.dataset is not None for job in line)
    monkeypatch.setattr(jobs, "MOST_FINISHED_BYTES", 2 * size)
    line[1].dataset = dataset  # as the newest one's, so it costs nothing, but comes after the bound is reached
    registry.tidy(10.0)
    assert [job.dataset is not None for job in line] == [False] * 4 + [True] * 2
    assert line[0].about_data()["name"] == "patterns"
    monkeypatch.setattr(jobs, "MOST_FINISHED", 2)
    registry.tidy(10.0)
    assert [registry.access(job.id) is not None for job in line] == [False] * 4 + [True] * 2


def test_a_data_set_that_many_jobs_share_counts_once(
    open_registry: Open, submit: Submit, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = open_registry()
    line = [submit(registry, str(n)) for n in range(4)]
    assert [ended(job) for job in line] == ["done"] * 4
    monkeypatch.setattr(jobs, "MOST_FINISHED_BYTES", dataset.nbytes)
    registry.tidy(max(job.ended_at or 0 for job in line))
    assert all(job.dataset is dataset for job in line)


def test_closing_ends_every_job(open_registry: Open, submit: Submit, script: Script) -> None:
    gate = script.gate("0")
    registry = open_registry()
    running, waiting = submit(registry, "0", steps=10**6), submit(registry, "1")
    assert script.started["0"].wait(WAIT)

    def let_go() -> None:
        assert waiting.ended.wait(WAIT)
        gate.set()

    threading.Thread(target=let_go).start()
    registry.close(WAIT)
    assert (running.state, waiting.state) == ("stopped", "stopped")
    assert script.order == ["0"]


def test_closing_waits_for_no_last_checkpoint(open_registry: Open, dataset: Dataset) -> None:
    steps, has_finished = threading.Event(), False

    def run(recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device) -> Iterator[Event]:
        nonlocal has_finished
        yield STARTED
        step = 0
        while not control.stopped:
            step += 1
            yield progress(step)
            steps.set()
        has_finished = True
        yield Finished(step, 0.1, "stopped", b"weights")

    registry = open_registry(run=run)
    job = registry.submit(Visitor("me"), Recipe(), "patterns", lambda tell: dataset)
    assert steps.wait(WAIT)
    registry.close(WAIT)
    assert job.state == "stopped" and job.weights is None and not has_finished


def test_closing_closes_a_paused_run_too(open_registry: Open, dataset: Dataset) -> None:
    is_paused, is_closed = threading.Event(), False

    def run(recipe: Recipe, dataset: Dataset, control: TrainingControl, *, device: torch.device) -> Iterator[Event]:
        nonlocal is_closed
        try:
            yield STARTED
            is_paused.set()
            yield Paused()
        finally:
            is_closed = True

    registry = open_registry(run=run)
    registry.submit(Visitor("me"), Recipe(), "patterns", lambda tell: dataset, paused=True)
    assert is_paused.wait(WAIT)
    registry.close(WAIT)
    assert is_closed


def test_the_clicking_users_context_reaches_the_worker(open_registry: Open, dataset: Dataset) -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []

    def run(*_: object, **__: object) -> Iterator[Event]:
        seen.append(who.get())
        yield Finished(0, 0.0, "steps", None)

    registry = open_registry(run=run)

    def click(name: str) -> None:
        who.set(name)
        registry.submit(Visitor(name), Recipe(), "patterns", lambda tell: dataset)

    for name in ("ada", "bob"):
        contextvars.copy_context().run(click, name)
    assert [ended(registry.of_owner(name)[0]) for name in ("ada", "bob")] == ["done", "done"]
    assert seen == ["ada", "bob"]


@pytest.mark.parametrize("seed", range(3))
def test_many_jobs_start_stop_and_fail_at_once(
    seed: int, open_registry: Open, submit: Submit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "MOST_WAITING", 1000)
    registry = open_registry(running=4)
    begin = threading.Barrier(6)
    made: list[tuple[str, TrainingJob]] = []

    def visitor(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        begin.wait(WAIT)
        for turn in range(12):
            kind = chance.choice(["plain", "refuse", "break", "diverge", "stop", "pause", "endless"])
            job = submit(
                registry, f"{kind} {number} {turn}", steps=10**6 if kind == "endless" else 5, paused=kind == "pause"
            )
            made.append((kind, job))
            if kind in ("stop", "pause", "endless"):
                job.control.step_once()
                job.snapshot()
                job.stop()
            registry.place(job)
            registry.tidy(job.last_seen)

    visitors = [threading.Thread(target=visitor, args=(number,)) for number in range(6)]
    for thread in visitors:
        thread.start()
    for thread in visitors:
        thread.join(WAIT)
    assert len(made) == 72
    allowed = {
        "plain": {"done"},
        "refuse": {"failed"},
        "break": {"failed"},
        "diverge": {"failed"},
        "stop": {"stopped", "done"},
        "pause": {"stopped"},
        "endless": {"stopped"},
    }
    for kind, job in made:
        assert ended(job) in allowed[kind], (kind, job.state, job.error)
        json.dumps(job.snapshot(), allow_nan=False)
    assert ended(submit(registry, "last")) == "done"
    assert registry._workers.alive == 4


SMALL = Recipe(encoder="strided", embedding_dim=8, batch_size=16, steps=25, validate_every=10, augmentation="affine")


def test_real_runs_side_by_side_train_as_each_would_alone(open_registry: Open, dataset: Dataset) -> None:
    recipes = [
        SMALL,
        replace(SMALL, seed=1, optimizer="sgd", momentum=0.9),
        replace(SMALL, seed=2, loss="triplet", batching="triplets"),
        replace(SMALL, seed=3, batching="all-pairs", classes_per_batch=6, loss="supcon", similarity="cosine"),
        replace(SMALL, seed=4, learning_rate=10.0, optimizer="sgd", normalize=False, similarity="squared-euclidean"),
        replace(SMALL, seed=5, encoder="koch-2015"),
    ]
    registry = open_registry(running=3, run=train)
    line = [
        registry.submit(Visitor(str(n)), recipe, "patterns", lambda tell: dataset) for n, recipe in enumerate(recipes)
    ]
    states = [ended(job) for job in line]
    assert states == ["done"] * 4 + ["failed"] * 2
    assert line[4].error == "The loss is no longer a finite number; lower the learning rate and start again."
    assert line[5].error is not None and line[5].error.startswith("Images of 16×16 pixels are too small")
    for recipe, job in list(zip(recipes, line))[:4]:
        alone = list(train(recipe, dataset, device=torch.device("cpu")))
        values = [loss for event in alone if isinstance(event, Progress) for loss in event.losses]
        assert job.snapshot()["loss"]["value"] == pytest.approx(values, rel=1e-4)
        assert job.weights is not None
        best = Checkpoint.from_bytes(job.weights)
        aucs = [event.scores.auc for event in alone if isinstance(event, Validation)]
        assert best.scores["auc"] == max(aucs)


def test_the_page_is_told_of_the_batch_that_is_drawn(open_registry: Open, dataset: Dataset) -> None:
    recipe = replace(
        SMALL, loss="supcon", similarity="cosine", batching="all-pairs", classes_per_batch=40, images_per_class=3
    )
    job = open_registry(run=train).submit(Visitor("me"), recipe, "patterns", lambda tell: dataset)
    assert ended(job) == "done"
    images = torch.tensor(8 * (120 // 8))  # eight classes are all there are, and 120 images were asked for
    assert job.snapshot()["loss"]["collapse"] == pytest.approx(float((images - 1).log()), abs=1e-4)
    assert job.snapshot()["recipe"]["classes_per_batch"] == 40  # as it was asked for
