"""A progress bar for a terminal; it prints nothing where stderr is no terminal."""

from __future__ import annotations

import shutil
import time
from typing import TextIO, final

_BAR = 24
_SECONDS = 0.1  # between two drawings


@final
class ProgressBar:
    """One line on stderr that is drawn over and over, and wiped when the block ends.

    stream: where it is drawn, if that is a terminal; None is a bar that is never drawn.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._drawn = float("-inf")
        self._shown = False

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None and self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False

    def update(self, share: float, text: str = "") -> None:
        """Draws the bar filled to a share of 0 to 1, with a text behind it; ten times a second at most."""
        now = time.monotonic()
        if self._stream is None or (now - self._drawn < _SECONDS and share < 1):
            return
        self._drawn, self._shown = now, True
        filled = round(_BAR * min(1.0, max(0.0, share)))
        line = f"{'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}  {text}"
        # A line that wraps could not be drawn over.
        line = line[: shutil.get_terminal_size().columns - 1]
        encoding = self._stream.encoding or "ascii"
        self._stream.write("\r\x1b[K" + line.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
