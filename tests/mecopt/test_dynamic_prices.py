"""One price for coupled processes: its bound is never below the joint optimum, which linear programming finds."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from mecopt import InstanceError
from mecopt.dynamic import Chain, Tables, best_discounted, best_price

Array = NDArray[Any]

DISCOUNT, DRAWN, CARRIED, ACTIONS = 0.8, 2, 2, 2


class Process:
    """A process whose actions take 0 or 1 of what is common."""

    def __init__(self, rng: np.random.Generator) -> None:
        shape = DRAWN, CARRIED, ACTIONS
        self.law = rng.dirichlet(np.ones(DRAWN))
        self.reward, self.following = rng.normal(size=shape), rng.integers(0, CARRIED, shape)
        self.takes = np.broadcast_to([0.0, 1.0], shape)

    def worth(self, price: float) -> float:
        """Return a proved bound on what the process earns at a price, begun with carried 0."""
        tables = Tables(Chain.independent(self.law), self.reward - price * self.takes, self.following)
        return float(self.law @ best_discounted(tables, DISCOUNT, tolerance=1e-9).upper[:, 0])


def joint_optimum(processes: list[Process], limit: float) -> float:
    """Return the most that all together can earn with at most `limit` taken in a slot: the least solution of Bellman's
    inequalities, over the product of all states.
    """
    states = list(product(range(CARRIED), repeat=len(processes)))
    number = {state: k for k, state in enumerate(states)}
    draws = list(product(range(DRAWN), repeat=len(processes)))
    likely = [float(np.prod([p.law[d] for p, d in zip(processes, drawn, strict=True)])) for drawn in draws]
    # u(c) = sum_d P(d) w(d, c);  w(d, c) >= r + discount u(next) for every joint action within the limit
    size = len(states) * len(draws)
    rows, right = [], []
    for (c, state), (d, drawn) in product(enumerate(states), enumerate(draws)):
        for action in product(range(ACTIONS), repeat=len(processes)):
            if sum(action) > limit:
                continue
            each = list(zip(processes, drawn, state, action, strict=True))
            row = np.zeros(size)
            to = number[tuple(int(p.following[dd, cc, a]) for p, dd, cc, a in each)]
            row[to * len(draws) : (to + 1) * len(draws)] += DISCOUNT * np.array(likely)
            row[c * len(draws) + d] -= 1.0
            rows.append(row)
            right.append(-sum(p.reward[dd, cc, a] for p, dd, cc, a in each))
    found = linprog(np.ones(size), A_ub=np.array(rows), b_ub=right, bounds=(None, None), method="highs")
    assert found.success
    return float(np.dot(likely, found.x[: len(draws)]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 3), st.integers(0, 3))
def test_the_bound_of_every_price_is_at_least_the_joint_optimum(seed: int, count: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    processes = [Process(rng) for _ in range(count)]

    def bound(price: float) -> float:
        return sum(one.worth(price) for one in processes) + price * limit / (1.0 - DISCOUNT)

    optimum = joint_optimum(processes, limit)
    found = best_price(bound, 0.0, 10.0)
    assert found.bound == min(value for _, value in found.tried)
    assert all(value >= optimum - 1e-9 for _, value in found.tried)
    if limit >= count:  # nothing is scarce: the price is 0, and its bound is the optimum itself
        assert found.bound == pytest.approx(optimum, abs=1e-6)


def test_the_bound_is_convex_in_the_price_and_its_least_is_found() -> None:
    rng = np.random.default_rng(5)
    processes = [Process(rng) for _ in range(4)]

    def bound(price: float) -> float:
        return sum(one.worth(price) for one in processes) + price / (1.0 - DISCOUNT)

    prices = np.linspace(0.0, 4.0, 81)
    values = np.array([bound(price) for price in prices])
    assert (np.diff(values, 2) >= -1e-7).all()
    assert best_price(bound, 0.0, 4.0).bound <= values.min() + 1e-2 * np.ptp(values)


def test_bounds_of_single_processes_meet_where_nothing_couples_them() -> None:
    found = best_price(lambda price: 7.0 + price, 0.0, 1.0)
    assert (found.price, found.bound) == (0.0, 7.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 1.0), "low < high"),
        ((0.0, np.inf), "low < high"),
        ((np.nan, 1.0), "low < high"),
    ],
)
def test_an_interval_that_is_none_is_refused(arguments: tuple[float, float], message: str) -> None:
    with pytest.raises(InstanceError, match=message):
        best_price(lambda price: price, *arguments)


def test_a_bound_that_is_none_is_refused() -> None:
    with pytest.raises(InstanceError, match="is nan"):
        best_price(lambda price: np.nan, 0.0, 1.0)
    with pytest.raises(InstanceError, match="no price from 0 to 1 has a bound"):
        best_price(lambda price: np.inf, 0.0, 1.0)
