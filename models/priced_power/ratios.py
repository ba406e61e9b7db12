r"""The literal sum of ratios in the powers, by the two methods that are made for such sums.

With :math:`x = g p` the cost of the offloading users is :math:`\sum_i \omega_i (1 + c_i x_i)/\ln(1 + x_i)`, affine over
concave. No point as good as the start :math:`x^0` has :math:`\omega_i/\ln(1 + x_i) > f(x^0)`, which gives the lower bounds
:math:`l_i = e^{\omega_i/f(x^0)} - 1` and keeps the denominators positive. With k the users' parts of the limit:

- Jong's subproblem at parameters u and beta fills with water to a level set by the price of energy and the price
  :math:`\lambda` of interference, :math:`x_i = u_i \beta_i/(u_i \omega_i c_i + \lambda k_i) - 1` within the bounds. The
  damped method finds the optimum of most decisions of 5 or 10 users, but of few of 100 users at a tight limit: there no step
  lowers its residual.
- The inverse quadratic transform lowers the cost in every iteration, and found every optimum in some 20 to 300 of them.

So the backend `jong` hands its best point to the transform where it stops early, and says so. A stationary point of this
sum is a global optimum for the reason given in `mecopt.models.priced_power.allocation`; the certificate is the dual bound,
as for every backend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.kernels.arrays import plain
from mecopt.kernels.sum_of_ratios import (
    Polytope,
    RatioSolution,
    SumOfRatios,
    inverse_quadratic_transform,
    parametric_newton,
)
from mecopt.models.priced_power.allocation import feasible, implied_price, offloading
from mecopt.models.priced_power.variables import TransmitPower
from mecopt.running import clock

if TYPE_CHECKING:
    from mecopt.models.priced_power.problem import PricedPower

Array = NDArray[Any]

ROOM = 1e-12
"""Part of the limit that is left free, because the kernel's set must hold the oracle's answers in spite of rounding."""


class Ratios:
    """The offloading users of one decision as ratios in x = g p, with a start and the subproblems' minimisers."""

    def __init__(self, problem: PricedPower, decision: Array) -> None:
        users = offloading(problem, decision)
        c = problem.coefficients()
        work, energy, part = (plain(field[users], np.float64) for field in (c.work, c.energy, c.part))
        greatest = np.expm1(c.cap[users])
        start = greatest * (1.0 - ROOM) / max(float(part @ greatest), 1.0)
        reached = float((work * (1.0 + energy * start) / np.log1p(start)).sum())
        least = np.minimum(np.expm1(work / reached), start)
        self.start, self.work, self.energy, self.box = start, work, energy, (part, least, greatest)
        self.sum = SumOfRatios(
            weight=work,
            numerator=lambda x: 1.0 + energy * x,
            denominator=np.log1p,
            numerator_jacobian=lambda _: np.diag(energy),
            denominator_jacobian=lambda x: np.diag(1.0 / (1.0 + x)),
            region=Polytope(least, greatest, part[None, :], np.ones(1)),
        )

    def jong(self, **settings: Any) -> RatioSolution:
        """Run Jong's method, damped unless the settings say otherwise."""
        from mecopt.models.priced_power.compiled_ratios import water_filling

        def oracle(u: Array, beta: Array, _: Array) -> Array:
            return np.asarray(water_filling(beta * u, self.work * self.energy * u, *self.box, 1.0 - ROOM))

        return parametric_newton(self.sum, self.start, oracle, **settings)

    def transform(self, start: Array | None = None, **settings: Any) -> RatioSolution:
        """Run the inverse quadratic transform."""
        from mecopt.models.priced_power.compiled_ratios import transform_minimum

        def oracle(y: Array, _: Array) -> Array:
            return np.asarray(transform_minimum(self.work, self.energy, y, *self.box, 1.0 - ROOM))

        return inverse_quadratic_transform(self.sum, self.start if start is None else start, oracle, **settings)


Found = tuple[RatioSolution, int, str]
"""The answer, iterations in all, and what is to be said about it."""


def by_jong(ratios: Ratios) -> Found:
    """Run Jong's method, and the transform from its best point where it stops early."""
    found = ratios.jong()
    if found.converged:
        return found, found.iterations, ""
    end = ratios.transform(found.point)
    rest = "" if end.converged else f"; {end.message}"
    message = f"jong: {found.message}; finished by {end.iterations} iterations of the quadratic transform{rest}"
    return end, found.iterations + end.iterations, message


def by_transform(ratios: Ratios) -> Found:
    """Run the inverse quadratic transform."""
    found = ratios.transform()
    return found, found.iterations, "" if found.converged else f"quadratic-transform: {found.message}"


class RatioMethod(OneByOne):
    """A method for sums of ratios as a backend: what remains where no change of variables makes a sum convex."""

    def __init__(self, name: str, summary: str, method: Callable[[Ratios], Found]) -> None:
        self.name, self.summary, self.method = name, summary, method

    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Run the method from the greatest powers, lowered alike to fit the limit."""
        if time_limit is not None:
            raise InstanceError(f"{self.name} knows no time limit; use clarabel, scs or slsqp, or leave time_limit out")
        began = clock.now()
        if not offloading(problem, decision).size:  # type: ignore[arg-type]
            allocation, dual = problem.closed_form(decision)
            return Single(allocation, dual, 0, clock.now() - began, 0.0, start_used=False)
        try:
            ratios = Ratios(problem, decision)  # type: ignore[arg-type]
            modelled = clock.now()
            found, iterations, message = self.method(ratios)
        except InstanceError as error:  # numbers that leave no region or no point in it: this item's failure, no wrong use
            raise ArithmeticError(str(error)) from error
        solved = clock.now()
        users = offloading(problem, decision)  # type: ignore[arg-type]
        power = np.zeros(problem.users)
        power[users] = found.point / problem.coefficients().snr[users]  # type: ignore[attr-defined]
        power = feasible(problem, decision, power)  # type: ignore[arg-type]
        return Single(
            TransmitPower(transmit_power=power),
            implied_price(problem, decision, power),  # type: ignore[arg-type]
            iterations,
            modelled - began,
            solved - modelled,
            start_used=False,
            message=message,
        )


JONG = RatioMethod("jong", "Jong's damped parametric Newton on the literal ratios in the powers", by_jong)
TRANSFORM = RatioMethod(
    "quadratic-transform", "inverse quadratic transform of the literal ratios in the powers, monotone", by_transform
)
