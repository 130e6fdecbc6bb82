"""How the runs on a CPU share its cores: a lone run takes all of them, and gives them back when others start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_TRIED = 5  # reports after which the speed with a number of threads counts as measured
_KEPT = 200  # reports after which the other number of threads is measured again: some ten seconds


class Cores:
    """The cores of a machine, shared evenly by the runs that train at this moment. Safe to use from many threads."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = threading.Lock()
        self._busy = 0

    @property
    def share(self) -> int:
        """How many of them each training run may use now, at least 1."""
        return max(1, self.count // max(1, self._busy))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A block in which one more run trains."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1


class ThreadChoice:
    """How many threads of torch's one training thread uses: one, or its whole share of the cores.

    A small step on two threads is half as fast again as on one where the second core is free, and several times slower
    where other work takes that core, since the two wait for each other after every operation. No rule knows which of
    these holds, so both are measured while the run trains, and the faster one is kept.
    """

    def __init__(self) -> None:
        self.threads = 1
        self._share = 1
        self._speeds: dict[int, list[float]] = {1: []}
        self._reports = 0

    def after_report(self, steps_per_second: float, share: int) -> int:
        """The number of threads for the next steps, from the speed of the last ones. share: of the cores, now."""
        if share != self._share:
            self._share, self._speeds, self._reports = share, {1: [], share: []}, 0
            self.threads = share
            return self.threads
        self._speeds[self.threads] = [*self._speeds[self.threads][-_TRIED + 1 :], steps_per_second]
        untried = [n for n, speeds in self._speeds.items() if len(speeds) < _TRIED]
        if untried:
            self.threads = self.threads if self.threads in untried else untried[0]
            return self.threads
        self._reports += 1
        if self._reports >= _KEPT:
            self._speeds[1 if self.threads != 1 else share], self._reports = [], 0
            return self.after_report(steps_per_second, share)
        self.threads = max(self._speeds, key=lambda n: _middle(self._speeds[n]))
        return self.threads

    def use(self) -> None:
        """Makes the choice that of the calling thread, the one that trains."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)


def _middle(speeds: list[float]) -> float:
    return sorted(speeds)[len(speeds) // 2]
