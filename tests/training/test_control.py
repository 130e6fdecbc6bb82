"""Pause, single steps and stop, from other threads."""

from __future__ import annotations

import threading

import pytest

from siamese.training.control import TrainingControl

WAIT = 30.0  # seconds after which a hanging test gives up; none that passes waits


class Runner:
    """A thread that asks for steps as a training does, and keeps what it is told."""

    def __init__(self, control: TrainingControl) -> None:
        self.told: list[tuple[int, bool]] = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, args=(control,), daemon=True)
        self.thread.start()

    def run(self, control: TrainingControl) -> None:
        while True:
            allowed = control.next_steps(7)
            with self.changed:
                self.told.append(allowed)
                self.changed.notify_all()
            if allowed[0] != 1:
                return

    def wait_for(self, count: int) -> list[tuple[int, bool]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.told) >= count, WAIT)
            return list(self.told)

    def join(self) -> list[tuple[int, bool]]:
        self.thread.join(WAIT)
        assert not self.thread.is_alive()
        return self.told


def test_a_running_control_gives_all_that_is_wanted() -> None:
    control = TrainingControl()
    assert not control.paused and not control.stopped
    assert control.next_steps(5) == (5, False)
    assert control.next_steps(1) == (1, False)
    assert control.learning_rate is None and control.margin is None


def test_a_control_knows_since_when_it_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("siamese.training.control.time.monotonic", lambda: now)
    control = TrainingControl()
    assert control.paused_since is None
    control.pause()
    assert control.paused_since == 100.0
    now = 130.0
    control.step_once()
    assert control.paused_since == 130.0, "a single step is a sign of life"
    assert control.next_steps(5) == (1, True) and control.paused
    control.resume()
    assert control.paused_since is None
    control.pause()
    control.stop()
    assert control.paused_since is None


def test_stop_gives_no_more_steps() -> None:
    control = TrainingControl()
    control.stop()
    assert control.stopped and control.next_steps(5) == (0, False)
    control.resume()
    assert control.next_steps(5) == (0, False)


def test_a_stopped_control_is_not_paused() -> None:
    control = TrainingControl(paused=True)
    assert control.paused
    control.stop()
    assert not control.paused


def test_step_once_pauses_and_lets_one_step_through() -> None:
    control = TrainingControl()
    control.step_once()
    assert control.paused
    assert control.next_steps(5) == (1, True)


@pytest.mark.parametrize("times", [1, 3, 10])
def test_each_call_lets_one_step_through(times: int) -> None:
    control = TrainingControl(paused=True)
    runner = Runner(control)
    for _ in range(times):
        control.step_once()
    assert runner.wait_for(times) == [(1, True)] * times
    control.stop()
    assert runner.join() == [(1, True)] * times + [(0, False)]


def test_resume_wakes_a_paused_run_and_forgets_the_steps_asked_for() -> None:
    control = TrainingControl()
    for _ in range(3):
        control.step_once()
    control.resume()
    assert control.next_steps(4) == (4, False)
    control.pause()
    runner = Runner(control)
    control.resume()
    assert runner.join() == [(7, False)]


def test_stop_wakes_a_paused_run() -> None:
    control = TrainingControl(paused=True)
    runner = Runner(control)
    control.stop()
    assert runner.join() == [(0, False)]


def test_a_click_held_down_does_not_pile_up_forever() -> None:
    control = TrainingControl()
    for _ in range(1000):
        control.step_once()
    runner = Runner(control)
    runner.wait_for(100)
    control.stop()
    assert runner.join() == [(1, True)] * 100 + [(0, False)]


def test_many_threads_share_the_permits() -> None:
    control = TrainingControl(paused=True)
    steps = threading.Semaphore(0)

    def count() -> None:
        while control.next_steps(7) == (1, True):
            steps.release()

    threads = [threading.Thread(target=count, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        control.step_once()
    for _ in range(40):
        assert steps.acquire(timeout=WAIT)
    control.stop()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()
    assert not steps.acquire(blocking=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is; a test sets clock[0]."""
    now = [100.0]
    monkeypatch.setattr("siamese.training.control.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("rate", "bunch"), [(100, 5), (20, 1), (5, 1), (1, 1)])
def test_slow_motion_takes_so_many_steps_a_second(clock: list[float], rate: float, bunch: int) -> None:
    control = TrainingControl(waits=False)
    control.set_speed(rate)
    taken = []
    while clock[0] < 110 - 1e-6:
        if control.rest == 0:
            steps, closely = control.next_steps(50)
            assert steps == bunch and closely == (rate == 1)
            taken.append(steps)
        else:
            assert control.next_steps(50) == (0, False) and not control.ready
        clock[0] += 0.005
    assert sum(taken) == pytest.approx(10 * rate, abs=bunch)


def test_a_slow_device_takes_its_steps_without_a_rest_and_does_not_catch_up(clock: list[float]) -> None:
    control = TrainingControl(waits=False)
    control.set_speed(20)
    for _ in range(5):
        assert control.next_steps(50) == (1, False)
        clock[0] += 3.0  # a step takes three seconds here
    control.next_steps(50)
    control.next_steps(50)
    assert control.rest and control.rest > 0.0


def test_full_speed_is_not_paced_and_speed_changes_at_once(clock: list[float]) -> None:
    control = TrainingControl(waits=False)
    assert control.steps_per_second is None and control.rest == 0
    assert [control.next_steps(50) for _ in range(3)] == [(50, False)] * 3
    control.set_speed(1)
    assert control.next_steps(50) == (1, True) and control.rest == pytest.approx(1.0)
    control.set_speed(None)
    assert control.rest == 0 and control.next_steps(50) == (50, False)


def test_a_pause_is_stronger_than_slow_motion(clock: list[float]) -> None:
    control = TrainingControl(waits=False)
    control.set_speed(5)
    control.pause()
    clock[0] += 10
    assert control.rest is None and control.next_steps(5) == (0, False)
    control.step_once()
    assert control.next_steps(5) == (1, True)


def test_a_control_that_waits_sleeps_through_the_rest_and_a_faster_speed_wakes_it() -> None:
    control = TrainingControl()
    control.set_speed(0.001)
    assert control.next_steps(7) == (1, True)
    runner = Runner(control)
    assert not runner.told
    control.set_speed(None)
    assert runner.join() == [(7, False)]
