"""Workers: threads that train the runs of a line on one device, in turns."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from siamese.training.events import Progress
from siamese.training.jobs.cores import ThreadChoice
from siamese.training.jobs.job import RunTraining, TrainingJob
from siamese.training.jobs.line import Line

_NICE = 5  # steps of priority that a worker on a CPU gives up, so that the pages are answered first
TURN_SECONDS = 1.0  # how long a worker stays with a run while other runs wait for a turn
ROUND_SECONDS = 10.0  # in which every run gets a turn: the more runs share a worker, the shorter are the turns


def stream_of_its_own(device: torch.device) -> AbstractContextManager[object]:
    """Gives the thread a new CUDA stream on this device; does nothing on a CPU.

    A thread keeps its stream for life: a new one for each run would leave tens of megabytes of workspace behind.
    Raises RuntimeError where the device does not work.
    """
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(device))


def _yield_to_others() -> None:
    """Gives the calling thread a lower priority than the threads that answer the pages. Only Linux has one for each."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICE)


def works(device: torch.device) -> bool:
    """Whether the device still computes. After some errors CUDA refuses everything until the process ends."""
    try:
        return torch.ones(2, device=device).sum().item() == 2
    except RuntimeError:
        return False


class Workers:
    """`count` threads. Each takes the next run from the line, trains it for one turn, and gives it back.

    A run keeps its worker while no other run is ready. On CUDA a run always goes back to the worker that began it,
    because its graph was captured on that worker's stream. On a CPU any worker can go on with any run.

    threads: CPU threads of each worker; None: torch chooses.
    cores: how many CPU cores the runs that take turns share evenly; None: every worker keeps its `threads`.
    turn: seconds that a worker stays with a run while other runs wait for a turn, at most.
    on_lost: is called once, with the reason, when the device no longer works or a worker cannot start. All workers end
        then.
    """

    def __init__(
        self,
        line: Line,
        count: int,
        device: torch.device,
        threads: int | None,
        run: RunTraining,
        on_lost: Callable[[str], None],
        turn: float = TURN_SECONDS,
        cores: int | None = None,
    ) -> None:
        self.count = count
        self.device = device
        self.threads = threads
        self._line = line
        self._run = run
        self._on_lost = on_lost
        self._turn = turn
        self._cores = cores
        self._lost = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, args=(n,), name=f"trainer-{n}", daemon=True) for n in range(count)
        ]

    def start(self) -> None:
        """Starts the threads. Before, the owner stores this object: a run may end before this call returns."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> int:
        """How many of the threads still run."""
        return sum(thread.is_alive() for thread in self._threads)

    def join(self, timeout: float) -> None:
        """Waits for the end of the threads; close the line first."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _work(self, number: int) -> None:
        try:
            if self.device.type == "cpu":
                _yield_to_others()
            if self.threads is not None:
                torch.set_num_threads(self.threads)
            with stream_of_its_own(self.device):
                self._take_turns(number)
        except BaseException as error:  # noqa: BLE001 - nobody else would see it
            traceback.print_exception(error, file=sys.stderr)
            self._give_up(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}")

    def _take_turns(self, number: int) -> None:
        while (job := self._line.next_turn(number)) is not None:
            try:
                if self._lost.is_set():
                    return
                self._advance(job, number)
            finally:
                if not job.alive:
                    job.close()
                self._line.end_turn(job)

    def _advance(self, job: TrainingJob, number: int) -> None:
        # The first turn is short: it ends with the first Progress event. So all who start together soon see a curve.
        turn = min(self._turn, ROUND_SECONDS * self.count / max(1, self._line.turning()))
        until = time.monotonic() + (turn if job.history.progress is not None else 0.0)

        # After its last step a run measures what its distances mean. That takes seconds, so it gets a turn of its own.
        had_steps = job.history.newest_step < job.recipe.steps

        choice = ThreadChoice()
        last_progress: Progress | None = None

        def turn_over() -> bool:
            nonlocal last_progress
            if self._cores is not None and job.history.progress is not last_progress:
                last_progress = job.history.progress
                if last_progress is not None:
                    share = self._cores // max(1, min(self.count, self._line.turning()))
                    choice.after_report(last_progress.steps_per_second, max(1, share))
                    choice.use()
            if job.history.progress is None:
                return False
            over = time.monotonic() > until or (had_steps and job.history.newest_step >= job.recipe.steps)
            return over and self._line.wanted_by_others(number)

        try:
            if job.dataset is None:
                job.load()
                return
            if self.device.type == "cuda":
                job.worker = number
            if self._cores is not None:
                choice.use()
            job.train(self._run, self.device, turn_over)
        except BaseException as error:  # noqa: BLE001 - a worker must outlive every job
            traceback.print_exception(error, file=sys.stderr)
            if self.device.type == "cuda" and not works(self.device):
                self._give_up(str(error).splitlines()[0] if str(error) else type(error).__name__)
            else:
                job.fail(f"Training ended with an unforeseen {type(error).__name__}; the server's log has the details.")

    def _give_up(self, reason: str) -> None:
        # on_lost runs under the lock: the runs of a lost device must end before another worker goes on.
        with self._lock:
            if not self._lost.is_set():
                self._lost.set()
                self._on_lost(reason)
