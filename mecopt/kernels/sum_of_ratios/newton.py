r"""Jong's parametric method for sums of ratios, with the damping without which it fails.

Write the sum as :math:`\min \sum \beta_i` over :math:`w_i A_i(x) \le \beta_i B_i(x)`. By the KKT conditions, with
multipliers :math:`u_i`, a minimiser solves the subproblem

.. math:: x(u, \beta) \in \arg\min_{x \in X} \sum_i u_i \left( w_i A_i(x) - \beta_i B_i(x) \right)

(convex for :math:`u, \beta \ge 0`, :math:`A` convex, :math:`B` concave) at parameters with

.. math:: \psi(u, \beta) = \left( \beta_i B_i(x) - w_i A_i(x), \; u_i B_i(x) - 1 \right)_i = 0, \qquad x = x(u, \beta) .

Conversely, at a zero the subproblem's gradient :math:`\sum u_i (w_i \nabla A_i - \beta_i \nabla B_i)` is that of :math:`f`:
zeros of :math:`\psi` are stationary points of the sum, of which there can be many. Jong's step is

.. math:: \Delta\beta_i = \frac{w_i A_i}{B_i} - \beta_i, \qquad \Delta u_i = \frac{1}{B_i} - u_i,

Newton's if :math:`x` did not depend on the parameters. Where the ratios share neither variables nor constraints, :math:`x`
does not depend on :math:`u`, and the step in :math:`\beta` is Dinkelbach's, ratio by ratio. With coupling the full step
often diverges or cycles, so the step length is halved until the residual falls,

.. math:: \lVert \psi(\alpha + \xi \Delta\alpha) \rVert \le (1 - 10^{-4} \xi) \lVert \psi(\alpha) \rVert ,
   \qquad \xi = 1, \tfrac12, \tfrac14, \dots \ge 10^{-6} .

Nothing guarantees such a step, and the result says so when there is none. Convergence is linear in
general. The first half of
:math:`\psi` is measured in units of :math:`w_i A_i` at the start, so that units do not matter; the residual is the root mean
square of its entries.

**Where a denominator vanishes** at :math:`x(u, \beta)` the step is not defined. If :math:`A` is constant and :math:`B`
homogeneous of degree 1 (:math:`f`, or :math:`b \log(1 + p/b)`), the subproblem is linear along rays and its minimisers lie
where rays leave the set: the form is degenerate and refused. Rewriting helps: :math:`c/f = c f^{-1/2} / f^{1/2}` has a
strictly convex subproblem. Otherwise a poor start is to blame. Any point as good as the start has
:math:`B_i \ge w_i A_i / f(x_0)`, a convex constraint that keeps denominators positive and that the region may include. Or
`direction="reciprocal"` replaces :math:`1/B_i` in the step by its value :math:`u_i` at the solution:
:math:`\Delta\beta_i = u_i (w_i A_i - \beta_i B_i)` and :math:`\Delta u_i = u_i (1 - u_i B_i)` (Newton's iteration for a
reciprocal) exist everywhere and agree with Jong's to first order at a zero.

Reference: Y. Jong, "An efficient global optimization algorithm for nonlinear sum-of-ratios problem", Optimization Online,
2012. Its claim of global optimality rests on a unique zero, which this kernel does not assume.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.arguments import checked_gap
from mecopt.contract.errors import InstanceError, unknown
from mecopt.kernels.sum_of_ratios.problem import Bound, RatioSolution, SumOfRatios, Trace, concluded
from mecopt.kernels.sum_of_ratios.region import minimise_convex

Array = NDArray[Any]
ParametricOracle = Callable[[Array, Array, Array], Array]
"""From u, beta and the current point to the minimiser of the parametric subproblem over the region."""

DIRECTIONS = ("jong", "reciprocal")
DECREASE = 1e-4
"""Share of the predicted fall of the residual that a step must bring."""
VANISHING = 1e-12
"""Share of its value at the start below which a denominator counts as 0."""
HOMOGENEOUS = 1e-9
"""Relative deviation from Euler's identity up to which a denominator counts as homogeneous of degree 1."""


def parametric_newton(
    problem: SumOfRatios,
    start: Array,
    oracle: ParametricOracle | None = None,
    *,
    direction: Literal["jong", "reciprocal"] = "jong",
    damped: bool = True,
    least_step: float = 1e-6,
    tolerance: float | None = None,
    max_iterations: int = 1000,
    bound: Bound = None,
) -> RatioSolution:
    r"""Find a stationary point of a sum of ratios, convex over concave, by Jong's method.

    Parameters
    ----------
    problem, start
        the sum, and a point of its region with positive denominators.
    oracle
        :math:`(u, \beta, x) \mapsto x(u, \beta)`; by default SLSQP, from x, on a `Polytope`.
    direction
        "jong", or "reciprocal", which survives denominators that vanish at a subproblem's minimiser.
    damped
        False takes full steps, as a demonstration of what damping is for.
    least_step
        step length below which the search gives up. A floor of 1e-3 is too high for a hundred coupled ratios.
    tolerance
        on the residual; by default 1e-10, or 1e-6 for SLSQP.
    bound
        a proved lower bound on the minimum, or a function of the answer that gives one.

    Returns
    -------
    RatioSolution
        ``iterates[k + 1]`` is the subproblem's minimiser after k steps in the parameters, ``residuals[k]`` the residual.
        Not converged where the residual could not be brought down; then the point is the best iterate, start included.

    Raises
    ------
    InstanceError
        if a denominator vanishes where the step needs it: says whether the form is degenerate, and what to do.
    """
    if direction not in DIRECTIONS:
        raise unknown("direction", direction, DIRECTIONS)
    x = problem.starting_point(start)
    answer = oracle or default_oracle(problem)
    if tolerance is None:
        tolerance = 1e-6 if oracle is None else 1e-10
    checked_gap("tolerance", tolerance)
    b, a = np.asarray(problem.denominator(x)), problem.weighted_numerator(x)
    scale, floor = np.where(a > 0, a, a.max() or 1.0), VANISHING * b

    def evaluate(u: Array, beta: Array, x: Array) -> _State:
        x = problem.checked(answer(u, beta, x), "the oracle's answer")
        a, b = problem.weighted_numerator(x), np.asarray(problem.denominator(x))
        residual = float(np.sqrt(np.mean(np.concatenate([(beta * b - a) / scale, u * b - 1.0]) ** 2)))
        return _State(u, beta, x, a, b, residual if np.isfinite(residual) else float("inf"))

    state, calls = evaluate(1.0 / b, a / b, x), 1
    iterates, residuals = [x, state.x], [state.residual]
    steps: list[float] = []
    message = f"stopped after {max_iterations} iterations"
    while state.residual > tolerance and len(steps) < max_iterations:
        if direction == "jong":
            _check_denominators(problem, x, state.b, floor)
            by_u, by_beta = 1.0 / state.b - state.u, state.a / state.b - state.beta
        else:
            by_u, by_beta = state.u * (1.0 - state.u * state.b), state.u * (state.a - state.beta * state.b)
        step, trial = 1.0, None
        while trial is None and step >= least_step:
            u, beta = state.u + step * by_u, state.beta + step * by_beta
            if (u > 0).all() and (beta >= 0).all():
                calls += 1
                trial = evaluate(u, beta, state.x)
                defined = direction == "reciprocal" or (trial.b > floor).all()
                if damped and not (defined and trial.residual <= (1.0 - DECREASE * step) * state.residual):
                    trial = None
            step = step if trial else 0.5 * step
        if trial is None:
            message = f"no step of at least {least_step:g} lowers the residual {state.residual:.2g}{_diagnosis(problem, x)}"
            break
        state = trial
        iterates.append(state.x)
        residuals.append(state.residual)
        steps.append(step)
    converged = state.residual <= tolerance
    if converged:
        message = "the parametric equation holds"
    return concluded(problem, Trace(iterates, residuals, steps, calls, converged, message), bound)


class _State(NamedTuple):
    """Parameters, the subproblem's minimiser there, w A and B at it, and the residual."""

    u: Array
    beta: Array
    x: Array
    a: Array
    b: Array
    residual: float


def default_oracle(problem: SumOfRatios) -> ParametricOracle:
    """Return SLSQP on the subproblem."""

    def oracle(u: Array, beta: Array, x: Array) -> Array:
        def function(z: Array) -> float:
            return float(u @ (problem.weighted_numerator(z) - beta * problem.denominator(z)))

        def gradient(z: Array) -> Array:
            slope = (u * problem.weight) @ problem.numerator_jacobian(z) - (u * beta) @ problem.denominator_jacobian(z)
            return np.asarray(slope)

        return minimise_convex(problem.region, function, gradient, x)

    return oracle


def _homogeneous(problem: SumOfRatios, point: Array) -> Array:
    """Return which denominators satisfy Euler's identity of degree 1, ``grad B(x) @ x == B(x)``."""
    b = np.asarray(problem.denominator(point))
    return np.flatnonzero(np.abs(problem.denominator_jacobian(point) @ point - b) <= HOMOGENEOUS * np.abs(b))


def _diagnosis(problem: SumOfRatios, point: Array) -> str:
    rays = _homogeneous(problem, point)
    if not rays.size:
        return ""
    return (
        f"; the denominators {rays[:5].tolist()}{'...' if rays.size > 5 else ''} are homogeneous of degree 1: with constant "
        "numerators the subproblem is linear along rays, a degenerate form. Rewrite the ratios (c/f as c f^-1/2 / f^1/2) "
        "or use another method"
    )


def _check_denominators(problem: SumOfRatios, start: Array, denominator: Array, floor: Array) -> None:
    """Refuse a step through a vanishing denominator, with the reason."""
    for i in np.flatnonzero(~(denominator > floor)):
        cause = _diagnosis(problem, start) or (
            '; give the region lower bounds from B_i >= w_i A_i / f(start), a better start, or direction="reciprocal"'
        )
        raise InstanceError(f"denominator {i} is {denominator[i]:.3g} at the subproblem's minimiser{cause}")
