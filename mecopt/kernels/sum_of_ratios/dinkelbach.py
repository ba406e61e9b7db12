r"""Dinkelbach's method for a single ratio.

For :math:`\min_{x \in X} A(x)/B(x)` with :math:`B > 0` let :math:`F(q) = \min_{x \in X} A(x) - q B(x)`. It is concave (a
minimum of lines) and strictly decreasing, and 0 exactly at the minimum :math:`q^*`, where :math:`A - q^*B \ge 0` with
equality at a minimiser. A minimiser :math:`x(q)` gives the slope :math:`F'(q) = -B(x(q))`, so Newton's step is the ratio
itself,

.. math:: q^+ = q - \frac{F(q)}{F'(q)} = \frac{A(x(q))}{B(x(q))} .

From any :math:`q = A(x)/B(x) \ge q^*` the steps fall monotonically to :math:`q^*`, superlinearly (Newton on a concave
function), and to the GLOBAL minimum if the subproblem is solved globally, as it is for :math:`A \ge 0` convex and
:math:`B` concave.
`SumOfRatios.single_ratio_bound` then proves it from the gradients alone, without trust in the oracle.

Reference: W. Dinkelbach, "On nonlinear fractional programming", Management Science 13(7), 1967, 492-498.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.arguments import checked_gap
from mecopt.contract.errors import InstanceError
from mecopt.kernels.sum_of_ratios.newton import ParametricOracle, default_oracle
from mecopt.kernels.sum_of_ratios.problem import Bound, RatioSolution, SumOfRatios, Trace, concluded

Array = NDArray[Any]


def dinkelbach(
    problem: SumOfRatios,
    start: Array,
    oracle: ParametricOracle | None = None,
    *,
    tolerance: float | None = None,
    max_iterations: int = 100,
    bound: Bound = None,
) -> RatioSolution:
    """Minimise a single ratio.

    Parameters
    ----------
    problem, start
        one term, and a point of the region with a positive denominator.
    oracle
        as for `parametric_newton`, called with u = [1] and beta = [q]; by default SLSQP on a `Polytope`.
    tolerance
        on the residual -F(q) / (q B(x)), the relative fall of the ratio that the step brings; by default 1e-12, or 1e-9 for
        SLSQP. By superlinear convergence what is left after such a step is far less.
    bound
        a proved lower bound on the minimum, or a function of the answer, as `SumOfRatios.single_ratio_bound`.

    Returns
    -------
    RatioSolution
        ``values`` fall monotonically; ``residuals[k]`` is that of step k.
    """
    if problem.weight.size != 1:
        raise InstanceError(f"the problem has {problem.weight.size} ratios; Dinkelbach's method is for 1")
    x = problem.starting_point(start)
    answer = oracle or default_oracle(problem)
    if tolerance is None:
        tolerance = 1e-9 if oracle is None else 1e-12
    checked_gap("tolerance", tolerance)
    one, q = np.ones(1), float(problem.value(x))
    iterates = [x]
    residuals: list[float] = []
    calls, converged, message = 0, q == 0.0, "the ratio is 0, and no smaller one exists"
    while not converged:
        if calls == max_iterations:
            message = f"stopped after {max_iterations} iterations"
            break
        x = problem.checked(answer(one, np.array([q]), x), "the oracle's answer")
        calls += 1
        found = float(problem.value(x))
        residuals.append(1.0 - found / q)
        if residuals[-1] < -tolerance:
            message = f"the oracle's answer is worse than the point before ({found:.12g} after {q:.12g}), so no optimum"
            break
        iterates.append(x)
        q = found
        converged = residuals[-1] <= tolerance or q == 0.0
        message = "F(q) = 0 within the tolerance"
    return concluded(problem, Trace(iterates, residuals, [1.0] * (len(iterates) - 1), calls, converged, message), bound)
