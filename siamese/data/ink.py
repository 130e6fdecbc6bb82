"""ink_span(): where the ink of a row begins and ends."""

from __future__ import annotations

from torch import Tensor


def ink_span(marked: Tensor) -> tuple[Tensor, Tensor]:
    """The first marked place of each row, and the place after the last: float32 [...] twice, for bool [..., length].

    A row without a mark gives 0 and length.
    """
    length = marked.shape[-1]
    return marked.int().argmax(-1).float(), (length - marked.flip(-1).int().argmax(-1)).float()
