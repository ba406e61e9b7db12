"""Exact search by price-and-fix, its root node alone as a heuristic, and theorems that come before it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt import clock
from mecopt.backends.backend import Feature
from mecopt.budget import Budget
from mecopt.problem import Problem
from mecopt.search.solver import Search, Solver, scores

Array = NDArray[Any]


class PriceAndFix(Solver):
    """Branch and bound by the price of the shared resource; see `mecopt.search.price_and_fix`.

    Parameters
    ----------
    compile_data
        from a problem to the compiled data of its instances, in order, in the sense "minimise".
    price
        first prices to try for such data.
    node_limit
        nodes an instance; 1 gives relaxation and rounding.
    """

    def __init__(
        self,
        compile_data: Callable[[Any], Sequence[Any]],
        price: Callable[[Any], NDArray[np.float64]],
        *,
        name: str = "exact",
        node_limit: int | None = None,
    ) -> None:
        self.name = name
        self.compile_data = compile_data
        self.price = price
        self.node_limit = node_limit
        if node_limit == 1:
            self.summary = "every user takes its cheapest choice at the relaxation's price"
        else:
            self.summary = "price-and-fix branch and bound: proved optimal"
            self.features = Feature.WARM_PRIMAL | Feature.INTEGER

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Search each instance of the batch."""
        return self.prove(problem, start, gap=gap, time_limit=time_limit, node_limit=self.node_limit)

    def prove(
        self,
        problem: Problem,
        start: Array | None,
        *,
        gap: float | None = None,
        time_limit: float | None = None,
        node_limit: int | None = None,
    ) -> Search:
        """Search from an incumbent; the bound holds for every decision, whoever found the incumbent."""
        began, budget = clock.now(), Budget(time_limit)
        from mecopt.search.price_and_fix import price_and_fix

        instances = self.compile_data(problem)
        modelled = clock.now()
        decisions, bounds, nodes, cut = price_and_fix(
            instances,
            problem.users,
            len(problem.choices.labels),
            price=self.price,
            starts=None if start is None else start.reshape(-1, problem.users),
            idle=problem.idle.reshape(-1, problem.users),
            gap=gap,
            time_limit=budget.limit,
            node_limit=node_limit,
        )
        shape = problem.batch_shape
        return Search(
            decision=decisions.reshape((*shape, problem.users)),
            bound=problem.sign * bounds.reshape(shape),
            solver_calls=nodes.reshape(shape),
            iterations=nodes.reshape(shape),
            limit=np.zeros(shape, dtype=bool) if self.node_limit == 1 else cut.reshape(shape),
            model_seconds=modelled - began,
            start_used=start is not None,
        )


class TheoremFirst(PriceAndFix):
    """A theorem's own algorithm on the instances where the theorem holds, price-and-fix on the others."""

    @abstractmethod
    def theorem(self, flat: Any) -> tuple[Array, Array, Array, int]:
        """Return where the theorem holds, and there decisions, proved bounds, and how many were scored for an instance.

        Instances along one axis; what stands where it does not hold is not looked at.
        """

    def prove(
        self,
        problem: Problem,
        start: Array | None,
        *,
        gap: float | None = None,
        time_limit: float | None = None,
        node_limit: int | None = None,
    ) -> Search:
        """Split the batch; a start stands where nothing better is found."""
        flat, shape, budget = problem.flat(), problem.batch_shape, Budget(time_limit)
        holds, decision, bound, scored = self.theorem(flat)
        if not holds.any():
            return super().prove(problem, start, gap=gap, time_limit=budget.limit, node_limit=node_limit)
        given = None if start is None else start.reshape(decision.shape)
        if given is not None:
            tied = holds & (scores(flat, given) <= scores(flat, decision))
            decision[tied] = given[tied]
        calls, cut, model_seconds = np.full(flat.instances, scored), np.zeros(flat.instances, dtype=bool), 0.0
        rest = ~holds
        if rest.any():
            starts = None if given is None else given[rest]
            hard = super().prove(flat[rest], starts, gap=gap, time_limit=budget.limit, node_limit=node_limit)
            decision[rest], bound[rest], calls[rest], cut[rest] = hard.decision, hard.bound, hard.solver_calls, hard.limit
            model_seconds = hard.model_seconds
        return Search(
            decision.reshape((*shape, problem.users)),
            bound=bound.reshape(shape),
            solver_calls=calls.reshape(shape),
            iterations=calls.reshape(shape),
            limit=cut.reshape(shape),
            model_seconds=model_seconds,
            start_used=start is not None,
        )
