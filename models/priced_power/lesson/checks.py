"""The numeric checks of the lesson on priced power, but for those of the methods for ratios: `lesson_ratios` has these.

Every check takes the formula it examines as an argument, by default the one the package computes with, and measures it
against an oracle that does not share code with it. A wrong formula must make it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.slsqp import slsqp
from mecopt.lesson import Outcome, Pricing, all_of, best_value, core, deviation, excess, forcing, pricing, scientific
from mecopt.models.priced_power.exact import relaxation_price
from mecopt.models.priced_power.problem import PricedPower
from mecopt.models.priced_power.variables import InterferencePrice, TransmitPower

Array = NDArray[Any]

ROUNDING = 1e-12
SOLVER = 1e-6
"""Relative error that a conic solver or a local one may leave."""


def slots(rng: Generator, count: int, users: int = 6, preset: str = "paper") -> PricedPower:
    """Draw instances."""
    return PricedPower.sample(rng, (count,), users=users, preset=preset)


def modes(rng: Generator, problem: PricedPower) -> Array:
    """Draw decisions in which somebody offloads and somebody computes locally."""
    decision = problem.decision_space.sample(rng, problem.batch_shape)
    decision[..., 0], decision[..., 1] = 1, 0
    return decision


def _powers(rng: Generator, problem: PricedPower) -> TransmitPower:
    """Draw powers over two decades below what power and budget allow."""
    c = problem.coefficients()
    return TransmitPower(transmit_power=np.expm1(c.cap) / c.snr * 10.0 ** rng.uniform(-2.0, 0.0, c.cap.shape))


def _price(value: Any) -> InterferencePrice:
    return InterferencePrice(interference_price=np.asarray(value))


# ---------------------------------------------------------------------- 1: the program

Cost = Callable[[PricedPower, Array, TransmitPower], Array]


def cost_by_coefficients(problem: PricedPower, decision: Array, allocation: TransmitPower) -> Array:
    """Return the sum of L over local users and of w S + omega (1 + c x) / ln(1 + x), x = g p, over offloading ones."""
    c = problem.coefficients()
    x = c.snr * allocation.transmit_power
    return np.asarray(np.where(decision == 1, c.fixed + c.work * (1.0 + c.energy * x) / np.log1p(x), c.local).sum(axis=-1))


def check_program(rng: Generator, cost: Cost = cost_by_coefficients) -> Outcome:
    """Five coefficients a user are bits, hertz, watts and joules."""
    problem = slots(rng, 200)
    decision, powers = modes(rng, problem), _powers(rng, problem)
    apart = deviation(cost(problem, decision, powers), problem.objective(decision, powers))
    text = f"coefficients against bits, hertz, watts and joules spelled out, 200 instances: differ by {scientific(apart)}"
    return Outcome(apart, ROUNDING, text)


# ---------------------------------------------------------------------- 4: convex in the time

Part = Callable[[Array], Array]


def power_at(time: Array) -> Array:
    """Return g p of an upload that takes `time`, in units of d."""
    return np.asarray(np.expm1(1.0 / time))


def energy_at(time: Array) -> Array:
    """Return g e / d of an upload that takes `time`, in units of d."""
    return np.asarray(time * np.expm1(1.0 / time))


def by_cones(problem: PricedPower, decision: Array) -> float:
    """Return the least cost of a decision by the cones of the times, handed to Clarabel in plain units."""
    return float(problem.to_cvxpy(decision).solve(solver="CLARABEL"))


def check_hidden_convexity(
    rng: Generator,
    power: Part = power_at,
    energy: Part = energy_at,
    cones: Callable[[PricedPower, Array], float] = by_cones,
    iterations: int = 1000,
) -> Outcome:
    """Power and energy are convex in the time, cones say so to a solver, and in powers no start leads astray."""
    one, other = 10.0 ** rng.uniform(-1.0, 2.0, (2, 5000))
    dents = [excess(f(0.5 * (one + other)), 0.5 * (f(one) + f(other))) for f in (power, energy)]

    problem = slots(rng, 8)
    decision = modes(rng, problem)
    best = problem.optimal_value(decision)
    conic = deviation([cones(instance, x) for instance, x in zip(problem, decision, strict=True)], best)

    astray = max(
        excess(_local_optimum(rng, instance, x, iterations), value)
        for instance, x, value in zip(problem, decision, best, strict=True)
        for _ in range(5)
    )
    return all_of(
        Outcome(dents[0], ROUNDING, f"midpoints of 5000 pairs of times: power above its chord by {scientific(dents[0])}"),
        Outcome(dents[1], ROUNDING, f"and energy by {scientific(dents[1])}"),
        Outcome(
            conic, SOLVER, f"price search against exponential cones by Clarabel, 8 decisions: differ by {scientific(conic)}"
        ),
        Outcome(
            astray, SOLVER, f"SLSQP on the literal ratios, 5 random starts each: above the optimum by {scientific(astray)}"
        ),
    )


def _local_optimum(rng: Generator, problem: PricedPower, decision: Array, iterations: int) -> float:
    """Return the cost that a local solver reaches in the powers, in logarithms of parts of the greatest, from anywhere."""
    users = np.flatnonzero(decision == 1)
    c = problem.coefficients()
    greatest = np.expm1(c.cap[users]) / c.snr[users]
    counts = problem.interference_gain[users] * greatest / problem.interference_limit

    def cost(y: Array) -> float:
        power = np.zeros(problem.users)
        power[users] = np.exp(y) * greatest
        return float(problem.objective(decision, TransmitPower(transmit_power=power)))

    start = rng.uniform(-6.0, 0.0, users.size)
    start = np.minimum(start - np.log(max(float(counts @ np.exp(start)), 1.0)), 0.0)
    found = slsqp(
        cost,
        start,
        bounds=[(-15.0, 0.0)] * users.size,
        constraints={"type": "ineq", "fun": lambda y: 1.0 - counts @ np.exp(y)},
        options={"ftol": 1e-14, "maxiter": iterations},
    ).x
    return cost(np.minimum(found - np.log(max(float(counts @ np.exp(found)), 1.0)), 0.0))


# ---------------------------------------------------------------------- 5: what a user pays at a price

Efficiency = Callable[[Array, Array, Array], Array]


def best_efficiency(energy: Array, price: Array, cap: Array) -> Array:
    """Return the u that the package computes with."""
    from mecopt.models.priced_power.compiled import best_efficiencies

    return np.asarray(best_efficiencies(energy, price, cap))


def check_best_efficiency(rng: Generator, efficiency: Efficiency = best_efficiency) -> Outcome:
    """The root is the least cost over the efficiency, and without interference it is Lambert's W."""
    from scipy.optimize import minimize_scalar
    from scipy.special import lambertw

    energy, price = 10.0 ** rng.uniform(-3.0, 2.0, (2, 100))
    cap = 10.0 ** rng.uniform(-1.0, 1.0, 100)

    def paid(u: Any, c: Any, m: Any) -> Any:
        return (1.0 + c * np.expm1(u)) / u + m * np.expm1(u)

    least = []
    for c, m, top in zip(energy, price, cap, strict=True):
        searched = minimize_scalar(
            lambda y, c=c, m=m: float(paid(np.exp(y), c, m)),
            bounds=(np.log(1e-3), np.log(top)),
            method="bounded",
            options={"xatol": 1e-12},
        )
        least.append(min(searched.fun, paid(top, c, m)))
    found = efficiency(energy, price, cap)
    over = deviation(paid(found, energy, price), least)
    free = efficiency(energy, np.zeros(100), np.full(100, np.inf))
    lambert = deviation(free, 1.0 + lambertw((1.0 / energy - 1.0) / np.e).real)
    return all_of(
        Outcome(
            over, 1e-9, f"cost at the root against a numeric search, 100 users and prices: differ by {scientific(over)}"
        ),
        Outcome(lambert, 1e-9, f"root at no price against Lambert's W: differ by {scientific(lambert)}"),
    )


# ---------------------------------------------------------------------- 6: one price settles a decision

Closed = Callable[[PricedPower, Array], tuple[TransmitPower, InterferencePrice]]


def check_decision_price(rng: Generator, closed: Closed = PricedPower.closed_form) -> Outcome:
    """The price is the derivative in the limit, and at it the bound meets the cost."""
    problem = slots(rng, 50)
    decision = np.ones((50, 6), dtype=np.int8)
    powers, dual = closed(problem, decision)
    gap = deviation(problem.bound(decision, dual), problem.objective(decision, powers))
    step = 1e-5

    def cost(factor: float) -> Array:
        changed = replace(problem, interference_limit=factor * problem.interference_limit)
        return changed.objective(decision, closed(changed, decision)[0])

    slope = (cost(1.0 - step) - cost(1.0 + step)) / (2.0 * step)
    worth = dual.interference_price * problem.interference_limit
    missed = float(np.max(np.abs(slope - worth) / cost(1.0)))
    bound = float((dual.interference_price > 0).mean())
    return all_of(
        Outcome(gap, ROUNDING, f"all offload, 50 instances: bound and cost differ by {scientific(gap)}"),
        Outcome(
            missed,
            1e-6,
            f"fall of the cost with a larger limit against μI (positive in {bound:.0%}): differ by {scientific(missed)}",
        ),
    )


# ---------------------------------------------------------------------- 7: any price bounds all decisions

Bound = Callable[[PricedPower, InterferencePrice], Array]


def check_any_price_bounds(
    rng: Generator,
    bound: Bound = PricedPower.relaxed_bound,
    price: Callable[[PricedPower], Array] = relaxation_price,
) -> Outcome:
    """No price gives a bound above the best decision, the bound is concave, and the search finds its maximum."""
    from scipy.optimize import minimize_scalar

    problem = slots(rng, 20)
    best = best_value(problem)
    unit = problem.random_dual(rng, (20,)).interference_price
    beaten, dent = 0.0, 0.0
    for _ in range(50):
        one, other = unit * 10.0 ** rng.uniform(-3.0, 1.0, (2, 20))
        ends, middle = (
            (bound(problem, _price(one)), bound(problem, _price(other))),
            bound(problem, _price(0.5 * (one + other))),
        )
        beaten = max(beaten, excess(ends[0], best))
        dent = max(dent, float(np.max((0.5 * (ends[0] + ends[1]) - middle) / np.abs(ends).max(axis=0))))
    at_best = price(problem) / problem.interference_limit
    reached = bound(problem, _price(at_best))
    searched = [
        -minimize_scalar(
            lambda root, one=one: -float(one.relaxed_bound(_price(root**2))),
            bounds=(0.0, 10.0 * float(np.sqrt(scale))),
            method="bounded",
            options={"xatol": 1e-13 * float(np.sqrt(scale))},
        ).fun
        for one, scale in zip(problem, _scale(problem), strict=True)
    ]
    missed = excess(searched, reached)
    left = float((1.0 - reached / best).mean())
    return all_of(
        Outcome(beaten, ROUNDING, f"1000 prices over 4 decades, 20 instances: above the best of 64 by {scientific(beaten)}"),
        Outcome(dent, ROUNDING, f"midpoints of 1000 pairs of prices: below their chord by {scientific(max(dent, 0.0))}"),
        Outcome(
            missed,
            1e-9,
            f"bound at the price found against a numeric search: below by {scientific(missed)}; it proves {left:.2%} below "
            "the optimum on average",
        ),
    )


def _scale(problem: PricedPower) -> Array:
    c = problem.coefficients()
    return np.asarray(np.sqrt(c.work * c.part).sum(axis=-1) ** 2 / problem.interference_limit)


# ---------------------------------------------------------------------- 8: reduced costs


def check_reduced_costs(rng: Generator, priced: Callable[[PricedPower], Pricing] = pricing) -> Outcome:
    """A user's reduced cost is what its other side costs more; who is fixed is fixed safely; few are left."""
    instances = slots(rng, 20)
    apart = 0.0
    for instance in instances:
        found = priced(instance)
        offloaded = _paid_by_search(instance, float(relaxation_price(instance)))
        difference = np.abs(instance.local_cost - offloaded)
        tied = difference < 1e-6 * instance.local_cost  # a user whose sides tie may stand on either
        apart = max(apart, float(np.max(np.where(tied, 0.0, np.abs(found.slack - difference)) / instance.local_cost)))
    left = {users: core(slots(rng, 10, users), priced) for users in (10, 30, 100)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    return all_of(
        Outcome(apart, 1e-6, f"120 reduced costs against a numeric search for every power: differ by {scientific(apart)}"),
        *forcing(instances, priced).parts,
        Outcome(
            left[100] / 100,
            0.1,
            f"users left to search, on average: {said}",
            limit="at most 10 of 100",
        ),
    )


def _paid_by_search(problem: PricedPower, price: float) -> Array:
    """Return what every user pays for offloading at a price of the whole limit, from the literal formula."""
    from scipy.optimize import minimize_scalar

    paid = []
    for i in range(problem.users):
        alone = replace(problem, **{name: value[[i]] if value.ndim else value for name, value in problem.data().items()})
        greatest = float(np.expm1(alone.coefficients().cap[0]) / alone.coefficients().snr[0])

        def cost(y: float, alone: PricedPower = alone) -> float:
            power = TransmitPower(transmit_power=np.array([np.exp(y)]))
            caused = float(alone.interference_gain[0] * np.exp(y) / alone.interference_limit)
            return float(alone.objective(np.ones(1, dtype=np.int8), power)) + price * caused

        top = np.log(greatest)
        found = minimize_scalar(cost, bounds=(top - 25.0, top), method="bounded", options={"xatol": 1e-12}).fun
        paid.append(min(found, cost(top)))
    return np.array(paid)
