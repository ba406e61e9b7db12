"""Prices of limits of one's own: what each user adds to a bound, and the least price that is enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecopt import Problem
from mecopt.contract.formulas import formula_of
from mecopt.contract.limits import prices
from mecopt.models import BandwidthPower, BinaryOffloading, MultiServerOffloading, PricedPower

SUMS: tuple[type[Problem], ...] = (BinaryOffloading, MultiServerOffloading, PricedPower, BandwidthPower)


@pytest.mark.parametrize("cls", SUMS)
def test_what_a_move_adds_to_the_bound_is_told_by_its_user_alone(cls: type[Problem]) -> None:
    problem = cls.sample(np.random.default_rng(15), (3,), users=5)
    dual, rng = problem.random_dual(np.random.default_rng(16), (3,)), np.random.default_rng(17)
    decision = problem.decision_space.sample(rng, (3,))
    base, moves = prices.differences(problem, problem, decision, dual, formula_of(cls, "bound"))
    np.testing.assert_array_equal(base, problem.sign * problem.bound(decision, dual))
    for i in range(problem.users):
        for c in range(len(problem.choices.labels)):
            moved = decision.copy()
            moved[:, i] = c
            meant = problem.sign * problem.bound(moved, dual)
            np.testing.assert_allclose(base + moves[:, i, c], meant, rtol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_a_price_is_the_least_at_which_the_cheapest_choices_keep_a_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moves, weights = rng.normal(size=(5, 3)), rng.integers(-2, 4, (5, 3)).astype(float)
    bound, side = float(rng.integers(-8, 12)), float(rng.choice([-1.0, 1.0]))
    least, most = (-np.inf, bound) if side > 0 else (bound, np.inf)
    price = float(prices._least_price(moves, weights, np.array(least), np.array(most)))

    def kept(size: float) -> bool:
        chosen = (moves + side * size * weights).argmin(axis=-1)
        return bool(least <= weights[np.arange(5), chosen].sum() <= most)

    if np.isnan(price):
        assert not kept(1e6)
    elif price == 0.0:
        assert kept(0.0)
    else:
        assert side * price > 0.0
        assert kept(abs(price) * (1.0 + 1e-9))
        assert not kept(abs(price) * (1.0 - 1e-9))
