"""The CPU cores of this machine, or of the container that the server runs in."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_cores() -> int:
    """How many CPU cores this process may use. A container or an affinity mask can allow fewer than there are."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # a system without it
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no control group, or "max" for no limit
        pass
    return max(1, cores)
