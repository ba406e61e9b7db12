r"""A slot as a sum of ratios, for the methods of `mecopt.kernels.sum_of_ratios`: where they end.

With local part x, offloading time and energy as variables (see `compiled_ratios`) the loss is a sum of three ratios of
affine functions over a convex set. Jong's parametric method and the inverse quadratic transform both end at stationary
points. Of these a slot can have several, and nothing in either method tells which is the best: the branch and bound does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.arrays import plain
from mecopt.kernels.sum_of_ratios import (
    RatioSolution,
    SumOfRatios,
    inverse_quadratic_transform,
    parametric_newton,
)
from mecopt.models.hybrid_slot.terms import harvested, rows

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

TOLERANCE = 1e-6
"""On residuals: golden section leaves points that far from minimisers."""
SHARE = 1.5
"""By which the constant exceeds the largest gain, so that the first numerator is positive."""
CEILING = 1e-7
"""Scaled distance from the set within which a point counts as in it."""


class SlotSet:
    """The convex set of local part, time and energy of one slot."""

    def __init__(self, slot: Any, hull: Any, best: Any, reach: float) -> None:
        self.slot, self.hull, self.best, self.reach = slot, hull, best, reach

    def minimiser(self, cost: Array, constant: float) -> Array:
        """Return where a separable convex function is least; see `compiled_ratios`."""
        from mecopt.models.hybrid_slot.compiled.ratios import minimiser

        return np.asarray(minimiser(self.slot, self.hull, self.best, self.reach, plain(cost, np.float64), constant))

    def least_linear(self, cost: Array) -> float:
        """Return the minimum of ``cost @ y``, to the tolerance of golden section."""
        return float(cost @ self.minimiser(np.concatenate([cost, np.zeros(5)]), 0.0))

    def violation(self, point: Array) -> float:
        """Return how far a point is outside, scaled by all energy and by the slot; what golden section leaves is 0."""
        from mecopt.models.hybrid_slot.compiled.slot import power_of

        local, time, energy = (float(part) for part in point)
        sent = self.slot.workload - local
        least = self.slot.local_energy * local
        least += time * power_of(self.slot, self.hull, sent / time) if sent > 0.0 else 0.0
        spent = energy - self.slot.floor
        over = max((least - spent) / self.reach, (spent + self.slot.harvest * time) / self.reach - 1.0, time - 1.0, -local)
        return 0.0 if over <= CEILING else float(over)


class Ratios:
    """One user's slot as a sum of ratios, with the subproblems' minimisers."""

    def __init__(self, problem: HybridSlot, user: int = 0, kept: float = 0.0) -> None:
        from mecopt.models.hybrid_slot.compiled.bound import least_energy
        from mecopt.models.hybrid_slot.compiled.slot import lower_hull, slot_of, thrift

        self.slot = slot_of(rows(problem)[0, user])
        self.hull = lower_hull(self.slot)
        reach = float(problem.battery[user] + harvested(problem)[user] - kept)
        self.set = SlotSet(self.slot, self.hull, thrift(self.slot, self.hull), reach)
        work = self.slot.workload
        self.constant = SHARE * work / least_energy(self.slot, self.hull)
        self.sum = SumOfRatios(
            weight=np.array([1.0, self.slot.channel_price, self.slot.computing_price]),
            numerator=lambda y: np.stack([self.constant * y[..., 2] - work, work - y[..., 0], work - y[..., 0]], axis=-1),
            denominator=lambda y: np.stack([y[..., 2], y[..., 1], np.ones_like(y[..., 1])], axis=-1),
            numerator_jacobian=lambda _: np.array([[0.0, 0.0, self.constant], [-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]),
            denominator_jacobian=lambda _: np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
            region=self.set,
        )

    def reward(self, found: RatioSolution) -> float:
        """Return the reward of a method's answer."""
        return self.constant - found.value

    def start(self, rng: Generator) -> Array:
        """Draw a point of the set: where a random linear function is least."""
        cost = np.concatenate([rng.normal(size=3) / np.array([self.slot.workload, 1.0, self.set.reach]), np.zeros(5)])
        return self.set.minimiser(cost, 0.0)

    def jong(self, start: Array) -> RatioSolution:
        """Run Jong's damped method."""
        weight, constant = self.sum.weight, self.constant

        def oracle(u: Array, beta: Array, _: Array) -> Array:
            price = -(u[1:] * weight[1:]).sum()
            return self.set.minimiser(
                np.array([price, -u[1] * beta[1], u[0] * (constant - beta[0]), 0.0, 0.0, 0.0, 0.0, 0.0]), constant
            )

        return parametric_newton(self.sum, start, oracle, tolerance=TOLERANCE, max_iterations=60)

    def transform(self, start: Array) -> RatioSolution:
        """Run the inverse quadratic transform."""
        weight, constant = self.sum.weight, self.constant

        def oracle(y: Array, _: Array) -> Array:
            square, inverse = weight * y, 0.25 * weight / y
            return self.set.minimiser(
                np.array([0.0, 0.0, 0.0, square[0], inverse[0], square[1], inverse[1], square[2]]), constant
            )

        return inverse_quadratic_transform(self.sum, start, oracle, tolerance=TOLERANCE, max_iterations=100)
