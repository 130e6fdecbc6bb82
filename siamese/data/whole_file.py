"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new one, never a part.

    The content is written beside the place, flushed to the disk and moved there. Where that fails (a full disk, say),
    the old file stays as it was and nothing is left behind. Raises OSError.
    """
    unfinished = path.with_name(f".{path.name[:40]}-{uuid.uuid4().hex}.part")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
