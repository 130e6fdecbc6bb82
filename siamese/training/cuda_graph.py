"""A training step as a CUDA graph: it is captured once, and each later step replays it with one call.

An eager step calls Python a few hundred times, so the threads of a web server slow it down a lot. A replay calls it
once.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from siamese.training.step import TrainingStep

WARM_UP_STEPS = 3

# Only one capture runs at a time in the whole process: the warm-up of another one could invalidate it.
CAPTURE_LOCK = threading.RLock()


def save_state(step: TrainingStep) -> dict[str, Tensor]:
    """Copies of all tensors that a step changes, by name."""
    return {name: tensor.detach().clone() for name, tensor in _state(step).items()} | {
        "generator": step.generator.get_state()
    }


def restore_state(step: TrainingStep, values: dict[str, Tensor]) -> None:
    """Puts the saved values back into the same tensors, because a graph remembers their addresses.

    Optimiser state that did not exist yet becomes 0.
    """
    with torch.no_grad():
        for name, tensor in _state(step).items():
            if name in values:
                tensor.copy_(values[name])
            else:
                tensor.zero_()
    step.generator.set_state(values["generator"].cpu())


def _state(step: TrainingStep) -> dict[str, Tensor]:
    state = {f"network.{name}": tensor for name, tensor in step.network.state_dict(keep_vars=True).items()}
    for number, parameter in enumerate(step.network.parameters()):
        for name, value in step.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                state[f"optimizer.{number}.{name}"] = value
    if step.memory is not None:
        state["class_memory"] = step.memory.directions
    return state | {"losses": step.losses, "steps_done": step.steps_done}


class GraphedStep:
    """The step as a CUDA graph on a stream. A call replays it and gives the numbers of the eager step, bit for bit.

    A few eager warm-up steps come before the capture; their effects are undone. Make, call and close it in one thread.
    Learning rate and margin are device tensors, so a new value reaches the next replay.
    """

    def __init__(self, step: TrainingStep, stream: torch.cuda.Stream) -> None:
        with CAPTURE_LOCK:
            values = save_state(step)
            for _ in range(WARM_UP_STEPS):
                step()
            stream.synchronize()
            restore_state(step, values)
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
        """Frees the graph's memory."""
        self._graph.reset()
