r"""Branch and bound over decisions under limits on allocations, with planes that the answers of decisions make.

1. A node is what choices users have left. Its relaxation (`mecopt.charged.relaxation`) has prices of limits on decisions,
   and of limits on allocations by the mixture of planes: it bounds all decisions of the node.
2. A relaxed decision that is a decision, or is next to one, is answered. Its own prices make a plane, which touches its
   cost; where it has no allocation, the multipliers that prove so make a limit on decisions that it breaks.
3. A node whose bound leaves nothing to gain is closed; elsewhere the user whose choice is least decided is branched on.

The children of a node hold all of its decisions, so the least bound over closed and open nodes is valid at any time. It is
infinite only where each decision is proved to have no allocation within the limits.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.answers import answers_of
from mecopt.charged.planes import Planes
from mecopt.charged.relaxation import Relaxation
from mecopt.contract.limits.rows import decision_rows
from mecopt.running.budget import Budget

Array = NDArray[Any]

ROUNDS, ROUNDS_AT_ROOT = 4, 40
"""Relaxations of a node, as long as decisions next to them are new."""

NODES = 5000
"""Nodes at most: what is open then is in the bound."""

WHOLE = 1e-6
"""How far from 1 a choice may be and counts as made."""


class Tree:
    """The search of one instance.

    Parameters
    ----------
    take
        answers decisions, keeps the best one, and returns what is proved of each.
    enough
        what a bound has to be below for its decisions to be looked at.
    """

    def __init__(self, problem: Any, take: Callable[[Array], Array], enough: Callable[[], float]) -> None:
        self.problem, self._take, self.enough = problem, take, enough
        self.planes = Planes(problem)
        rows = decision_rows(problem)
        self.relaxation = Relaxation(self.planes.able, rows.weight[0], rows.least[0], rows.most[0])
        self.proved: dict[bytes, float] = {}
        self.nodes = 0

    def answer(self, decision: Array) -> float:
        """Answer a decision, take along what its prices or multipliers say of others, and return what is proved of it."""
        key = decision.tobytes()
        if key not in self.proved:
            self.proved[key] = float(self._take(decision[None])[0])
            self._learn(decision)
        return self.proved[key]

    def _learn(self, decision: Array) -> None:
        undecided = self.planes.problem
        if undecided.plain.infeasible(decision):
            return
        found = answers_of(undecided, decision)
        if found.contradicted:
            ray = self.planes.ray(decision)
            if ray is not None:
                self.relaxation.take_ray(ray)
        elif self.problem.separable:
            named = {k: float(getattr(found.dual, rule.price)) for k, rule in enumerate(undecided.allocation_limits)}
            plane = self.planes.bound(decision, found.dual, named)
            if plane is not None:
                self.relaxation.take(plane)

    def run(self, bound: float, budget: Budget, first: bool = False) -> tuple[float, bool]:
        """Search until nothing is left to gain; return what is proved of all decisions, and whether time cut it.

        Parameters
        ----------
        bound
            what is known already.
        first
            stop at the first decision that has an allocation.
        """
        closed, number = np.inf, 0
        waiting: list[tuple[float, int, Array]] = [(bound, 0, self.planes.able.copy())]
        while waiting:
            if waiting[0][0] >= self.enough() or (first and np.isfinite(self.enough())):
                break
            if self.nodes >= NODES or budget.spent:
                return max(bound, min(closed, waiting[0][0])), budget.spent
            above, _, left = heapq.heappop(waiting)
            self.nodes += 1
            own, user = self._node(above, left, budget)
            if user is None:
                closed = min(closed, own)
                continue
            for choice in np.flatnonzero(left[user]).tolist():
                child = left.copy()
                child[user] = False
                child[user, choice] = True
                number += 1
                heapq.heappush(waiting, (own, number, child))
        return max(bound, min(closed, min((node[0] for node in waiting), default=np.inf))), False

    def _node(self, above: float, left: Array, budget: Budget) -> tuple[float, int | None]:
        """Return what is proved of a node, and the user to branch on; None where it is closed."""
        bound, x = above, None
        for _ in range(ROUNDS_AT_ROOT if self.nodes == 1 else ROUNDS):
            own, x = self.relaxation.lowest(left)
            bound = max(bound, own)
            if bound >= self.enough():
                return bound, None
            if x is None or budget.spent:
                break
            decision = np.where(left, x, -1.0).argmax(axis=1).astype(np.int8)
            if decision.tobytes() in self.proved:
                break
            self.answer(decision)
        single = left.sum(axis=1) == 1
        if single.all():
            return max(bound, self.answer(left.argmax(axis=1).astype(np.int8))), None
        if bound >= self.enough():
            return bound, None
        torn = np.ones(len(left)) if x is None else 1.0 - np.where(left, x, 0.0).max(axis=1)
        return bound, int(np.where(single, -1.0, torn).argmax())
