"""Limits on allocations in the convex program that a problem hands out: rows over the paper's variables, in their units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.limits.amounts import bounds_of, weights_at
from mecopt.contract.limits.rule import EQUAL

Array = NDArray[Any]


def with_amounts(problem: Any, program: Any, decision: Array) -> Any:
    """Return the program of one instance and decision with its limits on allocations as rows.

    A row is divided by its bound, so that solvers see numbers of order 1: its multiplier is the price times the bound.
    """
    import cvxpy as cp

    variables, rows = problem.paper_variables(decision, program), []
    for rule in problem.allocation_limits:
        total: Any = 0.0
        for name in rule.weights:
            weight = weights_at(problem, rule, name, decision)
            total = total + (weight @ variables[name] if weight.ndim else float(weight) * variables[name])
        least, most = (float(bound) for bound in bounds_of(problem, rule))
        if EQUAL in rule.bounds:
            rows.append(total / _size(most) == most / _size(most))
            continue
        rows += [total / _size(most) <= most / _size(most)] if most < np.inf else []
        rows += [total / _size(least) >= least / _size(least)] if least > -np.inf else []
    return cp.Problem(program.objective, [*program.constraints, *rows])


def _size(bound: float) -> float:
    """Return what a row with a bound is divided by."""
    return abs(bound) or 1.0
