"""What commands print (JSON lines for programs, columns for people), and the files that they write."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siamese import SiameseError
from siamese.commands.progress import ProgressBar
from siamese.data.image_file import printable
from siamese.data.whole_file import write_whole
from siamese.evaluation.numbers import json_ready
from siamese.evaluation.protocols import Evaluation
from siamese.evaluation.score_table import score_rows


def print_json(values: Mapping[str, Any]) -> None:
    """One object on one line of stdout. A number that is not finite becomes null, since JSON has none."""
    print(json.dumps(json_ready(values), ensure_ascii=False, allow_nan=False), flush=True)


def print_evaluation(evaluation: Evaluation, as_json: bool) -> None:
    """The protocol in words and every score beside raw pixels, or all of it as one JSON object."""
    if as_json:
        print_json(evaluation.as_dict())
        return
    print(f"{evaluation.protocol}: {evaluation.words}")
    print_table([("", "network", "raw pixels"), *score_rows(evaluation)])


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Prints columns as wide as their widest cell. The first is aligned to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:])]
        print("  " + "   ".join([first.ljust(widths[0]), *cells]).rstrip())


def progress_bar(options: argparse.Namespace) -> ProgressBar:
    """The progress bar on stderr. It is hidden where there is no terminal, or where JSON lines go to the same terminal."""
    hidden = (options.json and sys.stdout.isatty()) or os.environ.get("RANK", "0") != "0"
    return ProgressBar(None if hidden else sys.stderr)


def output_file(path: Path, suffixes: Sequence[str]) -> Path:
    """A file to write to, checked before the work begins. A missing folder is made.

    Raises SiameseError for a wrong ending, and where the file cannot be written.
    """
    label = printable(path.name)
    if path.suffix.lower() not in suffixes:
        raise SiameseError(f'"{label}" does not end in {" or ".join(suffixes)}; give the file such a name.')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SiameseError(f'The folder for "{label}" cannot be made: {error.strerror}.') from error
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise SiameseError(f'"{label}" cannot be written there; choose another place.')
    return path


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. Raises SiameseError where the disk or the permissions do not allow it."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise SiameseError(f'"{printable(path.name)}" cannot be written: {error.strerror}.') from error
