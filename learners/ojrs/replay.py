r"""The memory of decisions found: which are kept when it is full, and which are drawn to learn from (paper 004, IV-E).

A transition is what was seen and the decision found for it. When the memory is full the oldest one leaves. With

- preservation (31): a transition stored when the parameters were :math:`\theta_{t_0}` is reusable while
  :math:`1/\rho_{max} < \|\theta_t\|^2/\|\theta_{t_0}\|^2 < \rho_{max}`, and the oldest one that is NOT reusable leaves.
  The paper does not say what happens when all are reusable: the oldest leaves then.
- priority (32): transition i is drawn with probability :math:`p_i^\tau/\sum_k p_k^\tau`, where
  :math:`p_i = |\Delta\delta_t| + \epsilon` is set at the last update i was drawn for. :math:`\Delta\delta_t` is the change
  of the loss, ONE number for all transitions drawn: to the letter, it says when a transition was last drawn rather than
  what it is worth. New transitions get the greatest priority in the memory, as in the prioritised replay the paper refers
  to; it does not say itself.

The ratio of squared norms in (31) is no distance between policies: it is 1 for any two policies of equal norm; and while
norms only rise, as in training without strong L2, what is not reusable is the oldest, and (31) is first in, first out. Both
rules are offered as they are printed, each alone and together.

Priorities draw with replacement, so that (32) holds exactly; uniform draws are without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[Any]

REPLAYS = ("uniform", "preserved", "prioritised", "preserved-prioritised")


class Replay:
    """A memory of transitions, one of `REPLAYS`.

    Parameters
    ----------
    kind
        which of the two rules hold.
    capacity
        transitions it holds.
    inputs, users
        sizes of what is seen and of a decision.
    greatest_ratio
        rho_max.
    priority_power, least_priority
        tau and epsilon.
    """

    def __init__(
        self,
        kind: str,
        capacity: int,
        inputs: int,
        users: int,
        *,
        greatest_ratio: float = 1.2,
        priority_power: float = 0.6,
        least_priority: float = 0.001,
    ) -> None:
        self.preserves, self.prioritises = "preserved" in kind, "prioritised" in kind
        self.greatest_ratio, self.priority_power, self.least_priority = greatest_ratio, priority_power, least_priority
        self.seen = np.zeros((capacity, inputs), dtype=np.float32)
        self.found = np.zeros((capacity, users), dtype=np.int8)
        self.number = np.full(capacity, -1.0)
        """When each place was filled: the transition's number; -1 where it is empty."""
        self.square = np.ones(capacity)
        """Squared norm of the parameters then."""
        self.priority = np.zeros(capacity)
        self.count = 0

    @property
    def filled(self) -> int:
        """How many transitions there are."""
        return min(self.count, self.number.size)

    def reusable(self, square: float) -> Array:
        """Whether each transition is similar to parameters of this squared norm by (31)."""
        ratio = square / self.square[: self.filled]
        return np.asarray((1.0 / self.greatest_ratio < ratio) & (ratio < self.greatest_ratio))

    def add(self, seen: Array, found: Array, square: float) -> None:
        """Take transitions in, one after the other, found by parameters of this squared norm."""
        for row, decision in zip(seen, found, strict=True):
            place = self._place(square)
            priority = self.priority[: self.filled].max(initial=0.0)
            self.seen[place], self.found[place] = row, decision
            self.number[place], self.square[place] = self.count, square
            self.priority[place] = priority if priority > 0.0 else 1.0
            self.count += 1

    def _place(self, square: float) -> int:
        """Return the next empty place, or that of the transition to leave."""
        if self.count < self.number.size:
            return self.count
        ages = self.number
        if self.preserves:
            kept = self.reusable(square)
            ages = np.where(kept & ~kept.all(), np.inf, ages)
        return int(ages.argmin())

    def probabilities(self) -> Array:
        """Return with which probability each transition is drawn: (32), or all alike."""
        priority = self.priority[: self.filled]
        weight = (priority / priority.max()) ** self.priority_power if self.prioritises else np.ones(self.filled)
        return np.asarray(weight / weight.sum())

    def draw(self, count: int, rng: Generator) -> Array:
        """Draw places of transitions to learn from, at most as many as there are."""
        count = min(count, self.filled)
        if self.prioritises:
            return rng.choice(self.filled, count, p=self.probabilities())
        return rng.permutation(self.filled)[:count]

    def judge(self, places: Array, change: float) -> None:
        """Set the priority of transitions drawn for an update that changed the loss so much."""
        self.priority[places] = abs(change) + self.least_priority

    def state(self) -> dict[str, Array]:
        """Return everything that is remembered."""
        names = ("seen", "found", "number", "square", "priority")
        return {f"replay_{name}": getattr(self, name) for name in names} | {"replay_count": np.array([self.count])}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Remember what a state says."""
        for name in ("seen", "found", "number", "square", "priority"):
            getattr(self, name)[...] = state[f"replay_{name}"]
        self.count = int(state["replay_count"][0])
