"""Ratios that are not convex: power with a price, and the theorems and counterexamples by which one tells.

minimise sum w (1 + alpha p) / log2(1 + h p), 0 <= p <= P, G p <= I: not convex in p, but convex in t = 1 / r, which a conic
solver minimises as the oracle of what Jong's and Dinkelbach's methods find.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, minimize_scalar

from mecopt.contract.errors import InstanceError
from mecopt.kernels.sum_of_ratios import (
    Polytope,
    RatioSolution,
    Shape,
    SumOfRatios,
    dinkelbach,
    midpoint_test,
    parametric_newton,
    ratio_rule,
    second_derivative_test,
)

Floats = NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)


class Priced:
    """minimise sum w (1 + alpha p) / log2(1 + h p), 0 <= p <= P, G p <= I, with I a share of what would be used without."""

    def __init__(self, seed: int, users: int, alpha: float, share: float) -> None:
        rng = np.random.default_rng(seed)
        self.h, self.w, self.G = 10 ** rng.uniform(0, 2, users), rng.uniform(0.5, 1.5, users), rng.uniform(0.2, 1, users)
        self.P, self.alpha = rng.uniform(0.5, 1.0, users), alpha
        self.I = share * float(self.G @ self._alone())

    def _alone(self) -> Floats:
        """The powers without the shared limit, by Dinkelbach's iteration user by user."""
        p = self.P
        for _ in range(60):
            q = (1 + self.alpha * p) / np.log2(1 + self.h * p)
            p = np.clip(q / (np.log(2) * self.alpha) - 1 / self.h, 1e-9, self.P)
        return np.asarray(p)

    def start(self, seed: int | None = None) -> Floats:
        p = 0.3 * self.P if seed is None else self.P * np.random.default_rng(seed).uniform(0.02, 0.3, self.P.size)
        return np.asarray(p * min(1.0, self.I / float(self.G @ p)))

    def least(self, start: Floats) -> Floats:
        """Lower bounds on p that hold at every point as good as the start: w A / B <= f(start), by bisection."""
        value = float((self.w * (1 + self.alpha * start) / np.log2(1 + self.h * start)).sum())
        low, high = np.zeros_like(start), start.copy()
        for _ in range(100):
            middle = 0.5 * (low + high)
            good = value * np.log2(1 + self.h * middle) >= self.w * (1 + self.alpha * middle)
            low, high = np.where(good, low, middle), np.where(good, middle, high)
        return low

    def problem(self, least: Floats | float = 0.0) -> SumOfRatios:
        n, h = self.P.size, self.h
        return SumOfRatios(
            self.w,
            lambda p: 1 + self.alpha * p,
            lambda p: np.log2(1 + h * p),
            lambda p: self.alpha * np.eye(n),
            lambda p: np.diag(h / (np.log(2) * (1 + h * p))),
            Polytope(np.zeros(n) + least, self.P, self.G[None], np.array([self.I])),
        )

    def water_filling(self, least: Floats | float = 0.0) -> Any:
        """The parametric subproblem's minimiser: p = clip(u beta / (ln 2 (u w alpha + price G)) - 1/h)."""

        def oracle(u: Floats, beta: Floats, p: Floats) -> Floats:
            def power(price: float) -> Floats:
                level = u * beta / (np.log(2) * (u * self.w * self.alpha + price * self.G))
                return np.asarray(np.clip(level - 1 / self.h, least, self.P))

            if self.G @ power(0.0) <= self.I:
                return power(0.0)
            low, high = 0.0, 1.0
            while self.G @ power(high) > self.I:
                low, high = high, 4 * high
            while low < (middle := 0.5 * (low + high)) < high:
                low, high = (middle, high) if self.G @ power(middle) > self.I else (low, middle)
            return power(high)

        return oracle

    def jong(self, start: Floats, **options: Any) -> RatioSolution:
        """Jong's method on the box that the start's value implies."""
        least = self.least(start)
        return parametric_newton(self.problem(least), start, self.water_filling(least), **options)

    def conic(self) -> float:
        """The value by Clarabel in t = 1/r: t p(t) by the exponential cone, p(t) = (2^(1/t) - 1) / h."""
        import cvxpy as cp

        t, z = cp.Variable(self.P.size), cp.Variable(self.P.size)
        power = cp.multiply(1 / self.h, cp.exp(np.log(2) * cp.inv_pos(t)) - 1)
        energy = cp.multiply(1 / self.h, z - t)
        cone = cp.constraints.ExpCone(np.full(self.P.size, np.log(2)), t, z)
        fits = [t >= 1 / np.log2(1 + self.h * self.P), self.G @ power <= self.I]
        program = cp.Problem(cp.Minimize(self.w @ (t + self.alpha * energy)), [cone, *fits])
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
        assert program.status == "optimal"
        return float(program.value)

    def dual_bound(self, point: Floats) -> float:
        """Weak duality in t, the price taken from the point: every user minimises a convex function of t alone."""
        slope = self.problem().gradient(point)
        inside = (point > 1e-6) & (point < self.P * (1 - 1e-6))
        price = float(np.median(-slope[inside] / self.G[inside]))
        total = -price * self.I
        for w, h, G, P in zip(self.w, self.h, self.G, self.P, strict=True):

            def cost(t: float, w: float = w, h: float = h, G: float = G) -> float:
                p = np.expm1(np.log(2) / t) / h
                return float(w * t * (1 + self.alpha * p) + price * G * p)

            fastest = 1 / np.log2(1 + h * P)
            inside_best = minimize_scalar(
                cost, bounds=(fastest, 200 * fastest), method="bounded", options={"xatol": 1e-12 * fastest}
            ).fun
            total += min(inside_best, cost(fastest))
        return total


def test_priced_power_gradient_is_the_finite_difference() -> None:
    model = Priced(3, 6, 2.0, 0.4)
    problem, point = model.problem(), model.start(1)
    numeric = approx_fprime(point, lambda p: float(problem.value(p)), 1e-7)
    assert np.allclose(problem.gradient(point), numeric, rtol=1e-4)


@pytest.mark.parametrize("users", [5, 20, 100])
def test_damped_jong_reaches_the_conic_optimum_of_priced_power(users: int) -> None:
    for seed, alpha in ((0, 10.0), (1, 10.0), (2, 1.0)):
        model = Priced(seed, users, alpha, 0.4)
        best = model.conic()
        for start in (model.start(), model.start(seed)):
            result = model.jong(start, bound=best * (1 - 1e-8))
            assert result.converged, result.message
            assert result.value == pytest.approx(best, rel=2e-8)
            assert result.stationarity <= 1e-7
            assert result.gap <= 3e-8


def test_damping_down_to_a_millionth_is_necessary() -> None:
    solved = {"floor 1e-6": 0, "floor 1e-3": 0, "undamped": 0}
    for seed in range(4):
        model = Priced(seed, 100, 10.0, 0.4)
        for start in (model.start(), model.start(seed)):
            options: dict[str, dict[str, Any]] = {
                "floor 1e-6": {},
                "floor 1e-3": {"least_step": 1e-3},
                "undamped": {"damped": False, "max_iterations": 60},
            }
            for name, option in options.items():
                solved[name] += model.jong(start, **option).converged
    assert solved["floor 1e-6"] == 8
    assert solved["floor 1e-3"] <= 5
    assert solved["undamped"] == 0


def test_the_reciprocal_step_needs_no_positive_denominators() -> None:
    for seed in range(4):
        model = Priced(seed, 20, 10.0, 0.4)
        start, best = model.start(), model.jong(model.start()).value
        with pytest.raises(InstanceError, match=r'is 0 at the subproblem.*direction="reciprocal"'):
            parametric_newton(model.problem(), start, model.water_filling())
        result = parametric_newton(model.problem(), start, model.water_filling(), direction="reciprocal")
        assert result.converged
        assert result.value == pytest.approx(best, rel=1e-10)


def test_the_hidden_convexity_of_priced_power_proves_the_stationary_point_optimal() -> None:
    for seed in range(4):
        model = Priced(seed, 5, 10.0, 0.4)
        unproved = model.jong(model.start())
        proved = model.jong(model.start(), bound=model.dual_bound)
        assert unproved.gap == np.inf
        assert unproved.bound == -np.inf
        assert proved.gap <= 1e-9


def test_without_coupling_the_full_step_is_dinkelbachs() -> None:
    model = Priced(2, 6, 10.0, 0.4)
    model.I = 1e9
    together = parametric_newton(model.problem(), model.P, model.water_filling(), damped=False)
    assert together.converged
    assert together.iterations <= 10
    for i in range(6):
        one = Priced(2, 6, 10.0, 0.4)
        one.h, one.w, one.G, one.P, one.I = one.h[[i]], one.w[[i]], one.G[[i]], one.P[[i]], 1e9
        alone = dinkelbach(one.problem(), one.P, one.water_filling())
        steps = min(together.iterations, alone.iterations) + 1
        assert np.allclose(together.iterates[:steps, i], alone.iterates[:steps, 0], rtol=1e-9)


# --- Is a ratio convex? ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain", "least", "share"), [(100.0, 0.5, 1.0), (1000.0, 0.4, 1.0), (10.0, 0.5, 0.84), (0.43, 0.5, 0.0)]
)
def test_midpoints_find_priced_power_not_convex_at_high_gain(gain: float, least: float, share: float) -> None:
    left, right = np.random.default_rng(0).uniform(least, 1.0, (2, 5000, 1))
    test = midpoint_test(lambda p: (1 + 10 * p) / np.log2(1 + gain * p), left, right)
    assert test.fraction[0] == pytest.approx(share, abs=0.02)
    assert test.refuted[0] == (share > 0)
    assert ("not convex" if share else "no counterexample found") in str(test)
    if share:
        ends, middle = np.array([test.left[0, 0], test.right[0, 0]]), 0.5 * (test.left[0, 0] + test.right[0, 0])
        values = (1 + 10 * ends) / np.log2(1 + gain * ends)
        assert (1 + 10 * middle) / np.log2(1 + gain * middle) > values.mean(), "the witness is a proof"


def _priced_curvature(alpha: Floats, gain: Floats, upper: Floats) -> Any:
    return second_derivative_test(
        lambda p: (1 + alpha * p, alpha + 0 * p, 0 * p),
        lambda p: (np.log1p(gain * p), gain / (1 + gain * p), -(gain**2) / (1 + gain * p) ** 2),
        1e-3 * upper,
        upper,
    )


@settings(deadline=None)
@given(seeds)
def test_priced_power_is_convex_while_the_price_of_full_power_is_at_most_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain, upper = 10 ** rng.uniform(-3, 5, 20), 10 ** rng.uniform(-3, 3, 20)
    alpha = rng.uniform(0, 1, 20) / upper
    assert (_priced_curvature(alpha, gain, upper).fraction == 0).all()
    left, right = rng.uniform(1e-3, 1.0, (2, 200, 20)) * upper
    assert not midpoint_test(lambda p: (1 + alpha * p) / np.log1p(gain * p), left, right).refuted.any()


def test_the_second_derivative_is_negative_exactly_where_the_sign_condition_says() -> None:
    alpha, gain, upper = np.array([10.0, 10.0, 5.0, 1.0]), np.array([100.0, 10.0, 1000.0, 100.0]), np.ones(4)
    test = _priced_curvature(alpha, gain, upper)
    p = np.linspace(1e-3, 1.0, 1001)[:, None]
    sign = 1 - alpha * p - 2 * alpha / gain + 2 * (1 + alpha * p) / np.log1p(gain * p)
    assert np.allclose(test.fraction, (sign < 0).mean(axis=0), atol=2e-3)
    assert (test.fraction[:3] > 0).all()
    assert (test.least[:3] < 0).all()
    for i, at in enumerate(test.where[:3]):
        near = at + 1e-4 * np.array([-1, 0, 1])
        bend = np.array([1, -2, 1]) @ ((1 + alpha[i] * near) / np.log1p(gain[i] * near))
        assert bend / 1e-8 == pytest.approx(test.least[i], rel=1e-3, abs=1e-4)


FAMILIES: dict[Shape, Any] = {
    Shape.CONSTANT: lambda x, v: 3.0 + 0 * x[..., :1],
    Shape.CONVEX: lambda x, v: np.abs(x @ v)[..., None],
    Shape.CONVEX_SQUARE: lambda x, v: (x @ v)[..., None] ** 2,
    Shape.LOG_CONVEX: lambda x, v: np.exp(3 * x @ v)[..., None],
    Shape.CONCAVE: lambda x, v: np.sqrt(0.01 + x @ np.abs(v))[..., None],
    Shape.LOG_CONCAVE: lambda x, v: np.exp(-3 * (x @ v) ** 2)[..., None],
}


@pytest.mark.parametrize("numerator", Shape)
@pytest.mark.parametrize("denominator", [Shape.CONSTANT, Shape.CONCAVE, Shape.LOG_CONCAVE])
def test_rules_of_convexity_have_no_counterexample_and_the_others_do(numerator: Shape, denominator: Shape) -> None:
    rng = np.random.default_rng(7)
    refuted, quasi_refuted = False, False
    for _ in range(30):
        v, z = rng.normal(size=(2, 3))

        def ratio(x: Floats, v: Floats = v, z: Floats = z) -> Any:
            return FAMILIES[numerator](x, v) / FAMILIES[denominator](x, z)

        left, right = rng.uniform(0, 1, (2, 500, 3))
        refuted |= bool(midpoint_test(ratio, left, right).refuted.any())
        worse_end = np.maximum(ratio(left), ratio(right))
        quasi_refuted |= bool((ratio(0.5 * (left + right)) > worse_end * (1 + 1e-12)).any())
    curvature = ratio_rule(numerator, denominator).curvature
    assert refuted == (curvature != "convex")
    if curvature == "quasiconvex":
        assert not quasi_refuted


# --- One ratio -----------------------------------------------------------------------------------------------------------


def test_dinkelbach_is_monotone_superlinear_and_global() -> None:
    for seed in range(6):
        model = Priced(seed, 1, 10.0, 1.0)
        model.P, model.I = np.array([1.0]), 1e9
        problem = model.problem()
        result = dinkelbach(problem, np.array([1.0]), model.water_filling())
        grid = np.linspace(1e-4, 1.0, 200_001)
        searched = minimize_scalar(lambda p, f=problem: float(f.value(np.array([p]))), bounds=(1e-4, 1), method="bounded")
        assert result.converged
        assert result.value <= problem.value(grid[:, None]).min() * (1 + 1e-14)
        assert result.value == pytest.approx(searched.fun, rel=1e-9)
        assert (np.diff(result.values) <= 1e-13 * result.value).all()
        error = result.values / result.value - 1
        error = error[error > 1e-14]
        assert (error[1:] <= 2 * error[:-1] ** 1.9 + 1e-13).all(), "quadratic: the minimiser is inside, the problem smooth"
