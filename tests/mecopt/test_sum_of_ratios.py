"""Sums of ratios: convexity, transforms, Jong and Dinkelbach against closed forms, conic programs and scalar searches."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.capacity import square_root_rule
from mecopt.kernels.sum_of_ratios import (
    Polytope,
    SumOfRatios,
    dinkelbach,
    inverse_quadratic_transform,
    midpoint_test,
    parametric_newton,
    quadratic_transform,
    second_derivative_test,
)
from mecopt.kernels.sum_of_ratios.region import minimise_convex

Floats = NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)


# --- P2: sum c_i / f_i under sum f_i <= F, whose answer is the square-root rule -------------------------------------------


def _shares(c: Floats, capacity: float, least: float = 1e-9) -> SumOfRatios:
    """The literal form c / f."""
    n = c.size
    region = Polytope(np.full(n, least * capacity), np.full(n, capacity), np.ones((1, n)), np.array([capacity]))
    return SumOfRatios(c, np.ones_like, np.array, lambda f: np.zeros((n, n)), lambda f: np.eye(n), region)


def _rewritten(c: Floats, capacity: float) -> SumOfRatios:
    """The form c f^-1/2 / f^1/2, whose parametric subproblem is strictly convex."""
    literal = _shares(c, capacity)
    return SumOfRatios(
        c,
        lambda f: f**-0.5,
        lambda f: f**0.5,
        lambda f: np.diag(-0.5 * f**-1.5),
        lambda f: np.diag(0.5 * f**-0.5),
        literal.region,
    )


def _cube_root_step(c: Floats, capacity: float) -> Any:
    """The surrogate's minimiser: minimise sum c / (4 y f^2), so f is proportional to (c / y)^(1/3)."""

    def oracle(y: Floats, f: Floats) -> Floats:
        share = np.cbrt(c / y)
        return np.asarray(capacity * share / share.sum())

    return oracle


def _cubic_step(c: Floats, capacity: float) -> Any:
    """The parametric subproblem's minimiser: u (c s^3 + beta s) / 2 equals the price, with s = f^(-1/2).

    The cubic s^3 + k s = q has the one real root 2 sqrt(k/3) sinh(asinh(1.5 q/k sqrt(3/k)) / 3).
    """

    def oracle(u: Floats, beta: Floats, f: Floats) -> Floats:
        k = beta / c

        def shares(price: float) -> Floats:
            s = 2 * np.sqrt(k / 3) * np.sinh(np.arcsinh(3 * price / (u * c * k) * np.sqrt(3 / k)) / 3)
            return np.asarray(np.clip(s**-2.0, 1e-9 * capacity, capacity))

        low, high = -100.0, 100.0
        while low < (middle := 0.5 * (low + high)) < high:
            low, high = (middle, high) if shares(np.exp(middle)).sum() > capacity else (low, middle)
        return shares(np.exp(high))

    return oracle


@pytest.mark.parametrize("users", [3, 10, 21])
def test_the_inverse_transform_contracts_to_the_square_root_rule_by_a_third(users: int) -> None:
    c = np.random.default_rng(users).uniform(0.2, 5.0, users)
    problem, best = _shares(c, 10.0), square_root_rule(c, np.asarray(10.0))
    start = np.full(users, 10.0 / users)
    result = inverse_quadratic_transform(problem, start, _cube_root_step(c, 10.0), bound=problem.linearised_bound)
    assert result.converged
    assert result.value == pytest.approx(float(best.value), rel=1e-13)
    assert result.gap <= 1e-8
    assert (np.diff(result.values) <= 1e-13 * result.value).all()
    distance = np.ptp(np.log(result.iterates / best.share), axis=1)
    early = distance > 1e-6
    assert np.allclose((distance[1:] / distance[:-1])[early[1:]], 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("users", [3, 10, 20])
def test_damped_jong_finds_the_square_root_rule_and_undamped_does_not(users: int) -> None:
    rng = np.random.default_rng(users)
    for random_start in (False, True):
        c = rng.uniform(0.2, 5.0, users)
        problem, best = _rewritten(c, 10.0), square_root_rule(c, np.asarray(10.0))
        start = 10.0 * rng.dirichlet(np.ones(users) * 5) if random_start else np.full(users, 10.0 / users)
        damped = parametric_newton(problem, start, _cubic_step(c, 10.0), bound=problem.linearised_bound)
        assert damped.converged
        assert damped.iterations <= 15
        assert damped.value == pytest.approx(float(best.value), rel=1e-13)
        assert damped.gap <= 1e-8
        assert (np.diff(damped.residuals) < 0).all()
        undamped = parametric_newton(problem, start, _cubic_step(c, 10.0), damped=False, max_iterations=60)
        assert not undamped.converged
        assert undamped.values[-1] > 1.001 * best.value


def test_the_literal_form_is_refused_because_its_subproblem_is_linear_along_rays() -> None:
    c, capacity = np.array([1.0, 2.0, 4.0]), 6.0
    problem = _shares(c, capacity, least=0.0)

    def vertex(u: Floats, beta: Floats, f: Floats) -> Floats:
        return np.asarray(capacity * (np.arange(3) == np.argmax(u * beta)))

    start = np.full(3, 2.0)
    with pytest.raises(InstanceError, match=r"denominator 0 is 0 .* \[0, 1, 2\] are homogeneous of degree 1"):
        parametric_newton(problem, start, vertex)
    result = parametric_newton(problem, start, vertex, direction="reciprocal")
    assert not result.converged
    assert "homogeneous of degree 1" in result.message
    assert result.value == problem.value(start), "never worse than the start"


def test_joint_bandwidth_and_power_is_refused_for_the_same_reason() -> None:
    # the rate b log2(1 + h p / b) is homogeneous in (b, p), and so is an energy budget: it caps h p / b, so h p <= x b
    users, h, x, total = 3, np.array([5.0, 2.0, 9.0]), np.array([3.0, 4.0, 2.0]), 6.0

    def halves(point: Floats) -> tuple[Floats, Floats]:
        b, p = point[..., :users], point[..., users:]
        return b, np.where(b > 0, h * p / np.where(b > 0, b, 1.0), 0.0)

    def rate(point: Floats) -> Floats:
        b, z = halves(point)
        return np.asarray(b * np.log2(1 + z))

    def rate_jacobian(point: Floats) -> Floats:
        _, z = halves(point)
        by_power = h / ((1 + z) * np.log(2))
        return np.hstack([np.diag(np.log2(1 + z) - z * by_power / h), np.diag(by_power)])

    def vertex(u: Floats, beta: Floats, point: Floats) -> Floats:
        b = total * (np.arange(users) == np.argmax(u * beta * np.log2(1 + x)))
        return np.concatenate([b, x * b / h])

    rows = np.vstack([np.repeat([1.0, 0.0], users), np.hstack([-np.diag(x), np.diag(h)])])
    region = Polytope(np.zeros(6), np.concatenate([np.full(3, total), total * x / h]), rows, np.array([total, 0, 0, 0]))
    problem = SumOfRatios(np.ones(3), lambda q: np.ones(users), rate, lambda q: np.zeros((3, 6)), rate_jacobian, region)
    start = np.concatenate([np.full(3, 2.0), x * 2.0 / h])
    with pytest.raises(InstanceError, match=r"denominator 0 is 0 .* \[0, 1, 2\] are homogeneous of degree 1"):
        parametric_newton(problem, start, vertex)


def test_without_an_oracle_slsqp_answers_the_subproblems() -> None:
    c = np.random.default_rng(8).uniform(0.2, 5.0, 6)
    best, start = float(square_root_rule(c, np.asarray(10.0)).value), np.full(6, 10.0 / 6)
    rewritten, literal = _rewritten(c, 10.0), _shares(c, 10.0, least=1e-3)
    for result in (parametric_newton(rewritten, start), inverse_quadratic_transform(literal, start)):
        assert result.converged
        assert result.value == pytest.approx(best, rel=1e-8)


@settings(deadline=None, max_examples=30)
@given(seeds, st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_units_of_cost_and_capacity_change_nothing(seed: int, cost: float, capacity: float) -> None:
    c = np.random.default_rng(seed).uniform(0.2, 5.0, 4)
    found = []
    for one, room in ((c, 1.0), (cost * c, capacity)):
        found.append(parametric_newton(_rewritten(one, room), np.full(4, room / 4), _cubic_step(one, room)))
    assert found[0].iterations == found[1].iterations
    assert np.allclose(found[0].iterates, found[1].iterates / capacity, rtol=1e-6)
    assert found[0].stationarity == pytest.approx(found[1].stationarity, abs=1e-9)


# --- One ratio: Dinkelbach -------------------------------------------------------------------------------------------------


def _linear_fractional(seed: int, terms: int = 1) -> tuple[SumOfRatios, Floats, Floats, Floats, Floats]:
    """Positive affine ratios over a box with two rows; its data a + C x over b + D x."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.5, 2, (2, terms))
    C, D = rng.uniform(0, 1, (2, terms, 4))
    region = Polytope(np.zeros(4), np.ones(4), rng.uniform(0.2, 1, (2, 4)), rng.uniform(0.8, 1.5, 2))
    weight = rng.uniform(0.5, 2, terms)
    problem = SumOfRatios(weight, lambda x: a + x @ C.T, lambda x: b + x @ D.T, lambda x: C, lambda x: D, region)
    return problem, a, b, C, D


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_dinkelbach_solves_linear_fractional_programs_as_charnes_and_cooper_do(seed: int) -> None:
    from scipy.optimize import linprog

    problem, a, b, C, D = _linear_fractional(seed)
    region: Any = problem.region

    def vertex(u: Floats, beta: Floats, x: Floats) -> Floats:
        cost = problem.weight[0] * C[0] - beta[0] * D[0]
        return np.asarray(linprog(cost, region.matrix, region.limit, bounds=(0, 1)).x)

    result = dinkelbach(problem, np.zeros(4), vertex, bound=problem.single_ratio_bound(b[0]))
    # y = x / B(x), t = 1 / B(x): minimise C y + a t subject to D y + b t = 1, M y <= m t, 0 <= y <= t
    rows = np.block([[region.matrix, -region.limit[:, None]], [np.eye(4), -np.ones((4, 1))]])
    direct = linprog(np.append(C, a), rows, np.zeros(6), np.append(D, b)[None], [1.0])
    assert result.converged
    assert result.value == pytest.approx(problem.weight[0] * direct.fun, rel=1e-9)
    assert result.gap <= 1e-8
    for point in np.random.default_rng(seed).uniform(0, 0.2, (5, 4)):
        assert problem.single_ratio_bound(b[0])(point) <= problem.weight[0] * direct.fun * (1 + 1e-9)


def test_a_ratio_that_reaches_zero_is_minimal() -> None:
    line = SumOfRatios(
        np.ones(1), lambda x: x, lambda x: 1 + x, lambda x: np.eye(1), lambda x: np.eye(1), Polytope(np.zeros(1), np.ones(1))
    )
    for start in (0.0, 1.0):
        result = dinkelbach(line, np.array([start]))
        assert result.converged
        assert result.value == 0.0


# --- Certificates and transforms on random affine ratios -------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(seeds)
def test_the_inverse_transform_descends_to_stationary_points(seed: int) -> None:
    problem = _linear_fractional(seed, terms=3)[0]
    result = inverse_quadratic_transform(problem, np.full(4, 0.1), max_iterations=3000)
    assert (np.diff(result.values) <= 1e-12 * result.value).all()
    assert result.converged, result.message
    assert result.stationarity <= 1e-4


def test_the_quadratic_transform_climbs_to_the_best_energy_efficiency() -> None:
    h, circuit, w = np.array([30.0, 8.0]), np.array([0.2, 0.5]), np.array([1.0, 1.3])
    problem = SumOfRatios(
        w,
        lambda p: np.log2(1 + h * p),
        lambda p: circuit + p + 0.5 * p**2,
        lambda p: np.diag(h / (np.log(2) * (1 + h * p))),
        lambda p: np.diag(1 + p),
        Polytope(np.full(2, 0.01), np.ones(2), np.ones((1, 2)), np.array([0.4])),
    )
    axis = np.linspace(0.01, 0.39, 1500)
    inside = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    edge = np.stack([axis, 0.4 - axis], axis=-1)
    best = float(problem.value(np.concatenate([inside[inside.sum(axis=1) <= 0.4], edge])).max())
    result = quadratic_transform(problem, np.array([0.05, 0.3]), bound=best * (1 + 1e-5))
    assert result.converged
    assert (np.diff(result.values) >= -1e-12 * result.value).all()
    assert best <= result.value * (1 + 1e-9)
    assert result.value <= best * (1 + 1e-5)
    assert result.gap <= 1.1e-5
    assert result.stationarity <= 1e-4


@given(seeds)
def test_linearisation_bounds_a_convex_sum_from_any_point(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = rng.uniform(0.1, 5.0, 5)
    value = float(square_root_rule(c, np.asarray(3.0)).value)
    problem = _shares(c, 3.0)
    assert problem.linearised_bound(3.0 * rng.dirichlet(np.ones(5)) + 1e-9) <= value * (1 + 1e-12)
    assert problem.linearised_bound(square_root_rule(c, np.asarray(3.0)).share) == pytest.approx(value, rel=1e-12)


@given(seeds)
def test_linear_minimisation_over_a_knapsack_is_the_greedy_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost, upper, size = rng.normal(size=6) * 10 ** rng.uniform(-6, 6), rng.uniform(0.1, 3, 6), rng.uniform(0.1, 2, 6)
    room, left, greedy = rng.uniform(0.1, 5), 0.0, 0.0
    left = room
    for j in np.argsort(cost / size):
        if cost[j] < 0:
            take = min(upper[j], left / size[j])
            greedy, left = greedy + cost[j] * take, left - size[j] * take
    found = Polytope(np.zeros(6), upper, size[None], np.array([room])).least_linear(cost)
    assert found == pytest.approx(greedy, rel=1e-9, abs=1e-12 * np.abs(cost).max())


# --- What is refused, and what is admitted ---------------------------------------------------------------------------------


def test_an_oracle_that_does_not_minimise_is_found_out() -> None:
    c, start = np.array([1.0, 2.0, 4.0]), np.full(3, 2.0)
    problem = _shares(c, 6.0)
    worse = inverse_quadratic_transform(problem, start, lambda y, f: np.array([5.0, 0.5, 0.5]))
    assert not worse.converged
    assert "worse than the point before" in worse.message
    assert worse.value == problem.value(start)
    line = SumOfRatios(
        np.ones(1),
        lambda x: 1 + x,
        np.ones_like,
        lambda x: np.eye(1),
        lambda x: 0 * np.eye(1),
        Polytope(np.zeros(1), np.ones(1)),
    )
    for method in (dinkelbach, inverse_quadratic_transform):
        for factor, message in ((1.1, "worse than the point before"), (0.5, "stopped after 2 iterations")):
            lazy = method(line, np.array([0.5]), lambda *known, by=factor: by * known[-1], max_iterations=2)
            assert not lazy.converged
            assert message in lazy.message
    with pytest.raises(InstanceError, match=r"SLSQP left .* give an oracle"):
        minimise_convex(Polytope(np.zeros(1), np.ones(1)), lambda x: x[0] ** 2, lambda x: -np.ones(1), np.array([0.5]))
    for method in (inverse_quadratic_transform, parametric_newton):
        with pytest.raises(InstanceError, match="oracle's answer is outside the region"):
            method(problem, start, lambda *_: np.full(3, 3.0))


def test_a_bound_above_the_answer_is_reported_not_believed() -> None:
    c, start = np.array([1.0, 2.0, 4.0]), np.full(3, 2.0)
    result = inverse_quadratic_transform(_shares(c, 6.0), start, _cube_root_step(c, 6.0), bound=1e3)
    assert not result.converged
    assert result.gap == np.inf
    assert "contradict" in result.message


def test_bad_data_are_named() -> None:
    c, start = np.array([1.0, 2.0, 4.0]), np.full(3, 2.0)
    problem = _shares(c, 6.0)
    zero = SumOfRatios(
        c, np.zeros_like, np.array, lambda f: np.zeros((3, 3)), lambda f: np.eye(3), Polytope(np.zeros(3), start)
    )

    class Anything:
        def least_linear(self, cost: Floats) -> float:
            return -np.inf

        def violation(self, point: Floats) -> float:
            return 0.0

    somewhere = SumOfRatios(
        c, problem.numerator, problem.denominator, problem.numerator_jacobian, problem.denominator_jacobian, Anything()
    )
    line = Polytope(np.zeros(1), np.ones(1))
    cases: list[tuple[str, Any]] = [
        (r"weight\[1\] is 0", lambda: _shares(np.array([1.0, 0.0]), 1.0)),
        ("start is outside the region", lambda: parametric_newton(problem, 2 * start)),
        ("denominator 0 is not positive at the start", lambda: parametric_newton(_shares(c, 6.0, 0.0), 0 * start)),
        ("numerator 0 is not positive", lambda: inverse_quadratic_transform(zero, start)),
        ("upper is not finite", lambda: Polytope(np.zeros(2), np.array([1.0, np.inf]))),
        (r"lower\[0\] = 2 exceeds upper\[0\] = 1", lambda: Polytope(2 * np.ones(1), np.ones(1))),
        ("one column a variable", lambda: Polytope(np.zeros(2), np.ones(2), np.ones((1, 3)), np.ones(1))),
        (
            "the set is empty",
            lambda: Polytope(np.ones(1), 2 * np.ones(1), np.ones((1, 1)), 0.5 * np.ones(1)).least_linear(np.ones(1)),
        ),
        ("needs a Polytope", lambda: inverse_quadratic_transform(somewhere, start)),
        ("tolerance is 1.0; allowed: a relative gap", lambda: parametric_newton(problem, start, tolerance=1.0)),
        ("tolerance is nan; allowed", lambda: inverse_quadratic_transform(problem, start, tolerance=np.nan)),
        ("tolerance is -1.0; allowed", lambda: quadratic_transform(problem, start, tolerance=-1.0)),
        ("tolerance is inf; allowed", lambda: dinkelbach(_shares(c[:1], 6.0), start[:1], tolerance=np.inf)),
        ("unknown direction 'jon'; did you mean 'jong'", lambda: parametric_newton(problem, start, direction="jon")),  # type: ignore[arg-type]
        ("in a polytope of 3", lambda: parametric_newton(problem, start[:2])),
        ("start has shape .1, 3.", lambda: parametric_newton(problem, start[None])),
        ("numerator returns shape .3,.; allowed: .1,.", lambda: dinkelbach(replace(problem, weight=np.ones(1)), start)),
        ("is for 1", lambda: dinkelbach(problem, start)),
        ("allowed: 1 term", lambda: problem.single_ratio_bound(1.0)),
        ("equal, .pairs, variables.", lambda: midpoint_test(lambda x: x, np.ones(3), np.ones(3))),
        ("denominator is not positive at 0", lambda: second_derivative_test(lambda x: (x, x, x), lambda x: (x, x, x), 0, 1)),
    ]
    for message, act in cases:
        with pytest.raises(InstanceError, match=message):
            act()
    assert problem.ratios(np.array([1.0, 0.0, 1.0])).tolist() == [1.0, np.inf, 4.0]
    assert zero.ratios(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert line.violation(np.array([np.nan])) == np.inf
    assert minimise_convex(line, lambda x: 1.0, lambda x: np.zeros(1), np.array([0.3])) == 0.3
    assert problem.linearisation_gap(np.array([0.0, 1.0, 1.0])) == np.inf
    assert parametric_newton(somewhere, start, lambda u, beta, f: f).stationarity == np.inf
