r"""Quadratic transforms: ratios taken apart by one auxiliary variable each, for minima and for maxima.

**Minima, the inverse form.** For :math:`A, B, y > 0` the inequality of the means gives

.. math:: y A^2 + \frac{1}{4 y B^2} \;\ge\; 2 \sqrt{\frac{A^2}{4 B^2}} = \frac{A}{B},
   \qquad\text{with equality iff}\quad y = \frac{1}{2AB} .

So :math:`s(x; y) = \sum_i w_i (y_i A_i^2 + 1/(4 y_i B_i^2))` lies above :math:`f` and touches it at the :math:`x` that made
:math:`y`, with the same gradient there: :math:`2yA\nabla A - \nabla B/(2yB^3) = \nabla A/B - A \nabla B/B^2`. With
:math:`A_i` convex and :math:`B_i` concave, :math:`s` is convex in :math:`x`: the square of a nonnegative convex function,
and the convex decreasing :math:`t^{-2}` of a concave one.

**Maxima, the direct form.** :math:`2y\sqrt{A} - y^2 B \le A/B`, since the difference is
:math:`(\sqrt{A/B} - y\sqrt{B})^2`; equality iff :math:`y = \sqrt{A}/B`. The surrogate lies below, touches with the same
gradient, and is concave for concave :math:`A_i`, convex :math:`B_i`.

**Iteration.** :math:`y` from :math:`x`, then :math:`x` from the surrogate's optimum. In the first form
:math:`f(x^+) \le s(x^+; y) \le s(x; y) = f(x)`, in the second the reverse: the value is monotone, and limit points are
stationary, where gradients are continuous. Convergence is linear. For :math:`\sum c_i/f_i` under :math:`\sum f_i \le F` the
step is :math:`f \propto y^{-1/3} \propto (cf)^{1/3}`: in :math:`\log f`, up to the common factor, it contracts to
:math:`f \propto \sqrt{c}` by exactly 1/3.

References: the direct form is by K. Shen and W. Yu, "Fractional programming for communication systems, part I", IEEE Trans.
Signal Processing 66(10), 2018, 2616-2630. The inverse form is used by J. Zhao, L. Qian and W. Yu, "Human-centric resource
allocation in the metaverse over wireless communications", IEEE J. Selected Areas in Communications 42(3), 2024, 514-537. It
is not the bound :math:`[2y\sqrt{B} - y^2 A]^{-1}` that Y. Chen, L. Zhao and K. Shen give the same name in IEEE Trans. Signal
Processing 72, 2024, 337-351, though both are ways to minimise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.arguments import checked_gap
from mecopt.contract.errors import InstanceError
from mecopt.kernels.sum_of_ratios.problem import Bound, RatioSolution, Sense, SumOfRatios, Trace, concluded
from mecopt.kernels.sum_of_ratios.region import minimise_convex

Array = NDArray[Any]
TransformOracle = Callable[[Array, Array], Array]
"""From the auxiliary variables y and the current point to the surrogate's optimum over the region."""

MONOTONE = 1e-12
"""Relative loss of an iteration that counts as rounding."""


def inverse_quadratic_transform(
    problem: SumOfRatios,
    start: Array,
    oracle: TransformOracle | None = None,
    *,
    tolerance: float | None = None,
    max_iterations: int = 1000,
    bound: Bound = None,
) -> RatioSolution:
    r"""Minimise a sum of ratios with positive numerators by the inverse quadratic transform.

    Parameters
    ----------
    problem
        A convex and B concave, both positive at the start.
    start
        a point of the region.
    oracle
        :math:`(y, x) \mapsto \arg\min_X \sum_i w_i (y_i A_i^2 + 1/(4 y_i B_i^2))`; by default SLSQP, from x, which needs the
        denominators to be positive all over a `Polytope`.
    tolerance
        on the residual, which is the change of :math:`\log y` in an iteration; by default 1e-10, or 1e-5 for SLSQP.
    bound
        a proved lower bound on the minimum, or a function of the answer that gives one, as `SumOfRatios.linearised_bound`.

    Returns
    -------
    RatioSolution
        ``values`` fall monotonically.
    """

    def auxiliary(x: Array) -> Array:
        return np.asarray(1.0 / (2.0 * problem.numerator(x) * problem.denominator(x)))

    def surrogate(y: Array, x: Array) -> float:
        return float((problem.weight * (y * problem.numerator(x) ** 2 + 0.25 / (y * problem.denominator(x) ** 2))).sum())

    def gradient(y: Array, x: Array) -> Array:
        w = problem.weight
        of_numerator, of_denominator = 2.0 * w * y * problem.numerator(x), 0.5 * w / (y * problem.denominator(x) ** 3)
        slope = of_numerator @ problem.numerator_jacobian(x) - of_denominator @ problem.denominator_jacobian(x)
        return np.asarray(slope)

    def default(y: Array, x: Array) -> Array:
        return minimise_convex(problem.region, lambda z: surrogate(y, z), lambda z: gradient(y, z), x)

    if tolerance is None:
        tolerance = 1e-5 if oracle is None else 1e-10
    return _alternate(problem, start, auxiliary, oracle or default, tolerance, max_iterations, bound, "minimise")


def quadratic_transform(
    problem: SumOfRatios,
    start: Array,
    oracle: TransformOracle | None = None,
    *,
    tolerance: float | None = None,
    max_iterations: int = 1000,
    bound: Bound = None,
) -> RatioSolution:
    r"""MAXIMISE a sum of ratios with positive numerators by the quadratic transform of Shen and Yu.

    Parameters
    ----------
    problem
        A concave and B convex, both positive at the start (a numerator of 0 would get y = 0 and be forgotten).
    oracle
        :math:`(y, x) \mapsto \arg\max_X \sum_i w_i (2 y_i \sqrt{A_i} - y_i^2 B_i)`; by default SLSQP, from x, which needs
        the numerators to be positive all over a `Polytope`.
    bound
        a proved UPPER bound on the maximum, or a function of the answer that gives one.

    Returns
    -------
    RatioSolution
        ``values`` rise monotonically. The other arguments are those of `inverse_quadratic_transform`.
    """

    def auxiliary(x: Array) -> Array:
        return np.asarray(np.sqrt(problem.numerator(x)) / problem.denominator(x))

    def loss(y: Array, x: Array) -> float:
        return float((problem.weight * (y**2 * problem.denominator(x) - 2.0 * y * np.sqrt(problem.numerator(x)))).sum())

    def gradient(y: Array, x: Array) -> Array:
        w = problem.weight
        of_numerator, of_denominator = w * y / np.sqrt(problem.numerator(x)), w * y**2
        slope = of_denominator @ problem.denominator_jacobian(x) - of_numerator @ problem.numerator_jacobian(x)
        return np.asarray(slope)

    def default(y: Array, x: Array) -> Array:
        return minimise_convex(problem.region, lambda z: loss(y, z), lambda z: gradient(y, z), x)

    if tolerance is None:
        tolerance = 1e-5 if oracle is None else 1e-10
    return _alternate(problem, start, auxiliary, oracle or default, tolerance, max_iterations, bound, "maximise")


def _alternate(
    problem: SumOfRatios,
    start: Array,
    auxiliary: Callable[[Array], Array],
    oracle: TransformOracle,
    tolerance: float,
    max_iterations: int,
    bound: Bound,
    sense: Sense,
) -> RatioSolution:
    """Alternate between y and x while the value improves and y still moves."""
    checked_gap("tolerance", tolerance)
    sign = 1.0 if sense == "minimise" else -1.0
    x = problem.starting_point(start)
    _positive_numerators(problem, x)
    y, value = auxiliary(x), float(problem.value(x))
    iterates, calls = [x], 0
    residuals: list[float] = []
    converged, message = False, f"stopped after {max_iterations} iterations"
    for _ in range(max_iterations):
        candidate = problem.checked(oracle(y, x), "the oracle's answer")
        calls += 1
        found = float(problem.value(candidate))
        if not sign * (found - value) <= MONOTONE * abs(value):
            message = f"the oracle's answer is worse than the point before ({found:.12g} after {value:.12g}), so no optimum"
            break
        x, value = candidate, found
        _positive_numerators(problem, x)
        moved = auxiliary(x)
        iterates.append(x)
        residuals.append(float(np.abs(np.log(moved / y)).max()))
        y = moved
        if residuals[-1] <= tolerance:
            converged, message = True, "the auxiliary variables stand still"
            break
    trace = Trace(iterates, residuals, [1.0] * len(residuals), calls, converged, message)
    return concluded(problem, trace, bound, sense)


def _positive_numerators(problem: SumOfRatios, point: Array) -> None:
    for i in np.flatnonzero(~(problem.numerator(point) > 0)):
        raise InstanceError(
            f"numerator {i} is not positive at {point}; a quadratic transform has no auxiliary variable for it there"
        )
