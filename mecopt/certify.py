"""Certificates: feasibility, bound and gap of any answer, computed from the problem's own formulas.

Nothing here trusts a solver. The objective is the paper's formula at the returned allocation, the violation is the worst
scaled constraint violation there, and the bound is weak duality at the returned dual (or what an exact search proved).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.fields import Variables
from mecopt.problem import Problem
from mecopt.solution import Certificate, Status

Array = NDArray[Any]

VIOLATION = 1e-8
"""Scaled constraint violation up to which an allocation counts as feasible."""
CONTRADICTION = 1e-9
"""A feasible objective may be better than a bound by rounding, never by more than this (relative)."""


def relative_gap(problem: Problem, objective: Array, bound: Array) -> Array:
    """Return ``|objective - bound| / |objective|``: 0 for equal numbers, inf where nothing is proved.

    Where a problem names a negligible objective, it is added to the denominator; see `Problem.negligible`.
    """
    objective, bound = np.asarray(objective), np.asarray(bound)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        excess = problem.sign * (objective - bound)
        missing = (1,) * (objective.ndim - len(problem.batch_shape))
        scale = np.abs(objective) + np.reshape(problem.negligible, (*problem.batch_shape, *missing))
        gap = np.where(excess == 0.0, 0.0, excess / np.where(scale > 0, scale, np.abs(bound)))
    proved = np.isfinite(bound) & np.isfinite(objective)
    # A bound that no value reaches says that there is no answer: beside one it is the grossest contradiction.
    denied = np.isfinite(objective) & (problem.sign * bound == np.inf)
    return np.where(denied, -np.inf, np.where(proved, gap, np.inf))


def violation(problem: Problem, decision: Array, allocation: Variables) -> Array:
    """Return the worst scaled violation over all named constraints; nan counts as infinitely broken."""
    worst = np.zeros(problem.decision_space.lead(decision))
    for value in problem.violations(decision, allocation).values():
        worst = np.maximum(worst, np.where(np.isnan(value), np.inf, value))
    return worst


def certify(problem: Problem, decision: Array, allocation: Variables, bound: Array) -> Certificate:
    """Evaluate objective, violation and gap of an allocation against a bound.

    Parameters
    ----------
    decision
        shape ``(*batch, *candidates, n)``.
    allocation
        the problem's allocation variables for these decisions.
    bound
        a proved bound of shape ``(*batch, *candidates)``, e.g. ``problem.bound(decision, dual)``.
    """
    with np.errstate(all="ignore"):
        objective = np.asarray(problem.objective(decision, allocation), dtype=float)
        broken = violation(problem, decision, allocation)
    worthless = -np.inf if problem.sense == "minimise" else np.inf
    bound = np.where(np.isnan(bound), worthless, bound)
    gap = relative_gap(problem, objective, bound)
    return Certificate(objective, bound, gap, broken)


def denied(certificate: Certificate, nothing: Array) -> Certificate:
    """Return the certificate without answers where there are none, whatever the formula says of them."""
    if not nothing.any():
        return certificate
    return replace(
        certificate,
        objective=np.where(nothing, np.nan, certificate.objective),
        gap=np.where(nothing, np.inf, certificate.gap),
        violation=np.where(nothing, np.inf, certificate.violation),
    )


def judge(
    certificate: Certificate,
    tolerance: float,
    limit: Array | bool,
    failed: Array | bool,
    infeasible: Array | bool = False,
) -> tuple[Any, Array]:
    """Return the status of each instance, and where certificate and answer contradict each other.

    A feasible answer better than its bound by more than rounding means that one of the two is wrong: such an item is
    FAILED, never OPTIMAL.
    """
    shape = certificate.objective.shape
    feasible = np.isfinite(certificate.objective) & (certificate.violation <= VIOLATION)
    contradiction = feasible & (certificate.gap < -CONTRADICTION)
    status = np.empty(shape, dtype=object)
    status[...] = Status.FEASIBLE
    status[np.broadcast_to(limit, shape)] = Status.LIMIT
    status[certificate.gap <= tolerance] = Status.OPTIMAL
    status[~feasible | contradiction | np.broadcast_to(failed, shape)] = Status.FAILED
    status[~feasible & np.broadcast_to(infeasible, shape)] = Status.INFEASIBLE
    return (status if shape else status.item()), contradiction
