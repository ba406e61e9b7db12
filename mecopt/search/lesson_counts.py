"""The check that lessons share about users nearly alike: what branching on how many of them offload proves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.lesson import Outcome, all_of, enumerated, excess, scientific
from mecopt.solve import solve

Array = NDArray[Any]

Draw = Callable[[int, float], Problem]
"""From a number of users, and by how much they differ, to instances; the same ones but for how much."""
Counted = Callable[[Any, int, int], float]
"""From an instance and limits on how many users offload to a bound on all such decisions, in the sense "minimise"."""
Searched = Callable[[Any], Array]

SMALL, LARGE = 8, 40
"""Users of instances that are enumerated, and of those that are searched."""
ENOUGH = 100
"""Nodes of a search that is said to need few: of single users it would need about a million million."""
SQUARE = 1.0
"""Most that a gap of second order is, in parts of the square of the difference between users."""


def near(rng: np.random.Generator, value: float, users: int, spread: float) -> Array:
    """Return a value of four instances' users that differ from it by `spread` at most, relative to it."""
    return value * (1.0 + spread * rng.uniform(-1.0, 1.0, (4, users)))


def about(rng: np.random.Generator, value: float) -> Array:
    """Return a value of four instances, within a fifth of it."""
    return value * rng.uniform(0.8, 1.2, 4)


def counted_bound(problem: Any, least: int, most: int) -> float:
    """Return the bound at the best price for decisions in which so many users offload, as the exact search computes it."""
    from mecopt.search.count_tree import CountTree
    from mecopt.search.exact import PriceAndFix

    solver = problem.solver("exact")
    if not isinstance(solver, PriceAndFix):
        raise InstanceError(f"the solver 'exact' of {problem.name} does not price")
    data = solver.data_of_one(problem)
    return CountTree.counted(data, problem.users, solver.price(data), least, most)


def nodes_needed(problem: Any) -> Array:
    """Return how many nodes prove each instance within 1e-6."""
    answer = solve(problem, gap=1e-6)
    return np.where(answer.gap <= 1e-6, answer.stats.iterations, np.inf)


def counting(draw: Draw, counted: Counted = counted_bound, searched: Searched = nodes_needed) -> Outcome:
    """Bounds of counts hold; with the count fixed they lack what is of second order, and a few of them prove a decision."""
    over, left = 0.0, {}
    for spread in (0.0, 1e-1, 1e-2, 1e-3):
        left[spread] = 0.0
        for instance in draw(SMALL, spread):
            decisions, values = enumerated(instance)
            costs, offloading = instance.sign * values, decisions.sum(axis=-1)
            for k in range(SMALL + 1):
                least = float(costs[offloading == k].min())
                bound = counted(instance, k, k)
                left[spread] = max(left[spread], (least - bound) / abs(least))
                few = counted(instance, 0, k)
                over = max(over, excess([bound, few], [least, costs[offloading <= k].min()]))
                if k > 0:
                    over = max(over, excess(counted(instance, k, SMALL), costs[offloading >= k].min()))
    square = max(left[spread] / spread**2 for spread in (1e-1, 1e-2, 1e-3))
    nodes = float(max(np.max(searched(draw(LARGE, spread))) for spread in (1e-9, 1e-3, 1e-1)))
    return all_of(
        Outcome(
            over,
            1e-12,
            f"{SMALL} users nearly alike, all limits on how many offload: bounds above the best of such decisions by "
            f"{scientific(over)}",
        ),
        Outcome(
            left[0.0],
            1e-12,
            f"equal users, their number fixed: the bound lacks {scientific(max(left[0.0], 0.0))} of the best decision",
        ),
        Outcome(
            square,
            SQUARE,
            f"users that differ by 10 %, 1 % and 0.1 %: it lacks {scientific(left[1e-1])}, {scientific(left[1e-2])} and "
            f"{scientific(left[1e-3])}",
            limit="the squares of that",
        ),
        Outcome(
            nodes,
            float(ENOUGH),
            f"{LARGE} users that differ by 10⁻⁹, 0.1 % and 10 %: proved within 10⁻⁶ by at most {nodes:.0f} nodes",
        ),
    )
