r"""Limits on allocations that no allocation of a decision keeps: found by linear programming, proved by Farkas' ray.

Multipliers :math:`\rho \ge 0` of rows :math:`R y \le r` (of any sign where these are equations) prove that no y within its
box keeps them where

.. math:: \min_{l \le y \le u} \rho \cdot (R y - r) > 0 ,

and, w being weights of entries that must not be 0, that these are, where
:math:`\min_y \rho \cdot (R y - r) - w \cdot y \ge 0`.
Any solver may say the multipliers; what they prove is computed here, and counts where it is more than rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.responses import Responses
from mecopt.charged.rows import Rows

Array = NDArray[Any]

MARGIN = 1e-10
"""Part of its terms by which a sum has to be positive to prove anything."""

NOTHING = 1e-14
"""Part of its largest value that an entry may have and counts as none."""


class Contradiction(NamedTuple):
    """What proves that rows leave no allocation of finite cost."""

    multipliers: Array
    """Of the rows, then of those that parts keep by themselves."""
    needed: Array
    """Weights of columns that must not be 0, of which nothing is left; 0 where the rows cannot be kept at all."""


def contradicted(responses: Responses, rows: Rows) -> bool:
    """Whether rows are proved to leave no allocation of finite cost."""
    return contradiction(responses, rows) is not None


def contradiction(responses: Responses, rows: Rows) -> Contradiction | None:
    """Return what proves that rows leave no allocation of finite cost; None where nothing does."""
    count = rows.matrix.shape[1]
    if not count:  # there is nothing to give, and a sum of nothing is 0
        sides = np.where(rows.free, -np.sign(rows.limit), np.where(rows.limit < 0.0, 1.0, 0.0))
        worst = int((-sides * rows.limit).argmax()) if sides.size else -1
        chosen = np.where(np.arange(sides.size) == worst, sides, 0.0)
        return Contradiction(chosen, np.zeros(0)) if chosen.any() else None
    matrix = np.concatenate([rows.matrix, responses.within[0].reshape(-1, count)])
    limit = np.concatenate([rows.limit, responses.within[1]])
    free = np.concatenate([rows.free, np.zeros(len(responses.within[1]), dtype=bool)])
    lower, upper = responses.together("lower"), responses.together("upper")
    needed = responses.together("needed").astype(bool)
    return _none(matrix, limit, free, lower, upper) or _nothing_left(matrix, limit, free, lower, upper, needed)


def conflict(responses: Responses, rows: Rows) -> list[int]:
    """Return limits that no allocation keeps together though it can without any one of them; none where they are kept."""
    if not contradicted(responses, rows):
        return []
    kept = sorted({int(number) for number in rows.rule if number >= 0})
    for number in list(kept):
        others = [one for one in kept if one != number]
        left_out = {int(one) for one in rows.rule if one >= 0} - set(others)
        if contradicted(responses, rows.without(left_out)):
            kept = others
    return kept


def _none(matrix: Array, limit: Array, free: Array, lower: Array, upper: Array) -> Contradiction | None:
    """Return what proves rows to contradict each other: the least sum of overruns says by which multipliers."""
    count, rows = lower.size, limit.size
    cost = np.concatenate([np.zeros(count), np.ones(2 * rows)])
    under = np.where(free, np.inf, 0.0)
    found = _solved(
        cost,
        np.concatenate([matrix, -np.eye(rows), np.eye(rows)], axis=1),
        limit,
        free,
        np.concatenate([lower, np.zeros(2 * rows)]),
        np.concatenate([upper, np.full(rows, np.inf), under]),
    )
    if found is None or not _proves(found, matrix, limit, free, lower, upper, np.zeros(count), MARGIN):
        return None
    return Contradiction(np.where(free, found, np.maximum(found, 0.0)), np.zeros(count))


def _nothing_left(
    matrix: Array, limit: Array, free: Array, lower: Array, upper: Array, needed: Array
) -> Contradiction | None:
    """Return what proves rows to leave nothing for an entry that must not be 0."""
    which = np.flatnonzero(needed & (lower <= 0.0) & (upper > 0.0))
    if not which.size:
        return None
    count = lower.size
    least = np.zeros((which.size, count + 1))
    least[np.arange(which.size), which], least[:, -1] = -1.0 / upper[which], 1.0
    found = _solved(
        np.append(np.zeros(count), -1.0),
        np.concatenate([np.concatenate([matrix, np.zeros((limit.size, 1))], axis=1), least]),
        np.concatenate([limit, np.zeros(which.size)]),
        np.concatenate([free, np.zeros(which.size, dtype=bool)]),
        np.append(lower, -1.0),
        np.append(upper, 1.0),
    )
    if found is None:
        return None
    multipliers, weights = found[: limit.size], np.maximum(found[limit.size :], 0.0)
    if not weights.sum() > 0.5:
        return None
    part = np.zeros(count)
    part[which] = weights / upper[which]
    if not _proves(multipliers, matrix, limit, free, lower, upper, part, -NOTHING):
        return None
    return Contradiction(np.where(free, multipliers, np.maximum(multipliers, 0.0)), part)


def _solved(cost: Array, matrix: Array, limit: Array, free: Array, lower: Array, upper: Array) -> Array | None:
    """Return multipliers of the rows of a linear program, not negative where these are inequalities; None without any."""
    from scipy.optimize import linprog

    kept = ~free
    found = linprog(
        cost,
        A_ub=matrix[kept] if kept.any() else None,
        b_ub=limit[kept] if kept.any() else None,
        A_eq=matrix[free] if free.any() else None,
        b_eq=limit[free] if free.any() else None,
        bounds=np.stack([lower, upper], axis=1),
        method="highs",
    )
    if found.x is None:
        return None
    multipliers = np.zeros(limit.size)
    if kept.any():
        multipliers[kept] = -found.ineqlin.marginals
    if free.any():
        multipliers[free] = -found.eqlin.marginals
    return multipliers


def _proves(
    multipliers: Array, matrix: Array, limit: Array, free: Array, lower: Array, upper: Array, part: Array, margin: float
) -> bool:
    """Whether multipliers, made of the right sign, prove that rows cannot be kept, or leave nothing of a weighted part."""
    signed = np.where(free, multipliers, np.maximum(multipliers, 0.0))
    slope = signed @ matrix - part
    terms = np.minimum(slope * lower, slope * upper)
    largest = np.maximum(np.abs(lower), np.abs(upper))
    size = np.abs(signed) @ (np.abs(limit) + np.abs(matrix) @ largest) if margin > 0.0 else part @ largest
    return bool(np.isfinite(size) and size > 0.0 and terms.sum() - signed @ limit > margin * size)
