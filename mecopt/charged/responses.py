r"""What the allocation of one decision answers to charges on its entries: all that limits on allocations need of a problem.

With the decision fixed a problem is

.. math:: \min_{y \in [l, u]} \; \Phi(y) \quad\text{s.t.}\quad M y \le r ,

y being entries of the allocation and :math:`M y \le r` what users share. Limits of one's own are more rows of the same kind,
:math:`A y \le b`. At prices :math:`\nu, \lambda \ge 0` of rows an entry has a charge, :math:`q = M^T \nu + A^T \lambda`,
and weak duality bounds the cost of every allocation that keeps all rows from below, whatever the prices are:

.. math:: L(\nu, \lambda) = \min_{y \in [l, u]} (\Phi(y) + q \cdot y) - \nu \cdot r - \lambda \cdot b .

A model says the minimiser in closed form, part by part: a limit is one more price on the same formula. Columns are in units
of their own, and costs are to be minimised in a characteristic one, so that nothing here is of many orders of magnitude.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.ascent import Priced, ascended

Array = NDArray[Any]


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

    def least(self, charge: Array) -> float:
        """Return the least cost plus charges, to rounding: an error of the minimiser counts by its square."""
        y = self.respond(charge)
        return self.cost(y) + float(charge @ y)


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
    """Rows that parts keep by themselves beside their boxes."""

    @property
    def columns(self) -> list[Column]:
        """All columns, in their order."""
        return [column for part in self.parts for column in part.columns]

    def together(self, name: str) -> Array:
        """Return an attribute of all columns, one entry for each."""
        return np.concatenate([getattr(column, name) for column in self.columns] or [np.zeros(0)])

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

    def answered(self, matrix: Array, limit: Array, free: Array, start: Array) -> Priced:
        """Return prices of rows, the problem's own first, that make the bound greatest, and what answers them."""
        return ascended(self, matrix, limit, free, start)

    def lagrangian(self, matrix: Array, limit: Array, prices: Array) -> float:
        """Return the bound at prices of rows in the problem's unit, a cost to be minimised; any prices of the right sign."""
        paid = self.least(prices @ matrix) - float(prices @ limit)
        return self.constant + self.unit * paid

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
