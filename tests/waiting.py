"""A watch over operations that would make a training step wait for a GPU, or draw from a shared generator."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_WAITING = (
    "nonzero",
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "randperm",
    "multinomial",
    "repeat_interleave",
)
_RANDOM = (
    "rand",
    "randn",
    "randint",
    "rand_like",
    "randn_like",
    "randint_like",
    "bernoulli",
    "bernoulli_",
    "normal_",
    "uniform_",
    "random_",
    "exponential_",
    "native_dropout",
)


class NothingWaits(TorchDispatchMode):
    """Fails on an operation whose result's shape or whose Python value depends on data: those wait for a GPU.

    Random numbers have to come from a generator that the caller gives: all threads share the default one, and a draw
    from it breaks the captures of the others.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.name().split("::")[1].split(".")[0]
        # With its output size given, or a number of repetitions, it needs no look at the data.
        sized = name == "repeat_interleave" and (kwargs.get("output_size") is not None or isinstance(args[-1], int))
        assert name not in _WAITING or sized, name
        if name in ("index", "index_put", "index_put_"):
            assert all(i is None or i.dtype not in (torch.bool, torch.uint8) for i in args[1]), "indexing with a mask"
        if name in _RANDOM:
            assert any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values())), f"{name}, unseeded"
        return func(*args, **kwargs)
