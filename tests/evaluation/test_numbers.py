"""Numbers keep their digits, and JSON gets none that it cannot hold."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.evaluation.numbers import json_ready, significant


@given(st.floats(-1e300, 1e300))
def test_four_significant_digits(value: float) -> None:
    assert significant(value) == pytest.approx(value, rel=5.1e-4, abs=1e-320)
    assert significant(significant(value)) == significant(value)


def test_by_hand() -> None:
    assert [significant(v) for v in (3.14159265e-7, -12345.0, 0.99995, 0.0)] == [3.142e-7, -12340.0, 1.0, 0.0]
    assert significant(2 / 3, 2) == 0.67


def test_strict_json() -> None:
    value = {1: (math.nan, [math.inf, {"deep": -math.inf}]), "same": True, "text": "NaN", "whole": 3, "none": None}
    ready = json_ready(value)
    assert ready == {"1": [None, [None, {"deep": None}]], "same": True, "text": "NaN", "whole": 3, "none": None}
    json.dumps(ready, allow_nan=False)
