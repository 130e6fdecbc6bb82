"""Rows of results as tables: on the terminal, and as a Markdown report."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import torch
import torchvision

from siamese.commands.output import print_table
from siamese.models.devices import device_name

_COMMON = ("part", "device", "torch")  # the same in every row, so printed once
_WITH_VALUE = ("--data-dir", "--out")  # their values are paths of the machine that was measured

Row = Mapping[str, Any]


def cells(row: Row) -> dict[str, str]:
    """Column → text, for one row. A mapping, such as seconds_to, becomes one column for each key."""
    texts: dict[str, str] = {}
    for name, value in row.items():
        if name in _COMMON or name == "steps_to":
            continue
        if isinstance(value, Mapping):
            texts |= {f"{_words(name)} {key}": _as_text(item) for key, item in value.items()}
        else:
            texts[_words(name)] = _as_text(value)
    return texts


def _words(name: str) -> str:
    return {"seconds_to": "s to"}.get(name, name)


def _as_text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """The heading and the cells of some rows. The rows may have different columns."""
    texts = [cells(row) for row in rows]
    columns = list(dict.fromkeys(column for row in texts for column in row))
    return [columns, *([row.get(column, "") for column in columns] for row in texts)]


def print_part(name: str, about: str, rows: Sequence[Row]) -> None:
    """Prints what a part measures, then its table."""
    print(f"\n{name}\n{textwrap.fill(about, 110, break_on_hyphens=False)}")
    if rows:
        print_table(table(rows))
    sys.stdout.flush()


class Report:
    """All parts of one run as Markdown. arguments: of the command line."""

    def __init__(self, device: torch.device, arguments: Sequence[str]) -> None:
        version = ".".join(str(number) for number in sys.version_info[:3])
        self._where = (
            f"{device_name(device)}; torch {torch.__version__}, torchvision {torchvision.__version__}, Python {version}; "
            f"{date.today().isoformat()}; `{_command(arguments)}`"
        )
        self._parts: list[str] = []

    def add(self, name: str, about: str, rows: Sequence[Row]) -> None:
        """Adds a part's table."""
        lines = [f"## {name}", "", about, ""]
        if rows:
            heading, *others = ([cell.replace("|", "\\|") for cell in line] for line in table(rows))
            lines += [_line(heading), _line(["---"] + ["---:"] * (len(heading) - 1)), *map(_line, others), ""]
        self._parts.append("\n".join(lines))

    def markdown(self) -> str:
        """The report."""
        return "\n".join(["# Benchmark", "", self._where, "", *self._parts])


def _line(entries: Sequence[str]) -> str:
    return "| " + " | ".join(entries) + " |"


def _command(arguments: Sequence[str]) -> str:
    """The command as it was typed, with … for paths of this machine."""
    kept: list[str] = []
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        if kept and kept[-1] in _WITH_VALUE:
            kept.append("…")
        else:
            kept.append(f"{option}=…" if equals and option in _WITH_VALUE else argument)
    return "python -m siamese " + " ".join(word if word == "…" else shlex.quote(word) for word in kept)
