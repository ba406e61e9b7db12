"""The numeric checks of the lesson on the computation rate.

Every check takes the formula it examines as an argument, by default the one the package computes with, and measures it
against an oracle that does not share code with it. A wrong formula must make it fail.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import (
    Outcome,
    Pricing,
    all_of,
    best_value,
    core,
    deviation,
    excess,
    forcing,
    pricing,
    scientific,
)
from mecopt.models.computation_rate.allocation import earning
from mecopt.models.computation_rate.exact import relaxation_price
from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice
from mecopt.solve import solve

Array = NDArray[Any]
Rate = Callable[[ComputationRate, Array, FrameTimes], Array]

ROUNDING = 1e-12
SOLVER = 1e-6
"""Relative error that a conic solver may leave."""
MBIT = 1e6


def _frames(rng: Generator, count: int, users: int = 6) -> ComputationRate:
    return ComputationRate.sample(rng, (count,), users=users)


def _modes(rng: Generator, problem: ComputationRate) -> Array:
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
    """Two coefficients a user are harvested energy, CPU speed and Shannon rate."""
    problem = _frames(rng, 200)
    decision = _modes(rng, problem)
    times = _times(rng, problem, decision)
    apart = deviation(rate(problem, decision, times), problem.objective(decision, times))
    text = f"A, g, W against energy, CPU speed and Shannon rate spelled out, 200 frames: differ by {scientific(apart)}"
    return Outcome(apart, ROUNDING, text)


# ---------------------------------------------------------------------- 2: perspectives are concave


def check_concavity(rng: Generator, rate: Rate = ComputationRate.objective) -> Outcome:
    """The rate of a mode is concave, and of degree 1 in the times where all offload, of degree 1/3 where none does."""
    problem = _frames(rng, 2000)
    decision = _modes(rng, problem)
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


# ---------------------------------------------------------------------- 3: cones

Root = Callable[[Any], tuple[Any, list[Any]]]


def cube_root(harvest: Any) -> tuple[Any, list[Any]]:
    """Return t with t^3 <= a by two second-order cones: t^2 <= r and r^2 <= a t."""
    import cvxpy as cp

    root, square = cp.Variable(), cp.Variable()
    return root, [
        cp.SOC(square + 1.0, cp.hstack([2.0 * root, square - 1.0])),
        cp.SOC(harvest + root, cp.hstack([2.0 * square, harvest - root])),
    ]


def by_cones(problem: ComputationRate, decision: Array, root: Root = cube_root) -> float:
    """Return the best rate of one mode by a program of cones alone, solved by Clarabel in Mbit/s."""
    import cvxpy as cp

    users = np.flatnonzero(decision == 1)
    local, gain, worth = problem.coefficients()
    harvest, offload, offloaded = cp.Variable(), cp.Variable(users.size), cp.Variable(users.size)
    power, cones = root(harvest)
    cones = [*cones, cp.ExpCone(offloaded, offload, offload + gain[users] * harvest), harvest + cp.sum(offload) <= 1.0]
    kept = local[decision == 0].sum() / MBIT
    program = cp.Problem(cp.Maximize(kept * power + (worth[users] / MBIT) @ offloaded), cones)
    return float(program.solve(solver="CLARABEL")) * MBIT


def check_cones(rng: Generator, root: Root = cube_root) -> Outcome:
    """The program of cones has the value of the closed form."""
    problem = _frames(rng, 8)
    decision = _modes(rng, problem)
    conic = [by_cones(instance, x, root) for instance, x in zip(problem, decision, strict=True)]
    apart = deviation(problem.optimal_value(decision), conic)
    return Outcome(
        apart, SOLVER, f"price search against the cones by another solver, 8 modes: differ by {scientific(apart)}"
    )


# ---------------------------------------------------------------------- 4: scaling and parameters


class _Parametric:
    """The mode's program of 5 offloading users with its data as parameters, in any unit of rate."""

    def __init__(self, *, auxiliary: bool) -> None:
        import cvxpy as cp

        self.local, self.gain, self.worth = (
            cp.Parameter(nonneg=True),
            cp.Parameter(5, nonneg=True),
            cp.Parameter(5, nonneg=True),
        )
        harvest, offload, received = cp.Variable(nonneg=True), cp.Variable(5, nonneg=True), cp.Variable(5)
        frame = [harvest + cp.sum(offload) <= 1.0]
        if auxiliary:
            entropy = self.worth @ cp.rel_entr(offload, offload + received)
            frame.append(received == self.gain * harvest)
        else:
            entropy = self.worth @ cp.rel_entr(offload, offload + self.gain * harvest)
        self.program = cp.Problem(cp.Maximize(self.local * cp.power(harvest, 1 / 3) - entropy), frame)

    def solve(self, problem: ComputationRate, unit: float) -> float:
        """Return what ECOS finds for one frame in which every other user offloads, or nan where it finds nothing."""
        import cvxpy as cp

        local, gain, worth = problem.coefficients()
        self.local.value, self.gain.value, self.worth.value = local[::2].sum() / unit, gain[1::2], worth[1::2] / unit
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value = self.program.solve(solver="ECOS")
            except cp.error.SolverError:
                return np.nan
        return float(value) * unit if self.program.status == "optimal" else np.nan


def check_scaling(rng: Generator, unit: float = MBIT) -> Outcome:
    """ECOS fails on rates in bit/s and solves the same frames in Mbit/s; one auxiliary variable keeps the program DPP."""
    batch = _frames(rng, 20, 10)
    best = batch.optimal_value(np.tile(np.arange(10) % 2, (20, 1)).astype(np.int8))
    program, naive = _Parametric(auxiliary=True), _Parametric(auxiliary=False)

    def solved(in_unit: float) -> int:
        found = np.array([program.solve(instance, in_unit) for instance in batch])
        return int((np.abs(found / best - 1.0) <= SOLVER).sum())

    raw, scaled = solved(1.0), solved(unit)
    wrong = float(not program.program.is_dpp()) + float(naive.program.is_dpp())
    return all_of(
        Outcome(1.0 - scaled / 20, 0.25, f"ECOS solves {scaled} of 20 frames in Mbit/s"),
        Outcome(raw / 20, 0.5, f"and {raw} of the same 20 in bit/s"),
        Outcome(
            wrong, 0.0, "DPP with y = g a as a variable, not without" if wrong == 0.0 else "the rules of DPP have changed"
        ),
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


def check_mode_price(rng: Generator, closed: Closed = ComputationRate.closed_form) -> Outcome:
    """The price is every marginal rate of time, the derivative in the frame's length, and Euler's sum."""
    problem = _frames(rng, 50)
    decision = _modes(rng, problem)
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

    def frame(length: float) -> Array:
        # In a frame of length T every worth is T times as large and a local rate T^(1/3) times: k must grow with T^2.
        longer = replace(problem, weight=problem.weight * length, capacitance=problem.capacitance * length**2)
        return longer.objective(decision, closed(longer, decision)[0])

    grown = deviation((frame(1.0 + step) - frame(1.0 - step)) / (2.0 * step), price)
    local = (np.where(decision == 1, 0.0, problem.coefficients().local) * np.cbrt(times.harvest_time)[:, None]).sum(axis=-1)
    euler = deviation(local / 3.0 + (frame(1.0) - local), price)
    return all_of(
        Outcome(
            missed, 1e-8, f"a and every τ moved, 50 modes: the rate moves by ν times as much, up to {scientific(missed)}"
        ),
        Outcome(grown, 1e-8, f"slope in the frame's length against ν: differ by {scientific(grown)}"),
        Outcome(euler, 1e-9, f"a third of the local rate plus the offloaded one against ν: differ by {scientific(euler)}"),
    )


# ---------------------------------------------------------------------- 7: any price bounds all modes

Bound = Callable[[ComputationRate, TimePrice], Array]


def check_any_price_bounds(rng: Generator, bound: Bound = ComputationRate.relaxed_bound) -> Outcome:
    """No price gives a bound below the best mode, and one pass over sorted thresholds finds the inner maximum."""
    problem = _frames(rng, 20)
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
    from scipy.special import lambertw

    local, gain, worth = problem.coefficients()
    earned = worth * gain * -lambertw(-np.exp(-1.0 - price / worth)).real
    root = np.linspace(0.0, 1.0, 20_001)
    value = price * (1.0 - root**3)
    for kept, offloaded in zip(local, earned, strict=True):
        value += np.maximum(kept * root, offloaded * root**3)
    return float(value.max())


# ---------------------------------------------------------------------- 8: the best price


def check_best_price(rng: Generator, price: Callable[[ComputationRate], Array] = relaxation_price) -> Outcome:
    """The bound is convex in the price; the price search finds its minimum; the gap that is left is measured."""
    from scipy.optimize import minimize_scalar

    problem = _frames(rng, 20)
    around = problem.relaxed_dual().time_price
    dent = 0.0
    for _ in range(50):
        one, other = around * 10.0 ** rng.uniform(-1.0, 1.0, (2, 20))
        chord = 0.5 * (problem.relaxed_bound(_price(one)) + problem.relaxed_bound(_price(other)))
        dent = max(dent, excess(problem.relaxed_bound(_price(0.5 * (one + other))), chord))
    found = problem.relaxed_bound(_price(price(problem)))
    searched = [
        minimize_scalar(
            lambda y, one=one: float(one.relaxed_bound(_price(np.exp(y)))),
            bounds=np.log(centre) + np.array([-2.0, 2.0]),
            method="bounded",
            options={"xatol": 1e-12},
        ).fun
        for one, centre in zip(problem, around, strict=True)
    ]
    over = excess(found, searched)
    gaps = {}
    for users in (5, 10, 20, 30):
        frames = _frames(rng, 20, users)
        gaps[users] = float((frames.relaxed_bound(_price(price(frames))) / solve(frames).objective - 1.0).mean())
    said = ", ".join(f"{gap:.2%} of {users} users" for users, gap in gaps.items())
    return all_of(
        Outcome(dent, ROUNDING, f"midpoints of 1000 pairs of prices: above their chord by {scientific(dent)}"),
        Outcome(over, 1e-9, f"bound at the price found against a numeric search, 20 frames: above by {scientific(over)}"),
        Outcome(gaps[30], 0.01, f"gap left at the best price, mean of 20 frames each: {said}"),
    )


# ---------------------------------------------------------------------- 9: reduced costs


def check_reduced_costs(rng: Generator, priced: Callable[[ComputationRate], Pricing] = pricing) -> Outcome:
    """Forcing a user lowers the bound by its reduced cost at least, so who is fixed is fixed safely; few are left."""
    forced = forcing(_frames(rng, 20), priced)
    left = {users: core(_frames(rng, 20, users), priced) for users in (10, 30, 100)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    return all_of(*forced.parts, Outcome(left[100] / 100, 0.05, f"users left to search, on average: {said}"))


# ---------------------------------------------------------------------- 10: users that are alike


def check_alike(rng: Generator, spread: float = 1e-3) -> Outcome:
    """Users that are nearly identical leave a gap that grows with their number, and nobody is fixed; search still proves."""
    gaps = {}
    for users in (4, 7, 10):
        alike = _alike(rng, users, spread)
        best = best_value(alike)
        gaps[users] = float((alike.relaxed_bound(alike.relaxed_dual()) / best - 1.0).mean())
    left = core(alike)
    apart = deviation(solve(alike).objective, best)
    said = ", ".join(f"{gap:.1%} of {users}" for users, gap in gaps.items())
    return all_of(
        Outcome(max(gaps[4] / gaps[7], gaps[7] / gaps[10]), 1.0, f"gains within 0.1 %: gap of the root {said} users"),
        Outcome(1.0 - left / 10, 0.5, f"users left to search: {left:.1f} of 10"),
        Outcome(apart, 1e-9, f"the search's optimum against enumeration: differ by {scientific(apart)}"),
    )


def _alike(rng: Generator, users: int, spread: float) -> ComputationRate:
    gain = 3e-6 * np.exp(spread * rng.standard_normal((4, users)))
    return ComputationRate(channel_gain=gain, weight=1.0)
