"""How the learning rate changes during a run, and at which steps a run validates."""

from __future__ import annotations

import math

from siamese.recipes.recipe import Schedule


def warm_up_steps(steps: int) -> float:
    """For how many steps the learning rate of the "one-cycle" schedule rises, in a run of `steps` steps."""
    return max(1.0, min(50.0, 0.2 * steps))


def schedule_factor(schedule: Schedule, step: int, steps: int) -> float:
    """The factor on the learning rate in step `step` (from 0) of `steps`."""
    if schedule == "one-cycle":
        warm_up = warm_up_steps(steps)
        return min(1.0, (step + 1) / warm_up) * (1 - max(0.0, (step - warm_up) / max(1.0, steps - warm_up)))
    if schedule == "decay":
        return 0.99 ** math.floor(200 * step / steps)
    return 1.0


def next_validation(step: int, every: int) -> int:
    """The step of the next validation. At first the gaps double; later validations are `every` steps apart."""
    return step + min(every, max(1, every // 10, step))
