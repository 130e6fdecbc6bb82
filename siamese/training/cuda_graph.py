"""A training step captured once as a CUDA graph and replayed: one call into Python for a whole step.

A web server's threads starve an eager training loop, which crosses Python a few hundred times a step; a replay crosses
it once.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from siamese.training.step import TrainingStep

WARM_UP_STEPS = 3

# Captures run one at a time in the whole process: eager CUDA work of a capturing neighbour can invalidate a capture.
CAPTURE_LOCK = threading.RLock()


def save_state(step: TrainingStep) -> dict[str, Tensor]:
    """Copies of every tensor that a step changes, by name; its own tensors stay where they are."""
    return {name: tensor.detach().clone() for name, tensor in _state(step).items()} | {
        "generator": step.generator.get_state()
    }


def restore_state(step: TrainingStep, saved: dict[str, Tensor]) -> None:
    """Puts saved values back in place, since a graph remembers addresses; optimiser state that was not there is 0."""
    with torch.no_grad():
        for name, tensor in _state(step).items():
            if name in saved:
                tensor.copy_(saved[name])
            else:
                tensor.zero_()
    step.generator.set_state(saved["generator"].cpu())


def _state(step: TrainingStep) -> dict[str, Tensor]:
    state = {f"network.{name}": tensor for name, tensor in step.network.state_dict(keep_vars=True).items()}
    for number, parameter in enumerate(step.network.parameters()):
        for name, value in step.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                state[f"optimizer.{number}.{name}"] = value
    return state | {"losses": step.losses, "steps_done": step.steps_done}


class GraphedStep:
    """The step as a CUDA graph on a stream; calling it replays it, and gives the eager step's numbers bit for bit.

    Capturing takes a few eager warm-up steps, whose every effect is put back before. Must be made, called and closed
    in one thread. Learning rate and margin lie in device tensors and move under replay.
    """

    def __init__(self, step: TrainingStep, stream: torch.cuda.Stream) -> None:
        with CAPTURE_LOCK:
            saved = save_state(step)
            for _ in range(WARM_UP_STEPS):
                step()
            stream.synchronize()
            restore_state(step, saved)
            step.optimizer.zero_grad(set_to_none=True)
            stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            self._graph.register_generator_state(step.generator)
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                step()
            stream.synchronize()

    def __call__(self) -> None:
        self._graph.replay()

    def close(self) -> None:
        """Gives the graph's memory back."""
        self._graph.reset()
