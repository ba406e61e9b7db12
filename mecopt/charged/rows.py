"""Limits on allocations of one instance at one decision as rows over the columns of its responses, each side by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.responses import Responses
from mecopt.contract.limits.amounts import bounds_of, weights_at

Array = NDArray[Any]


class Rows(NamedTuple):
    """Rows ``matrix @ y <= limit``, equations where they are free; the problem's own come first."""

    matrix: Array
    limit: Array
    free: Array
    rule: Array
    """Which of the limits a row is of, -1 for the problem's own."""
    side: Array
    """1 for the greatest sum and for equations, -1 for the least one."""
    unit: Array
    """What 1 in a row stands for, in the unit of its limit: about its largest term."""

    def prices(self, own: Array, named: Mapping[int, float], unit: float) -> Array:
        """Return prices of rows from those of the problem's own and those of limits, in the problem's units."""
        found = np.zeros(self.limit.size)
        found[: own.size] = own
        for row in range(own.size, self.limit.size):
            price = float(np.nan_to_num(named.get(int(self.rule[row]), 0.0))) * self.unit[row] / unit
            found[row] = price if self.free[row] else max(self.side[row] * price, 0.0)
        return found

    def of_limits(self, prices: Array, unit: float) -> dict[int, float]:
        """Return prices of limits in the problem's units: positive where more would gain, negative where less would."""
        found: dict[int, float] = {}
        for row in np.flatnonzero(self.rule >= 0):
            number = int(self.rule[row])
            found[number] = found.get(number, 0.0) + float(self.side[row] * prices[row]) * unit / float(self.unit[row])
        return found

    def without(self, rules: Iterable[int]) -> Rows:
        """Return the rows without those of some limits."""
        kept = ~np.isin(self.rule, list(rules))
        return Rows(*(part[kept] for part in self))


def rows_of(problem: Any, decision: Array, responses: Responses, *, whole: bool = False) -> Rows:
    """Return the rows of a single instance and decision.

    A limit on nothing that this decision has, and that is kept by itself, has no row, unless `whole` asks for it: a bound of
    one decision is the better for it, while bounds of several that are compared charge every limit alike.
    """
    count = responses.matrix.shape[1]
    matrix, limit, free = list(responses.matrix), list(responses.limit), [False] * len(responses.limit)
    rule, side, unit = [-1] * len(limit), [1.0] * len(limit), [1.0] * len(limit)
    for number, one in enumerate(problem.allocation_limits):
        weight = _weights(problem, one, decision, responses, count)
        least, most = (float(bound) for bound in bounds_of(problem, one))
        size = float(np.abs(weight).max(initial=0.0)) or 1.0
        sides = [(1.0, most), (-1.0, least)] if least != most else [(1.0, most)]
        for sign, bound in sides:
            kept = sign * bound >= 0.0 if least != most else bound == 0.0
            if np.isfinite(bound) and (whole or weight.any() or not kept):
                matrix.append(sign * weight / size)
                limit.append(sign * bound / size)
                free.append(least == most)
                rule.append(number)
                side.append(sign)
                unit.append(size)
    return Rows(
        np.reshape(np.array(matrix, dtype=float), (len(limit), count)),
        np.array(limit, dtype=float),
        np.array(free, dtype=bool),
        np.array(rule, dtype=int),
        np.array(side),
        np.array(unit),
    )


def _weights(problem: Any, rule: Any, decision: Array, responses: Responses, count: int) -> Array:
    """Return the weights of columns in the unit of a limit."""
    found, first = np.zeros(count), 0
    for column in responses.columns:
        last = first + column.unit.size
        if column.variable in rule.weights:
            weight = weights_at(problem, rule, column.variable, decision)
            own = weight if column.users is None else weight[column.users]
            found[first:last] = own * column.unit
        first = last
    return found
