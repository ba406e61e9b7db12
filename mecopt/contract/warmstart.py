"""Starts made of prices: a predicted dual becomes a certified `Solution` to start a backend from.

A price is all that a start needs. `Problem.respond` gives the allocation that answers it, and weak duality bounds what that
allocation can lose, so a bad prediction costs iterations and shows in the gap; it never costs feasibility or honesty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mecopt.contract.answerable import checked_problem
from mecopt.contract.certificate import certify, distance, judge, reasons
from mecopt.contract.certified import Statistics, Status
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.running import clock

TOLERANCE = 1e-8
"""Relative gap within which an answer to a price counts as optimal, as in `allocate`."""


def from_dual(problem: Problem, decision: ArrayLike, dual: Any) -> Solution:
    """Answer a price: the allocation that responds to it, with the objective, bound and gap it really has.

    Parameters
    ----------
    problem
        one instance or a batch.
    decision
        shape ``(*batch, *candidates, n)``; a single decision is used for the whole batch.
    dual
        the problem's dual variables for these decisions, exact or predicted; every finite one is answered feasibly.

    Returns
    -------
    Solution
        usable as the `start` of `mecopt.allocate`; OPTIMAL only where the price itself proves it.

    Examples
    --------
    >>> import mecopt
    >>> from mecopt.models import ComputationRate
    >>> problem = ComputationRate(channel_gain=[6.06e-06, 1.1e-05, 1.0e-07])
    >>> best = mecopt.allocate(problem, [1, 1, 0])
    >>> start = from_dual(problem, [1, 1, 0], best.dual)
    >>> start.status.name, bool(abs(start.objective / best.objective - 1) < 1e-12)
    ('OPTIMAL', True)
    """
    checked_problem(problem)
    decisions = problem.decision_space.validate(decision, problem.batch_shape)
    shape = problem.decision_space.lead(decisions)
    dual = problem.Dual.completed(dual)
    if not isinstance(dual, problem.Dual):
        raise InstanceError(f"dual is a {type(dual).__name__}; allowed: a {problem.Dual.__name__}")
    for f in declared(problem.unlimited.Dual):  # type: ignore[arg-type] # prices of limits start nothing
        value = np.asarray(getattr(dual, f.name))
        expected = (*shape, *(problem.sizes[axis] for axis in axes(f)))
        if value.dtype.kind not in "iuf" or value.shape != expected or not np.isfinite(value).all():
            raise InstanceError(
                f"dual.{f.name} is {value.dtype} of shape {value.shape}; allowed: finite numbers of shape {expected}"
            )
    began, compiled, loaded = clock.now(), clock.compiled_seconds(), clock.loaded_seconds()
    allocation = problem.respond(decisions, dual)
    responded = clock.now()
    certificate = certify(problem, decisions, allocation, problem.bound(decisions, dual))
    status, _ = judge(certificate, TOLERANCE, False, False)
    failed = np.array([one is Status.FAILED for one in np.ravel(np.asarray(status, dtype=object))])
    certified = clock.now()
    return Solution(
        decision=decisions,
        allocation=allocation,
        dual=dual,
        objective=certificate.objective,
        bound=certificate.bound,
        gap=distance(certificate),
        violation=certificate.violation,
        status=status,
        stats=Statistics(
            method="from-dual",
            iterations=np.zeros(shape, dtype=int),
            solver_calls=np.zeros(shape, dtype=int),
            solve_seconds=responded - began,
            certify_seconds=certified - responded,
            compile_seconds=clock.compiled_seconds() - compiled,
            load_seconds=clock.loaded_seconds() - loaded,
            messages=reasons(problem, decisions, allocation, certificate, failed),
        ),
        problem=problem,
    )
