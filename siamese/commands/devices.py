"""The device of a command, or of each process where torchrun has started several."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as dist

from siamese.models.devices import device_named


class Process(NamedTuple):
    """This process among those that train together: number `rank` of `world`. Only the first one prints and writes."""

    rank: int
    world: int
    device: torch.device


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
    with _stdout_silent():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Process(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()


@contextmanager
def _stdout_silent() -> Iterator[None]:
    """What is written on stdout goes to stderr: in torch 2.8 gloo reports its connections there, where results belong."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
