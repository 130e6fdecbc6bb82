"""How many threads a run on a CPU uses. A single run takes all cores, and frees some when others start."""

from __future__ import annotations

import torch

ENOUGH_REPORTS = 5  # with one number of threads; then its speed counts as measured
MEASURE_AGAIN = 200  # reports after which the other number of threads is measured again: about ten seconds


class ThreadChoice:
    """How many of torch's threads one run uses: one, or its whole share of the cores.

    With a free second core, a small step on two threads is 1.5 times as fast as on one. If other work takes that core,
    it is several times slower, because the threads wait for each other after every operation. We cannot know which is
    the case, so we measure both while the run trains, and take the faster one.
    """

    def __init__(self) -> None:
        self.threads = 1
        self._share = 1
        self._speeds: dict[int, list[float]] = {1: []}
        self._reports = 0

    def after_report(self, steps_per_second: float, share: int) -> int:
        """The number of threads for the next steps. steps_per_second: the newest.  share: cores of this run now."""
        if share != self._share:
            self._share, self._speeds, self._reports = share, {1: [], share: []}, 0
            self.threads = share
            return self.threads
        self._speeds[self.threads] = [*self._speeds[self.threads][-ENOUGH_REPORTS + 1 :], steps_per_second]
        unmeasured = [n for n, speeds in self._speeds.items() if len(speeds) < ENOUGH_REPORTS]
        if unmeasured:
            self.threads = self.threads if self.threads in unmeasured else unmeasured[0]
            return self.threads
        self._reports += 1
        if self._reports >= MEASURE_AGAIN:
            self._speeds[1 if self.threads != 1 else share], self._reports = [], 0
            return self.after_report(steps_per_second, share)
        self.threads = max(self._speeds, key=lambda n: _median(self._speeds[n]))
        return self.threads

    def use(self) -> None:
        """Sets the number of threads; the training thread itself must call it."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)


def _median(speeds: list[float]) -> float:
    return sorted(speeds)[len(speeds) // 2]
