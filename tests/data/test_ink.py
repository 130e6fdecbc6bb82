"""Where ink begins and ends, against a plain loop."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.ink import ink_span


@given(rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1)))
def test_a_span_goes_from_the_first_mark_to_behind_the_last(rows: list[list[bool]]) -> None:
    first, end = ink_span(torch.tensor(rows))
    for row, low, high in zip(rows, first.tolist(), end.tolist(), strict=True):
        places = [place for place, marked in enumerate(row) if marked]
        assert (low, high) == ((places[0], places[-1] + 1) if places else (0, len(row)))
