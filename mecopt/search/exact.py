"""Exact search by price-and-fix, and its root node alone as a heuristic: relaxation and rounding."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.backends.backend import Feature
from mecopt.problem import Problem
from mecopt.search.solver import Search, Solver

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
        began = time.perf_counter()
        from mecopt.search.price_and_fix import price_and_fix

        instances = self.compile_data(problem)
        modelled = time.perf_counter()
        decisions, bounds, nodes, cut = price_and_fix(
            instances,
            problem.users,
            len(problem.decision_space.labels),
            price=self.price,
            starts=None if start is None else start.reshape(-1, problem.users),
            gap=gap,
            time_limit=time_limit,
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
