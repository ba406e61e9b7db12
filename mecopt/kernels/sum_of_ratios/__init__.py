r"""Sums of ratios: minimise :math:`\sum_i w_i A_i(x) / B_i(x)` over a convex set :math:`X`.

With :math:`A_i \ge 0` convex and :math:`B_i > 0` concave every ratio alone is quasiconvex, but their sum is not, and the
problem is NP-hard in general (Freund and Jarre, J. Global Optimization 19, 2001, 83-102). So ask first, in this order:

1. Is each ratio convex already? `ratio_rule` names the theorems, `midpoint_test` and `second_derivative_test` look for
   counterexamples. If all are, any convex solver is exact, and `SumOfRatios.linearised_bound` proves the gap.
2. Does a change of variables make it convex (a delay t = D/r in place of a power)? Solve that, and hand its bound over.
3. Otherwise `inverse_quadratic_transform` (monotone, one convex program an iteration) or `parametric_newton` (Jong's,
   damped) find stationary points; `quadratic_transform` does for maxima; `dinkelbach` minimises one ratio, globally.

Whatever the way, a `RatioSolution` says what it is worth: the linearisation residual, zero exactly at stationary points,
and the gap to a bound if there is one. Without a bound the gap is infinite: a stationary point of a sum of ratios proves
nothing.
"""

from mecopt.kernels.sum_of_ratios.curvature import (
    MidpointTest,
    RatioRule,
    SecondDerivativeTest,
    Shape,
    midpoint_test,
    ratio_rule,
    second_derivative_test,
)
from mecopt.kernels.sum_of_ratios.dinkelbach import dinkelbach
from mecopt.kernels.sum_of_ratios.newton import parametric_newton
from mecopt.kernels.sum_of_ratios.problem import RatioSolution, SumOfRatios
from mecopt.kernels.sum_of_ratios.region import ConvexSet, Polytope
from mecopt.kernels.sum_of_ratios.transforms import inverse_quadratic_transform, quadratic_transform

__all__ = [
    "ConvexSet",
    "MidpointTest",
    "Polytope",
    "RatioRule",
    "RatioSolution",
    "SecondDerivativeTest",
    "Shape",
    "SumOfRatios",
    "dinkelbach",
    "inverse_quadratic_transform",
    "midpoint_test",
    "parametric_newton",
    "quadratic_transform",
    "ratio_rule",
    "second_derivative_test",
]
