"""Backends and solvers that keep limits on allocations: the formula with prices of limits, and searches through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.exact import Charged
from mecopt.contract.backend import Answer, Backend, Feature
from mecopt.contract.solver import Solver
from mecopt.running import clock
from mecopt.search.enumeration import Enumeration

Array = NDArray[Any]


class Limited(Backend):
    """The closed form where it keeps the limits, else the same with prices of limits, found by Newton's method."""

    name = "limited"
    summary = "the closed form, with prices of limits on allocations by Newton's method where it breaks them"
    features = Feature.BATCH | Feature.DUALS
    proves = 1e-9

    def allocate(self, problem: Any, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        """Answer the whole batch; a millisecond or so for each decision that limits change."""
        began = clock.now()
        allocation, dual = problem.closed_form(decision)
        iterations = np.zeros(problem.decision_space.lead(decision), dtype=int)
        return Answer(allocation, dual, iterations, 0.0, clock.now() - began)


def backends_of(base: Any) -> Mapping[str, Backend]:
    """Return the backends of problems with limits on allocations."""
    return {"limited": Limited()}


def solvers_of(base: Any) -> Mapping[str, Solver]:
    """Return the solvers of such problems: exact ones of their own, and heuristics that score by the best allocation."""
    found: dict[str, Solver] = {"exact": Charged(base.solvers["exact"]), "enumerate": Enumeration()}
    for name, solver in base.solvers.items():
        keeps = solver.features & Feature.LIMITS and not solver.features & Feature.INTEGER
        if keeps and getattr(solver, "allocation", None) is None and name not in found:
            found[name] = solver
    return found
