"""Prices of limits of one's own: what each user adds to a bound, the least price that is enough, and several together."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import mecopt
from mecopt import Limit, Problem
from mecopt.contract.formulas import formula_of
from mecopt.contract.limits import prices
from mecopt.contract.limits.joint import joint_prices
from mecopt.models import BandwidthPower, BinaryOffloading, MultiServerOffloading, PricedPower

Array = NDArray[Any]

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


# ---------------------------------------------------------------------- several limits together


def bounded(moves: Array, weights: Array, least: Array, most: Array, price: Array) -> float:
    """Return g at prices, by its formula."""
    told, ends = price != 0.0, np.where(price > 0.0, most, least)
    return float((moves + np.einsum("k,kic->ic", price, weights)).min(axis=1).sum() - price[told] @ ends[told])


def several(seed: int) -> tuple[Array, Array, Array, Array]:
    """Draw what moves add, and limits that some decision keeps: whole numbers, with ties, or real ones."""
    rng = np.random.default_rng(seed)
    users, choices, count = int(rng.integers(2, 20)), int(rng.integers(2, 5)), int(rng.integers(2, 5))
    size = 10.0 ** rng.integers(-3, 4)
    moves = size * (rng.integers(-3, 4, (users, choices)) if rng.random() < 0.3 else rng.normal(size=(users, choices)))
    weights = (
        rng.integers(-1, 3, (count, users, choices)) if rng.random() < 0.5 else rng.uniform(0, 2, (count, users, choices))
    )
    kept = weights[:, np.arange(users), rng.integers(0, choices, users)].sum(axis=1)
    least = np.where(rng.random(count) < 0.5, -np.inf, kept - rng.integers(0, 2, count))
    return moves, weights.astype(float), least, kept + rng.integers(0, 2, count) + 1e-12


@given(st.integers(0, 2**32 - 1))
def test_no_prices_bound_more_than_those_that_are_found(seed: int) -> None:
    moves, weights, least, most = several(seed)
    price, rng, size = joint_prices(moves, weights, least, most), np.random.default_rng(seed), np.abs(moves).max()
    best = bounded(moves, weights, least, most, price)
    for _ in range(50):
        other = price + size * 10.0 ** rng.uniform(-6.0, 1.0) * rng.normal(size=len(price))
        other = np.where(np.isfinite(least), other, np.maximum(other, 0.0))
        assert bounded(moves, weights, least, most, other) <= best + 1e-8 * len(moves) * size


@given(st.integers(0, 2**32 - 1))
def test_prices_come_in_the_order_of_their_limits_and_in_their_units(seed: int) -> None:
    moves, weights, least, most = several(seed)
    rng = np.random.default_rng(seed)
    order, unit = rng.permutation(len(least)), 10.0 ** rng.integers(-3, 4, len(least))
    price = joint_prices(moves, weights, least, most)
    mixed = joint_prices(moves, (weights * unit[:, None, None])[order], (least * unit)[order], (most * unit)[order])
    scale = np.abs(moves).max() / np.maximum(np.abs(weights).max(axis=(1, 2)), 1e-9)
    np.testing.assert_allclose(mixed * unit[order], price[order], rtol=1e-6, atol=1e-7 * float(scale.max()))


def test_of_prices_that_bound_alike_the_shortest_are_taken() -> None:
    moves = np.array([[0.0, -3.0], [0.0, -2.0], [0.0, -1.0]])
    weights = np.zeros((2, 3, 2))
    weights[:, :, 1] = np.array([[1.0], [10.0]])  # the same limit twice, the second one in another unit
    price = joint_prices(moves, weights, np.full(2, -np.inf), np.array([2.0, 20.0]))
    np.testing.assert_allclose(price, [0.5, 0.05], rtol=1e-9)  # 1 for a place, half of it by each; 1 is the least that does


def test_there_are_no_prices_where_limits_contradict_each_other() -> None:
    weights = np.zeros((2, 3, 2))
    weights[:, :, 1] = 1.0
    held = np.array([-np.inf, 2.0]), np.array([1.0, np.inf])
    assert np.isnan(joint_prices(np.zeros((3, 2)), weights, *held)).all()


@pytest.mark.parametrize("cls", SUMS)
def test_one_more_gains_at_most_its_price_and_the_gap_whatever_the_order(cls: type[Problem]) -> None:
    problem: Any = cls.sample(np.random.default_rng(31), (8,), users=5)
    weight = np.random.default_rng(32).uniform(0.5, 2.0, (8, 5))

    def limits(place: float, memory: float) -> list[Limit]:
        return [
            Limit("places", {"offload": 1}, most=2 + place),
            Limit("memory", {"offload": weight}, most=0.4 * weight.sum(axis=1) + memory, unit="MB"),
            Limit("home", {"local": weight[:, ::-1]}, least=0.3 * weight.sum(axis=1), unit="MB"),
        ]

    mine = problem.limited(*limits(0.0, 0.0))
    found: Any = mecopt.solve(mine, solver="enumerate")
    gap, sign = found.dual.limit_prices_gap, problem.sign
    bound = sign * mine.relaxed_bound(found.dual)
    assert (gap >= 0.0).all()
    lacking = sign * found.objective - bound
    assert (lacking <= gap + 1e-9 * np.abs(found.objective)).all()  # the bound may be one without prices
    assert np.isclose(lacking, gap, rtol=0.0, atol=1e-9 * np.abs(found.objective)).any()
    for more, price in (((1.0, 0.0), found.dual.limit_places_price), ((0.0, 1.0), found.dual.limit_memory_price)):
        better = mecopt.solve(problem.limited(*limits(*more)), solver="enumerate")
        gained = sign * (found.objective - better.objective)
        assert (gained <= price + gap + 1e-9 * np.abs(found.objective)).all()
    turned = problem.limited(*limits(0.0, 0.0)[::-1]).with_limit_prices(found.decision, type(found.dual).without(
        **{name: value for name, value in found.dual.as_dict().items() if not name.startswith("limit_")}
    ))  # fmt: skip
    for name, value in found.dual.as_dict().items():
        np.testing.assert_allclose(turned.as_dict()[name], value, rtol=1e-6, atol=1e-9 * float(np.abs(bound).max()))


def test_prices_of_a_decision_that_breaks_limits_have_no_gap() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(33), users=4)
    for limit in (Limit("one", {"offload": 1}, most=1), Limit.alike("pair", [0, 1])):
        mine = problem.limited(limit, Limit("any", {"offload": 1}, most=4))
        for decision, known in ((np.array([0, 0, 1, 0]), True), (np.array([1, 0, 1, 0]), False)):
            chosen = decision.astype(np.int8)
            dual: Any = mine.with_limit_prices(chosen, problem.closed_form(chosen)[1])
            assert np.isfinite(dual.limit_prices_gap) == known
