r"""A memory of what was learned from: a ring of rows, drawn alike or by priority.

When it is full the oldest row leaves. Drawn alike, rows come without replacement. With priorities (Schaul, Quan,
Antonoglou, Silver, "Prioritized Experience Replay", ICLR 2016, the proportional variant) row i is drawn, with replacement,
with probability

.. math:: P_i = p_i^\tau / \sum_k p_k^\tau , \qquad p_i = |\delta_i| + \epsilon ,

where :math:`\delta_i` is its error when it was last drawn; a new row has the greatest priority of all. A mean over what is
drawn is made one over all N rows by the weights :math:`(N P_i)^{-\beta}` over their greatest, exactly so for
:math:`\beta = 1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


class Memory:
    """A ring of rows, each of the same arrays by name.

    Parameters
    ----------
    capacity
        rows it holds.
    shapes
        shape and type of each array of a row.
    priority_power
        tau; None where rows are drawn alike.
    least_priority
        epsilon.
    """

    def __init__(
        self,
        capacity: int,
        shapes: Mapping[str, tuple[tuple[int, ...], DTypeLike]],
        *,
        priority_power: float | None = None,
        least_priority: float = 0.001,
    ) -> None:
        self.kept = {name: np.zeros((capacity, *shape), dtype=kind) for name, (shape, kind) in shapes.items()}
        self.capacity, self.priority_power, self.least_priority = capacity, priority_power, least_priority
        self.priority = np.zeros(0 if priority_power is None else capacity)
        self.count = 0

    @property
    def filled(self) -> int:
        """How many rows there are."""
        return min(self.count, self.capacity)

    def __getitem__(self, name: str) -> Array:
        """Return an array of all places, ``(capacity, ...)``."""
        return self.kept[name]

    def add(self, **rows: Array) -> None:
        """Take rows in, one after the other: an array ``(count, ...)`` for each name."""
        new = len(next(iter(rows.values())))
        self.put((self.count + np.arange(new)) % self.capacity, **rows)

    def put(self, places: Array, **rows: Array) -> None:
        """Take rows in at these places, with the greatest priority that there is."""
        for name, values in rows.items():
            self.kept[name][places] = values
        for place in places if self.priority.size else ():
            self.priority[place] = self.priority.max() or 1.0
        self.count += len(places)

    def probabilities(self) -> Array:
        """Return with which probability each row is drawn."""
        if self.priority_power is None:
            return np.full(self.filled, 1.0 / self.filled)
        priority = self.priority[: self.filled]
        weight = (priority / priority.max()) ** self.priority_power
        return np.asarray(weight / weight.sum())

    def draw(self, count: int, rng: Generator) -> Array:
        """Draw places of rows, at most as many as there are."""
        count = min(count, self.filled)
        if self.priority_power is None:
            return rng.permutation(self.filled)[:count]
        return rng.choice(self.filled, count, p=self.probabilities())

    def importance(self, places: Array, power: float) -> Array:
        """Return the weights of rows drawn, for beta = `power`; the greatest is 1."""
        weight = (self.filled * self.probabilities()[places]) ** -power
        return np.asarray(weight / weight.max())

    def judge(self, places: Array, errors: Array | float) -> None:
        """Set the priorities of rows by their errors; where they are drawn alike nothing is to be set."""
        if self.priority.size:
            self.priority[places] = np.abs(errors) + self.least_priority

    def state(self, prefix: str = "memory_") -> dict[str, Array]:
        """Return everything that is remembered, by names with a prefix."""
        priority = {"priority": self.priority} if self.priority.size else {}
        whole = {**self.kept, **priority, "count": np.array([self.count])}
        return {f"{prefix}{name}": values for name, values in whole.items()}

    def restore(self, state: Mapping[str, Array], prefix: str = "memory_") -> None:
        """Remember what a state says."""
        for name, kept in self.kept.items():
            kept[...] = state[f"{prefix}{name}"]
        if self.priority.size:
            self.priority[...] = state[f"{prefix}priority"]
        self.count = int(state[f"{prefix}count"][0])
