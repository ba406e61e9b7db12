"""Exact search by prices, its root node alone as a heuristic, and theorems that come before it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.limits import RowsOfEach, without_limits
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.running import clock
from mecopt.running.budget import Budget
from mecopt.search.candidates import scores

Array = NDArray[Any]


class PriceAndFix(Solver):
    """Branch and bound by the price of the shared resource.

    `mecopt.search.count_tree` has the engine for decisions of one bit a user, `mecopt.search.server_tree` that for several
    choices; the data say which.

    Parameters
    ----------
    compile_data
        from a problem to compiled data in the sense "minimise": a NamedTuple of all instances together, whose trees
        `mecopt.search.count_batch` searches, or a sequence with one for each instance.
    price
        first prices to try for such data: one for each instance, or several for one.
    node_limit
        nodes an instance; 1 gives relaxation and rounding.
    """

    random = False

    def __init__(
        self,
        compile_data: Callable[[Any], Any],
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
            self.features = Feature.WARM_PRIMAL | Feature.INTEGER | Feature.LIMITS | Feature.THREADS

    def data_of_one(self, problem: Problem) -> Any:
        """Return the compiled data of a single instance."""
        data = self.compile_data(problem.flat())
        return data if isinstance(data, tuple) else data[0]

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
        starts = None if start is None else list(start.reshape(-1, problem.users))
        return self.prove_each(problem, starts, gap=gap, time_limit=time_limit, node_limit=node_limit)

    def prove_each(
        self,
        problem: Problem,
        starts: Sequence[Array | None] | None,
        *,
        gap: float | None,
        time_limit: float | None,
        node_limit: int | None,
    ) -> Search:
        """Search each instance from its own incumbent, those that have one."""
        began, budget = clock.now(), Budget(time_limit)
        free = without_limits(problem) if problem.limits else problem
        data, price, idle = self.compile_data(free), self.price, free.idle.reshape(-1, problem.users)
        if problem.limits:
            from mecopt.search.limited import limited_instances, of_the_model

            rows = RowsOfEach(problem)
            data, price = limited_instances(data, rows), of_the_model(price)
            idle = idle & ~rows.binding[:, None]  # limits may ask for users whose choices tie
        if isinstance(data, tuple):
            from mecopt.search.count_batch import search_batch

            prices = price(data)
            modelled = clock.now()
            found = search_batch(data, prices, starts, idle, gap=gap, time_limit=budget.limit, node_limit=node_limit)
        else:
            from mecopt.search.trees import search_all

            modelled = clock.now()
            found = search_all(
                data,
                problem.users,
                len(problem.choices.labels),
                price=price,
                starts=starts,
                idle=idle,
                gap=gap,
                time_limit=budget.limit,
                node_limit=node_limit,
            )
        decisions, bounds, nodes, cut = found
        shape = problem.batch_shape
        return Search(
            decision=decisions.reshape((*shape, problem.users)),
            bound=problem.sign * bounds.reshape(shape),
            solver_calls=nodes.reshape(shape),
            iterations=nodes.reshape(shape),
            limit=np.zeros(shape, dtype=bool) if self.node_limit == 1 else cut.reshape(shape),
            model_seconds=modelled - began,
            start_used=starts is not None,
        )


class TheoremFirst(PriceAndFix):
    """A theorem's own algorithm on the instances where it proves what is asked, price-and-fix on the others."""

    @abstractmethod
    def theorem(self, flat: Any, gap: float | None) -> tuple[Array, Array, Array, int]:
        """Return where the theorem proves its decisions within a relative gap, decisions, bounds, and how many were scored.

        Instances along one axis, costs to be minimised. A bound of minus infinity says that the theorem says nothing; any
        other is valid and not thrown away, whether it is enough or not. A gap of None asks for equality to rounding.
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
        proved, decision, bound, scored = self.theorem(flat, gap)
        if problem.limits:  # it knows nothing of them
            binding = RowsOfEach(problem).binding
            proved, bound = proved & ~binding, np.where(binding, -np.inf, bound)
        said = bound > -np.inf
        if not said.any():
            return super().prove(problem, start, gap=gap, time_limit=budget.limit, node_limit=node_limit)
        given = None if start is None else start.reshape(decision.shape)
        if given is not None:
            kept = ~said | (scores(flat, given) <= scores(flat, decision))
            decision[kept] = given[kept]
        calls, cut, model_seconds = np.full(flat.instances, scored), np.zeros(flat.instances, dtype=bool), 0.0
        rest = ~proved
        if rest.any():
            starts = [decision[k] if given is not None or said[k] else None for k in np.flatnonzero(rest)]
            hard = self.prove_each(flat[rest], starts, gap=gap, time_limit=budget.limit, node_limit=node_limit)
            assert hard.bound is not None
            decision[rest], bound[rest] = hard.decision, np.maximum(bound[rest], hard.bound)
            calls[rest], cut[rest] = hard.solver_calls, hard.limit
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
