"""The numeric checks of the lesson on the computation rate; `lesson_solvers` and `lesson_alike` have the others.

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

from mecopt.lesson import Outcome, Pricing, all_of, best_value, core, deviation, excess, forcing, pricing, scientific
from mecopt.models.computation_rate.allocation import earning
from mecopt.models.computation_rate.exact import relaxation_price
from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice
from mecopt.solve import solve

Array = NDArray[Any]
Rate = Callable[[ComputationRate, Array, FrameTimes], Array]

ROUNDING = 1e-12


def frames(rng: Generator, count: int, users: int = 6) -> ComputationRate:
    """Draw frames of the paper's preset."""
    return ComputationRate.sample(rng, (count,), users=users)


def modes(rng: Generator, problem: ComputationRate) -> Array:
    """Draw modes in which somebody offloads and somebody computes locally."""
    decision = problem.decision_space.sample(rng, problem.batch_shape)
    decision[..., 0], decision[..., 1] = 1, 0
    return decision


def _times(rng: Generator, problem: ComputationRate, decision: Array) -> FrameTimes:
    """Draw times over two decades that fill the frame."""
    harvest = 10.0 ** rng.uniform(-2.0, 0.0, problem.batch_shape)
    offload = 10.0 ** rng.uniform(-2.0, 0.0, decision.shape) * decision
    total = harvest + offload.sum(axis=-1)
    return FrameTimes(harvest_time=harvest / total, offload_time=offload / total[..., None])


def _price(value: Any) -> TimePrice:
    return TimePrice(time_price=np.asarray(value))


# ---------------------------------------------------------------------- 1: the program


def rate_by_coefficients(problem: ComputationRate, decision: Array, times: FrameTimes) -> Array:
    """Return the sum of A a^(1/3) over local users and of w e tau ln(1 + g a / tau) over offloading ones."""
    local, gain, worth = problem.coefficients()
    harvest, offload = times.harvest_time[..., None], np.where(decision == 1, times.offload_time, 1.0)
    offloaded = worth * offload * np.log1p(gain * harvest / offload)
    return np.asarray(np.where(decision == 1, offloaded, local * harvest ** (1.0 / 3.0)).sum(axis=-1))


def check_program(rng: Generator, rate: Rate = rate_by_coefficients) -> Outcome:
    """Three coefficients a user are harvested energy, CPU speed and Shannon rate."""
    problem = frames(rng, 200)
    decision = modes(rng, problem)
    times = _times(rng, problem, decision)
    apart = deviation(rate(problem, decision, times), problem.objective(decision, times))
    text = f"A, g, W against energy, CPU speed and Shannon rate spelled out, 200 frames: differ by {scientific(apart)}"
    return Outcome(apart, ROUNDING, text)


# ---------------------------------------------------------------------- 2: perspectives are concave


def check_concavity(rng: Generator, rate: Rate = ComputationRate.objective) -> Outcome:
    """The rate of a mode is concave, and of degree 1 in the times where all offload, of degree 1/3 where none does."""
    problem = frames(rng, 2000)
    decision = modes(rng, problem)
    one, other = _times(rng, problem, decision), _times(rng, problem, decision)
    between = FrameTimes(
        harvest_time=0.5 * (one.harvest_time + other.harvest_time),
        offload_time=0.5 * (one.offload_time + other.offload_time),
    )
    chord = 0.5 * (rate(problem, decision, one) + rate(problem, decision, other))
    dent = excess(chord, rate(problem, decision, between))
    factor = rng.uniform(0.1, 1.0, problem.batch_shape)
    apart = 0.0
    for side, degree in ((1, 1.0), (0, 1.0 / 3.0)):
        alike = np.full_like(decision, side)
        times = _times(rng, problem, alike)
        shorter = FrameTimes(harvest_time=factor * times.harvest_time, offload_time=factor[:, None] * times.offload_time)
        apart = max(apart, deviation(rate(problem, alike, shorter), factor**degree * rate(problem, alike, times)))
    return all_of(
        Outcome(dent, ROUNDING, f"midpoints of 2000 pairs of frames: below their chord by {scientific(dent)}"),
        Outcome(apart, ROUNDING, f"frames shortened: rate against degree 1 and 1/3: differ by {scientific(apart)}"),
    )


# ---------------------------------------------------------------------- 5: what a user earns at a price of time

Earning = Callable[[Array, Array, Array], Array]


def check_earning(rng: Generator, earned: Earning = earning) -> Outcome:
    """C is the supremum over the user's time, and its logarithm is Lambert's W."""
    from scipy.optimize import minimize_scalar
    from scipy.special import lambertw

    gain, worth = 10.0 ** rng.uniform(-1.0, 3.0, 60), 10.0 ** rng.uniform(-1.0, 1.0, 60)
    price = worth * 10.0 ** rng.uniform(-2.0, 1.0, 60)
    suprema = []
    for g, w, nu in zip(gain, worth, price, strict=True):

        def loss(logarithm: float, g: float = g, w: float = w, nu: float = nu) -> float:
            time = g * np.exp(logarithm)
            return float(nu * time - w * time * np.log1p(g / time))

        suprema.append(-minimize_scalar(loss, bounds=(-15.0, 10.0), method="bounded", options={"xatol": 1e-9}).fun)
    apart = deviation(earned(gain, worth, price), suprema)
    closed = worth * gain * -lambertw(-np.exp(-1.0 - price / worth)).real
    lambert = deviation(earned(gain, worth, price), closed)
    return all_of(
        Outcome(apart, 1e-9, f"C against a numeric search over τ, 60 users and prices: differ by {scientific(apart)}"),
        Outcome(lambert, 1e-9, f"C against Lambert's W: differ by {scientific(lambert)}"),
    )


# ---------------------------------------------------------------------- 6: one price settles a mode

Closed = Callable[[ComputationRate, Array], tuple[FrameTimes, TimePrice]]


Longer = Callable[[ComputationRate, float, float], ComputationRate]


def longer_frame(problem: ComputationRate, length: float, running: float) -> ComputationRate:
    """Return a problem whose rates are the bits where a and all tau have the time `length`, and CPUs run for `running`.

    In parts of the length a user harvests `length` times as much and sends `length` times as long. A CPU that spends E
    computes cbrt(E / (k running)) running / phi bits: A is to grow with length^(1/3) running^(2/3), and W with length.
    """
    capacitance = problem.capacitance * (length / running) ** 2
    return replace(problem, weight=problem.weight * length, capacitance=capacitance)


def check_mode_price(rng: Generator, closed: Closed = ComputationRate.closed_form, longer: Longer = longer_frame) -> Outcome:
    """The price is every marginal rate of time, the derivative in the time to harvest and send, and Euler's sum."""
    problem = frames(rng, 50)
    decision = modes(rng, problem)
    times, dual = closed(problem, decision)
    price, step = dual.time_price, 1e-5
    amount = np.concatenate([times.harvest_time[:, None], times.offload_time], axis=1)

    def rates(change: float) -> Array:
        """Return the rate with every one of the times changed alone."""
        changed = amount[:, None, :] * (1.0 + change * np.eye(problem.users + 1))
        candidates = np.broadcast_to(decision[:, None, :], changed[..., 1:].shape)
        return problem.objective(candidates, FrameTimes(harvest_time=changed[..., 0], offload_time=changed[..., 1:]))

    # A user's time may be too short for its slope to show beside the whole rate, so changes are compared, not slopes.
    change = (rates(step) - rates(-step)) / (2.0 * step)
    missed = float(np.max(np.abs(change - price[:, None] * amount) / problem.objective(decision, times)[:, None]))

    def bits(length: float, running: float) -> Array:
        changed = longer(problem, length, running)
        return changed.objective(decision, closed(changed, decision)[0])

    rate = bits(1.0, 1.0)
    sending = deviation((bits(1.0 + step, 1.0) - bits(1.0 - step, 1.0)) / (2.0 * step), price)
    whole = deviation((bits(1.0 + step, 1.0 + step) - bits(1.0 - step, 1.0 - step)) / (2.0 * step), rate)
    local = (np.where(decision == 1, 0.0, problem.coefficients().local) * np.cbrt(times.harvest_time)[:, None]).sum(axis=-1)
    euler = deviation(local / 3.0 + (rate - local), price)
    return all_of(
        Outcome(
            missed, 1e-8, f"a and every τ moved, 50 modes: the rate moves by ν times as much, up to {scientific(missed)}"
        ),
        Outcome(
            sending,
            1e-8,
            f"slope in the time to harvest and send alone, against ν: differ by {scientific(sending)}",
        ),
        Outcome(
            whole, 1e-8, f"slope in the frame's length, CPUs running on, against the rate: differ by {scientific(whole)}"
        ),
        Outcome(euler, 1e-9, f"a third of the local rate plus the offloaded one against ν: differ by {scientific(euler)}"),
    )


# ---------------------------------------------------------------------- 7: any price bounds all modes

Bound = Callable[[ComputationRate, TimePrice], Array]


def check_any_price_bounds(rng: Generator, bound: Bound = ComputationRate.relaxed_bound) -> Outcome:
    """No price gives a bound below the best mode, and one pass over sorted thresholds finds the inner maximum."""
    problem = frames(rng, 20)
    best = best_value(problem)
    at_best = problem.relaxed_dual().time_price
    beaten, nearest, apart = 0.0, np.full(20, np.inf), 0.0
    for width in np.linspace(0.0, 2.0, 50):
        price = at_best * 10.0 ** rng.uniform(-width, width, 20)
        proved = bound(problem, _price(price))
        beaten, nearest = max(beaten, excess(best, proved)), np.minimum(nearest, proved / best)
        apart = max(apart, deviation(proved[:2], [_by_grid(problem[i], price[i]) for i in range(2)]))
    return all_of(
        Outcome(
            beaten,
            ROUNDING,
            f"1000 prices over 4 decades, 20 frames: below the best of 64 modes by {scientific(beaten)}; "
            f"the best price proves {nearest.mean() - 1.0:.2%} above the optimum on average",
        ),
        Outcome(apart, 1e-6, f"one pass against a grid of 20,001 times a, 100 prices: differ by {scientific(apart)}"),
    )


def _by_grid(problem: ComputationRate, price: float) -> float:
    """Return the Lagrangian's maximum over a grid of cube roots of a: no sorting, no formula of the peak."""
    return float(_on_grid(problem, price)[1].max())


def _on_grid(problem: ComputationRate, price: float) -> tuple[Array, Array]:
    root, local, offloaded = _sides_on_grid(problem, price)
    return root, price * (1.0 - root**3) + np.maximum(local, offloaded).sum(axis=0)


def _sides_on_grid(problem: ComputationRate, price: float) -> tuple[Array, Array, Array]:
    """Return a grid of cube roots of a, and what every user earns locally and by offloading, ``(users, grid)``."""
    root = np.linspace(0.0, 1.0, 20_001)
    return root, problem.coefficients().local[:, None] * root, earned_by_lambert(problem, price)[:, None] * root**3


def earned_by_lambert(problem: ComputationRate, price: float) -> Array:
    """Return C of every user by Lambert's W."""
    from scipy.special import lambertw

    _, gain, worth = problem.coefficients()
    return np.asarray(worth * gain * -lambertw(-np.exp(-1.0 - price / worth)).real)


# ---------------------------------------------------------------------- 8: the best price

Left = Callable[[ComputationRate, float], float]


def time_left(problem: ComputationRate, price: float) -> float:
    """Return 1 - a - sum(tau) of the Lagrangian's maximiser, searched over a grid of cube roots of a, then refined."""
    from scipy.optimize import brentq

    local, gain, worth = problem.coefficients()
    earned = earned_by_lambert(problem, price)
    root, value = _on_grid(problem, price)
    offloads = earned * root[value.argmax()] ** 2 >= local
    kept, net = local[~offloads].sum(), price - earned[offloads].sum()
    harvest = 1.0 if 3.0 * net <= kept else (kept / (3.0 * net)) ** 1.5
    snr = [brentq(lambda u, w=w: u + np.exp(-u) - 1.0 - price / w, 0.0, 2.0 + price / w, xtol=1e-14) for w in worth]
    return float(1.0 - harvest * (1.0 + (gain / np.expm1(snr))[offloads].sum()))


def check_best_price(
    rng: Generator,
    price: Callable[[ComputationRate], Array] = relaxation_price,
    bound: Bound = ComputationRate.relaxed_bound,
    left: Left = time_left,
) -> Outcome:
    """The bound is convex in the price, its slope is the time left over, the search finds its minimum; the gap is small."""
    from scipy.optimize import minimize_scalar

    problem = frames(rng, 20)
    around = problem.relaxed_dual().time_price
    dent = 0.0
    for _ in range(50):
        one, other = around * 10.0 ** rng.uniform(-1.0, 1.0, (2, 20))
        chord = 0.5 * (bound(problem, _price(one)) + bound(problem, _price(other)))
        dent = max(dent, excess(bound(problem, _price(0.5 * (one + other))), chord))

    missed, step = 0.0, 1e-6
    for width in np.linspace(-1.0, 1.0, 10):
        at = around * 10.0**width * rng.uniform(0.9, 1.1, 20)
        change = bound(problem, _price(at * (1.0 + step))) - bound(problem, _price(at * (1.0 - step)))
        slope = np.array([left(instance, nu) for instance, nu in zip(problem, at, strict=True)])
        missed = max(missed, float(np.max(np.abs(change / (2.0 * step * at) - slope) / (1.0 + np.abs(slope)))))

    searched = [
        minimize_scalar(
            lambda y, one=one: float(one.relaxed_bound(_price(np.exp(y)))),
            bounds=np.log(centre) + np.array([-2.0, 2.0]),
            method="bounded",
            options={"xatol": 1e-12},
        ).fun
        for one, centre in zip(problem, around, strict=True)
    ]
    over = excess(problem.relaxed_bound(_price(price(problem))), searched)
    gaps = {}
    for users in (5, 10, 20, 30):
        some = frames(rng, 20, users)
        gaps[users] = float((some.relaxed_bound(_price(price(some))) / solve(some).objective - 1.0).mean())
    said = ", ".join(f"{gap:.2%} of {users} users" for users, gap in gaps.items())
    return all_of(
        Outcome(dent, ROUNDING, f"midpoints of 1000 pairs of prices: above their chord by {scientific(dent)}"),
        Outcome(missed, 1e-6, f"slope of L against the time left over, 200 prices: differ by {scientific(missed)}"),
        Outcome(over, 1e-9, f"bound at the price found against a numeric search, 20 frames: above by {scientific(over)}"),
        Outcome(
            gaps[30], 0.01, f"gap left at the best price, mean of 20 frames each: {said}", limit="at most 1% of 30 users"
        ),
    )


# ---------------------------------------------------------------------- 9: reduced costs


def check_reduced_costs(rng: Generator, priced: Callable[[ComputationRate], Pricing] = pricing) -> Outcome:
    """Forcing a user lowers the bound to L_i, so who is fixed is fixed safely; few are left."""
    instances = frames(rng, 20)
    apart = 0.0
    for instance in instances:
        found = priced(instance)
        forced = _forced_bounds(instance, float(relaxation_price(instance)), found.relaxed)
        apart = max(apart, deviation(-(found.bound + found.slack), forced))
    left = {users: core(frames(rng, 20, users), priced) for users in (10, 30, 100)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    text = f"users left to search, on average: {said}"
    return all_of(
        Outcome(apart, 1e-6, f"120 users forced: L_i(ν) against a grid of 20,001 times a: differ by {scientific(apart)}"),
        *forcing(instances, priced).parts,
        Outcome(left[100] / 100, 0.05, text, limit="at most 5 of 100"),
    )


def _forced_bounds(problem: ComputationRate, price: float, relaxed: Array) -> Array:
    """Return for every user the Lagrangian's maximum where it alone is not where the relaxation has it."""
    root, local, offloaded = _sides_on_grid(problem, price)
    best = np.maximum(local, offloaded)
    other = np.where(relaxed[:, None] == 1, local, offloaded)
    return np.asarray((price * (1.0 - root**3) + best.sum(axis=0) - best + other).max(axis=-1))
