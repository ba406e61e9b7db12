"""What SCIP and HiGHS share: a Pyomo model per instance, an incumbent as start, and our own proof of what they return."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.limits import with_rows
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.running import clock
from mecopt.running.budget import NOT_BEGUN, Budget, in_passes
from mecopt.running.rescue import said, survivable
from mecopt.search.exact import PriceAndFix

Array = NDArray[Any]

PROOF_NODES = 200_000
"""Nodes an instance that the certificate of an outside answer may take; beyond, its true gap is reported."""

PROOF_SHARE = 0.1
"""Part of a time limit that is kept for our own proof of what came back."""


@dataclass
class Outside:
    """One instance as an outside solver answered it."""

    decision: Array
    claimed_bound: float
    iterations: int
    calls: int
    model_seconds: float
    solve_seconds: float
    limit: bool
    message: str = ""


class OutsideSolver(Solver):
    """Base of the outside exact solvers.

    Their own bounds are claims: they are kept in the statistics and never used as proof. The bound of the solution is
    what price-and-fix proves of every decision, started from theirs.

    Parameters
    ----------
    model
        from one instance and a unit of the objective to its Pyomo model, whose binary variables are ``model.offload``.
    unit
        the objective's characteristic size, so that the solver's absolute tolerances mean something.
    place
        sets the variables of a model to a decision and its best allocation.
    proof
        the engine that certifies.
    chosen
        reads the decision out of a solved model.
    """

    features = Feature.WARM_PRIMAL | Feature.INTEGER | Feature.LIMITS

    def __init__(
        self,
        model: Callable[[Any, float], Any],
        unit: Callable[[Any], float],
        place: Callable[[Any, Any, Array], None],
        proof: PriceAndFix,
        chosen: Callable[[Any, int], Array] | None = None,
    ) -> None:
        self.model, self.unit, self.place, self.proof = model, unit, place, proof
        self.chosen = by_user if chosen is None else chosen

    def written(self, problem: Problem, unit: float) -> Any:
        """Return the Pyomo model of one instance, its limits among its constraints."""
        return with_rows(problem, self.model(problem, unit))

    @abstractmethod
    def solve_one(self, problem: Problem, start: Array | None, gap: float, time_limit: float | None) -> Outside:
        """Answer one instance, modelling included in its seconds; may raise."""

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Answer the batch one by one, then prove what came back.

        Who is cut begins anew, from what it found, if others leave at least twice its time; what was found is never lost to
        a later attempt that does worse or fails. Whoever the time does not reach keeps its start, or computes locally
        (where that is impossible, as nearly as can be).
        """
        flat, budget = problem.flat(), Budget(time_limit)
        count, users, shape = flat.instances, problem.users, problem.batch_shape
        decisions = local(flat) if start is None else start.reshape(count, users).copy()
        known = np.full(count, start is not None)
        claimed, iterations, calls = np.full(count, np.nan), np.zeros(count, dtype=int), np.zeros(count, dtype=int)
        failed, cut, answered = (np.zeros(count, dtype=bool) for _ in range(3))
        messages: dict[int, str] = {}
        model_seconds = 0.0

        def attempt(i: int, seconds: float) -> bool:
            nonlocal model_seconds
            if not seconds:
                cut[i], messages[i] = True, f"{self.name}: {NOT_BEGUN}"
                return True
            try:
                limit = seconds if budget.limited else None
                one = self.solve_one(flat[i], decisions[i] if known[i] else None, gap or 0.0, limit)
                better = not known[i] or not worse(flat[i], one.decision, decisions[i])
            except BaseException as error:
                if not survivable(error):
                    raise
                messages[i] = said(self.name, error)  # any failure there marks this item only
                failed[i], cut[i] = not answered[i], answered[i]
                return False
            if better:
                decisions[i] = one.decision
            claimed[i], cut[i], answered[i] = one.claimed_bound, one.limit, True
            known[i] |= not one.message
            iterations[i], calls[i] = iterations[i] + one.iterations, calls[i] + one.calls
            model_seconds += one.model_seconds
            messages.pop(i, None)
            if one.message:
                messages[i] = f"{self.name}: {one.message}"
            return one.limit and budget.limited

        in_passes(count, Budget(None if time_limit is None else (1.0 - PROOF_SHARE) * time_limit), attempt, anew=True)
        found = decisions.reshape((*shape, users))
        began = clock.now()
        proof = self.proof.prove(problem, found, gap=gap, time_limit=budget.limit, node_limit=PROOF_NODES)
        return Search(
            decision=found,
            bound=proof.bound,
            solver_calls=calls.reshape(shape),
            iterations=iterations.reshape(shape),
            limit=cut.reshape(shape),
            failed=failed.reshape(shape),
            model_seconds=model_seconds,
            certify_seconds=clock.now() - began,
            start_used=start is not None,
            claimed_bound=claimed.reshape(shape),
            messages=messages,
        )


def local(problem: Problem) -> Array:
    """Return the decisions that compute locally wherever that is possible."""
    return np.array(problem.mended(np.zeros((*problem.batch_shape, problem.users), dtype=np.int8)))


def worse(problem: Problem, decision: Array, than: Array) -> bool:
    """Whether a decision of one instance costs more, or earns less, than another."""
    with np.errstate(all="ignore"):
        return bool(problem.sign * (problem.optimal_value(decision) - problem.optimal_value(than)) > 0.0)


def by_user(model: Any, users: int) -> Array:
    """Read a binary decision out of a solved model."""
    return np.array([round(model.offload[i].value or 0.0) for i in range(users)], dtype=np.int8)
