r"""The best decision under limits on allocations: that without them where its answer keeps them, else by branch and bound.

A limit leaves fewer allocations, so what a decision costs without it is a bound, and the best decision without limits whose
own answer keeps them is the best one. Where it does not, descent and local search say what is to be beaten, and the tree of
`mecopt.charged.tree` what could be better. Where the bound of a decision is no sum over users all decisions are gone
through in the order of their bounds without limits, if they are few; of more it is proved at most that none has an
allocation.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.charged.answers import answers_of
from mecopt.charged.tree import Tree
from mecopt.contract.backend import Feature
from mecopt.contract.solver import Search, Solver
from mecopt.running import clock
from mecopt.running.budget import Budget
from mecopt.search.descent import descend, optimal, optimal_moves

Array = NDArray[Any]

ROUNDING = 1e-12
"""Part of the best value by which a bound has to be below it for a decision to be looked at."""

AT_ONCE = 8
"""Decisions answered between looks at the clock."""

FEW = 1 << 12
"""Decisions that are all gone through where no sum over users bounds them, and for which local search is not worth while."""


class Charged(Solver):
    """Exact search of the problem without limits on allocations, and of all that could be better with them."""

    name = "exact"
    summary = (
        "the best decision without limits on allocations, else branch and bound with prices of all limits: proved optimal"
    )
    features = Feature.WARM_PRIMAL | Feature.INTEGER | Feature.LIMITS
    random = False

    def __init__(self, plain: Solver) -> None:
        self.plain = plain

    def search(
        self, problem: Any, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Search all instances without limits on allocations, and those one by one whose answers break them."""
        budget, flat, users, again = Budget(time_limit), problem.flat(), problem.users, deepcopy(rng)
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
            best.run(own, budget, deepcopy(again))
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

    def run(self, first: list[Array], budget: Budget, rng: Generator) -> None:
        """Descend from known decisions, then go through all that could be better."""
        self.take(np.array(first))
        self._begin(budget, rng)
        if budget.spent:
            self.cut = True
            return
        if self.enough <= self.bound:
            return
        if self.problem.separable:
            self._branch(budget, False)
        elif self.problem.choices.count <= FEW:
            self._through(budget)
        elif not np.isfinite(self.value):
            self._branch(budget, True)
            self._begin(budget, rng)

    def _begin(self, budget: Budget, rng: Generator) -> None:
        """Move single users while that is better; of many decisions, search as local search does, too."""
        deadline = clock.now() + budget.left if budget.limited else None
        decision, _, calls, _ = descend(self.problem, self.decision, optimal, optimal_moves, deadline)
        self.calls += int(calls.sum())
        self.take(decision)
        if self.problem.choices.count <= FEW:
            return
        local = self.problem.solvers.get("local-search")
        if local is not None and not budget.spent:
            found = local.search(self.problem, start=None, gap=None, time_limit=budget.limit, rng=rng)
            self.calls += int(np.sum(found.solver_calls))
            self.take(np.asarray(found.decision)[None])

    def _branch(self, budget: Budget, first: bool) -> None:
        """Search the tree of decisions."""
        tree = Tree(self.problem, self.take, lambda: self.enough)
        tree.answer(self.decision)
        bound, self.cut = tree.run(self.bound, budget, first)
        self.bound = max(self.bound, bound)

    def _through(self, budget: Budget) -> None:
        """Answer all decisions from the least bound up until none is below the best value."""
        every = np.concatenate(list(self.problem.choices.enumerate(FEW)))
        bounds, left, least = unlimited(self.problem, every), np.ones(len(every), dtype=bool), np.inf
        while True:
            todo = np.flatnonzero(left & (bounds < self.enough))
            self.cut = bool(todo.size) and budget.spent
            if not todo.size or self.cut:
                break
            part = todo[np.argsort(bounds[todo], kind="stable")[:AT_ONCE]]
            proved = self.take(every[part])
            least = min(least, float(np.maximum(proved, bounds[part]).min()))
            left[part] = False
        self.bound = max(self.bound, min(least, float(bounds[left].min(initial=np.inf))))


def unlimited(problem: Any, decisions: Array) -> Array:
    """Return what is proved of decisions without limits on allocations, each at its own dual; infinite where it has none."""
    plain = problem.plain.flat()
    held = decisions[None]
    proved = problem.sign * plain.bound(held, plain.closed_form(held)[1])
    bounds = np.where(plain.infeasible(held), np.inf, np.where(np.isnan(proved), -np.inf, proved))
    return np.ravel(bounds)
