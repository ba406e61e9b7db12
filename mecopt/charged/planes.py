r"""What prices prove of all decisions at once: a constant, and what each choice of each user adds.

At prices of a problem's own rows and of limits the bound of a decision is a sum over users where the problem is separable
(`Problem.separable`), a *plane*

.. math:: L(z; \nu, \lambda) = k + \sum_i T_{i, z_i} .

Multipliers of rows without the cost, :math:`\rho`, make another, whatever the problem is,

.. math:: F(z; \rho) = -\rho \cdot r + \sum_i \min_{y_i} (R^T \rho)_i \cdot y_i ,

and a decision where that is positive has no allocation (Farkas). So decisions that have one keep :math:`F(z; \rho) \le 0`,
which is a limit on decisions. What each choice adds is what it is where nobody else is: a problem of one user tells it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.contradictions import contradiction
from mecopt.charged.responses import Responses
from mecopt.charged.rows import Rows, rows_of
from mecopt.contract.limits.prices import alone

Array = NDArray[Any]


NOBODY = np.zeros(0, dtype=int)

WEIGHTY = 1e-3
"""Part of the greatest weight from which on an entry that must not be 0 counts."""


class Plane(NamedTuple):
    """No less than ``constant + sum(part[i, z[i]] for users i)``, infinite where a choice is none."""

    constant: float
    part: Array
    """``(users, choices)``."""
    size: float
    """Size of its terms: what rounding is a part of."""
    needed: Array = NOBODY
    """Of a ray: choices of which one has to be made for it to prove anything, -1 for other users; empty for none."""


class Planes:
    """Planes of one instance without limits on decisions; responses of each user's choices are kept."""

    def __init__(self, problem: Any) -> None:
        self.problem = problem.undecided
        single = alone(self.problem)
        self.choices, self.users = len(self.problem.choices.labels), self.problem.users
        self.able = np.ones((self.users, self.choices), dtype=bool)
        self.each: dict[tuple[int, int], tuple[Responses, Rows]] = {}
        for user in range(self.users):
            for choice in range(self.choices):
                decision = np.array([choice], dtype=np.int8)
                one = single[user]
                self.able[user, choice] = not bool(one.plain.infeasible(decision))
                if self.able[user, choice]:
                    self.each[user, choice] = self._of(one, decision)

    @staticmethod
    def _of(problem: Any, decision: Array) -> tuple[Responses, Rows]:
        responses = problem.plain.responses(decision)
        return responses, rows_of(problem, decision, responses, whole=True)

    def bound(self, decision: Array, dual: Any, named: dict[int, float]) -> Plane | None:
        """Return what prices prove of all decisions; None where that is nothing, or no sum over users."""

        def at(responses: Responses, rows: Rows) -> float:
            prices = rows.prices(responses.prices(dual), named, responses.unit)
            return responses.lagrangian(rows.matrix, rows.limit, prices)

        part = np.full((self.users, self.choices), np.inf)
        for place, (responses, rows) in self.each.items():
            part[place] = at(responses, rows)
        return self._plane(at(*self._of(self.problem, decision)), part, decision)

    def ray(self, decision: Array) -> Plane | None:
        """Return what leaves a decision no allocation, as a bound of what has to be at most 0; None where nothing is proved.

        Where it is a part that has to be something of which nothing is left, `needed` says whose.
        """
        responses = self.problem.plain.responses(decision)
        rows = rows_of(self.problem, decision, responses)
        found = contradiction(responses, rows)
        if found is None:
            return None
        count = len(responses.limit)
        own = self.problem.Dual.completed(responses.dual(found.multipliers[:count]))
        named = rows.of_limits(found.multipliers[: len(rows.limit)], responses.unit)
        needed, first = np.zeros((len(responses.columns), self.users)), 0
        for number, column in enumerate(responses.columns):
            last = first + len(column.unit)
            if column.users is not None and found.needed.size:
                needed[number, column.users] = found.needed[first:last] * responses.unit
            first = last

        def at(responses: Responses, rows: Rows, users: Array, choice: bool) -> float:
            prices = rows.prices(responses.prices(own), named, responses.unit)
            charge, first = prices @ rows.matrix, 0
            for number, column in enumerate(responses.columns):
                last = first + len(column.unit)
                if column.users is not None and choice:
                    charge[first:last] -= needed[number, users[column.users]] / responses.unit
                first = last
            return responses.unit * (responses.least_charge(charge) - float(prices @ rows.limit))

        part = np.full((self.users, self.choices), np.inf)
        for (user, choice), (single, of_single) in self.each.items():
            part[user, choice] = at(single, of_single, np.array([user]), choice == decision[user])
        plane = self._plane(at(*self._of(self.problem, decision), np.arange(self.users), True), part, decision)
        whose = needed.any(axis=0) & (needed.sum(axis=0) >= WEIGHTY * needed.sum(axis=0).max())
        return None if plane is None else plane._replace(needed=np.where(whose, decision, -1) if whose.any() else NOBODY)

    def _plane(self, whole: float, part: Array, decision: Array) -> Plane | None:
        own = part[np.arange(self.users), decision]
        size = abs(whole) + float(np.abs(np.where(np.isfinite(part), part, 0.0)).sum())
        if not (np.isfinite(whole) and np.isfinite(own).all() and np.isfinite(part[self.able]).all()):
            return None
        return Plane(whole - float(own.sum()), part, size)
