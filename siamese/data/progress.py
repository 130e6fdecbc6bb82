"""How a loader reports its progress."""

from __future__ import annotations

from collections.abc import Callable

ReportProgress = Callable[[float], None]  # is called with rising shares from 0 to 1
