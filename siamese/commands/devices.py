"""Where a command computes: one device, or one each for several processes that torchrun has started."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as dist

from siamese.control import TrainingControl
from siamese.errors import SiameseError
from siamese.training import default_device


class Process(NamedTuple):
    """This process among those that train together: number rank of world; the first one alone prints and writes."""

    rank: int
    world: int
    device: torch.device


def device_named(name: str | None) -> torch.device:
    """The device of that name, the default one for None. Raises SiameseError for one that is not there."""
    if name is None:
        return default_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SiameseError(f'There is no device "{name}"; it is cpu, cuda, or cuda:1 and so on.') from error
    if device.type == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if device.type != "cuda" or (device.index or 0) >= count:
        raise SiameseError(f'There is no device "{name}" here; {count} CUDA devices and cpu are.')
    return device


@contextmanager
def processes(device_name: str | None) -> Iterator[Process]:
    """This process alone, or one of a group: torchrun's environment says which (NCCL on CUDA, gloo on CPUs)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    device = device_named(device_name)
    if count == 1:
        yield Process(0, 1, device)
        return
    if device.type == "cuda":
        device = device_named(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Process(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()


class SharedControl(TrainingControl):
    """Keeps the processes of a group in step: each takes as many steps as all can, and all end together.

    Their clocks and interrupts differ, and one that stopped alone would leave the others waiting for ever.
    """

    def __init__(self, device: torch.device, seconds: float | None) -> None:
        super().__init__()
        self._device = device
        self._seconds = seconds
        self._began: float | None = None
        self.out_of_time = False

    def next_steps(self, wanted: int) -> tuple[int, bool]:
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        late = self._seconds is not None and now - self._began >= self._seconds
        agreed = torch.tensor([wanted, not self.stopped, not late], dtype=torch.long, device=self._device)
        dist.all_reduce(agreed, dist.ReduceOp.MIN)
        steps, running, in_time = agreed.tolist()
        if not running or not in_time:
            self.out_of_time = not in_time
            self.stop()
        return super().next_steps(steps)
