"""A watch over operations that would make a training step wait for a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_WAITING = (
    "nonzero",
    "_local_scalar_dense",
    "masked_select",
    "_unique2",
    "unique_dim",
    "randperm",
    "multinomial",
)


class NothingWaits(TorchDispatchMode):
    """Fails on an operation whose result's shape or whose Python value depends on data: those wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().split("::")[1].split(".")[0]
        assert name not in _WAITING, name
        if name in ("index", "index_put", "index_put_"):
            assert all(i is None or i.dtype != torch.bool for i in args[1]), "indexing with a mask"
        return func(*args, **(kwargs or {}))
