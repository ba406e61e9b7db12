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

Priorities draw with replacement, so that (32) holds exactly; uniform draws are without (`mecopt.learners.memory`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.memory import Memory

Array = NDArray[Any]

REPLAYS = ("uniform", "preserved", "prioritised", "preserved-prioritised")


class Replay(Memory):
    """A memory of transitions, one of `REPLAYS`.

    Each row is what was `seen`, the decision `found`, its `number`, and the `square` of the norm of the parameters then.

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
        super().__init__(
            capacity,
            {"seen": ((inputs,), np.float32), "found": ((users,), np.int8), "number": ((), float), "square": ((), float)},
            priority_power=priority_power if "prioritised" in kind else None,
            least_priority=least_priority,
        )
        self.preserves, self.greatest_ratio = "preserved" in kind, greatest_ratio

    def reusable(self, square: float) -> Array:
        """Whether each transition is similar to parameters of this squared norm by (31)."""
        ratio = square / self["square"][: self.filled]
        return np.asarray((1.0 / self.greatest_ratio < ratio) & (ratio < self.greatest_ratio))

    def add(self, **rows: Array) -> None:
        """Take transitions in, one after the other: what was `seen` and `found`, and the `square` of the norm then."""
        for k, square in enumerate(rows["square"]):
            place, number = np.array([self._place(float(square))]), np.array([self.count])
            self.put(place, number=number, **{name: values[k : k + 1] for name, values in rows.items()})

    def _place(self, square: float) -> int:
        """Return the next empty place, or that of the transition to leave."""
        if self.count < self.capacity:
            return self.count
        ages = self["number"]
        if self.preserves:
            kept = self.reusable(square)
            ages = np.where(kept & ~kept.all(), np.inf, ages)
        return int(ages.argmin())
