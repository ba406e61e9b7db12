"""Entries that cost nothing by themselves: users with nothing to send or compute, to whom a limit may give something."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.responses import Column, ConvexPart

Array = NDArray[Any]


class Idle(ConvexPart):
    """Columns from 0 to 1 of any variables: nothing at a charge, everything where they are paid for it."""

    def __init__(self, *columns: tuple[str, Array, Array]) -> None:
        """Take variables, users, and what a column of 1 stands for."""
        self.columns = tuple(
            Column(name, users, unit, np.zeros(users.size), np.ones(users.size), np.zeros(users.size, dtype=bool))
            for name, users, unit in columns
        )

    def respond(self, charge: Array) -> Array:
        """Return 1 where a charge is negative."""
        return np.where(charge < 0.0, 1.0, 0.0)

    def costs(self, y: Array) -> Array:
        """Return 0."""
        return np.zeros(len(self.columns[0].unit))

    def gradient(self, y: Array) -> Array:
        """Return 0."""
        return np.zeros_like(y)

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return 0: the answer jumps."""
        return np.zeros_like(directions)
