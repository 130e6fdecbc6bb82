"""The line without any thread: who goes next, who waits for memory, and what one address may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from endless import endless

from siamese import SiameseError
from siamese.data.bank import Dataset
from siamese.recipes import Recipe
from siamese.training import control as control_module
from siamese.training.jobs import job as job_module
from siamese.training.jobs import line as line_module
from siamese.training.jobs.job import TrainingJob, Visitor
from siamese.training.jobs.line import HEAD_START, Line


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What the time is; a test sets clock[0]."""
    now = [1000.0]
    monkeypatch.setattr(line_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(job_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(control_module.time, "monotonic", lambda: now[0])
    yield now


class Room:
    """A line and the turns that a worker takes from it."""

    def __init__(self, dataset: Dataset, most_open: int = 100, memory: int = 1 << 60) -> None:
        self.line = Line(most_open, memory)
        self.dataset = dataset

    def job(self, name: str, address: str | None = None, claim: int = 1) -> TrainingJob:
        visitor = Visitor(name, name if address is None else address, name)
        job = TrainingJob(visitor, Recipe(steps=100), "patterns", lambda _: self.dataset, on_change=self.line.notify)
        job.claim_of_test = claim  # type: ignore[attr-defined]
        self.line.add(job)
        return job

    def turn(self, worker: int = 0) -> str:
        """One turn of a worker: loading, or one event of the training; the name of the run."""
        assert self.ready(worker), "no run is ready"
        job = self.line.next_turn(worker)
        assert job is not None
        if job.dataset is None:
            job.load()
            job.claim = job.claim_of_test  # type: ignore[attr-defined]
        else:
            job.train(endless, self.dataset.train.device, lambda: True)
        self.line.end_turn(job)
        return job.name

    def ready(self, worker: int = 0) -> bool:
        self.line.waiting_jobs()  # lets in what fits
        return bool(self.line._ready(worker))

    def turns(self, count: int) -> list[str]:
        return [self.turn() for _ in range(count)]


@pytest.fixture
def room(dataset: Dataset) -> Callable[..., Room]:
    return lambda **options: Room(dataset, **options)


def test_runs_take_turns_in_the_order_of_their_last_one(room: Callable[..., Room], clock: list[float]) -> None:
    one = room()
    for name in "abc":
        one.job(name)
    order = []
    for _ in range(12):
        clock[0] += 1.0
        order.append(one.turn())
    assert order[:6] == ["a", "a", "b", "b", "c", "c"], "each loads its data and begins"
    assert order[6:] == ["a", "b", "c"] * 2


def test_a_newcomer_goes_first_but_never_before_one_that_has_waited_long(
    room: Callable[..., Room], clock: list[float]
) -> None:
    one = room()
    one.job("old")
    one.turns(3)
    clock[0] += HEAD_START - 1
    one.job("new")
    assert one.turns(2) == ["new", "new"]
    one.turns(2)
    clock[0] += 1.0
    for number in range(5):
        one.job(f"flood {number}")
    clock[0] += HEAD_START + 1
    for number in range(5, 10):
        one.job(f"flood {number}")
    assert one.turns(12) == [f"flood {n}" for n in range(5) for _ in "ab"] + ["old", "new"]


def test_a_paused_run_takes_no_turn_and_a_step_gives_it_one(room: Callable[..., Room]) -> None:
    one = room()
    a, b = one.job("a"), one.job("b")
    one.turns(6)
    a.control.pause()
    one.turns(3)  # it comes to a stand
    assert one.turns(4) == ["b"] * 4 and one.line.turning() == 1
    a.control.step_once()
    step = a.history.newest_step
    assert "a" in one.turns(2)
    assert a.history.newest_step == step + 1
    one.turns(3)
    assert one.turns(3) == ["b"] * 3 and a.state == "paused"
    a.control.resume()
    assert sorted(one.turns(2)) == ["a", "b"] and one.line.turning() == 2
    b.stop()
    one.turns(3)
    assert b.state == "stopped" and one.turns(2) == ["a", "a"]


def test_nobody_wants_the_worker_of_a_run_that_is_alone(room: Callable[..., Room]) -> None:
    one = room()
    one.job("a")
    one.turns(2)
    assert one.line.next_turn(0) is not None
    assert not one.line.wanted_by_others(0)
    b = one.job("b")
    assert one.line.wanted_by_others(0)
    b.stop()
    assert not one.line.wanted_by_others(0)
    one.line.hold(True)
    assert one.line.wanted_by_others(0)


def test_a_held_room_stands_still_and_goes_on(room: Callable[..., Room]) -> None:
    one = room()
    a = one.job("a")
    b = one.job("b")
    one.turns(5)
    one.line.hold(True)
    b.stop()
    assert one.turn() == "b" and b.state == "stopped", "a run may still be ended"
    assert not one.ready()
    one.line.hold(False)
    assert one.turn() == "a" and a.state == "running"


def test_a_run_waits_until_its_memory_is_free(room: Callable[..., Room]) -> None:
    one = room(memory=100)
    small, large = one.job("small", claim=60), one.job("large", claim=50)
    one.turns(4)
    assert small.state == "running" and large.state == "waiting" and one.line.place(large) == 1
    assert large.dataset is not None and one.line.place(small) == 0
    tiny = one.job("tiny", claim=10)
    one.turns(2)
    assert tiny.state == "waiting" and one.line.place(tiny) == 2, "it does not overtake"
    small.stop()
    one.turns(2)
    assert small.state == "stopped" and one.line.place(large) == 0
    one.turns(6)
    assert large.state == tiny.state == "running"


def test_one_run_may_be_larger_than_the_memory(room: Callable[..., Room]) -> None:
    one = room(memory=100)
    huge = one.job("huge", claim=1000)
    one.turns(3)
    assert huge.state == "running"
    other = one.job("other", claim=1)
    one.turns(2)
    assert other.state == "waiting"


def test_no_address_takes_all_places_or_fills_the_line(room: Callable[..., Room]) -> None:
    one = room(most_open=16)
    greedy = [one.job(f"g{n}", "greedy") for n in range(14 + line_module.MOST_WAITING // 2)]
    assert sum(one.line.place(job) == 0 for job in greedy) == 14
    with pytest.raises(SiameseError, match="30 runs are waiting already"):
        one.job("g", "greedy")
    first = one.job("first", "modest")
    assert one.line.place(first) == 0, "the last places are kept for others"
    one.job("second", "another")
    third = one.job("third", "third")
    assert one.line.place(third) == 1, "an address without a run goes before those with many"
    for number in range(line_module.MOST_WAITING // 2 - 1):
        one.job(f"o{number}", f"address {number}")
    with pytest.raises(SiameseError, match="60 runs are waiting already"):
        one.job("late", "late")


def test_a_run_that_belongs_to_a_worker_waits_for_it(room: Callable[..., Room]) -> None:
    one = room()
    a, b = one.job("a"), one.job("b")
    one.turns(4)
    a.worker, b.worker = 0, 1
    assert one.turns(3) == ["a"] * 3
    assert [one.turn(1) for _ in range(3)] == ["b"] * 3


def test_a_closed_line_brings_its_runs_to_their_end(room: Callable[..., Room]) -> None:
    one = room()
    jobs = [one.job(name) for name in "abc"]
    one.turns(5)
    for job in jobs:
        job.stop()
    one.line.close()
    while (job := one.line.next_turn(0)) is not None:
        job.load() if job.dataset is None else job.train(endless, one.dataset.train.device, lambda: True)
        one.line.end_turn(job)
    assert [job.state for job in jobs] == ["stopped"] * 3


def test_a_question_is_answered_before_the_turn_is_due(room: Callable[..., Room]) -> None:
    one = room()
    jobs = [one.job(name) for name in "abc"]
    one.turns(9)
    jobs[0].control.pause()
    one.turns(3)
    assert not jobs[0].ready
    jobs[0].control.ask(lambda run: None)
    assert one.turn() == "a", "a paused run answers too"


def test_a_run_in_slow_motion_leaves_the_worker_to_others_and_wakes_it_in_time(
    room: Callable[..., Room], clock: list[float]
) -> None:
    own = room()
    slow = own.job("slow")
    own.turns(2)  # it loads, and takes a step
    slow.control.set_speed(2.0)
    own.turns(2)  # a slow step; then it is found to rest
    assert not own.ready()
    own.line.waiting_jobs()
    assert own.line._rest() == pytest.approx(0.5)
    own.job("fast")
    assert own.turns(3) == ["fast"] * 3
    clock[0] += 0.6
    assert own.line._rest() is None and own.turn() == "slow"
