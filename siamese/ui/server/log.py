"""The server's log: one line an event, without addresses, names, keys or anything else that a person has sent."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

_log = logging.getLogger("siamese")
_ROOT = Path(__file__).resolve().parents[3]


class _OneLine(logging.Formatter):
    """2026-05-04 09:30:00 INFO what happened. Tracebacks are left out: they quote what was sent."""

    def format(self, record: logging.LogRecord) -> str:
        text = "".join(letter if letter.isprintable() else " " for letter in record.getMessage())[:300]
        line = f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {record.levelname} {text}"
        return f"{line} ({where(record.exc_info[1])})" if record.exc_info and record.exc_info[1] else line


class _Stderr(logging.Handler):
    """Writes to what is sys.stderr at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def open_log() -> None:
    """Sends the lines of this project, and those of the web server and of asyncio, to stderr; once a process."""
    if _log.handlers:
        return
    handler = _Stderr()
    handler.setFormatter(_OneLine())
    for name, level in (("siamese", logging.INFO), ("uvicorn.error", logging.WARNING), ("asyncio", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def where(error: BaseException) -> str:
    """The kind of an error and the innermost line of this project, or else of any file, that it passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT / "siamese")]
    if not frames:
        return type(error).__name__
    last = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
