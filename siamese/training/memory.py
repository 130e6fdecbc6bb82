"""Memory of this process and of this machine, in bytes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_ARENAS = -8  # M_ARENA_MAX of glibc's malloc.h

_CGROUPS = (  # limit, use and statistics of a container: version 2, then version 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


def used_bytes() -> int:
    """The resident memory of this process; where the system does not say that, its peak, and 0 where it says neither."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        pass
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_back() -> None:
    """Gives the system the memory that this process has freed. The C library of Linux keeps most of it otherwise, in a
    pool of its own for each of many threads."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def share_pools() -> None:
    """Makes all threads share two of the C library's pools of memory; to be called before there are many threads.

    It would give each thread a pool of its own, of which only whole pages go back to the system: a server grew by
    150 MB in the visit of a hundred people, and by 30 with two pools.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENAS, 2)


def free_bytes() -> int:
    """The memory that this process may still take: what is free on the machine, or in its container where that is less.

    Where the system does not say what is free, half of what is built in; 4 GiB where it does not say that either.
    """
    free = _free_on_machine()
    for limit, use, statistics in _CGROUPS:
        inside = _free_in_container(limit, use, statistics)
        if inside is not None:
            free = min(free, inside)
    return free


def _free_on_machine() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (OSError, ValueError, AttributeError):
        return 4 << 30


def _free_in_container(limit: str, use: str, statistics: str) -> int | None:
    """What a container's limit leaves, with the file cache that the system would give back; None without a limit."""
    try:
        most, taken = int(Path(limit).read_text()), int(Path(use).read_text())
        cached = 0
        for line in Path(statistics).read_text().splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                cached = int(value)
        return max(0, most - taken + cached)
    except (OSError, ValueError):  # no such file, or "max"
        return None
