"""The numeric checks of the lesson on inference queues.

Every check takes the formula it examines as an argument, by default the one the package computes with, and measures it
against an oracle that does not share code with it. A wrong formula must make it fail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.arrays import plain
from mecopt.lesson import Outcome, all_of, deviation, excess, scientific
from mecopt.models.inference_queue import exact, terms
from mecopt.models.inference_queue.allocation.pieces import piece_costs
from mecopt.models.inference_queue.compiled import piece as compiled
from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

ROUNDING = 1e-9
GRID = 1e-3
"""What a grid of 4,000 numbers of cycles leaves."""
MOST = 5
"""Tasks that can leave in a block with the presets' constants."""


def drawn(rng: Generator, count: int, **given: Any) -> InferenceQueue:
    """Draw single devices."""
    return InferenceQueue.sample(rng, (count,), users=1, **given)


def numbers(problem: InferenceQueue) -> tuple[Array, ...]:
    """Return A, the most local work, L, R and the most that is offloaded of single devices, ``(count)`` each."""
    cube, local, nats, slope, reach = terms.rows(problem)[:, 0].T
    snr = problem.snr_per_watt[:, 0]
    return cube, local, nats, slope / snr / nats, np.minimum(np.log1p(reach * snr) / nats, 1.0)


# ---------------------------------------------------------------------- 1: equal rates

Energy = Callable[[InferenceQueue, Array], Array]


def energy_of_equal_rates(problem: InferenceQueue, local: Array) -> Array:
    """Return A z^3 over the weight of energy, in J."""
    return np.asarray(terms.rows(problem)[:, 0, 0] * local**3 / problem.energy_weight[:, 0])


def check_equal_rates(rng: Generator, energy: Energy = energy_of_equal_rates) -> Outcome:
    """No division of the work among the slots takes less energy, and equal parts take as much."""
    problem = drawn(rng, 200)
    local = rng.uniform(0.1, 4.0, 200)
    parts = rng.dirichlet(np.ones(5), (200, 50))
    parts[:, 0] = 0.2
    cycles = local[:, None, None] * problem.work[:, :, None] * parts
    rates = cycles / problem.slot[:, None, None]
    spent = (problem.slot[:, None, None] * problem.energy_coefficient[:, :, None] * rates**3).sum(axis=-1)
    claimed = energy(problem, local)
    below, apart = excess(claimed[:, None], spent), deviation(claimed, spent[:, 0])
    return all_of(
        Outcome(below, ROUNDING, f"49 random divisions of each of 200 blocks take less energy by {scientific(below)}"),
        Outcome(apart, ROUNDING, f"equal rates take what the formula says, but for {scientific(apart)}"),
    )


# ---------------------------------------------------------------------- 2: pieces of the modulo

Block = Callable[[InferenceQueue], Array]


def solved(problem: InferenceQueue) -> Array:
    """Return the proved best cost of every block."""
    leaving, bounds, _ = exact.settled(problem)
    return np.asarray(np.where(leaving >= 0.0, bounds, np.inf).sum(axis=-1))


def check_pieces(rng: Generator, best: Block = solved) -> Outcome:
    """The paper's modulo over 4,000 numbers of cycles is never cheaper than the best piece, and comes near it."""
    problem = drawn(rng, 100)
    queue, work = problem.backlog * problem.work, problem.work
    most = np.minimum(queue, problem.cpu_speed * (problem.slots * problem.slot)[:, None])
    cycles = most * np.append(np.linspace(0.0, 1.0, 4000), 1.0 - 1e-9)
    left = np.maximum(queue - cycles, 0.0)
    cut = np.fmod(left, work)
    bits = problem.output_per_cycle * cut
    slot, weight = problem.slot[:, None], problem.energy_weight
    power = problem.snr_gap[:, None] / problem.snr_per_watt * np.expm1(np.log(2.0) * bits / (slot * problem.bandwidth))
    length = problem.slots[:, None] * slot
    spent = weight * (problem.energy_coefficient * cycles**3 / length**2 + slot * power)
    cost = spent + problem.backlog_value * (left - cut) / work
    least = np.where(power <= problem.max_power, cost, np.inf).min(axis=1)
    found = best(problem)
    below, near = excess(found, least), excess(least, found)
    return all_of(
        Outcome(below, ROUNDING, f"100 blocks: a grid over the paper's formula is cheaper by {scientific(below)}"),
        Outcome(near, 20.0 * GRID, f"and dearer, for it is coarse, by {scientific(near)}"),
    )


# ---------------------------------------------------------------------- 3: the power is convex

Power = Callable[[Array, Array, Array], Array]


def perspective(nats: Array, part: Array, time: Array) -> Array:
    """Return the energy of a part of a task sent in a part of the slot, over tau Gamma / h."""
    return np.asarray(time * np.expm1(nats * part / time))


def check_power(rng: Generator, energy: Power = perspective) -> Outcome:
    """Halfway between two ways to send the energy is no more than halfway between theirs, and less time takes more."""
    nats = rng.uniform(0.1, 8.0, 4000)
    one, other = rng.uniform(0.01, 1.0, (2, 2, 4000))
    middle = 0.5 * (one + other)
    halfway = 0.5 * (energy(nats, *one) + energy(nats, *other))
    bent = excess(energy(nats, *middle), halfway)
    hurried = excess(energy(nats, one[0], np.ones(4000)), energy(nats, one[0], one[1]))
    rates = np.log1p(energy(nats, one[0], one[1]) / one[1]) * one[1]
    apart = deviation(rates, nats * one[0])
    return all_of(
        Outcome(bent, ROUNDING, f"4,000 pairs: the middle takes more than the mean of both by {scientific(bent)}"),
        Outcome(hurried, ROUNDING, f"a whole slot takes more than a part of it by {scientific(hurried)}"),
        Outcome(
            apart, ROUNDING, f"by Shannon's rate such an energy carries what was to be sent, but for {scientific(apart)}"
        ),
    )


# ---------------------------------------------------------------------- 4, 5: the split

Split = Callable[[float, float, float, float, float], float]


def balanced_split(cube: float, sending: float, nats: float, price: float, work: float) -> float:
    """Return z at which computing a little more costs what offloading a little less saves."""
    floor = float(np.sqrt(price / (3.0 * cube)))
    level = np.log(sending * nats / (3.0 * cube)) + nats * (work - floor)
    return floor + float(compiled.balanced(level, nats, floor, max(work - floor, 1e-300)))


def _splits(rng: Generator, split: Split, prices: bool) -> tuple[float, int]:
    """Return the largest distance to a root of the logarithms by Brent's method, and of how many inner splits."""
    from scipy.optimize import brentq

    problem, worst, count = drawn(rng, 300), 0.0, 0
    cube, _, nats, sending, _ = numbers(problem)
    for a, length, r in zip(cube, nats, sending, strict=True):
        work, price = float(rng.integers(1, MOST)), float(rng.uniform(0.01, 3.0)) if prices else 0.0

        def unbalanced(z: float, a: float = a, n: float = length, r: float = r, w: float = work, p: float = price) -> float:
            return float(3.0 * a * z * z - p - r * n * np.exp(n * (w - z)))

        if unbalanced(1e-12) * unbalanced(work) >= 0.0:
            continue
        exactly = brentq(unbalanced, 1e-12, work, xtol=1e-15, rtol=1e-15, maxiter=500)
        worst, count = max(worst, abs(split(a, r, length, price, work) - exactly)), count + 1
    return worst, count


def check_lambert(rng: Generator, split: Split = balanced_split) -> Outcome:
    """Lambert's z is the root that Brent's method finds; where exponentials overflow the logarithm is still balanced."""
    worst, count = _splits(rng, split, prices=False)
    far = 0.0
    for work in (300.0, 3000.0):
        z, length = split(0.4, 1e-3, 6.93, 0.0, work), 6.93
        far = max(far, abs(2.0 * np.log(z) + np.log(1.2 / (1e-3 * length)) - length * (work - z)) / (length * work))
    return all_of(
        Outcome(worst, ROUNDING, f"{count} splits inside: W against Brent's root, in tasks: {scientific(worst)}"),
        Outcome(far, ROUNDING, f"at exp(20000), beyond all floats, the logarithm is balanced but for {scientific(far)}"),
    )


def check_newton(rng: Generator, split: Split = balanced_split) -> Outcome:
    """With a price Newton's method ends at the root that Brent's method finds, and more is computed than without."""
    worst, count = _splits(rng, split, prices=True)
    less = 0.0
    for price in (0.1, 1.0, 2.0):
        less = max(less, split(0.4, 1e-3, 6.93, 0.0, 2.0) - split(0.4, 1e-3, 6.93, price, 2.0))
    return all_of(
        Outcome(
            worst, ROUNDING, f"{count} splits inside at prices up to 3: against Brent's root, in tasks: {scientific(worst)}"
        ),
        Outcome(less, 0.0, f"a price makes the device compute less by {scientific(max(less, 0.0))}", limit="never"),
    )


# ---------------------------------------------------------------------- 6: a price of work bounds

Bound = Callable[[InferenceQueue, int, Array], Array]


def at_prices(problem: InferenceQueue, piece: int, prices: Array) -> Array:
    """Return lower bounds of the cost of a piece at prices of work, ``(count, prices)``."""
    table, price = terms.rows(problem)[:, 0], terms.price(problem)[:, 0]
    bounds = np.empty((len(table), prices.shape[1]))
    for k in range(len(table)):
        device = compiled.device_of(plain(table[k], np.float64))
        link = compiled.link_of(device, float(problem.snr_per_watt[k, 0]), float(price[k]))
        for j, one in enumerate(prices[k]):
            bounds[k, j] = compiled.work_bound(device, link, float(piece), float(one))
    return bounds


def check_price(rng: Generator, bound: Bound = at_prices) -> Outcome:
    """At any price of work the bound is below every split of a grid, and at the best of a grid of prices it comes near."""
    problem = drawn(rng, 100, offload_price=rng.choice([0.0, 0.7], (100, 1)))
    cube, able, nats, sending, most = numbers(problem)
    above, loose = 0.0, 0.0
    for piece in (1, 2, 3):
        low = np.maximum(piece - able, 0.0)
        offloaded = low[:, None] + (np.minimum(most, piece) - low)[:, None] * np.linspace(0.0, 1.0, 2001)
        cost = cube[:, None] * (piece - offloaded) ** 3 + sending[:, None] * np.expm1(nats[:, None] * offloaded)
        least = (cost + problem.offload_price * offloaded).min(axis=1)
        prices = np.append(np.geomspace(1e-3, 60.0, 1200), [-5.0, 0.0, 1e6])[None] * np.ones((100, 1))
        bounds = bound(problem, piece, prices)
        above = max(above, excess(bounds.max(axis=1), least))
        loose = max(loose, float(np.max((least - bounds.max(axis=1)) / cube)))
    return all_of(
        Outcome(above, ROUNDING, f"bounds at 1,203 prices are above the best split by {scientific(above)}"),
        Outcome(loose, 1e-3, f"the best price leaves open, in units of a task computed, {scientific(loose)}"),
    )


# ---------------------------------------------------------------------- 7: two prices prove the best piece

Costs = Callable[[InferenceQueue], Array]
Settled = Callable[[InferenceQueue], tuple[Array, Array]]


def costs_of_pieces(problem: InferenceQueue) -> Array:
    """Return e(0), ..., e(5) of single devices, ``(count, 6)``."""
    return np.asarray(piece_costs(terms.rows(problem), problem.snr_per_watt, terms.price(problem), pieces=MOST).cost[:, 0])


def settled(problem: InferenceQueue) -> tuple[Array, Array]:
    """Return the best piece of single devices and the proved bound."""
    leaving, bounds, _ = exact.settled(problem)
    return leaving[:, 0], bounds[:, 0]


def check_convex(rng: Generator, costs: Costs = costs_of_pieces, decide: Settled = settled) -> Outcome:
    """Each further piece costs more than the one before it, so the best is beside the value; enumeration agrees."""
    problem = drawn(rng, 1000, backlog_value=rng.uniform(0.0, 15.0, (1000, 1)))
    table = costs(problem)
    with np.errstate(invalid="ignore"):
        second = np.diff(table, 2, axis=1)
    concave = float(np.max(-second[np.isfinite(second)], initial=0.0))
    left = problem.backlog - np.arange(MOST + 1)
    totals = np.where(left >= 0.0, table + problem.backlog_value * left, np.inf)
    leaving, bounds = decide(problem)
    chosen = totals[np.arange(1000), np.clip(leaving, 0, MOST).astype(int)]
    worse, apart = excess(chosen, totals.min(axis=1)), deviation(bounds, totals.min(axis=1))
    return all_of(
        Outcome(concave, ROUNDING, f"1,000 devices: further tasks become cheaper by {scientific(concave)}"),
        Outcome(worse, ROUNDING, f"the piece chosen is dearer than the best of all by {scientific(worse)}"),
        Outcome(apart, ROUNDING, f"what two prices prove is apart from it by {scientific(apart)}"),
    )


# ---------------------------------------------------------------------- 8: equation (1) by its letter

Twice = Callable[[InferenceQueue], Array]


def literal_cost(problem: InferenceQueue) -> Array:
    """Return the best costs of blocks whose queues keep what was offloaded."""
    return solved(dataclasses.replace(problem, queue="literal"))


def check_literal(rng: Generator, best: Twice = literal_cost) -> Outcome:
    """To keep what was offloaded costs what a conserved queue pays at a price of its value; never less than without."""
    problem = drawn(rng, 300, backlog_value=rng.uniform(0.5, 6.0, (300, 1)))
    dearer = dataclasses.replace(problem, offload_price=problem.backlog_value)
    twice, conserved = best(problem), solved(problem)
    apart, below = deviation(twice, solved(dearer)), excess(conserved, twice)
    more = float(twice.sum() / conserved.sum() - 1.0)
    return all_of(
        Outcome(apart, ROUNDING, f"literal blocks against conserved ones at the price of what stays: {scientific(apart)}"),
        Outcome(
            below, ROUNDING, f"they cost less than conserved ones by {scientific(below)}, and {100.0 * more:.1f} % more"
        ),
    )


# ---------------------------------------------------------------------- 9: why there is a power cap

Part = Callable[[Array, float, float], Array]
Mean = Callable[[Array], Array]


def capped_part(snr: Array, nats: float, reach: float) -> Array:
    """Return what full power carries of a task over channels."""
    return np.asarray(np.minimum(np.log1p(reach * snr) / nats, 1.0))


def mean_need(depth: Array) -> Array:
    """Return the average of 1/h over the channels above a depth, both beside the channels' mean: E1."""
    from scipy.special import exp1

    return np.asarray(exp1(depth))


def check_cap(rng: Generator, part: Part = capped_part, mean: Mean = mean_need) -> Outcome:
    """A fixed part takes more power the deeper fades are looked at, without end; a cap ends it."""
    depths = 10.0 ** -np.arange(3.0, 10.0)
    averages = mean(depths)
    grids = [np.linspace(np.log(depth), np.log(60.0), 200_001) for depth in depths]
    measured = [np.exp(-np.exp(grid[:-1] + 0.5 * np.diff(grid))).sum() * (grid[1] - grid[0]) for grid in grids]
    apart, straight = deviation(averages, measured), deviation(np.diff(averages), np.log(10.0))
    level, nats, gap = 10.0 ** rng.uniform(2.0, 5.0), 10.0 * np.log(2.0), 1.5
    snr = level * -np.log1p(-(np.arange(200_000) + 0.5) / 200_000)
    power = gap / snr * np.expm1(nats * np.minimum(part(snr, nats, 1.0 / gap), 0.5))
    over = excess(power.max(), 1.0)
    return all_of(
        Outcome(apart, 1e-6, f"the average of 1/h above a depth is its exponential integral, but for {scientific(apart)}"),
        Outcome(straight, 0.01, f"each of six decades of depth adds ln 10 to it, but for {scientific(straight)}"),
        Outcome(over, ROUNDING, f"what full power carries takes more than 1 W over 200,000 channels by {scientific(over)}"),
    )
