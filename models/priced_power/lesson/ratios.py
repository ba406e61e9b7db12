"""The checks of the lesson on priced power that are about sums of ratios: convexity, epigraphs, and the methods for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.sum_of_ratios import midpoint_test
from mecopt.lesson import Outcome, all_of, deviation, excess, scientific
from mecopt.models.priced_power.lesson.checks import ROUNDING, modes, slots
from mecopt.models.priced_power.ratios import Ratios

Array = NDArray[Any]

FOUND = 1e-9
"""Relative distance from the optimum within which a method has found it."""

# ---------------------------------------------------------------------- 2: is it convex already?

Curvature = Callable[[Array, Array, Array], Array]


def second_derivative(alpha: Array, snr: Array, power: Array) -> Array:
    """Return the second derivative of (1 + alpha p) / ln(1 + g p)."""
    u, priced = np.log1p(snr * power), 1.0 + alpha * power
    sign = 1.0 - alpha * power - 2.0 * alpha / snr + 2.0 * priced / u
    return np.asarray((snr / ((1.0 + snr * power) * u)) ** 2 * sign)


def _share_refuted(rng: Generator, preset: str) -> float:
    """Return the part of 240 users whose ratio is proved not to be convex by one of 400 random midpoints each."""
    problem = slots(rng, 40, preset=preset)
    refuted = []
    for instance in problem:
        ratios = Ratios(instance, np.ones(6, dtype=np.int8))
        _, least, greatest = ratios.box
        left, right = rng.uniform(least, greatest, (2, 400, 6))
        refuted.append(midpoint_test(ratios.sum.ratios, left, right).refuted)
    return float(np.mean(refuted))


CASES = ((100.0, 0.5, 1.0), (1000.0, 0.4, 1.0), (10.0, 0.5, 0.84), (0.43, 0.0, 0.0))
"""Signal-to-noise ratio at a power of 1, least power, and the part of the pairs that fail where alpha is 10."""


def check_convexity(
    rng: Generator,
    curvature: Curvature = second_derivative,
    safe: float = 1.0,
    dear: str = "paper",
    cheap: str = "convex",
    price: float = 10.0,
) -> Outcome:
    """The second derivative tells where a ratio is convex: up to alpha p = 1 always, near the station not."""
    alpha, snr = 10.0 ** rng.uniform(-1.0, 1.5, 2000), 10.0 ** rng.uniform(-1.0, 3.0, 2000)
    power = rng.uniform(0.01, 1.0, 2000)

    def ratio(p: Array) -> Array:
        return np.asarray((1.0 + alpha * p) / np.log1p(snr * p))

    step = 1e-3 * power
    difference = (ratio(power + step) - 2.0 * ratio(power) + ratio(power - step)) / step**2
    apart = float(np.max(np.abs(curvature(alpha, snr, power) - difference) * power**2 / ratio(power)))
    below = float((curvature(np.minimum(alpha, safe / power), snr, power) < 0).mean())

    shares = []
    for gain, least, _ in CASES:
        ends = rng.uniform(least, 1.0, (2, 5000))
        values = [(1.0 + price * p) / np.log1p(gain * p) for p in (ends[0], ends[1], ends.mean(axis=0))]
        shares.append(float((values[2] > 0.5 * (values[0] + values[1]) * (1.0 + ROUNDING)).mean()))
    far = max(abs(share - known) for share, (_, _, known) in zip(shares, CASES, strict=True))
    bent, flat = _share_refuted(rng, dear), _share_refuted(rng, cheap)
    said = ", ".join(f"{share:.0%}" for share in shares)
    return all_of(
        Outcome(apart, 1e-4, f"second derivative against differences, 2000 users: differ by {scientific(apart)} of f/p²"),
        Outcome(below, 0.0, f"with αp at most 1 it is negative for {below:.0%} of 2000"),
        Outcome(
            far,
            0.03,
            f"α = 10: the midpoint is above the chord in {said} of 5000 pairs for g = 100, 1000, 10, 0.43",
            limit="within 3 points of 100%, 100%, 84%, 0%",
        ),
        Outcome(1.0 - bent, 0.95, f"energy dear: {bent:.0%} of 240 users have no convex ratio", limit="at least 5%"),
        Outcome(flat, 0.0, f"energy cheap: {flat:.0%}"),
    )


# ---------------------------------------------------------------------- 3: the epigraph, and Jong's method on it

Excess = Callable[[Array, Array, Array], Array]


def over_level(numerator: Array, denominator: Array, level: Array) -> Array:
    """Return A - beta B."""
    return np.asarray(numerator - level * denominator)


def check_epigraph(rng: Generator, over: Excess = over_level, preset: str = "paper") -> Outcome:
    """At one level the points below it form a convex set; over all levels together they do not."""
    outside, bent, pairs = 0.0, 0, 0
    for instance in slots(rng, 20, preset=preset):
        ratios = Ratios(instance, np.ones(6, dtype=np.int8))
        _, least, greatest = ratios.box
        ends = rng.uniform(least, greatest, (2, 300, 6))
        middle = 0.5 * (ends[0] + ends[1])
        numerator, denominator = ratios.sum.weighted_numerator, ratios.sum.denominator
        values = ratios.sum.ratios(ends)
        level = values.max(axis=0)  # both ends are at it or below
        above = over(numerator(middle), np.asarray(denominator(middle)), level)
        outside = max(outside, float(np.max(above / numerator(middle))))
        bent += int((ratios.sum.ratios(middle) > values.mean(axis=0) * (1.0 + ROUNDING)).sum())
        pairs += values[0].size
    share = bent / pairs
    text = f"midpoints of {pairs} pairs at or below a level: above it by {scientific(max(outside, 0.0))}"
    return all_of(
        Outcome(outside, ROUNDING, text),
        Outcome(
            1.0 if share == 0.0 else 0.0,
            0.0,
            f"pairs (p, f(p)): {share:.1%} of the midpoints are below the graph, outside the epigraph",
            limit="some",
        ),
    )


Level = Callable[[Ratios, Array, Array, Array], Array]


def water_level(ratios: Ratios, u: Array, beta: Array, price: Array) -> Array:
    """Return the minimiser of Jong's subproblem at a price of the limit."""
    part, least, greatest = ratios.box
    level = u * beta / (u * ratios.work * ratios.energy + price * part)
    return np.asarray(np.clip(level - 1.0, least, greatest))


def check_methods(
    rng: Generator,
    level: Level = water_level,
    damped: dict[str, Any] | None = None,
    undamped: dict[str, Any] | None = None,
    transform: dict[str, Any] | None = None,
    users: int = 10,
) -> Outcome:
    """The optimum is a fixed point of Jong's equation; damped it is found, undamped less; the transform needs no damping."""
    problem = slots(rng, 12, users)
    decision = modes(rng, problem)
    powers, dual = problem.closed_form(decision)
    limit_price = dual.interference_price * problem.interference_limit
    moved, found = 0.0, {"damped": 0, "undamped": 0, "transform": 0}
    iterations = []
    for k, instance in enumerate(problem):
        ratios = Ratios(instance, decision[k])
        members = decision[k] == 1
        x = (instance.coefficients().snr * powers.transmit_power[k])[members]
        b, a = np.log1p(x), ratios.sum.weighted_numerator(x)
        moved = max(moved, deviation(level(ratios, 1.0 / b, a / b, limit_price[k]), x))
        best = float(ratios.sum.value(x))
        runs = {
            "damped": ratios.jong(**{"damped": True, **(damped or {})}),
            "undamped": ratios.jong(**{"damped": False, **(undamped or {})}),
            "transform": ratios.transform(**(transform or {})),
        }
        for name, run in runs.items():
            found[name] += excess(run.value, best) <= FOUND
        iterations.append(runs["transform"].iterations)
    return all_of(
        Outcome(
            moved,
            1e-6,
            f"at the optimum's parameters the subproblem gives back the optimum, 12 decisions: {scientific(moved)}",
        ),
        Outcome(
            1.0 - found["damped"] / 12,
            0.35,
            f"Jong's method with damping finds the optimum of {found['damped']} of the 12",
            limit="at least 8",
        ),
        Outcome(
            found["undamped"] / 12,
            0.75,
            f"without damping, with full steps, it finds the optimum of {found['undamped']} of the 12",
            limit="at most 9: that full steps fail is the statement",
        ),
        Outcome(
            1.0 - found["transform"] / 12,
            0.0,
            f"the quadratic transform finds the optimum of {found['transform']} of the 12, in {min(iterations)} to "
            f"{max(iterations)} iterations",
            limit="all 12",
        ),
    )
