"""The numeric checks of the lesson on hybrid slots.

Every check takes the formula it examines as an argument, by default the one the package computes with, and measures it
against an oracle that does not share code with it. A wrong formula must make it fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.arrays import plain
from mecopt.lesson import Outcome, all_of, deviation, excess, scientific
from mecopt.models.hybrid_slot import exact, terms
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.allocation.ratios import Ratios
from mecopt.models.hybrid_slot.compiled import bound as compiled_bound
from mecopt.models.hybrid_slot.compiled import search as compiled_search
from mecopt.models.hybrid_slot.compiled import slot as compiled
from mecopt.models.hybrid_slot.compiled.slot import Hull, Slot
from mecopt.models.hybrid_slot.problem import HybridSlot
from mecopt.models.hybrid_slot.variables import SlotAllocation

Array = NDArray[Any]

ROUNDING = 1e-9
GRID = 2e-3
"""What a grid of rates leaves."""
REACHED = 1e-4
"""Relative distance to the optimum within which a method counts as having found it."""


def drawn(rng: Generator, count: int, preset: str = "varied") -> HybridSlot:
    """Draw single users with something to serve."""
    return HybridSlot.sample(rng, (count,), preset=preset, users=1, workload=rng.uniform(5.0, 60.0, (count, 1)))


def slots(problem: HybridSlot) -> Iterator[tuple[Slot, Hull, float]]:
    """Yield the users that can serve with nothing kept: slot, hull, budget and whole harvest."""
    numbers, reach = terms.rows(problem), problem.battery + terms.harvested(problem)
    for k in np.flatnonzero(allocation.servable(problem)[:, 0]).tolist():
        slot = compiled.slot_of(plain(numbers[k, 0], np.float64))
        yield slot, compiled.lower_hull(slot), float(reach[k, 0])


def radio(slot: Slot, rate: Array) -> Array:
    """Return the power of the radio at a rate, circuit included."""
    return np.asarray(slot.noise * np.expm1(rate / slot.band) + slot.circuit)


# ---------------------------------------------------------------------- 1: the program

Rewards = Callable[[HybridSlot, SlotAllocation], Array]


def rewards_of_rows(problem: HybridSlot, given: SlotAllocation) -> Array:
    """Return the rewards by the thirteen numbers of each user, per slot of unit length."""
    work, _, kappa, most, passive, power, noise, band, circuit, floor, channel, computing, _ = terms.rows(problem)[:, 0].T
    parts = {name: value[:, 0] for name, value in given.as_dict().items()}
    length = problem.slot
    on, offloaded = parts["sending_time"] / length, parts["active_bits"] + parts["passive_bits"]
    sending = on * (noise * np.expm1(parts["active_bits"] / on / band) + circuit)
    computed = kappa * most * parts["local_time"] / length
    spent = sending + power * parts["passive_bits"] / passive + computed
    time = (parts["active_time"] + parts["passive_time"]) / length
    return np.asarray(work / (spent + floor) - offloaded * (channel / time + computing))


def check_program(rng: Generator, rewards: Rewards = rewards_of_rows) -> Outcome:
    """Thirteen numbers a user are gains, watts, hertz, cycles and joules; any slot length."""
    count = 200
    problem = HybridSlot.sample(rng, (count,), preset="varied", users=1, slot=rng.uniform(0.5, 2.0, count))
    shares = rng.uniform(0.05, 1.0, (8, count, 1))
    given = SlotAllocation(
        *(shares[:5] * problem.slot[:, None] / 3.0),
        *(shares[5:] * problem.workload),  # times, then work
    )
    asked = problem.objective(np.zeros((count, 1)), given)
    apart = deviation(rewards(problem, given), asked)
    return Outcome(apart, ROUNDING, f"rewards by thirteen numbers against all constants spelled out: {scientific(apart)}")


# ---------------------------------------------------------------------- 2, 3: the lower hull

Power = Callable[[Slot, Hull, float], float]


def check_hull(rng: Generator, power: Power = compiled.power_of) -> Outcome:
    """No mixture of doing nothing, reflecting and sending at any of 600 rates is cheaper, and one is as cheap."""
    from scipy.optimize import linprog

    above, below = 0.0, 0.0
    for slot, hull, _ in slots(drawn(rng, 12)):
        for rate in (0.5 * hull.first_rate, 0.5 * (hull.first_rate + hull.second_rate), 1.3 * hull.second_rate):
            rates = np.concatenate([[0.0, slot.passive_rate], np.linspace(1e-3, 2.0 * hull.second_rate, 600)])
            powers = np.concatenate([[0.0, slot.passive_power], radio(slot, rates[2:])])
            mixed = linprog(powers, A_eq=np.stack([np.ones_like(rates), rates]), b_eq=[1.0, rate], method="highs")
            claimed = power(slot, hull, rate)
            above, below = max(above, excess(claimed, mixed.fun)), max(below, excess(mixed.fun, claimed))
    return all_of(
        Outcome(above, ROUNDING, f"lower hull against the best of all mixtures by HiGHS: above by {scientific(above)}"),
        Outcome(below, GRID, f"below, which a finer grid of rates makes smaller, by {scientific(below)}"),
    )


Rates = Callable[[Slot], tuple[float, float]]


def touching(slot: Slot) -> tuple[float, float]:
    """Return first and second rate of the hull."""
    hull = compiled.lower_hull(slot)
    return hull.first_rate, hull.second_rate


def check_tangent(rng: Generator, rates: Rates = touching) -> Outcome:
    """Lambert's rates are where a line from nothing, or from reflecting, is least steep."""
    from scipy.optimize import minimize_scalar

    apart = 0.0
    for slot, _, _ in slots(drawn(rng, 20)):

        def least(from_rate: float, from_power: float, one: Slot = slot) -> tuple[float, float]:
            found = minimize_scalar(
                lambda u: (radio(one, one.band * np.exp(u)) - from_power) / (one.band * np.exp(u) - from_rate),
                bounds=(np.log(max(from_rate / one.band, 1e-6)) + 1e-9, 3.5),
                method="bounded",
                options={"xatol": 1e-10},
            )
            return float(one.band * np.exp(found.x)), float(found.fun)

        first, slope = least(0.0, 0.0)
        second = first
        if slot.passive_rate > 0.0 and slot.passive_power < slope * slot.passive_rate:
            first, (second, _) = slot.passive_rate, least(slot.passive_rate, slot.passive_power)
        apart = max(apart, deviation(rates(slot), (first, second)))
    return Outcome(apart, 1e-5, f"rates by Lambert's function against a search for the least slope: {scientific(apart)}")


# ---------------------------------------------------------------------- 4: the longest time

Times = Callable[[Slot, Hull, float, float], float]


def check_time(rng: Generator, longest: Times = compiled_search.best_time) -> Outcome:
    """The time by formula uses up the energy, or the slot; nothing longer does, and what is shorter earns less."""
    over, loose, dearer = 0.0, 0.0, 0.0
    for slot, hull, reach in slots(drawn(rng, 60)):
        best = compiled.thrift(slot, hull)
        low, high, _, _ = compiled_search.servable(slot, hull, best, reach)
        local = rng.uniform(low, high)
        sent, time = slot.workload - local, longest(slot, hull, reach, local)
        if sent <= 0.0:
            continue

        def paid(part: float, x: float = local, d: float = sent, s: Slot = slot, h: Hull = hull) -> float:
            return float(s.local_energy * x + part * compiled.power_of(s, h, d / part) + s.harvest * part)

        over = max(over, excess(paid(time), reach))
        longer = np.linspace(time, 1.0, 200)[1:]
        loose = max(loose, excess(reach, min(paid(part) for part in longer)) if time < 1.0 - 1e-9 else 0.0)
        shorter = [compiled_search.reward(slot, hull, local, part * time) for part in (0.9, 0.99)]
        reached = compiled_search.reward(slot, hull, local, time)
        dearer = max(dearer, max(shorter) - reached)
    return all_of(
        Outcome(over, ROUNDING, f"60 local parts: the longest time overspends by {scientific(over)}"),
        Outcome(loose, ROUNDING, f"200 longer times each cost more than there is, but for {scientific(loose)}"),
        Outcome(max(dearer, 0.0), ROUNDING, f"shorter ones earn more by {scientific(max(dearer, 0.0))}"),
    )


# ---------------------------------------------------------------------- 5, 7: one variable, and its bound

Solved = Callable[[Slot, Hull, float], tuple[float, float]]


def solved(slot: Slot, hull: Hull, reach: float) -> tuple[float, float]:
    """Return the best reward and its bound."""
    found, bound, _ = compiled_bound.best_slot(slot, hull, compiled.thrift(slot, hull), reach, -np.inf)
    return float(found.value), float(bound)


def peaks(values: Array) -> int:
    """Return how many peaks a list of values has."""
    inner = np.concatenate([[-np.inf], values, [-np.inf]])
    return int(((inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:])).sum())


def check_one_variable(rng: Generator, best: Solved = solved) -> Outcome:
    """No slot divided at random is above the bound, and a fine grid over one variable comes near the optimum."""
    beyond, missed, several, count = 0.0, 0.0, 0, 0
    for slot, hull, reach in slots(drawn(rng, 60)):
        value, bound = best(slot, hull, reach)
        size = abs(value) + slot.workload / (slot.floor + slot.local_energy * slot.workload)
        grid = np.linspace(0.0, min(slot.workload, slot.local_most), 2001)
        values = np.array([compiled_search.value_at(slot, hull, reach, x) for x in grid])
        random = _random_slots(rng, slot, reach, 2000)
        beyond = max(beyond, (max(values.max(), random) - bound) / size)
        missed = max(missed, (value - bound) / size, (bound - value) / size)
        several, count = several + (peaks(values[values > -np.inf]) > 1), count + 1
    return all_of(
        Outcome(
            max(beyond, 0.0),
            ROUNDING,
            f"{count} slots, {several} with several peaks: random divisions are above the bound by "
            f"{scientific(max(beyond, 0.0))}",
        ),
        Outcome(missed, ROUNDING, f"bound and best reward are apart by {scientific(missed)}"),
    )


def _random_slots(rng: Generator, slot: Slot, reach: float, count: int) -> float:
    """Return the best reward of slots divided at random, by the literal formula."""
    local = rng.uniform(0.0, min(slot.workload, slot.local_most), count) * (rng.random(count) < 0.7)
    time, part, share = rng.uniform(0.0, 1.0, (3, count))
    time = np.where(rng.random(count) < 0.3, 1.0, time)
    active = time * part
    reflected = np.minimum(slot.passive_rate * (time - active) * np.where(share < 0.5, 1.0, share), slot.workload - local)
    sent = slot.workload - local - reflected
    on = active * rng.uniform(0.2, 1.0, count)
    with np.errstate(all="ignore"):
        spent = slot.local_energy * local + on * radio(slot, sent / on) + slot.passive_power * reflected / slot.passive_rate
        fits = spent + slot.harvest * time <= reach
        price = (sent + reflected) * (slot.channel_price / time + slot.computing_price)
        rewards = np.where(fits, slot.workload / (spent + slot.floor) - price, -np.inf)
    return float(np.nanmax(rewards))


Bounds = Callable[[Slot, Hull, float, float, float], float]


def between(slot: Slot, hull: Hull, reach: float, one: float, other: float) -> float:
    """Return the bound of the rewards between two local parts."""
    ends = [compiled_bound.end_at(slot, hull, reach, x) for x in (one, other)]
    least, best = compiled_bound.least_energy(slot, hull), compiled.thrift(slot, hull)
    return float(compiled_bound.piece_bound(slot, best, reach, least, *ends, compiled.ROUNDING)[0])


def check_bound(rng: Generator, bound: Bounds = between) -> Outcome:
    """Bounds of pieces are above all rewards there, and fall to them with the square of the piece's length."""
    under, falls = 0.0, []
    for slot, hull, reach in slots(drawn(rng, 60)):
        low, high, _, _ = compiled_search.servable(slot, hull, compiled.thrift(slot, hull), reach)
        if not high - low > 1e-3 * slot.workload:
            continue
        middle, left = rng.uniform(low + 0.3 * (high - low), high - 0.3 * (high - low)), []
        for half in (0.2 * (high - low), 0.002 * (high - low)):
            grid = np.linspace(middle - half, middle + half, 401)
            most = max(compiled_search.value_at(slot, hull, reach, x) for x in grid)
            found = bound(slot, hull, reach, middle - half, middle + half)
            under = max(under, excess(most, found))
            left.append(max(found - most, 0.0) / (1.0 + abs(most)))
        falls.append((left[0], left[1]))
    wide, narrow = (float(np.mean([fall[k] for fall in falls])) for k in range(2))
    return all_of(
        Outcome(under, ROUNDING, f"{len(falls)} pieces: rewards are above their bound by {scientific(under)}"),
        Outcome(
            narrow,
            1e-3 * wide + 1e-11,
            f"pieces a hundred times as short leave {scientific(narrow)} instead of {scientific(wide)}",
            limit="a thousandth, and rounding",
        ),
    )


# ---------------------------------------------------------------------- 6: methods for ratios

Method = Callable[[Ratios, Array], float]


def by_jong(ratios: Ratios, start: Array) -> float:
    """Return the reward at which Jong's method ends."""
    return ratios.reward(ratios.jong(start))


def check_ratios(rng: Generator, method: Method = by_jong) -> Outcome:
    """Jong's method finds the optimum of most slots, of some it does not, and nowhere more than is proved."""
    problem = drawn(rng, 12)
    values, bounds = exact.served(problem)
    above, reached, runs = 0.0, 0, 0
    for one, value, bound in zip(problem, values[:, 0], bounds[:, 0], strict=True):
        if np.isnan(value):
            continue
        ratios = Ratios(one)
        for _ in range(2):
            try:
                found = method(ratios, ratios.start(rng))
            except InstanceError:  # a denominator that vanishes: the method has no next step
                found = -np.inf
            above = max(above, (found - bound) / (1.0 + abs(bound)))
            reached, runs = reached + (found >= value - REACHED * (1.0 + abs(value))), runs + 1
    share = reached / runs
    return all_of(
        Outcome(
            max(above, 0.0), 1e-6, f"{runs} runs of Jong's method: above the proved optimum by {scientific(max(above, 0.0))}"
        ),
        Outcome(1.0 - share, 0.5, f"{reached} of them end at the optimum, {runs - reached} elsewhere", limit="half of them"),
    )


# ---------------------------------------------------------------------- 8: what can be served

Need = Callable[[Slot, Hull], float]
Largest = Callable[[Slot, Hull, float], float]


def least_need(slot: Slot, hull: Hull) -> float:
    """Return the least budget and harvest that serve the workload."""
    best = compiled.thrift(slot, hull)
    return float(compiled.need_at(slot, hull, best, compiled.thriftiest(slot, hull, best)))


def largest(slot: Slot, hull: Hull, reach: float) -> float:
    """Return the largest workload that a budget and harvest serve."""
    return float(compiled.largest_workload(slot, hull, compiled.thrift(slot, hull), reach))


def check_need(rng: Generator, need: Need = least_need, most: Largest = largest) -> Outcome:
    """The need is the least of a grid over local parts and times, and of the largest workload it is what there is."""
    under, over, apart = 0.0, 0.0, 0.0
    for slot, hull, reach in slots(drawn(rng, 10)):
        local = np.linspace(0.0, min(slot.workload, slot.local_most), 41)[:, None]
        time = np.geomspace(1e-4, 1.0, 301)
        sent = slot.workload - local
        power = np.vectorize(lambda rate, s=slot, h=hull: compiled.power_of(s, h, rate))(sent / time)
        grid = float((slot.local_energy * local + time * power + slot.harvest * time).min())
        found = need(slot, hull)
        over, under = max(over, excess(found, grid)), max(under, excess(grid, found))
        work = most(slot, hull, reach)
        apart = max(apart, deviation(need(slot._replace(workload=work), hull), reach))
    return all_of(
        Outcome(over, ROUNDING, f"needs are above the least of a grid by {scientific(over)}"),
        Outcome(under, 1e-1, f"and below it, for it is coarse, by {scientific(under)}"),
        Outcome(apart, ROUNDING, f"the largest workload needs what there is, but for {scientific(apart)}"),
    )


# ---------------------------------------------------------------------- 9, 10: nothing is kept; strict slots

Decide = Callable[[HybridSlot], Array]


def myopic(problem: HybridSlot) -> Array:
    """Return the decisions that are best for the slot alone."""
    return exact.myopic(problem, exact.served(problem)[0], skipping=True)


def check_greedy(rng: Generator, decide: Decide = myopic) -> Outcome:
    """Keeping energy never earns more in the slot itself, and whoever offloads harvests for no longer than it must."""
    problem = HybridSlot.sample(rng, (100,), preset="varied", users=1)
    decision = decide(problem)
    best = problem.optimal_value(decision)
    others = problem.mended(problem.decision_space.sample(rng, (100, 20)))
    better = float(
        np.max((problem.optimal_value(others) - best[:, None]) / (problem.negligible[:, None] + np.abs(best[:, None])))
    )
    found = problem.per_user(decision, problem.closed_form(decision)[0])
    offloads = (found["price"] > 0.0) & (decision >= 0.0)
    spare = problem.battery + found["harvested_energy"] - found["energy"]
    wasted = np.where(offloads & (found["harvested_energy"] > 0.0), np.abs(spare) / (problem.battery + found["energy"]), 0.0)
    return all_of(
        Outcome(
            max(better, 0.0),
            ROUNDING,
            f"20 other decisions for each of 100 users earn more by {scientific(max(better, 0.0))}",
        ),
        Outcome(
            float(wasted.max()),
            ROUNDING,
            f"{int(offloads.sum())} offload; of what they harvest nothing is left but {scientific(float(wasted.max()))}",
        ),
    )


Strict = Callable[[HybridSlot], tuple[Array, Array]]


def strict_and_paced(problem: HybridSlot) -> tuple[Array, Array]:
    """Return the rewards found for strict slots, and the best of paced ones."""
    data = {name: value for name, value in problem.data().items() if name != "pacing"}
    nothing = np.zeros((*problem.batch_shape, problem.users))
    strict = HybridSlot(**data, pacing="strict").optimal_value(nothing)
    return strict, HybridSlot(**data).optimal_value(nothing)


def check_strict(rng: Generator, pair: Strict = strict_and_paced) -> Outcome:
    """A strict slot never earns more than a paced one; sending next to nothing jumps in price."""
    problem = HybridSlot.sample(rng, (100,), users=1)
    problem = problem[np.flatnonzero(allocation.servable(problem)[:, 0])]
    strict, paced = pair(problem)
    above = float(np.max((strict - paced) / (problem.negligible + 1e-9)))
    lost = float(np.mean(paced) - np.mean(strict))
    return all_of(
        Outcome(max(above, 0.0), ROUNDING, f"{len(problem)} slots: strict ones earn more by {scientific(max(above, 0.0))}"),
        Outcome(-lost, 0.0, f"on average they earn {np.mean(strict):.3f} instead of {np.mean(paced):.3f}", limit="less"),
    )
