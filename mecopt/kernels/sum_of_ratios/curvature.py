r"""Is a ratio convex? Theorems where its parts have a known shape, counterexamples where they do not.

Let :math:`A \ge 0` and :math:`B > 0` on a convex set.

- *Convex over constant* is convex.
- *Log-convex over log-concave* is log-convex, hence convex: :math:`\log(A/B) = \log A - \log B` is a sum of convex
  functions, and the exponential of a convex function is convex. Constants are log-convex and positive concave functions
  log-concave, so constant over concave, a delay :math:`c/f` or :math:`D/r(p)`, is a case of it.
- *Square of a convex function over concave* is convex: :math:`s^2/t` is jointly convex for :math:`t > 0` (its Hessian is
  :math:`2/t^3 \, (t, -s)(t, -s)^\top`), increasing in :math:`s \ge 0`, decreasing in :math:`t`; insert convex
  :math:`s \ge 0` and concave :math:`t`.
- *Convex over concave* is quasiconvex and no more: :math:`A/B \le \beta` is the convex set :math:`A - \beta B \le 0` for
  :math:`\beta \ge 0` (and empty below). Already affine over affine, :math:`x/(1+x)`, is strictly concave.

Quasiconvexity does not survive summation, so the last rule serves a single ratio only.

A counterexample is a proof: a pair of points with the midpoint above the chord, or a point with a negative second
derivative. Finding none proves nothing.

Reference: S. Boyd and L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, sections 3.2, 3.4 and 3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError

Array = NDArray[Any]
Derivatives = Callable[[Array], tuple[Array, Array, Array]]
"""From points to a function's value, first and second derivative there."""

ROUNDING = 1e-12
"""Relative to the terms it is the difference of: what counts as a violation of convexity and not as rounding."""


class Shape(Enum):
    """What is known of a nonnegative function on the convex set."""

    CONSTANT = "constant"
    CONVEX = "convex"
    CONVEX_SQUARE = "the square of a nonnegative convex function"
    LOG_CONVEX = "log-convex"
    CONCAVE = "concave"
    LOG_CONCAVE = "log-concave"


@dataclass(frozen=True)
class RatioRule:
    """What the shapes of its parts imply for a ratio, and why."""

    curvature: Literal["convex", "quasiconvex", "unknown"]
    reason: str


_CONVEX = {Shape.CONSTANT, Shape.CONVEX, Shape.CONVEX_SQUARE, Shape.LOG_CONVEX}
_LOG_CONVEX = {Shape.CONSTANT, Shape.LOG_CONVEX}
_CONVEX_SQUARE = {Shape.CONSTANT, Shape.CONVEX_SQUARE}
_CONCAVE = {Shape.CONSTANT, Shape.CONCAVE}
_LOG_CONCAVE = {Shape.CONSTANT, Shape.CONCAVE, Shape.LOG_CONCAVE}


def ratio_rule(numerator: Shape, denominator: Shape) -> RatioRule:
    """Return the strongest of the theorems above that applies to A >= 0 over B > 0.

    >>> ratio_rule(Shape.CONSTANT, Shape.CONCAVE).curvature
    'convex'
    >>> ratio_rule(Shape.CONVEX, Shape.CONCAVE).curvature
    'quasiconvex'
    """
    if numerator in _CONVEX and denominator is Shape.CONSTANT:
        return RatioRule("convex", "a positive multiple of a convex function")
    if numerator in _LOG_CONVEX and denominator in _LOG_CONCAVE:
        return RatioRule("convex", "log A - log B is convex, and so is its exponential")
    if numerator in _CONVEX_SQUARE and denominator in _CONCAVE:
        return RatioRule("convex", "quadratic over linear: s^2/t is convex, increasing in s and decreasing in t")
    if numerator in _CONVEX and denominator in _CONCAVE:
        return RatioRule("quasiconvex", "A/B <= beta is the convex set A - beta B <= 0; a sum of such ratios is anything")
    return RatioRule("unknown", "no rule for these shapes; look for counterexamples")


@dataclass(frozen=True)
class MidpointTest:
    """How often, and where worst, the midpoint of a pair lies above the chord; one entry a ratio."""

    pairs: int
    fraction: Array
    """Share of the pairs at which midpoint convexity fails, shape ``(terms,)``."""
    excess: Array
    """Worst excess over the chord, relative to the three values; a proof of non-convexity where it is positive."""
    left: Array
    """The pair with that excess, ``(terms, variables)``."""
    right: Array

    @property
    def refuted(self) -> NDArray[np.bool_]:
        """Return which ratios are proved not to be convex; of the others no counterexample was found."""
        return np.asarray(self.fraction > 0)

    def __str__(self) -> str:
        lines = []
        for i, share in enumerate(self.fraction):
            verdict = f"no counterexample found in {self.pairs} pairs"
            if share > 0:
                verdict = (
                    f"not convex: {share:.1%} of {self.pairs} pairs fail, worst by {self.excess[i]:.2g} "
                    f"between {self.left[i]} and {self.right[i]}"
                )
            lines.append(f"ratio {i}: {verdict}")
        return "\n".join(lines)


def midpoint_test(ratios: Callable[[Array], Array], left: ArrayLike, right: ArrayLike) -> MidpointTest:
    """Compare ratios at the midpoints of pairs with their chords.

    Parameters
    ----------
    ratios
        from points ``(pairs, variables)`` to ``(pairs, terms)``, as `SumOfRatios.ratios`.
    left, right
        points of the convex set, ``(pairs, variables)``, drawn as the caller likes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> print(midpoint_test(lambda x: 1 / x, *rng.uniform(1, 2, (2, 50, 1))))
    ratio 0: no counterexample found in 50 pairs
    >>> midpoint_test(lambda x: x / (1 + x), *rng.uniform(1, 2, (2, 50, 1))).refuted.tolist()
    [True]
    """
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if left.ndim != 2 or left.shape != right.shape or not len(left):
        raise InstanceError(f"left has shape {left.shape}, right {right.shape}; allowed: equal, (pairs, variables)")
    ends, middle = (np.asarray(ratios(left)), np.asarray(ratios(right))), np.asarray(ratios(0.5 * (left + right)))
    size = np.abs(ends[0]) + np.abs(ends[1]) + np.abs(middle)
    finite = np.isfinite(size)
    with np.errstate(invalid="ignore"):
        excess = np.where(finite, (middle - 0.5 * (ends[0] + ends[1])) / np.where(size > 0, size, 1.0), -np.inf)
    worst = excess.argmax(axis=0)
    return MidpointTest(
        pairs=len(left),
        fraction=(excess > ROUNDING).mean(axis=0),
        excess=excess.max(axis=0),
        left=left[worst],
        right=right[worst],
    )


@dataclass(frozen=True)
class SecondDerivativeTest:
    """The sign of a ratio's second derivative over an interval; one entry a ratio."""

    fraction: Array
    """Share of the grid points where it is negative, shape ``(terms,)``."""
    least: Array
    """Its least value on the grid."""
    where: Array
    """The point of that value: a proof of non-convexity where it is negative."""


def second_derivative_test(
    numerator: Derivatives, denominator: Derivatives, lower: ArrayLike, upper: ArrayLike, points: int = 1001
) -> SecondDerivativeTest:
    r"""Evaluate the second derivative of ratios of one scalar variable each on a grid.

    .. math:: (A/B)'' = \frac{A''}{B} - \frac{2A'B' + AB''}{B^2} + \frac{2AB'^2}{B^3}

    Parameters
    ----------
    numerator, denominator
        from points ``(points, terms)`` to value, first and second derivative, each of a shape that broadcasts.
    lower, upper
        ends of the interval of each ratio, ``(terms,)``; the denominators are positive between them.
    """
    low, high = np.broadcast_arrays(*(np.atleast_1d(np.asarray(end, dtype=float)) for end in (lower, upper)))
    grid = low + (high - low) * np.linspace(0.0, 1.0, points)[:, None]
    a, a1, a2 = numerator(grid)
    b, b1, b2 = denominator(grid)
    positive = np.broadcast_to(b, grid.shape) > 0
    if not positive.all():
        raise InstanceError(f"a denominator is not positive at {grid[~positive][0]:g}; shorten the interval")
    summands = (a2 / b, -(2 * a1 * b1 + a * b2) / b**2, 2 * a * b1**2 / b**3)
    parts = np.array([np.broadcast_to(summand, grid.shape) for summand in summands])
    bend = parts.sum(axis=0)
    bend = np.where(np.abs(bend) > ROUNDING * np.abs(parts).sum(axis=0), bend, 0.0)
    worst = bend.argmin(axis=0)
    terms = np.arange(grid.shape[1])
    return SecondDerivativeTest((bend < 0).mean(axis=0), bend[worst, terms], grid[worst, terms])
