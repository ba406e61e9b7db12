"""Decisions that keep rows, by a mixed-integer linear solver: whether there are any, and the nearest to a given one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.limits.rows import units
from mecopt.running.budget import Budget

Array = NDArray[Any]

SECONDS = 5.0
"""Within which the solver has to answer where nobody says how long the call may take."""

_INFEASIBLE = 2


def share(budget: Budget, calls: int) -> float:
    """Return the seconds of the next one of so many calls that the budget has to do for."""
    return budget.left / calls if budget.limited else SECONDS


def kept_decision(
    weight: Array, least: Array, most: Array, cost: Array, possible: Array, seconds: float = SECONDS
) -> tuple[Array | None, bool]:
    """Return a decision of least linear cost that keeps rows, and whether there is proved to be none.

    Where it is neither the seconds were too few.

    Parameters
    ----------
    weight, least, most
        of the rows of one instance; see `mecopt.contract.limits.rows.DecisionRows`.
    cost, possible
        of each choice of each user, ``(users, choices)``.
    """
    if not seconds > 0.0:
        return None, False
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix, eye, kron

    users, choices = cost.shape
    constraints = [LinearConstraint(kron(eye(users), np.ones((1, choices))), 1.0, 1.0)]
    if len(weight):
        unit = units(weight)
        constraints.append(
            LinearConstraint(csr_matrix(weight.reshape(len(weight), -1) / unit[:, None]), least / unit, most / unit)
        )
    found = milp(
        cost.reshape(-1),
        integrality=np.ones(users * choices),
        bounds=Bounds(0.0, possible.reshape(-1).astype(float)),
        constraints=constraints,
        options={"time_limit": seconds, "presolve": False},
    )
    decision = None if found.x is None else found.x.reshape(users, choices).argmax(axis=1).astype(np.int8)
    return decision, int(found.status) == _INFEASIBLE
