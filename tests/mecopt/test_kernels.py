"""Compiled kernels against their plain numpy twins."""

import numpy as np
import pytest

from mecopt.kernels.capacity import bounded_square_root_rule, square_root_rule
from mecopt.kernels.lambert import log_ratio, log_ratio_numpy, log_ratios, tangent
from mecopt.kernels.servers import Servers, costs, costs_numpy, move_costs, servers, shares


def _instances(seed: int, count: int = 3) -> Servers:
    """Five instances of nine users and so many servers, over many magnitudes."""
    rng = np.random.default_rng(seed)
    return servers(rng.lognormal(0, 2, (5, 9, count + 1)), rng.lognormal(0, 2, (5, 9)), rng.lognormal(0, 1, (5, count)))


def _decisions(seed: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, count + 1, (5, 40, 9), dtype=np.int8)


def _bounded(seed: int, count: int = 3) -> Servers:
    """The same with bounds on shares, some of which no server can meet, and servers that admit few users."""
    free = _instances(seed, count)
    rng = np.random.default_rng((seed, 1))
    even = free.capacity[:, None, :] / 5
    lower, upper = even * rng.uniform(0, 1.2, (5, 9, count)), even * rng.uniform(1.2, 4, (5, 9, count))
    return servers(free.cost, free.root, free.capacity, lower, upper, rng.integers(1, 9, (5, count)))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_costs_are_those_of_numpy(count: int) -> None:
    for seed in range(20):
        data, decisions = _instances(seed, count), _decisions(seed, count)
        assert np.allclose(costs(data, decisions), costs_numpy(data, decisions), rtol=1e-13)


@pytest.mark.parametrize("data", [_instances(3, 1), _instances(3), _bounded(3, 1), _bounded(3)])
def test_move_costs_are_costs_of_moved_decisions(data: Servers) -> None:
    choices = data.cost.shape[-1]
    decision = _decisions(3, choices - 1)[:, 0]
    found = move_costs(data, decision)
    for i, j in np.ndindex(9, choices):
        moved = decision.copy()
        moved[:, i] = j
        assert np.allclose(found[:, i, j], costs(data, moved[:, None])[:, 0], rtol=1e-12)


@pytest.mark.parametrize("count", [1, 3])
def test_compiled_shares_are_the_square_root_rule(count: int) -> None:
    data, decisions = _instances(4, count), _decisions(4, count)
    share, price = shares(data, decisions)
    for j in range(count):
        mine = decisions == j + 1
        rule = square_root_rule(np.where(mine, data.root[:, None] ** 2, 0.0), np.tile(data.capacity[:, None, j], (1, 40)))
        assert np.allclose(np.where(mine, share, 0.0), rule.share, rtol=1e-13)
        assert np.allclose(price[..., j], rule.price, rtol=1e-13)


def test_shares_of_next_to_no_work_fill_a_server_and_impossible_choices_have_none() -> None:
    cost, root = np.zeros((1, 3, 2)), np.full((1, 3), 1e-310)
    decision = np.array([[[1, 0, 1]]], np.int8)
    data = servers(cost, root, np.full((1, 1), 1e10))
    assert np.allclose(shares(data, decision)[0], [[[5e9, 0.0, 5e9]]], rtol=1e-9)
    cost[0, 2, 1] = np.inf
    assert np.isnan(shares(servers(cost, root, np.ones((1, 1))), decision)[0]).all()


@pytest.mark.parametrize("count", [1, 3])
def test_what_else_is_in_a_batch_changes_no_digit(count: int) -> None:
    free, bounded, decisions = _instances(5, count), _bounded(5, count), _decisions(5, count)
    least, most = np.zeros(bounded.lower.shape), np.tile(free.capacity[:, None], (1, free.root.shape[1], 1))
    alone = servers(free.cost, free.root, free.capacity, least, most)
    both = Servers(*(np.concatenate(pair) for pair in zip(alone, bounded, strict=True)))
    twice = np.concatenate([decisions, decisions])
    half = len(decisions)
    assert np.array_equal(costs(both, twice)[:half], costs(alone, decisions))
    for together, single in zip(shares(both, twice), shares(alone, decisions), strict=True):
        assert np.array_equal(together[:half], single)
    assert np.array_equal(costs(both, twice)[half:], costs(bounded, decisions))


def test_bounded_shares_are_the_bounded_square_root_rule() -> None:
    fitting = 0
    for seed in range(10):
        data, decisions = _bounded(seed), _decisions(seed)
        share, _ = shares(data, decisions)
        cost = costs(data, decisions)
        for b, k in np.ndindex(5, 40):
            fits, value = True, data.cost[b, np.arange(9), decisions[b, k]].sum()
            for j in range(3):
                mine = decisions[b, k] == j + 1
                if not mine.any():
                    continue
                lower, upper = data.lower[b, mine, j], data.upper[b, mine, j]
                if lower.sum() > data.capacity[b, j] or (lower > upper).any() or mine.sum() > data.admission[b, j]:
                    fits = False
                    break
                rule = bounded_square_root_rule(data.root[b, mine] ** 2, np.asarray(data.capacity[b, j]), lower, upper)
                assert np.allclose(share[b, k, mine], rule.share, rtol=1e-11) or not np.isfinite(cost[b, k])
                value += rule.value
            fitting += fits
            assert cost[b, k] == pytest.approx(value, rel=1e-11) if fits else cost[b, k] == np.inf
    assert 200 < fitting < 1800


def test_costs_do_not_cancel_between_magnitudes() -> None:
    data = servers(np.array([[[1e20, 1.0], [1.0, 1e20]]]), np.array([[1.0, 1.0]]), np.array([[1.0]]))
    assert costs(data, np.array([[[1, 0]]], dtype=np.int8))[0, 0] == 3.0


@pytest.mark.parametrize("magnitude", [1e-6, 1e-3, 1.0, 10.0, 300.0])
def test_log_ratio_is_lambert_w(magnitude: float) -> None:
    q = magnitude * np.random.default_rng(0).uniform(0.5, 2.0, 200)
    relative = 1e-6 if magnitude < 1e-4 else 1e-10
    assert np.allclose(log_ratios(q), log_ratio_numpy(q), rtol=relative)


@pytest.mark.parametrize("q", [1e-300, 1e-20, 1e-12, 9.9e-10, 1.1e-9, 1e-6, 4.9e-5, 5.1e-5, 0.1, 1.0, 50.0, 1e3, 1e9, 1e300])
def test_log_ratio_solves_its_equation_where_lambert_w_cannot(q: float) -> None:
    import mpmath

    with mpmath.workdps(340 if q < 1e-100 else 60):
        u = mpmath.mpf(log_ratio(q))
        residual = (u + mpmath.exp(-u) - 1 - mpmath.mpf(q)) / (-mpmath.expm1(-u)) / u
    assert abs(float(residual)) < 1e-14 if q > 1e-9 else abs(float(residual)) < 1e-9


def test_log_ratio_of_nothing_is_nothing() -> None:
    assert log_ratio(0.0) == 0.0


@pytest.mark.parametrize("d", [0.0, 1e-300, 1e-30, 1e-12, 1e-4, 0.02, 0.03, 0.3, 0.9, 1.0, 2.0, 8.0, 1e3, 1e30, 1e300])
def test_tangent_is_where_a_line_touches_the_exponential(d: float) -> None:
    """(v - 1) e^v + 1 = d, by many digits: the error of v is the residual over the slope v e^v."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(400):
        v = mpmath.mpf(float(tangent(d)))
        slope = v * mpmath.exp(v)
        assert abs((v - 1) * mpmath.exp(v) + 1 - mpmath.mpf(d)) <= 3e-15 * v * slope
