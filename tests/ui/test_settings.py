"""The server's settings: the device is checked before the server starts."""

from __future__ import annotations

import pytest
import torch

from siamese.ui.settings import read_settings


def test_the_device_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(["--device", "cpu"]).device == torch.device("cpu")
    monkeypatch.setenv("SIAMESE_DEVICE", "cpu")
    assert read_settings([]).device == torch.device("cpu")


@pytest.mark.parametrize("name", ["foo", "cuda:99"])
def test_a_device_that_is_not_here_ends_the_program_with_a_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        read_settings(["--device", name])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert f'There is no device "{name}"' in error and "Traceback" not in error
