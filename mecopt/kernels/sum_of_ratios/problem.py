r"""A sum of ratios, its certificates, and what every method returns.

.. math:: \min_{x \in X} f(x) = \sum_i w_i \frac{A_i(x)}{B_i(x)}, \qquad w_i > 0,\ A_i \ge 0,\ B_i > 0,\ X \text{ convex}.

**Stationarity.** :math:`x` is stationary iff :math:`\nabla f(x)^\top (y - x) \ge 0` for all :math:`y \in X`, with

.. math:: \nabla f = \sum_i w_i \left( \frac{\nabla A_i}{B_i} - \frac{A_i \nabla B_i}{B_i^2} \right).

The residual reported is the linearisation gap :math:`g(x) = \max_{y \in X} \nabla f(x)^\top (x - y) \ge 0` relative to
:math:`|f(x)|` (the Frank-Wolfe gap): 0 exactly at stationary points, and, unlike a projected gradient, the same in any units
of the variables.

**Bounds.** If :math:`f` is convex, :math:`f(y) \ge f(x) + \nabla f(x)^\top (y - x) \ge f(x) - g(x)`: `linearised_bound`. If
there is one ratio with :math:`A` convex and :math:`B` concave, it need not be convex. But :math:`A - qB` is, for
:math:`q = A(x)/B(x) \ge 0`, and its gradient at :math:`x` is :math:`B(x) \nabla (A/B)(x)`, so
:math:`A(y) - q B(y) \ge -B(x) g(x)`, whence :math:`A(y)/B(y) \ge q - g(x) B(x) / b` for any :math:`b \le \min_X B`:
`single_ratio_bound`. Both are proofs for any :math:`x`, and exact at stationary points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.sum_of_ratios.region import FEASIBLE, ConvexSet

Array = NDArray[Any]
Bound = float | Callable[[Array], float] | None
"""A proved bound on the optimum: a number, a function of the answer, or None."""
Sense = Literal["minimise", "maximise"]

CONTRADICTION = 1e-9
"""A value may be better than a bound by rounding, never by more than this (relative)."""


@dataclass(frozen=True)
class SumOfRatios:
    """A weighted sum of ratios over a convex set.

    The functions take points of shape ``(..., variables)`` and return ``(..., terms)``; the Jacobians take one point and
    return ``(terms, variables)``.
    """

    weight: Array
    """w, shape ``(terms,)``, positive."""
    numerator: Callable[[Array], Array]
    denominator: Callable[[Array], Array]
    numerator_jacobian: Callable[[Array], Array]
    denominator_jacobian: Callable[[Array], Array]
    region: ConvexSet

    def __post_init__(self) -> None:
        weight = np.array(self.weight, dtype=float, ndmin=1)
        for i in np.flatnonzero(~(np.isfinite(weight) & (weight > 0))):
            raise InstanceError(f"weight[{i}] is {weight[i]:g}; allowed: positive finite (leave terms of weight 0 out)")
        weight.flags.writeable = False
        object.__setattr__(self, "weight", weight)

    def weighted_numerator(self, point: Array) -> Array:
        """Return w A."""
        return np.asarray(self.weight * self.numerator(point))

    def ratios(self, point: Array) -> Array:
        """Return w A / B, shape ``(..., terms)``; 0 / 0 is 0, and infinite where a denominator is not positive otherwise."""
        a, b = self.weighted_numerator(point), np.asarray(self.denominator(point))
        positive = b > 0
        return np.where(a == 0, 0.0, np.where(positive, a / np.where(positive, b, 1.0), np.inf))

    def value(self, point: Array) -> Array:
        """Return f, shape ``(...)``."""
        return np.asarray(self.ratios(point).sum(axis=-1))

    def gradient(self, point: Array) -> Array:
        """Return the gradient of f at one point."""
        b = self.denominator(point)
        slope = (self.weight / b) @ self.numerator_jacobian(point)
        return np.asarray(slope - (self.weighted_numerator(point) / b**2) @ self.denominator_jacobian(point))

    def linearisation_gap(self, point: Array, sense: Sense = "minimise") -> float:
        """Return g(x), what the linearised objective could still win, in its own units; infinite where f is."""
        if not (np.asarray(self.denominator(point)) > 0).all():
            return float("inf")
        slope = self.gradient(point) if sense == "minimise" else -self.gradient(point)
        return max(float(slope @ point) - self.region.least_linear(slope), 0.0)

    def linearised_bound(self, point: Array) -> float:
        """Return f(x) - g(x), a lower bound on the minimum if the sum is CONVEX, which the caller answers for."""
        return float(self.value(point)) - self.linearisation_gap(point)

    def single_ratio_bound(self, least_denominator: float) -> Callable[[Array], float]:
        """Return x -> q - g(x) B(x) / b, a lower bound on the minimum of ONE ratio, convex over concave, with b <= min B."""
        if self.weight.size != 1 or not least_denominator > 0:
            raise InstanceError(f"{self.weight.size} terms, least_denominator {least_denominator:g}; allowed: 1 term, > 0")

        def bound(point: Array) -> float:
            at_point = self.denominator(point)[0]
            return float(self.value(point)) - self.linearisation_gap(point) * float(at_point) / least_denominator

        return bound

    def checked(self, point: Array, whose: str) -> Array:
        """Return a point of the set, or say who gave one outside it."""
        point = np.asarray(point, dtype=float)
        if point.ndim != 1:
            raise InstanceError(f"{whose} has shape {point.shape}; allowed: (variables,)")
        outside = self.region.violation(point)
        if not outside <= FEASIBLE:
            raise InstanceError(f"{whose} is outside the region (scaled violation {outside:.2g})")
        return point

    def starting_point(self, start: Array) -> Array:
        """Return the start, if all its denominators are positive and the functions have the shapes they should have."""
        start = self.checked(start, "start")
        terms, whole = self.weight.shape, (*self.weight.shape, start.size)
        for name, shape in (
            ("numerator", terms),
            ("denominator", terms),
            ("numerator_jacobian", whole),
            ("denominator_jacobian", whole),
        ):
            found = np.shape(getattr(self, name)(start))
            if found != shape:
                raise InstanceError(f"{name} returns shape {found}; allowed: {shape}, as there are {terms[0]} weights")
        for i in np.flatnonzero(~(np.asarray(self.denominator(start)) > 0)):
            raise InstanceError(f"denominator {i} is not positive at the start; start where the objective is finite")
        return start


@dataclass(frozen=True)
class RatioSolution:
    """What a method found, what it is worth, and how it came there."""

    point: Array
    value: float
    stationarity: float
    """Linearisation gap relative to the value: 0 exactly at stationary points."""
    bound: float
    """The proved bound on the optimum; infinite (on the worthless side) where nothing is proved."""
    gap: float
    """Their distance relative to the value, inf where nothing is proved or answer and bound contradict each other."""
    converged: bool
    """Whether the method's own equation holds within the tolerance. It says nothing of other stationary points."""
    message: str
    iterates: Array
    """(points, variables), the start first, in the order in which the method came upon them."""
    values: Array
    """The objective at the iterates."""
    residuals: Array
    """How far each step was from satisfying the method's own equation; see there."""
    steps: Array
    """Step length of each iteration; 1 where the method has none."""
    oracle_calls: int

    @property
    def iterations(self) -> int:
        """Number of steps taken."""
        return len(self.steps)


@dataclass(frozen=True)
class Trace:
    """The raw course of a method, before anything is said about its worth."""

    iterates: list[Array]
    residuals: list[float]
    steps: list[float]
    oracle_calls: int
    converged: bool
    message: str


def concluded(problem: SumOfRatios, trace: Trace, bound: Bound, sense: Sense = "minimise") -> RatioSolution:
    """Judge the last iterate, or, without convergence, the best one: never worse than the start."""
    iterates = np.array(trace.iterates)
    values = problem.value(iterates)
    sign = 1.0 if sense == "minimise" else -1.0
    best = len(values) - 1 if trace.converged else int(np.argmin(sign * values))
    point, value = iterates[best], float(values[best])
    size = abs(value) if value else 1.0
    proved = -sign * float("inf") if bound is None else float(bound(point) if callable(bound) else bound)
    excess = sign * (value - proved) / size
    message = trace.message
    contradiction = excess < -CONTRADICTION
    if contradiction:
        message += (
            f"; value {value:.12g} and bound {proved:.12g} contradict each other, so the bound or its premise is wrong"
        )
    return RatioSolution(
        point=point,
        value=value,
        stationarity=problem.linearisation_gap(point, sense) / size,
        bound=proved,
        gap=max(excess, 0.0) if np.isfinite(excess) and not contradiction else float("inf"),
        converged=trace.converged and not contradiction,
        message=message,
        iterates=iterates,
        values=values,
        residuals=np.array(trace.residuals),
        steps=np.array(trace.steps),
        oracle_calls=trace.oracle_calls,
    )
