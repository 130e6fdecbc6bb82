"""Numbers for the page and for JSON files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def significant(value: float, digits: int = 4) -> float:
    """The value rounded to significant digits, which small numbers keep too: 3.14159e-7 → 3.142e-7."""
    return float(f"{value:.{digits}g}")


def json_ready(value: Any) -> Any:
    """A copy of nested mappings and sequences that strict JSON can hold: a float that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(name): json_ready(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
