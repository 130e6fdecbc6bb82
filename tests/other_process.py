"""Python code in a process of its own, to see that a result does not depend on this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def printed_elsewhere(code: str, test_file: str) -> str:
    """What the code prints in a process with another hash seed. It can import siamese and the test file's module."""
    here = Path(test_file).resolve()
    root = next(folder for folder in here.parents if (folder / "siamese").is_dir())
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONHASHSEED": "77",
            "PYTHONPATH": os.pathsep.join(map(str, (root, here.parent, root / "tests"))),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
