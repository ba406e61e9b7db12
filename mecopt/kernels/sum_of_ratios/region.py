r"""The convex set of a sum of ratios: what is asked of it, and the polytope that answers by linear programming.

All that the certificates need of a set :math:`X` is a lower bound on :math:`\min_{y \in X} c^\top y`. For a polytope
:math:`\{l \le y \le h,\ M y \le m\}` weak duality gives one for any :math:`\mu \ge 0`,

.. math:: \min_{y \in X} c^\top y \;\ge\; -\mu^\top m + \sum_j \min\{r_j l_j, r_j h_j\}, \qquad r = c + M^\top \mu ,

tight at the dual optimum. The linear program's tolerances can make it loose, never wrong. The box must be finite, or
rounding in one :math:`r_j` would make the bound infinite; a capacity :math:`\sum f \le F` implies the upper bounds F.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.slsqp import slsqp

Array = NDArray[Any]

FEASIBLE = 1e-7
"""Scaled violation up to which a point that an oracle returns counts as a member of the set."""
FLAT = 1e-3
"""Relative linearisation gap at which SLSQP's answer to a convex subproblem counts as a failure."""


class ConvexSet(Protocol):
    """A convex set, known by linear minimisation and membership."""

    def least_linear(self, cost: Array) -> float:
        """Return a proved lower bound on the minimum of ``cost @ y`` over the set, tight but for rounding."""

    def violation(self, point: Array) -> float:
        """Return how far a point is outside, scaled; 0 for members."""


def _no_rows() -> Array:
    return np.empty(0)


@dataclass(frozen=True)
class Polytope:
    """The points with ``lower <= y <= upper`` and ``matrix @ y <= limit``."""

    lower: Array
    upper: Array
    matrix: Array = field(default_factory=_no_rows)
    """(rows, variables); empty for a box."""
    limit: Array = field(default_factory=_no_rows)

    def __post_init__(self) -> None:
        lower, upper = np.broadcast_arrays(*(np.atleast_1d(np.asarray(b, dtype=float)) for b in (self.lower, self.upper)))
        limit = np.atleast_1d(np.asarray(self.limit, dtype=float))
        matrix = np.asarray(self.matrix, dtype=float).reshape(limit.size, -1 if limit.size else lower.size)
        if lower.ndim != 1 or matrix.shape[1] != lower.size:
            raise InstanceError(f"matrix has shape {matrix.shape} for {lower.shape} bounds; allowed: one column a variable")
        for name, value in (("lower", lower), ("upper", upper), ("matrix", matrix), ("limit", limit)):
            if not np.isfinite(value).all():
                raise InstanceError(f"{name} is not finite; allowed: finite numbers (a capacity F implies upper bounds F)")
            copy = value.copy()
            copy.flags.writeable = False
            object.__setattr__(self, name, copy)
        crossed = np.flatnonzero(lower > upper)
        if crossed.size:
            j = crossed[0]
            raise InstanceError(f"lower[{j}] = {lower[j]:g} exceeds upper[{j}] = {upper[j]:g}: the set is empty")

    @property
    def width(self) -> Array:
        """Return the width of the box, 1 where it is 0: the unit of each variable."""
        width = self.upper - self.lower
        return np.asarray(np.where(width > 0, width, 1.0))

    def least_linear(self, cost: Array) -> float:
        """Return the weak-duality bound above, at the multipliers of the linear program in units of the box."""
        price = np.zeros(self.limit.size)
        scale = float(np.abs(cost * self.width).max())
        if self.limit.size and scale > 0:
            from scipy.optimize import linprog

            room = self.limit - self.matrix @ self.lower
            rows = np.abs(self.matrix * self.width).max(axis=1)
            rows = np.where(rows > 0, rows, 1.0)
            unit = np.where(self.upper > self.lower, 1.0, 0.0)
            result = linprog(
                cost * self.width / scale,
                A_ub=self.matrix * self.width / rows[:, None],
                b_ub=room / rows,
                bounds=np.column_stack([np.zeros_like(unit), unit]),
                method="highs",
            )
            if result.status == 2:
                raise InstanceError("matrix and limit contradict the bounds: the set is empty")
            if result.status == 0:
                price = np.maximum(-result.ineqlin.marginals, 0.0) * scale / rows
        reduced = cost + self.matrix.T @ price
        return float(np.minimum(reduced * self.lower, reduced * self.upper).sum() - price @ self.limit)

    def violation(self, point: Array) -> float:
        """Return the worst excess: of a bound over the width of the box, of a row over the size of its terms."""
        if point.shape != self.lower.shape:
            raise InstanceError(f"a point of shape {point.shape} in a polytope of {self.lower.size} variables")
        if not np.isfinite(point).all():
            return float("inf")
        box = np.maximum(self.lower - point, point - self.upper) / self.width
        size = np.abs(self.limit) + np.abs(self.matrix) @ np.abs(point)
        row = (self.matrix @ point - self.limit) / np.where(size > 0, size, 1.0)
        return float(max(box.max(), row.max(initial=0.0), 0.0))


def minimise_convex(
    region: ConvexSet, function: Callable[[Array], float], gradient: Callable[[Array], Array], start: Array
) -> Array:
    """Minimise a smooth convex function over a polytope by SLSQP: the default where no oracle in closed form is given.

    Variables are in units of the box and the function in units of its slope, since SLSQP stops at absolute tolerances. The
    linearisation gap of the answer, which bounds what a convex function can still lose, tells a failure; SLSQP, which may
    stop at its first step, is then run again from nearer to the middle of the box.

    Raises
    ------
    InstanceError
        if the set is no `Polytope`, or SLSQP stops where much can still be won.
    """
    if not isinstance(region, Polytope):
        raise InstanceError(f"region is a {type(region).__name__}; the default oracle needs a Polytope: give an oracle")
    width, lower = region.width, region.lower
    slope = float(np.abs(gradient(start) * width).max())
    if slope == 0.0:
        return start
    room = region.limit - region.matrix @ lower
    rows = np.abs(region.matrix * width).max(axis=1, initial=0.0)
    rows = np.where(rows > 0, rows, 1.0)
    matrix, limit = region.matrix * width / rows[:, None], room / rows
    top = np.where(region.upper > lower, 1.0, 0.0)
    base = function(start)
    begins = np.clip((start - lower) / width, 0.0, top)
    for begin in (begins, *(part * begins + (1.0 - part) * 0.5 * top for part in (0.9, 0.5, 0.0))):
        result = slsqp(
            lambda s: (function(lower + width * s) - base) / slope,
            begin,
            jac=lambda s: gradient(lower + width * s) * width / slope,
            bounds=np.column_stack([np.zeros_like(top), top]),
            constraints=[{"type": "ineq", "fun": lambda s: limit - matrix @ s, "jac": lambda _: -matrix}]
            if limit.size
            else [],
            options={"ftol": 1e-16, "maxiter": 500},
        )
        point = np.asarray(lower + width * np.clip(result.x, 0.0, top))
        if region.violation(point) > FEASIBLE or not function(point) <= base:
            point = start
        slopes = gradient(point)
        left = float(slopes @ point) - region.least_linear(slopes)
        if left <= FLAT * max(base - function(point), slope):
            return point
    raise InstanceError(
        f"SLSQP left {left:.2g} of a convex subproblem to be won ({result.message}); give an oracle of your own"
    )
