"""The numeric checks of the lesson on bandwidth and power up to a decision's allocation; `prices` has those on prices.

Every check takes the formula it examines as an argument, by default the one the package computes with, and measures it
against an oracle that does not share code with it. A wrong formula must make it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, deviation, excess, scientific
from mecopt.models.bandwidth_power.allocation import power_per_band, transmission
from mecopt.models.bandwidth_power.problem import BandwidthPower
from mecopt.models.bandwidth_power.variables import Transmission

Array = NDArray[Any]

ROUNDING = 1e-12
TIGHT = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-9)
"""Clarabel's tolerances: at its own of 1e-8 what a point may violate moves the value by parts of 1e-6."""


def instances(rng: Generator, count: int, users: int = 6) -> BandwidthPower:
    """Draw instances of the preset in which users differ, and some budgets bind."""
    return BandwidthPower.sample(rng, (count,), preset="heterogeneous", users=users)


def decisions(rng: Generator, problem: BandwidthPower) -> Array:
    """Draw decisions in which two thirds of the users that can offload do, the one with the best budget always."""
    ceiling = problem.terms().ceiling
    offloading = (rng.random(ceiling.shape) < 0.67) & (ceiling > 0)
    np.put_along_axis(offloading, ceiling.argmax(axis=-1)[..., None], True, axis=-1)
    return offloading.astype(np.int8)


def _sent(rng: Generator, problem: BandwidthPower, decision: Array) -> Transmission:
    """Draw bands over two decades that fill the whole band, and powers of a tenth of the best ones at least."""
    band = 10.0 ** rng.uniform(-2.0, 0.0, decision.shape) * decision
    band *= problem.bandwidth[..., None] / band.sum(axis=-1, keepdims=True)
    best = transmission(problem, decision, band)
    return Transmission(band=band, power=best.power * rng.uniform(0.1, 1.0, decision.shape))


# ---------------------------------------------------------------------- 1: the program

Cost = Callable[[BandwidthPower, Array, Transmission], Array]


def cost_by_terms(problem: BandwidthPower, decision: Array, sent: Transmission) -> Array:
    """Return the sum of L over local users and of S + c / (b ln(1 + g q / b)) over offloading ones, q = p / P."""
    terms = problem.terms()
    band = np.where(decision == 1, sent.band, 1.0)
    rate = band * np.log1p(terms.reach * sent.power / problem.max_power / band)
    uploaded = terms.server + terms.work / np.where(decision == 1, rate, 1.0)
    return np.asarray(np.where(decision == 1, uploaded, terms.local).sum(axis=-1))


def check_program(rng: Generator, cost: Cost = cost_by_terms) -> Outcome:
    """Four coefficients a user are the latencies and Shannon's rate."""
    problem = instances(rng, 200)
    decision = decisions(rng, problem)
    sent = _sent(rng, problem, decision)
    apart = deviation(cost(problem, decision, sent), problem.objective(decision, sent))
    text = f"L, S, c, g against latencies and Shannon's rate spelled out, 200 instances: differ by {scientific(apart)}"
    return Outcome(apart, ROUNDING, text)


# ---------------------------------------------------------------------- 2: the rate is a perspective

Rate = Callable[[BandwidthPower, Array, Array], Array]


def shannon_rate(problem: BandwidthPower, band: Array, power: Array) -> Array:
    """Return b log2(1 + h p / (N0 b)) in bit/s."""
    return np.asarray(band * np.log2(1.0 + problem.channel_gain * power / (problem.noise_density[..., None] * band)))


def check_perspective(rng: Generator, rate: Rate = shannon_rate) -> Outcome:
    """The rate is concave in band and power together, and of degree 1; the time to upload is convex."""
    problem = instances(rng, 1000)
    everyone = np.ones(problem.channel_gain.shape, dtype=np.int8)
    (b1, p1), (b2, p2) = (
        (problem.bandwidth[:, None] * 10.0 ** rng.uniform(-3.0, 0.0, everyone.shape), 10.0 ** rng.uniform(-2.0, 0.0, b))
        for b in (everyone.shape, everyone.shape)
    )
    middle = rate(problem, 0.5 * (b1 + b2), 0.5 * (p1 + p2))
    one, other = rate(problem, b1, p1), rate(problem, b2, p2)
    dent = excess(0.5 * (one + other), middle)
    factor = rng.uniform(0.1, 1.0, everyone.shape)
    apart = deviation(rate(problem, factor * b1, factor * p1), factor * one)
    size = problem.data_size
    bump = excess(size / middle, 0.5 * (size / one + size / other))
    return all_of(
        Outcome(dent, ROUNDING, f"midpoints of 6000 pairs (b, p): the rate is below its chord by {scientific(dent)}"),
        Outcome(apart, ROUNDING, f"b and p shrunk alike: the rate against degree 1: differ by {scientific(apart)}"),
        Outcome(bump, ROUNDING, f"the same midpoints: D/r is above its chord by {scientific(bump)}"),
    )


# ---------------------------------------------------------------------- 3: the budget

Overspent = Callable[[BandwidthPower, Array, Array], Array]


def overspent(problem: BandwidthPower, band: Array, power: Array) -> Array:
    """Return p D - E r, which is at most 0 within the budget."""
    return np.asarray(power * problem.data_size - problem.energy_budget * shannon_rate(problem, band, power))


def check_budget(
    rng: Generator,
    over: Overspent = overspent,
    cap: Callable[[BandwidthPower], Array] = power_per_band,
    able: Callable[[BandwidthPower], Array] = lambda problem: problem.terms().ceiling > 0,
) -> Outcome:
    """The budget is a convex constraint, and a cap on the SNR; who cannot send at any power is told by one comparison."""
    problem = instances(rng, 1000)
    shape = problem.channel_gain.shape

    def energy(band: Array, power: Array) -> Array:
        return np.asarray(power * problem.data_size / shannon_rate(problem, band, power))

    (b1, b2), (p1, p2) = (
        problem.bandwidth[:, None] * 10.0 ** rng.uniform(-3.0, 0.0, (2, *shape)),
        10.0 ** rng.uniform(-2.0, 0.0, (2, *shape)),
    )
    one, other, middle = over(problem, b1, p1), over(problem, b2, p2), over(problem, 0.5 * (b1 + b2), 0.5 * (p1 + p2))
    bump = float(np.max((middle - 0.5 * (one + other)) / (np.abs(one) + np.abs(other))))

    can = problem.terms().ceiling > 0
    power = cap(problem) * b1
    apart = deviation(energy(b1, np.where(can, power, 1.0))[can], problem.energy_budget[can])

    tiny = 1e-6 * problem.noise_density[:, None] * b1 / problem.channel_gain  # at an SNR of 1e-6
    wrong = float((able(problem) != (energy(b1, tiny) <= problem.energy_budget)).sum())
    hopeless = int((~can).sum())
    return all_of(
        Outcome(
            bump, ROUNDING, f"midpoints of 6000 pairs (b, p): pD − Er is above its chord by {scientific(max(bump, 0.0))}"
        ),
        Outcome(apart, 1e-9, f"energy at the SNR u^E allows, against E, {can.sum()} users: differ by {scientific(apart)}"),
        Outcome(
            wrong, 0.0, f"E > D N₀ ln 2/h tells who can send at an SNR of 10⁻⁶ ({hopeless} cannot): wrong for {wrong:g}"
        ),
    )


# ---------------------------------------------------------------------- 4: what a solver sees


def check_solver(rng: Generator, program: Callable[[BandwidthPower, Array], Any] = BandwidthPower.to_cvxpy) -> Outcome:
    """The program as it stands follows the rules of convexity, and a solver of cones finds the closed form's value."""
    problem = instances(rng, 6)
    decision = decisions(rng, problem)
    broken, values, binding = 0, [], 0
    for instance, one in zip(problem, decision, strict=True):
        written = program(instance, one)
        broken += not written.is_dcp()
        values.append(written.solve(solver="CLARABEL", **TIGHT) if written.is_dcp() else np.nan)
        power = instance.closed_form(one)[0].power
        binding += int(((power < instance.max_power * (1 - 1e-9)) & (one == 1)).sum())
    apart = deviation(values, problem.optimal_value(decision))
    return all_of(
        Outcome(float(broken), 0.0, f"6 programs with the budgets as pD ≤ Er: {broken} break the rules of convexity"),
        Outcome(
            apart,
            1e-6,
            f"Clarabel's value against the closed form, {binding} powers below their cap: differ by {scientific(apart)}",
        ),
    )


# ---------------------------------------------------------------------- 6: power is eliminated

Reached = Callable[[BandwidthPower, Array], Array]


def reached_rate(problem: BandwidthPower, band: Array) -> Array:
    """Return R(b) = b min(u^E, ln(1 + g/b)) in nat/s."""
    terms = problem.terms()
    return np.asarray(band * np.minimum(terms.ceiling, np.log1p(terms.reach / band)))


def check_elimination(rng: Generator, reached: Reached = reached_rate) -> Outcome:
    """R is the best rate within cap and budget, by a search for the power; it is concave in the band."""
    from scipy.optimize import brentq

    problem = instances(rng, 40)
    able = problem.terms().ceiling > 1e-3
    band, other = problem.bandwidth[:, None] * 10.0 ** rng.uniform(-3.0, 0.0, (2, *able.shape))
    best = np.zeros(able.shape)
    for k, i in np.argwhere(able):
        gain, b, most = problem.channel_gain[k, i], band[k, i], problem.max_power[k, i]
        noise, size, budget = problem.noise_density[k] * b, problem.data_size[k, i], problem.energy_budget[k, i]

        def left(p: float, gain: float = gain, b: float = b, noise: float = noise, ask: float = size / budget) -> float:
            return float(b * np.log2(1.0 + gain * p / noise) / (p * ask) - 1.0)

        power = most if left(most) >= 0.0 else brentq(left, 1e-6 * noise / gain, most, xtol=1e-30, rtol=1e-14)
        best[k, i] = b * np.log(1.0 + gain * power / noise)
    apart = deviation(reached(problem, band)[able], best[able])
    chord = 0.5 * (reached(problem, band) + reached(problem, other))
    dent = excess(chord[able], reached(problem, 0.5 * (band + other))[able])
    return all_of(
        Outcome(apart, 1e-9, f"R(b) against a search for the best power, {able.sum()} users: differ by {scientific(apart)}"),
        Outcome(dent, ROUNDING, f"midpoints of as many pairs of bands: R is below its chord by {scientific(dent)}"),
    )
