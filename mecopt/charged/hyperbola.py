r"""Shares whose cost is an amount of work over a share: the square-root rule with a charge of each user's own.

.. math:: \min_{l \le y \le u} \frac{c}{y} + q y , \quad y = \sqrt{c/q} \text{ within the bounds, u where q is not positive.}
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.responses import Column, ConvexPart

Array = NDArray[Any]


class Hyperbola(ConvexPart):
    """Columns of one variable, with the work c of each."""

    def __init__(self, variable: str, users: Array, unit: Array, work: Array, lower: Array, upper: Array) -> None:
        self.columns = (Column(variable, users, unit, lower, upper, work > 0.0),)
        self.work, self.lower, self.upper = work, lower, upper

    def respond(self, charge: Array) -> Array:
        """Return the shares that answer charges."""
        inside = charge > 0.0
        share = np.sqrt(self.work / np.where(inside, charge, 1.0))
        idle = (self.work == 0.0) & (charge == 0.0)
        return np.asarray(np.clip(np.where(inside, share, np.where(idle, self.lower, self.upper)), self.lower, self.upper))

    def costs(self, y: Array) -> Array:
        """Return work over share."""
        with np.errstate(divide="ignore"):
            return np.where(self.work > 0.0, self.work / np.where(self.work > 0.0, y, 1.0), 0.0)

    def gradient(self, y: Array) -> Array:
        """Return the derivatives of work over share."""
        return -self.costs(y) / np.where(y > 0.0, y, 1.0)

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return the changes of shares that are at none of their bounds."""
        inside = (y > self.lower) & (y < self.upper) & (charge > 0.0)
        return np.where(inside, -0.5 * y / np.where(inside, charge, 1.0), 0.0)[:, None] * directions
