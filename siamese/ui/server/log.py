"""The server's log: one line for each event, without addresses, names, keys or anything else from a visitor."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

_log = logging.getLogger("siamese")
_ROOT = Path(__file__).resolve().parents[3]


class _OneLine(logging.Formatter):
    """2026-05-04 09:30:00 INFO what happened. Tracebacks are left out, because they quote the request."""

    def format(self, record: logging.LogRecord) -> str:
        text = "".join(letter if letter.isprintable() else " " for letter in record.getMessage())[:300]
        line = f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {record.levelname} {text}"
        return f"{line} ({where(record.exc_info[1])})" if record.exc_info and record.exc_info[1] else line


class _Stderr(logging.Handler):
    """Writes to the sys.stderr of the moment, which a test may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def open_log() -> None:
    """Sends the log of this project, of the web server and of asyncio to stderr. A second call does nothing."""
    if _log.handlers:
        return
    handler = _Stderr()
    handler.setFormatter(_OneLine())
    for name, level in (("siamese", logging.INFO), ("uvicorn.error", logging.WARNING), ("asyncio", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def where(error: BaseException) -> str:
    """The kind of an error, or of its cause, and where it happened: the innermost line of this project, else of any
    file."""
    error = error.__cause__ or error
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT / "siamese")]
    if not frames:
        return type(error).__name__
    last = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
