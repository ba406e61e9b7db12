"""Finite chains: their laws, classes and periods, paths, and grids of continuous laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid

from mecopt import InstanceError
from mecopt.dynamic import Chain, Multichain, quantile_grid

TWO_CLASSES = [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]
BACK_AND_FORTH = [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]


def any_chain(seed: int, states: int = 4) -> Chain:
    return Chain.of(np.random.default_rng(seed).dirichlet(np.ones(states), size=states))


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_a_stationary_law_stays_as_it_is(seed: int, states: int) -> None:
    chain = any_chain(seed, states)
    law = chain.stationary()
    np.testing.assert_allclose(law @ chain.matrix, law, rtol=1e-12)
    assert law.sum() == pytest.approx(1.0, abs=1e-14)


def test_a_birth_death_chain_is_in_detailed_balance() -> None:
    up, down = np.array([0.3, 0.1, 0.4]), np.array([0.2, 0.2, 0.5])
    law = Chain.birth_death(up, down).stationary()
    np.testing.assert_allclose(law[:-1] * up, law[1:] * down, rtol=1e-13)


def test_transient_states_have_no_part_in_the_law() -> None:
    law = Chain.of([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]).stationary()
    np.testing.assert_allclose(law, [0.0, 0.5, 0.5], rtol=1e-14)


@given(st.integers(0, 10_000))
def test_a_product_is_its_kronecker_matrix(seed: int) -> None:
    parts = any_chain(seed, 3), Chain.independent([0.2, 0.3, 0.5, 0.0]), any_chain(seed + 1, 2)
    whole = Chain.product(*parts)
    matrix = np.kron(np.kron(parts[0].matrix, parts[1].matrix), parts[2].matrix)
    values = np.random.default_rng(seed).normal(size=(24, 5))
    np.testing.assert_allclose(whole.matrix, matrix, rtol=1e-14)
    np.testing.assert_allclose(whole.expected(values), matrix @ values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(whole.stationary(), Chain.of(matrix).stationary(), rtol=1e-10, atol=1e-14)
    assert [int(part) for part in whole.parts(whole.number(2, 1, 1))] == [2, 1, 1]


def test_classes_and_periods() -> None:
    assert [one.tolist() for one in Chain.of(TWO_CLASSES).recurrent_classes()] == [[0], [2]]
    assert Chain.of(BACK_AND_FORTH).period() == 2
    assert Chain.of(np.roll(np.eye(6), 1, axis=1)).period() == 6
    assert any_chain(0).period() == 1
    # Two chains that each go back and forth keep the parity of their distance: two classes side by side.
    assert len(Chain.product(Chain.of(BACK_AND_FORTH), Chain.of(BACK_AND_FORTH)).recurrent_classes()) == 2


@given(st.integers(0, 10_000), st.integers(2, 3))
def test_classes_of_a_product_are_those_of_its_matrix(seed: int, parts: int) -> None:
    """Against reachability in the whole matrix, by its powers."""
    rng, factors = np.random.default_rng(seed), []
    for _ in range(parts):
        size = int(rng.integers(1, 5))
        links = rng.random((size, size)) < 0.3
        if rng.random() < 0.6:
            links = np.roll(np.eye(size), 1, axis=1) > 0.0  # of period `size`
        links[np.arange(size), rng.integers(0, size, size)] |= ~links.any(axis=1)
        factors.append(Chain.of(links / links.sum(axis=1, keepdims=True)))
    whole = Chain.product(*factors)
    links = whole.matrix > 0.0
    reached = np.eye(whole.states, dtype=bool)
    for _ in range(whole.states):
        reached |= reached @ links
    closed = [i for i in range(whole.states) if reached[reached[i], i].all()]
    expected = {tuple(np.flatnonzero(reached[i]).tolist()) for i in closed}
    found = whole.recurrent_classes()
    assert {tuple(one.tolist()) for one in found} == expected
    assert [one[0] for one in found] == sorted(one[0] for one in found)
    if len(found) == 1:
        power, back = np.eye(whole.states, dtype=bool), []
        for slots in range(1, 80):
            power = power @ links
            back += [slots] if power[found[0][0], found[0][0]] else []
        assert whole.period() == np.gcd.reduce(back)


def test_a_product_of_many_states_never_forms_its_matrix() -> None:
    """A million states, whose matrix would take eight terabytes; and links too unlikely for a float together."""
    parts = [Chain.birth_death(np.full(9, 0.2), np.full(9, 0.3)) for _ in range(6)]
    whole = Chain.product(*parts)
    assert whole.states == len(whole.require_unichain()) == 10**6
    assert whole.period() == 1
    start = np.zeros(whole.states)
    start[0] = 1.0
    alone = parts[0].law_after(np.eye(10)[0], 3)
    after = whole.law_after(start, 3).reshape(whole.shape)
    np.testing.assert_allclose(after.sum(axis=(1, 2, 3, 4, 5)), alone, rtol=1e-12)
    seldom = Chain.of([[1.0, 1e-200], [1e-200, 1.0]])
    assert len(Chain.product(seldom, seldom).recurrent_classes()) == 1


@given(st.integers(0, 10_000))
def test_the_law_some_slots_later_is_a_power_of_the_matrix(seed: int) -> None:
    chain = Chain.product(any_chain(seed, 3), any_chain(seed + 1, 2))
    law = np.random.default_rng(seed).dirichlet(np.ones(6))
    np.testing.assert_allclose(chain.law_after(law, 3), law @ np.linalg.matrix_power(chain.matrix, 3), rtol=1e-12)


def test_a_periodic_chain_has_a_stationary_law() -> None:
    np.testing.assert_allclose(Chain.of(BACK_AND_FORTH).stationary(), [0.25, 0.5, 0.25], rtol=1e-14)


def test_paths_have_the_chains_frequencies() -> None:
    chain = Chain.product(Chain.birth_death([0.2, 0.3], [0.4, 0.1]), Chain.independent([0.5, 0.0, 0.5]))
    path = chain.sample(np.random.default_rng(1), 20_000, 4)
    count = np.zeros((9, 9))
    np.add.at(count, (path[:-1].ravel(), path[1:].ravel()), 1.0)
    some = count.sum(axis=1) > 0
    np.testing.assert_allclose((count / count.sum(axis=1, keepdims=True).clip(1))[some], chain.matrix[some], atol=0.03)
    assert (count[chain.matrix == 0.0] == 0.0).all()
    np.testing.assert_allclose(np.bincount(path.ravel(), minlength=9) / path.size, chain.stationary(), atol=0.03)
    # One slot at a time follows the same law.
    before = np.repeat(np.arange(9), 4_000)
    after = chain.following(np.random.default_rng(2), before)
    own = np.zeros((9, 9))
    np.add.at(own, (before, after), 1.0 / 4_000)
    np.testing.assert_allclose(own, chain.matrix, atol=0.05)
    assert (own[chain.matrix == 0.0] == 0.0).all()


def test_a_shorter_path_is_the_beginning_of_a_longer_one() -> None:
    chain = Chain.product(any_chain(1), any_chain(2))
    long, short = (chain.sample(np.random.default_rng(3), slots, 5) for slots in (40, 7))
    assert np.array_equal(long[:7], short)
    assert np.array_equal(long, chain.sample(np.random.default_rng(3), 40, 5))
    assert not np.array_equal(long, chain.sample(np.random.default_rng(4), 40, 5))


@pytest.mark.parametrize(
    "law", [stats.expon(), stats.norm(2.0, 3.0), stats.uniform(1.0, 4.0)], ids=["exp", "normal", "uniform"]
)
@pytest.mark.parametrize("by", ["mean", "median"])
def test_quantile_grids_tell_their_error(law: Any, by: str) -> None:
    previous = np.inf
    for count in (1, 2, 4, 8, 16):
        grid = quantile_grid(law.ppf, count, by=by)
        # Outside oracle: the distance between distribution functions, on a fine grid of numbers.
        at = np.linspace(law.ppf(1e-7), law.ppf(1.0 - 1e-7), 200_001)
        apart = np.abs(law.cdf(at) - np.searchsorted(grid.values, at, side="right") / count)
        assert grid.error == pytest.approx(trapezoid(apart, at), rel=2e-3)
        assert grid.error < previous
        previous = grid.error
        if by == "mean":
            assert grid.values.mean() == pytest.approx(law.mean(), rel=1e-6)
        for f in (np.tanh, lambda x: np.minimum(x, 1.0)):
            exact = law.expect(f, epsabs=1e-10, limit=200)
            assert f(grid.lower).mean() - 1e-7 <= exact <= f(grid.upper).mean() + 1e-7
            assert abs(f(grid.values).mean() - exact) <= grid.error + 1e-7
        assert grid.chain().states == count


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Chain.of([[0.5, 0.4], [0.0, 1.0]]), r"row 0 of Chain.matrix sums to 0.9; allowed: rows that sum to 1"),
        (lambda: Chain.of([[1.5, -0.5], [0.0, 1.0]]), r"Chain.matrix\[0, 0\] is 1.5; allowed: probabilities from 0 to 1"),
        (lambda: Chain.of([[np.nan, 1.0], [0.0, 1.0]]), r"Chain.matrix\[0, 0\] is nan"),
        (lambda: Chain.of([[1.0, 0.0]]), r"has shape \(1, 2\); allowed: \(states, states\)"),
        (lambda: Chain.of([["a"]]), r"no array of numbers"),
        (lambda: Chain.birth_death([0.7, 0.7], [0.7, 0.7]), r"Chain.matrix\[1, 1\] is -0.4"),
        (lambda: Chain.birth_death([0.1], [0.1, 0.2]), r"shapes \(1,\) and \(2,\); allowed: one entry per step"),
        (lambda: Chain.independent([0.5, 0.6]), r"row 0 of Chain.matrix sums to 1.1"),
        (lambda: Chain.independent([]), r"the law has shape \(0,\)"),
        (lambda: any_chain(0).sample(np.random.default_rng(0), 0, 1), r"slots is 0; allowed: a whole number of at least 1"),
        (
            lambda: any_chain(0).sample(np.random.default_rng(0), 1, 1, start=4),
            r"start is \[4\]; allowed: whole numbers from 0 to 3",
        ),
        (
            lambda: any_chain(0).sample(np.random.default_rng(0), 1, 1, start=-1),
            r"start is \[-1\]; allowed: whole numbers from 0",
        ),
        (lambda: any_chain(0).number(7), r"part 0 are not all whole numbers from 0 to 3"),
        (lambda: quantile_grid(stats.cauchy().ppf, 4), r"no mean|decreases"),
        (lambda: quantile_grid(lambda u: 1.0 - u, 4), r"decreases"),
        (lambda: quantile_grid(lambda u: u, 4, by="mode"), r"by is 'mode'; allowed"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_errors_name_what_is_wrong(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(InstanceError, match=says):
        call()


@pytest.mark.parametrize("ask", [Chain.stationary, Chain.period, lambda one: one.sample(np.random.default_rng(0), 1, 1)])
def test_several_recurrent_classes_are_refused_by_name(ask: Callable[[Chain], Any]) -> None:
    with pytest.raises(Multichain, match=r"2 recurrent classes, \{0\}; \{2\}"):
        ask(Chain.of(TWO_CLASSES))
    assert Chain.of(TWO_CLASSES).sample(np.random.default_rng(0), 3, 2, start=0).tolist() == [[0, 0]] * 3
