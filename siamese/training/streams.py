"""The CUDA stream of a run, and a sentence for a device whose memory is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from siamese import SiameseError
from siamese.models.devices import device_name


def own_stream(device: torch.device) -> torch.cuda.Stream | None:
    """This thread's CUDA stream, or a new one where that is the default stream; None on a CPU.

    All threads share the default stream, and it cannot be captured as a CUDA graph.
    """
    if device.type != "cuda":
        return None
    current = torch.cuda.current_stream(device)
    return torch.cuda.Stream(device) if current == torch.cuda.default_stream(device) else current


@contextmanager
def on_stream(device: torch.device, stream: torch.cuda.Stream | None) -> Iterator[None]:
    """The device work of the block runs on the stream. Raises SiameseError where the device has too little memory."""
    try:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            yield
    except (RuntimeError, MemoryError) as error:
        # The CPU's allocator has no exception of its own.
        full = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(error)
        if not full:
            raise
        raise SiameseError(
            f"The memory of {device_name(device)} does not suffice for this run; "
            "lower the batch, the image size or the embedding size, or wait for other runs to end."
        ) from error
