r"""The best decision under limits on allocations: every decision that could still be best, from the cheapest up.

A limit leaves fewer allocations, so what a decision costs without it is a bound, and the best decision without limits whose
own answer keeps them is the best one. Where it does not the decisions are gone through in the order of their bounds

.. math:: \max\{ V_0(z), L(z; \nu, \lambda) \} ,

V_0 being the unlimited bound and L that at the prices of an answer; the search ends where no bound is below the best answer.
What is proved is the least of all bounds, those of the answers being made anew at their own prices; where the bound of a
decision is a sum over users these prices bound all others as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.charged.answers import answers_of
from mecopt.charged.candidates import Candidates, candidates_of
from mecopt.charged.relaxed import summed_at
from mecopt.contract.backend import Feature
from mecopt.contract.solver import Search, Solver
from mecopt.running import clock
from mecopt.running.budget import Budget
from mecopt.search.descent import descend, optimal, optimal_moves

Array = NDArray[Any]

ROUNDING = 1e-12
"""Part of the best value by which a bound has to be below it for a decision to be looked at."""

AT_ONCE = 8
"""Decisions answered between looks at the clock, and before others' bounds are looked at anew."""


class Charged(Solver):
    """Exact search of the problem without limits on allocations, and of all that could be better with them."""

    name = "exact"
    summary = "the best decision without limits on allocations, then all that could be better with them: proved optimal"
    features = Feature.WARM_PRIMAL | Feature.INTEGER | Feature.LIMITS
    random = False

    def __init__(self, plain: Solver) -> None:
        self.plain = plain

    def search(
        self, problem: Any, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Search all instances without limits on allocations, and those one by one whose answers break them."""
        budget, flat, users = Budget(time_limit), problem.flat(), problem.users
        first = None if start is None else start.reshape(-1, users)
        found = self.plain.search(flat.plain, start=first, gap=gap, time_limit=time_limit, rng=rng)
        decision, sign = np.array(found.decision), problem.sign
        bound = sign * np.broadcast_to(np.asarray(found.bound, dtype=float), (flat.instances,)).copy()
        cut = np.broadcast_to(found.limit, (flat.instances,)).copy()
        calls = np.broadcast_to(found.solver_calls, (flat.instances,)).copy()
        changed = answers_of(flat, decision).changed & (bound < np.inf)
        for k in np.flatnonzero(changed).tolist():
            own = [decision[k]] if first is None else [decision[k], first[k]]
            best = _One(flat[k], float(bound[k]), gap or 0.0)
            best.run(own, budget)
            decision[k], bound[k], cut[k], calls[k] = best.decision, best.bound, best.cut, calls[k] + best.calls
        shape = problem.batch_shape
        return Search(
            decision.reshape((*shape, users)),
            bound=(sign * bound).reshape(shape),
            solver_calls=calls.reshape(shape),
            iterations=calls.reshape(shape),
            limit=cut.reshape(shape),
            model_seconds=found.model_seconds,
            start_used=start is not None,
        )


class _One:
    """The search of one instance; costs are to be minimised."""

    def __init__(self, problem: Any, bound: float, gap: float) -> None:
        self.problem, self.bound, self.gap = problem, bound, gap
        self.decision = np.zeros(problem.users, dtype=np.int8)
        self.value, self.calls, self.cut = np.inf, 0, False

    def take(self, decisions: Array) -> Array:
        """Answer decisions, keep the best one, and return what is proved of each."""
        flat = self.problem.flat()
        held = decisions[None]
        values = np.ravel(self.problem.sign * flat.optimal_value(held))
        proved = np.ravel(self.problem.sign * flat.bound(held, flat.closed_form(held)[1]))
        values = np.where(np.isnan(values), np.inf, values)
        self.calls += len(decisions)
        best = int(values.argmin())
        if values[best] < self.value or not np.isfinite(self.value):
            self.value, self.decision = min(self.value, float(values[best])), np.array(decisions[best])
        return np.where(np.isnan(proved), -np.inf, proved)

    @property
    def enough(self) -> float:
        """What a bound has to be below for its decision to be looked at."""
        return self.value - max(self.gap, ROUNDING) * abs(self.value) if np.isfinite(self.value) else np.inf

    def run(self, first: list[Array], budget: Budget) -> None:
        """Descend from known decisions, then go through all that could be better."""
        self.take(np.array(first))
        self._descend(budget)
        if budget.spent:
            self.cut = True
            return
        if self.enough <= self.bound:
            return
        found = candidates_of(self.problem, self.decision, self.value)
        if found is None:
            return
        self._through(found, budget)

    def _descend(self, budget: Budget) -> None:
        """Move single users while that is better."""
        deadline = clock.now() + budget.left if budget.limited else None
        decision, _, calls, _ = descend(self.problem, self.decision, optimal, optimal_moves, deadline)
        self.calls += int(calls.sum())
        self.take(decision)

    def _through(self, found: Candidates, budget: Budget) -> None:
        """Answer candidates from the least bound up until none is below the best value; answers sharpen others' bounds."""
        bounds, left, least = found.bounds.copy(), np.ones(found.bounds.size, dtype=bool), found.others
        while True:
            todo = np.flatnonzero(left & (bounds < self.enough))
            self.cut = bool(todo.size) and budget.spent
            if not todo.size or self.cut:
                break
            part = todo[np.argsort(bounds[todo], kind="stable")[:AT_ONCE]]
            proved = self.take(found.decisions[part])
            least = min(least, float(np.maximum(proved, bounds[part]).min()))
            left[part] = False
            if todo.size > AT_ONCE:
                sharper = summed_at(self.problem, found.decisions[part[0]])
                bounds = bounds if sharper is None else np.maximum(bounds, sharper(found.decisions))
        self.bound = max(self.bound, min(least, float(bounds[left].min(initial=np.inf))))
