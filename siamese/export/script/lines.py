"""What the pieces of the script share: text as lines, assignments, comments."""

from __future__ import annotations

WIDTH = 120


def commented(line: str, comment: str) -> str:
    """The line with its comment, or without it where the two are too wide."""
    full = f"{line}  # {comment}"
    return full if len(full) <= WIDTH else line


def assigned(values: dict[str, float]) -> str:
    """One assignment to several names."""
    return f"{', '.join(values)} = {', '.join(map(repr, values.values()))}"


def lines_of(text: str) -> list[str]:
    """The lines of a text that begins and ends with a line break."""
    return text.strip("\n").splitlines()
