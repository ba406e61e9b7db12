"""The checks of the lesson on many servers that are about sums of ratios: convex already, and so without need of a cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.capacity import square_root_rule
from mecopt.kernels.sum_of_ratios import (
    Polytope,
    RatioSolution,
    SumOfRatios,
    inverse_quadratic_transform,
    midpoint_test,
    parametric_newton,
    second_derivative_test,
)
from mecopt.lesson import Outcome, all_of, deviation, scientific
from mecopt.models.multi_server_offloading.lesson.checks import ROUNDING, differing
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]

PAIRS = 4000

# ---------------------------------------------------------------------- 2: is each ratio convex already?

Ratios = Callable[[MultiServerOffloading, Array], Array]
Function = Callable[[Array], Array]
Derivatives = Callable[[Array], tuple[Array, Array, Array]]


def delays(problem: MultiServerOffloading, point: Array) -> Array:
    """Return w D / r(p) and w F / f on server 1, for points that hold all powers, then all speeds."""
    power, speed = np.split(point, 2, axis=-1)
    gain = problem.channel_gain[:, 0] / problem.noise_power[0]
    rate = problem.bandwidth * np.log2(1.0 + power * gain)
    return np.concatenate([problem.weight * problem.data_size / rate, problem.weight * problem.workload / speed], axis=-1)


def rates(problem: MultiServerOffloading) -> Derivatives:
    """Return the denominators of `delays` with their first two derivatives."""
    gain = np.append(problem.channel_gain[:, 0] / problem.noise_power[0], np.zeros(problem.users))
    unit = np.append(problem.bandwidth / np.log(2.0), np.ones(problem.users))
    linear = np.arange(gain.size) >= problem.users

    def denominator(point: Array) -> tuple[Array, Array, Array]:
        slope = unit * np.where(linear, 1.0, gain / (1.0 + gain * point))
        return unit * np.where(linear, point, np.log1p(gain * point)), slope, np.where(linear, 0.0, -(slope**2) / unit)

    return denominator


def priced_delay(power: Array) -> Array:
    """Return (1 + 10 p) / log2(1 + 100 p): a delay with a price of 10 on its energy, of a fair channel."""
    return np.asarray((1.0 + 10.0 * power) / np.log2(1.0 + 100.0 * power))


def check_convex(
    rng: Generator,
    ratios: Ratios = delays,
    denominators: Callable[[MultiServerOffloading], Derivatives] = rates,
    priced: Function = priced_delay,
) -> Outcome:
    """No midpoint is above its chord, no second derivative is negative; the same test finds fault with a priced delay."""
    problem = differing(rng, 1)[0]
    top = np.append(problem.max_power, np.full(problem.users, problem.server_speed[0]))
    left, right = (top * 10.0 ** rng.uniform(-4.0, 0.0, (PAIRS, top.size)) for _ in range(2))
    found = midpoint_test(lambda point: ratios(problem, point), left, right)
    share = float(found.fraction.max())

    cost = np.append(problem.weight * problem.data_size, problem.weight * problem.workload)
    lower = 1e-4 * top
    bend = second_derivative_test(lambda _: (cost, np.zeros(1), np.zeros(1)), denominators(problem), lower, top)
    step = 1e-3 * bend.where
    inside = np.clip(bend.where, lower + step, top - step)
    b, b1, b2 = denominators(problem)(inside)
    stated = cost / b * (2.0 * (b1 / b) ** 2 - b2 / b)
    around = [ratios(problem, inside + sign * step) for sign in (-1.0, 0.0, 1.0)]
    apart = deviation((around[0] - 2.0 * around[1] + around[2]) / step**2, stated)
    negative = float(bend.fraction.max())
    other = midpoint_test(priced, *rng.uniform(0.5, 1.0, (2, PAIRS, 1)))
    return all_of(
        Outcome(
            share,
            0.0,
            f"{PAIRS} pairs of powers and speeds, 12 ratios: midpoint above its chord in {share:.0%}",
            limit="none",
        ),
        Outcome(
            negative,
            0.0,
            f"their second derivatives, by formula, on 1001 points each: negative in {negative:.0%}",
            limit="none",
        ),
        Outcome(apart, 1e-4, f"the formula against finite differences where it is least: differ by {scientific(apart)}"),
        Outcome(
            1.0 - float(other.fraction[0]),
            0.01,
            f"the test can say no: (1 + 10p)/log₂(1 + 100p) on [½, 1], a delay whose energy has a price: above its chord in "
            f"{other.fraction[0]:.0%}",
            limit="in at least 99%",
        ),
    )


# ---------------------------------------------------------------------- 6: cures that are not needed


def shares(cost: Array, capacity: float, part: float = 1.0) -> SumOfRatios:
    """Write the sum of c / f as ratios ``c f^(part - 1) / f^part`` under ``sum(f) <= F``; 1 is as it stands."""
    users = cost.size
    region = Polytope(np.full(users, 1e-9 * capacity), np.full(users, capacity), np.ones((1, users)), np.array([capacity]))
    return SumOfRatios(
        cost,
        lambda f: f ** (part - 1.0),
        lambda f: f**part,
        lambda f: np.diag((part - 1.0) * f ** (part - 2.0)),
        lambda f: np.diag(part * f ** (part - 1.0)),
        region,
    )


def surrogate_step(cost: Array, capacity: float) -> Callable[[Array, Array], Array]:
    """Minimise the inverse transform's sum of c / (4 y f^2): f is proportional to (c / y)^(1/3)."""

    def step(y: Array, f: Array) -> Array:
        part = np.cbrt(cost / y)
        return np.asarray(capacity * part / part.sum())

    return step


def parametric_step(cost: Array, capacity: float) -> Callable[[Array, Array, Array], Array]:
    """Minimise the sum of u (c f^(-1/2) - beta f^(1/2)): at a price m, z = f^(-1/2) solves c z^3 + beta z = 2 m / u."""
    from scipy.optimize import brentq

    def step(u: Array, beta: Array, f: Array) -> Array:
        k = beta / cost

        def speeds(log_price: float) -> Array:
            q = 2.0 * np.exp(log_price) / (u * cost)
            z = 2.0 * np.sqrt(k / 3.0) * np.sinh(np.arcsinh(1.5 * q / k * np.sqrt(3.0 / k)) / 3.0)
            return np.asarray(np.clip(z**-2.0, 1e-9 * capacity, capacity))

        found = speeds(brentq(lambda price: np.log(speeds(price).sum() / capacity), -60.0, 60.0, xtol=1e-15, rtol=1e-15))
        return found * min(1.0, capacity / found.sum())

    return step


def literal_step(cost: Array, capacity: float) -> Callable[[Array, Array, Array], Array]:
    """Minimise the sum of u (c - beta f): all of the speed to one user."""

    def step(u: Array, beta: Array, f: Array) -> Array:
        return np.asarray(capacity * (np.arange(cost.size) == np.argmax(u * beta)))

    return step


Transform = Callable[[Array, float, Array], RatioSolution]


def inverse(cost: Array, capacity: float, start: Array) -> RatioSolution:
    """Run the inverse quadratic transform on c / f."""
    return inverse_quadratic_transform(shares(cost, capacity), start, surrogate_step(cost, capacity))


def damped(cost: Array, capacity: float, start: Array) -> RatioSolution:
    """Run Jong's Newton with damping on c f^(-1/2) / f^(1/2)."""
    return parametric_newton(shares(cost, capacity, 0.5), start, parametric_step(cost, capacity))


def undamped(cost: Array, capacity: float, start: Array) -> RatioSolution:
    """Run the same with full steps."""
    step = parametric_step(cost, capacity)
    return parametric_newton(shares(cost, capacity, 0.5), start, step, damped=False, max_iterations=60)


def literal(cost: Array, capacity: float, start: Array) -> RatioSolution:
    """Run Jong's Newton on c / f as it stands."""
    return parametric_newton(shares(cost, capacity), start, literal_step(cost, capacity))


def check_transforms(
    rng: Generator,
    transform: Transform = inverse,
    newton: Transform = damped,
    hasty: Transform = undamped,
    direct: Transform = literal,
) -> Outcome:
    """The transform and damped Newton end at the square-root rule; without damping, or as it stands, Newton does not."""
    cases = []
    for users in (3, 5, 10, 20):
        cost = rng.uniform(0.2, 5.0, users)
        starts = (np.full(users, 10.0 / users), 10.0 * rng.dirichlet(np.full(users, 5.0)))
        cases += [(cost, start, square_root_rule(cost, np.asarray(10.0))) for start in starts]
    apart = {"transform": 0.0, "newton": 0.0}
    factor, astray, refused = 0.0, 0, 0
    transforms, newtons = [], []
    for cost, start, best in cases:
        first, second = transform(cost, 10.0, start), newton(cost, 10.0, start)
        transforms.append(first.iterations)
        newtons.append(second.iterations)
        apart["transform"] = max(apart["transform"], deviation(first.value, best.value))
        apart["newton"] = max(apart["newton"], deviation(second.value, best.value))
        distance = np.ptp(np.log(first.iterates / best.share), axis=-1)
        early = distance[:-1] > 1e-6
        factor = max(factor, deviation((distance[1:] / distance[:-1])[early], np.full(int(early.sum()), 1.0 / 3.0)))
        astray += not deviation(hasty(cost, 10.0, start).values[-1], best.value) <= 1e-3
        try:
            direct(cost, 10.0, start)
        except InstanceError:
            refused += 1
    count = len(cases)
    return all_of(
        Outcome(
            apart["transform"],
            ROUNDING,
            f"inverse quadratic transform on {count} servers of 3 to 20 users: {min(transforms)} to {max(transforms)} "
            f"steps, from the square-root rule by {scientific(apart['transform'])}",
        ),
        Outcome(
            factor,
            1e-5,
            f"the distance in ln f shrinks by 1/3 a step: differs by {scientific(factor)}",
            limit="1·10⁻⁵ of 1/3",
        ),
        Outcome(
            apart["newton"],
            ROUNDING,
            f"Jong's Newton on c f^(−½)/f^(½), damped: {min(newtons)} to {max(newtons)} steps, from the rule by "
            f"{scientific(apart['newton'])}",
        ),
        Outcome(
            1.0 - astray / count,
            0.25,
            f"the same with full steps, after 60 of them: off by more than 10⁻³ in {astray} of {count}",
            limit=f"in at least {3 * count // 4}",
        ),
        Outcome(
            float(count - refused),
            0.0,
            f"Jong's Newton on c/f as it stands: refused as degenerate in {refused} of {count}",
            limit="in all",
        ),
    )
