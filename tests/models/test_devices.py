"""Every device has a name, and a device that is not here is refused with a sentence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from siamese import SiameseError
from siamese.models import devices
from siamese.models.devices import default_device, device_name, device_named, unusable_gpu


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_named("cpu") == torch.device("cpu")
    assert device_named(None) == default_device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert default_device().type == "cuda"
    assert [str(device_named(name)) for name in ("cuda", "cuda:0", "cuda:1")] == ["cuda", "cuda:0", "cuda:1"]
    with pytest.raises(SiameseError, match='"cuda:2" here: this machine has 2 CUDA devices and the CPU'):
        device_named("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "meta"])
def test_a_device_that_is_not_here_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SiameseError, match=f'There is no device "{name}" here: this machine has only the CPU'):
        device_named(name)


@pytest.mark.parametrize("name", ["foo", "", "cuda:-1", "cuda:x", "gpu"])
def test_a_name_that_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(SiameseError, match=f'There is no device "{name}"'):
        device_named(name)


def test_the_cpu_says_how_many_threads_it_has() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert device_name(torch.device("cpu")) == "CPU, 1 thread"
        torch.set_num_threads(2)
        assert device_name(torch.device("cpu")) == "CPU, 2 threads"
    finally:
        torch.set_num_threads(threads)


OLD_DRIVER = "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver."


@pytest.mark.parametrize(
    "built, problem, reason",
    [
        (False, None, "this torch was installed without CUDA"),
        (True, OLD_DRIVER, "The NVIDIA driver on your system is too old (found version 11040)"),
        (True, None, "torch finds no device on it"),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_named_with_the_reason(
    built: bool, problem: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init() -> None:
        if problem:
            raise RuntimeError(problem)

    monkeypatch.setattr(devices, "Path", lambda _: SimpleNamespace(exists=lambda: True))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    told = unusable_gpu(torch.device("cpu"))
    assert told == f"This machine has an NVIDIA GPU that cannot be used ({reason}). Runs train on the CPU."
    monkeypatch.setattr(devices, "Path", lambda _: SimpleNamespace(exists=lambda: False))
    assert unusable_gpu(torch.device("cpu")) is None, "a machine without a GPU lacks nothing"
