"""Diagnostician: sees when a run goes wrong. The loss is not a number, the network collapses, or no triplet teaches."""

from __future__ import annotations

import math
from collections.abc import Iterable

from siamese.evaluation.scores import Validation
from siamese.recipes import Recipe
from siamese.training.events import Diagnosis

SATISFIED_STEPS = 50  # losses of zero in a row after which we say that no triplet teaches any more
COLLAPSED_VALIDATIONS = 2  # one collapsed validation may be chance
_EARLIEST_COLLAPSE = 20  # steps: a network that has hardly begun looks collapsed


class Diagnostician:
    """Watches the losses and the validations of one run.

    diverged_at: the first step (from 1) whose loss was not a finite number, or None.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.diverged_at: int | None = None
        self._recipe = recipe
        self._zero_losses = 0
        self._collapsed = 0
        self._reported = "recovered"

    def see_losses(self, first_step: int, losses: Iterable[float]) -> None:
        """Takes the losses of consecutive steps, the first of which is step first_step (from 1)."""
        for step, loss in enumerate(losses, first_step):
            self._zero_losses = self._zero_losses + 1 if loss < 1e-6 else 0
            if not math.isfinite(loss) and self.diverged_at is None:
                self.diverged_at = step

    def see_validation(self, validation: Validation) -> None:
        """Takes the newest validation."""
        self._collapsed = self._collapsed + 1 if validation.collapsed else 0

    def diagnosis(self, step: int) -> Diagnosis | None:
        """A new fault, or "recovered" when the last fault is over; None when nothing has changed."""
        kind, began = "recovered", step
        if self._zero_losses >= SATISFIED_STEPS and self._recipe.loss == "triplet":
            kind, began = "satisfied", step - self._zero_losses + 1
        elif self._collapsed >= COLLAPSED_VALIDATIONS and step >= _EARLIEST_COLLAPSE:
            kind = "collapse"
        if kind == self._reported:
            return None
        self._reported = kind
        return Diagnosis(kind, began)
