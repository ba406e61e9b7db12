r"""What the allocation of one decision answers to charges on its entries: all that limits on allocations need of a problem.

With the decision fixed a problem is

.. math:: \min_{y \in [l, u]} \; \Phi(y) \quad\text{s.t.}\quad M y \le r ,

y being entries of the allocation and :math:`M y \le r` what users share. Limits of one's own are more rows of the same kind,
:math:`A y \le b`. At prices :math:`\nu, \lambda \ge 0` of rows an entry has a charge, :math:`q = M^T \nu + A^T \lambda`,
and weak duality bounds the cost of every allocation that keeps all rows from below, whatever the prices are:

.. math:: L(\nu, \lambda) = \min_{y \in [l, u]} (\Phi(y) + q \cdot y) - \nu \cdot r - \lambda \cdot b .

A model says the minimiser in closed form, part by part: a limit is one more price on the same formula. Columns are in units
of their own, and costs are to be minimised in a characteristic one, so that nothing here is of many orders of magnitude.

What a minimiser is taken for proves nothing by itself. :math:`\Phi` is convex, so with its gradient at ANY point y

.. math:: \min_{z \in [l, u]} (\Phi(z) + q \cdot z) \ge \Phi(y) + q \cdot y
   + \sum_j \min_{l_j \le z_j \le u_j} (\nabla \Phi(y) + q)_j (z_j - y_j) :

a residual of the gradient is paid for by the box of its variable (Neumaier and Shcherbina 2004). Costs are not negative, so
where a user pays charges alone its variables are no more than what its answer costs in all over their charges.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.ascent import Priced, ascended

Array = NDArray[Any]

ROUNDING = 16.0 * float(np.finfo(float).eps)
"""What rounding takes of the terms of a bound at most, in parts of their sizes."""


@dataclass(frozen=True)
class Column:
    """Entries of a variable that are columns: of these users, or the one of an instance."""

    variable: str
    users: Array | None
    """Numbers of users; None for a variable per instance, which has one entry."""
    unit: Array
    """What a column of 1 stands for, in the variable's unit."""
    lower: Array
    upper: Array
    needed: Array
    """Whether the cost is infinite where the entry is 0."""


class Part(ABC):
    """Columns that answer charges by themselves, whatever the others do."""

    columns: tuple[Column, ...]

    @abstractmethod
    def respond(self, charge: Array) -> Array:
        """Return the minimiser of the part's cost plus its charges, within its bounds."""

    @abstractmethod
    def cost(self, y: Array) -> float:
        """Return the part's cost, without charges."""

    @abstractmethod
    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return how the answer changes along changes of the charge, ``(columns, directions)``."""

    @abstractmethod
    def least(self, charge: Array) -> float:
        """Return no more than the least cost plus charges, whatever `respond` says."""


class ConvexPart(Part):
    """Columns whose cost is convex and not negative; each variable has the same users, in their order."""

    @abstractmethod
    def costs(self, y: Array) -> Array:
        """Return what each user costs, without charges."""

    @abstractmethod
    def gradient(self, y: Array) -> Array:
        """Return the derivative of the cost in each column."""

    def cost(self, y: Array) -> float:
        """Return the part's cost, without charges."""
        return float(self.costs(y).sum())

    def tangents(self, charge: Array, y: Array) -> Iterator[tuple[Array, Array]]:
        """Yield costs no greater than those at a point, and gradients of planes through these below the cost."""
        yield self.costs(y), self.gradient(y)

    def least(self, charge: Array) -> float:
        """Return no more than the least cost plus charges, whatever `respond` says."""
        lower, upper = (np.concatenate([getattr(column, end) for column in self.columns]) for end in ("lower", "upper"))
        y = np.clip(np.nan_to_num(self.respond(charge)), lower, upper)
        shape = len(self.columns), len(self.columns[0].unit)
        paid, low, high, at = (part.reshape(shape) for part in (charge, lower, upper, y))
        best = np.minimum(paid * low, paid * high).sum(axis=0)
        alone = (paid >= 0.0).all(axis=0)
        for cost, gradient in self.tangents(charge, y):
            with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
                value = cost + (paid * at).sum(axis=0)
                dear = alone & (paid > 0.0)
                end = np.where(
                    dear, np.minimum(high, np.maximum(value * (1.0 + 1e-12) / np.where(dear, paid, 1.0), at)), high
                )
                slope = gradient.reshape(shape)
                residual = paid + slope
                size = np.abs(cost) + ((np.abs(paid) + np.abs(slope)) * (end - low)).sum(axis=0)
                value = value + np.minimum(residual * (low - at), residual * (end - at)).sum(axis=0) - ROUNDING * size
            best = np.where(np.isfinite(value), np.maximum(best, value), best)
        return float(best.sum())


@dataclass(frozen=True)
class Responses:
    """An instance and decision as its parts, and what these share."""

    parts: Sequence[Part]
    matrix: Array
    """M, ``(rows, columns)``."""
    limit: Array
    """r, ``(rows,)``."""
    constant: float
    """Cost that no allocation changes, in the problem's unit."""
    unit: float
    """Cost that counts as 1, in the problem's unit; costs are to be minimised."""
    prices: Callable[[Any], Array]
    """From a dual of the problem to the prices of the rows."""
    dual: Callable[[Array], Any]
    """From prices of the rows to a dual of the problem without limits."""
    allocation: Callable[[Mapping[str, Array]], Any]
    """From entries by variable, 0 for other users, to an allocation."""
    within: tuple[Array, Array] = field(default_factory=lambda: (np.zeros((0, 0)), np.zeros(0)))
    """Rows that parts keep by themselves beside their boxes, each of one user."""

    @property
    def columns(self) -> list[Column]:
        """All columns, in their order."""
        return [column for part in self.parts for column in part.columns]

    def together(self, name: str) -> Array:
        """Return an attribute of all columns, one entry for each."""
        return np.concatenate([getattr(column, name) for column in self.columns] or [np.zeros(0)])

    def _box(self) -> Array:
        return np.stack([self.together("lower"), self.together("upper")])

    def _slices(self) -> list[slice]:
        ends = np.cumsum([0, *(sum(column.unit.size for column in part.columns) for part in self.parts)])
        return [slice(*pair) for pair in pairwise(ends.tolist())]

    def respond(self, charge: Array) -> Array:
        """Return the minimiser of cost plus charges."""
        return np.concatenate([part.respond(charge[own]) for part, own in zip(self.parts, self._slices(), strict=True)])

    def cost(self, y: Array) -> float:
        """Return the cost of columns, without charges and without the constant."""
        return float(sum(part.cost(y[own]) for part, own in zip(self.parts, self._slices(), strict=True)))

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return how the minimiser changes along changes of the charge."""
        found = [
            part.slopes(charge[own], y[own], directions[own]) for part, own in zip(self.parts, self._slices(), strict=True)
        ]
        return np.concatenate(found)

    def least(self, charge: Array) -> float:
        """Return the least of cost plus charges."""
        return float(sum(part.least(charge[own]) for part, own in zip(self.parts, self._slices(), strict=True)))

    def answered(self, matrix: Array, limit: Array, free: Array, start: Array, ceiling: float = float("inf")) -> Priced:
        """Return prices of rows, the problem's own first, that make the bound greatest, and what answers them."""
        return ascended(self, matrix, limit, free, start, ceiling)

    def lagrangian(self, matrix: Array, limit: Array, prices: Array) -> float:
        """Return the bound at prices of rows in the problem's unit, a cost to be minimised; any prices of the right sign."""
        sizes = np.abs(prices) @ (np.abs(limit) + np.abs(matrix) @ np.maximum(*np.abs(self._box())))
        paid = self.least(prices @ matrix) - float(prices @ limit) - ROUNDING * float(sizes)
        return self.constant + self.unit * paid

    def least_charge(self, charge: Array) -> float:
        """Return no more than the least of charges alone, over the boxes and what parts keep beside them."""
        lower, upper = self._box()

        def of(slope: Array, columns: Any) -> float:
            return float(np.minimum(slope * lower[columns], slope * upper[columns]).sum())

        total = of(charge, slice(None))
        for row, limit in zip(*self.within, strict=True):  # no two of which are of the same user
            own = np.flatnonzero(row)
            prices = np.maximum(-charge[own] / row[own], 0.0)
            total += max(of(charge[own] + p * row[own], own) - p * float(limit) for p in (0.0, *prices)) - of(
                charge[own], own
            )
        return total

    def entries(self, y: Array, users: int) -> dict[str, Array]:
        """Return entries by variable in the problem's units, 0 for who has none."""
        found: dict[str, Array] = {}
        first = 0
        for column in self.columns:
            own = y[first : first + column.unit.size] * column.unit
            first += column.unit.size
            if column.users is None:
                found[column.variable] = np.asarray(own[0])
                continue
            held = found.setdefault(column.variable, np.zeros(users))
            held[column.users] = own
        return found
