"""Devices: the one to compute on, and names for people."""

from __future__ import annotations

from pathlib import Path

import torch

from siamese import SiameseError


def default_device() -> torch.device:
    """CUDA where there is a CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_named(name: str | None) -> torch.device:
    """The device of that name ("cpu", "cuda", "cuda:1"); the default one for None.

    Raises SiameseError for a name that is no device, and for a device that is not here.
    """
    if name is None:
        return default_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SiameseError(f'There is no device "{name}"; choose cpu, cuda, or cuda:1 and so on.') from error
    if device.type == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type != "cuda" or (device.index or 0) >= count:
        here = f"{count} CUDA device{'s' if count > 1 else ''} and the CPU" if count else "only the CPU"
        raise SiameseError(f'There is no device "{name}" here: this machine has {here}. Choose another device.')
    return device


def device_name(device: torch.device) -> str:
    """The device as a person knows it: "CPU, 2 threads", or the name of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''}"


def unusable_gpu(device: torch.device) -> str | None:
    """The reason why torch cannot use the GPU of this machine, as a sentence. None where there is no GPU, or torch uses it.

    device: the one that will be used.
    """
    if device.type == "cuda" or torch.cuda.is_available() or not Path("/proc/driver/nvidia/version").exists():
        return None
    if not torch.backends.cuda.is_built():
        reason = "this torch was installed without CUDA"
    else:
        try:
            torch.cuda.init()
        except RuntimeError as error:  # such as a driver that is too old for torch's CUDA
            reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        else:
            reason = "torch finds no device on it"
    return f"This machine has an NVIDIA GPU that cannot be used ({reason}). Runs train on the CPU."
