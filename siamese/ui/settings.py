"""Settings of a server, from the command line and the environment."""

from __future__ import annotations

import argparse
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from siamese import SiameseError
from siamese.data.catalogue import default_data_dir
from siamese.models.devices import device_named
from siamese.training.jobs.machine import usable_cores
from siamese.ui import zero_gpu

JOBS = 32  # runs that take turns: a class of thirty, where their memory suffices
SPACE_JOBS = 16  # on Hugging Face, where anybody may come
SPACE_LONGEST = 300.0  # seconds of training after which a run ends there


@dataclass(frozen=True)
class Settings:
    """data_dir: where data sets and caches lie. device: what trains. jobs: how many runs take turns.

    workers: how many train at the same time; threads: CPU threads of each (None: torch's own choice, on a GPU).
    memory: bytes that all runs together may take (None: a share of what is free).
    host, port: where the page is served; share: through Gradio's tunnel; space: on Hugging Face Spaces.
    mcp: its endpoints as tools for language models too.
    longest: seconds of training after which a run ends; None for no limit.
    """

    data_dir: Path
    device: torch.device
    jobs: int
    workers: int
    threads: int | None
    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    memory: int | None = None
    mcp: bool = False
    space: bool = False
    longest: float | None = None


def default_workers(device: torch.device) -> tuple[int, int | None]:
    """How many runs train at the same time, and the CPU threads of each, on this machine.

    On a GPU eight graphs keep it busy. On a CPU every run takes one thread, so that runs do not fight over the cores.
    """
    if device.type == "cuda":
        return 8, None
    return usable_cores(), 1


def read_settings(arguments: list[str] | None = None) -> Settings:
    """Reads the command line (arguments None: the process's own); the environment gives the defaults."""
    environment = os.environ
    parser = argparse.ArgumentParser(description="Train a Siamese network live in the browser and see why it works.")
    parser.add_argument("--host", default=environment.get("GRADIO_SERVER_NAME", "127.0.0.1"), help="0.0.0.0 for a room")
    parser.add_argument("--port", type=int, default=int(environment.get("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument("--data-dir", type=Path, default=default_data_dir(), help="data sets and caches (%(default)s)")
    parser.add_argument(
        "--device", default=environment.get("SIAMESE_DEVICE"), help="cpu, cuda or cuda:1 (cuda where there is one)"
    )
    space = "SPACE_ID" in environment
    jobs = zero_gpu.WORKERS if zero_gpu.on_zero_gpu() else SPACE_JOBS if space else JOBS
    parser.add_argument(
        "--jobs", type=int, default=jobs, help="runs that take turns; the rest wait in line (%(default)s)"
    )
    parser.add_argument(
        "--memory", type=float, default=None, metavar="GB", help="for all runs together (a share of what is free)"
    )
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's tunnel")
    parser.add_argument("--mcp", action="store_true", help="offer the endpoints as MCP tools (needs gradio[mcp])")
    options = parser.parse_args(arguments)
    if options.mcp and importlib.util.find_spec("mcp") is None:
        parser.error('--mcp needs the package mcp; install it with: pip install "gradio[mcp]"')
    try:
        # Between the segments that have a GPU, everything on ZeroGPU is computed on the CPU.
        device = torch.device("cpu") if zero_gpu.on_zero_gpu() else device_named(options.device)
    except SiameseError as error:
        parser.error(str(error))
    if not 1 <= options.jobs <= 64:
        parser.error(f"--jobs is {options.jobs}; it has to be from 1 to 64.")
    if options.memory is not None and not 0.1 <= options.memory <= 10_000:
        parser.error(f"--memory is {options.memory:g}; it has to be from 0.1 to 10000 GB.")
    workers, threads = (zero_gpu.WORKERS, 1) if zero_gpu.on_zero_gpu() else default_workers(device)
    return Settings(
        data_dir=options.data_dir,
        device=device,
        jobs=options.jobs,
        workers=workers,
        threads=threads,
        host=options.host,
        port=options.port,
        share=options.share,
        memory=None if options.memory is None else int(options.memory * 1e9),
        mcp=options.mcp,
        space=space,
        longest=SPACE_LONGEST if space else None,
    )
