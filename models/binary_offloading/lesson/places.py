"""What a limit's price means: the check and the figure of the step on a limit of one's own, at most so many offload."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.contract.limits import Limit
from mecopt.contract.solution import Solution
from mecopt.lesson import Outcome, all_of, scientific
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.models.binary_offloading.variables import CapacityPrice
from mecopt.show.view import Number, Panel, View, mark
from mecopt.solve import solve

Array = NDArray[Any]

NAME = "places"
"""What the limit is called."""

Bound = Callable[[BinaryOffloading, float, float, int], float]
"""From users, a price of capacity, one of places, and the places to a bound."""

Priced = Callable[[BinaryOffloading, int], tuple[float, float, float]]
"""From users and places to the best cost, the price of a place, and what the prices' bound lacks to that cost."""


def limited(problem: BinaryOffloading, most: int) -> Any:
    """Return the users, of whom at most so many offload."""
    return problem.limited(Limit(NAME, {"offload": 1}, most=most))


def lagrangian(problem: BinaryOffloading, capacity_price: float, place_price: float, most: int) -> float:
    """Return D(μ, π) of the limited problem, by the package."""
    mine = limited(problem, most)
    dual = mine.Dual.completed(CapacityPrice(capacity_price=np.asarray(capacity_price)))
    values = {**dual.as_dict(), "limit_places_price": np.asarray(place_price)}
    return float(mine.relaxed_bound(mine.Dual(**values)))


def priced(problem: BinaryOffloading, most: int) -> tuple[float, float, float]:
    """Return the best cost, the price of a place and the gap at it, by the package."""
    found = solve(limited(problem, most))
    dual: Any = found.dual
    return float(found.objective), float(dual.limit_places_price), float(dual.limit_prices_gap)


def check_places(rng: Generator, bound: Bound = lagrangian, priced: Priced = priced) -> Outcome:
    """Any prices bound decisions within the limit; a place more saves at most the price and the gap, one less costs it."""
    above, saved, cost = -np.inf, -np.inf, -np.inf
    for problem in BinaryOffloading.sample(rng, (6,), preset="heterogeneous", users=5):
        decisions = np.concatenate(list(problem.choices.enumerate(2**problem.users)))
        values, counts = problem.optimal_value(decisions), decisions.sum(axis=-1)
        best = np.array([values[counts <= most].min() for most in range(problem.users + 1)])
        size = float(best[0])
        for most in range(problem.users + 1):
            price = solve(problem).dual.capacity_price * rng.uniform(0.2, 2.0)
            proved = bound(problem, float(price), float(rng.uniform(0.0, 0.5) * size / problem.users), most)
            above = max(above, (proved - best[most]) / size)
            _, place, gap = priced(problem, most)
            if most < problem.users:
                saved = max(saved, (best[most] - best[most + 1] - place - gap) / size)
            if most > 0:
                cost = max(cost, (place - gap - best[most - 1] + best[most]) / size)
    return all_of(
        Outcome(
            max(above, 0.0),
            1e-12,
            f"36 pairs of prices: D is above the best decision by {scientific(max(above, 0.0))}",
        ),
        Outcome(max(saved, 0.0), 1e-9, f"one place more saves more than π and the gap by {scientific(max(saved, 0.0))}"),
        Outcome(max(cost, 0.0), 1e-9, f"one place less costs less than π without the gap by {scientific(max(cost, 0.0))}"),
    )


# ---------------------------------------------------------------------- the figure

USERS = 8
"""Of the figure."""


@cache
def _answers(capacity: float) -> tuple[Solution, ...]:
    """Return the answers with at most 0, 1, ... places."""
    drawn = BinaryOffloading.sample(np.random.default_rng(6), preset="heterogeneous", users=USERS, capacity=capacity)
    return tuple(solve(limited(drawn, most)) for most in range(USERS + 1))


def a_place(most: float, capacity: float) -> View:
    """Users of whom at most so many offload: the best cost by places, and the line whose slope is the price."""
    answers, place = _answers(capacity), int(most)
    places, costs = np.arange(USERS + 1), np.array([float(one.objective) for one in answers])
    found: Any = answers[place].dual
    price, gap = float(found.limit_places_price), float(found.limit_prices_gap)
    line = costs[place] - gap - price * (places - place)
    saves = float(costs[place] - costs[min(place + 1, USERS)])
    return View(
        (
            Panel(
                "places: how many may offload",
                "best cost [s]",
                (
                    mark("best cost", places, costs, "line", "first"),
                    mark("", places, costs, "dots", "first"),
                    mark("the bound, moved along its price", places, line, "line", "quiet"),
                    mark("the limit", place, costs[place], "dots", "best"),
                ),
            ),
        ),
        (
            Number("best cost within the limit", costs[place], "s"),
            Number("price of a place π", price, "s"),
            Number("one more place saves", saves, "s"),
            Number("gap at the price", gap, "s"),
        ),
        f"The line falls by the price, {price:.3g} s a place, and is nowhere above the best cost: so one more place saves "
        f"no more than {price + gap:.3g} s, the price and the gap together; it saves {saves:.3g} s.",
        (answers[place],),
    )


PLACES = Figure(
    "What one more place saves",
    "Move the limit: the line turns with the price. Where places are left over, it is flat: one more saves nothing.",
    (
        Slider("most", "places", steps(0.0, float(USERS), USERS + 1), "", start=2),
        Slider("capacity", "server's capacity F", steps(10.0, 60.0, 6), "MB/s", start=2),
    ),
    a_place,
)
