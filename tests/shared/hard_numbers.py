"""Small random instances that are hard on numbers, and rivals of what is called proved.

An instance starts from a preset. Then fields are multiplied by powers of ten from 1e-9 to 1e9, made the same for all users
or the same but for some last digits, set to 0 or to no limit where that is admissible, and limits are put where they are
met exactly, or missed by a last digit.

A rival is an answer found by other means and judged by the problem's own formulas: its constraints hold to rounding, so that
nothing that is proved optimal may be worse by more than the tolerance. Of choices it is the best of all decisions, each with
a price found by bisection; elsewhere an oracle of its own, or another backend's answer.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from hybrid_slots import Oracle
from numpy.random import Generator
from numpy.typing import NDArray

import mecopt
from mecopt.contract.certificate import violation
from mecopt.contract.fields import Variables, declared
from mecopt.contract.problem import Problem
from mecopt.models import (
    BackscatterFrame,
    BandwidthPower,
    BinaryOffloading,
    ComputationRate,
    HybridSlot,
    InferenceQueue,
    MultiServerOffloading,
    PricedPower,
)
from mecopt.models.bandwidth_power import Transmission
from mecopt.models.binary_offloading import ServerRate
from mecopt.models.computation_rate import FrameTimes
from mecopt.models.inference_queue import TaskAllocation
from mecopt.models.multi_server_offloading import SpeedAndPower
from mecopt.models.priced_power import TransmitPower

Array = NDArray[Any]

MET = 1e-13
"""Scaled violation up to which constraints hold to rounding."""

LOG_2 = Fraction(math.log(2.0)) + Fraction(2.3190468138462996e-17) + Fraction(5.707708438416212e-34)
"""The logarithm of 2 to 2^-164."""


# ---------------------------------------------------------------------- instances


def drawn(cls: type[Problem], rng: Generator, count: int) -> Problem:
    """Return a batch of instances of a problem, each hard in its own way."""
    users = int(rng.integers(1, 5))
    sizes = {"servers": int(rng.integers(1, 4))} if "servers" in cls.size_names() else {}
    base = cls.sample(rng, (count,), preset=str(rng.choice(list(cls.presets))), users=users, **sizes)
    data: dict[str, Array] = {name: np.array(value) for name, value in base.data().items()}
    for f in declared(cls):
        for k in range(count):
            if f.metadata["choices"]:
                if rng.random() < 0.15:
                    data[f.name][k] = rng.integers(0, len(f.metadata["choices"]))
            else:
                data[f.name][k] = changed(f, data[f.name][k], rng)
    for k in range(count):
        one = {name: value[k] for name, value in data.items()}
        MEETING[cls](one, rng)
        for name, value in one.items():
            data[name][k] = value
    return cls(**data)


def changed(f: dataclasses.Field[Any], value: Array, rng: Generator) -> Array:
    """Return a field of one instance with a magnitude, ties, near ties, zeros or no limit, or as it is."""
    value, kind = np.array(value), rng.random()
    if kind < 0.1:
        value = value * 10.0 ** rng.uniform(-9.0, 9.0)
    elif kind < 0.14 and value.ndim:
        value = value * 10.0 ** rng.uniform(-9.0, 9.0, value.shape)
    elif kind < 0.34 and value.ndim:
        value = np.broadcast_to(value[:1], value.shape).copy()
    elif kind < 0.46 and value.ndim:
        value = value[:1] * (1.0 + 10.0 ** rng.uniform(-16.0, -6.0) * rng.standard_normal(value.shape))
    elif kind < 0.52 and f.metadata["zero_allowed"]:
        value = np.where(rng.random(value.shape) < 0.5, 0.0, value)
    elif kind < 0.58 and f.metadata["unlimited"]:
        value = np.where(rng.random(value.shape) < 0.5, np.inf, value)
    elif kind < 0.66 and np.isfinite(value).all() and not f.metadata["complex"]:
        value = np.array([float(f"{x:.2g}") for x in np.ravel(value)]).reshape(value.shape)
    return value if f.metadata["complex"] else np.clip(np.abs(value), f.metadata["least"], f.metadata["most"])


def next_to(value: Any, rng: Generator) -> Any:
    """Return numbers as they are, a last digit more or less, or a little."""
    kind = rng.integers(0, 5)
    if kind < 2:
        return value
    if kind < 4:
        return np.nextafter(value, np.inf if kind == 2 else 0.0)
    return value * (1.0 + rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-15.0, -3.0))


def _binary(one: dict[str, Array], rng: Generator) -> None:
    if rng.random() < 0.3:  # alone on the server costs what the user's own processor does
        with np.errstate(all="ignore"):
            up = one["data_size"] / one["upload_rate"] * (1.0 + one["energy_weight"] * one["upload_power"])
            there = one["data_size"] / one["capacity"] * (1.0 + one["energy_weight"] * one["waiting_power"])
            rate = one["data_size"] * (1.0 + one["energy_weight"] * one["local_power"]) / (up + there)
        one["local_rate"] = np.where(np.isfinite(rate), next_to(rate, rng), one["local_rate"])


def _servers(one: dict[str, Array], rng: Generator) -> None:
    one["admission"] = np.round(one["admission"])
    if rng.random() < 0.3:
        one["admission"] = rng.integers(0, 4, one["admission"].shape).astype(float)
    speed, users = one["server_speed"], one["workload"].size
    if rng.random() < 0.4:
        share = rng.choice([1.0, 0.5, 1.0 / users, 1.0 / 3.0, 1.0 / 7.0])
        one["least_speed"] = next_to(speed.flat[0] * share * np.ones(users), rng)
    if rng.random() < 0.3:
        one["most_speed"] = next_to(speed.flat[0] * rng.choice([1.0, 0.5, 1.0 / 3.0]) * np.ones(users), rng)
    one["most_speed"] = np.where(one["most_speed"] > 0.0, one["most_speed"], np.inf)
    one["least_speed"] = np.minimum(one["least_speed"], one["most_speed"])
    if rng.random() < 0.4:
        with np.errstate(all="ignore"):
            snr = one["channel_gain"] * one["max_power"][:, None] / one["noise_power"]
            up = one["data_size"][:, None] / (one["bandwidth"][:, None] * np.log1p(snr) / np.log(2.0))
            alone = (up + one["workload"][:, None] / speed)[:, 0]
            local = one["workload"] / one["local_speed"]
        limit = np.where(rng.random(users) < 0.5, alone, local) * rng.choice([1.0, 1.0, 2.0])
        one["deadline"] = np.where(np.isfinite(limit) & (limit > 0.0), next_to(limit, rng), one["deadline"])


def _rate(one: dict[str, Array], rng: Generator) -> None:
    """Nothing is limited but the frame."""


def _bands(one: dict[str, Array], rng: Generator) -> None:
    if rng.random() < 0.5:
        with np.errstate(all="ignore"):
            least = one["data_size"] * one["noise_density"] * np.log(2.0) / one["channel_gain"]
        some = np.isfinite(least) & (rng.random(least.shape) < 0.7)
        one["energy_budget"] = np.where(some, next_to(least, rng), one["energy_budget"])
        if rng.random() < 0.5:
            one["local_time"] = one["local_time"] * 10.0 ** rng.uniform(0.0, 15.0)


def _powers(one: dict[str, Array], rng: Generator) -> None:
    with np.errstate(all="ignore"):
        least = one["data_size"] * np.log(2.0) / one["bandwidth"] * (one["noise_power"] / one["channel_gain"])
        caused = one["interference_gain"] * one["max_power"]
    if rng.random() < 0.4:
        some = np.isfinite(least) & (rng.random(least.shape) < 0.7)
        one["energy_budget"] = np.where(some, next_to(least, rng), one["energy_budget"])
        if rng.random() < 0.5:
            one["local_cost"] = one["local_cost"] * 10.0 ** rng.uniform(0.0, 15.0)
    if rng.random() < 0.4:
        part = caused[rng.random(caused.shape) < 0.6].sum()
        one["interference_limit"] = np.asarray(next_to(part, rng)) if np.isfinite(part) else one["interference_limit"]


def _slots(one: dict[str, Array], rng: Generator) -> None:
    """Put workloads at the edge of what the processor, or the energy, serves."""
    with np.errstate(all="ignore"):
        computed = one["cpu_speed"] / one["cycles_per_bit"] * 1e3 * one["slot"]
        paid = one["energy_coefficient"] * one["cpu_speed"] ** 2 * 1e-3 * one["cycles_per_bit"]
        energy = (
            one["battery"] + one["harvesting_efficiency"] * one["carrier_power"] * 1e6 * one["downlink_gain"] * one["slot"]
        )
        by_energy = energy / paid
    kind = rng.random()
    edge = computed if kind < 0.15 else by_energy
    if kind < 0.3:
        one["workload"] = np.where(np.isfinite(edge) & (edge > 0.0), next_to(edge, rng), one["workload"])
    free = (one["backscatter_power"] == 0.0) | (one["energy_coefficient"] == 0.0) | (one["cpu_speed"] == 0.0)
    one["energy_floor"] = np.where(free | (paid == 0.0), np.maximum(one["energy_floor"], 1e-3), one["energy_floor"])


def _queues(one: dict[str, Array], rng: Generator) -> None:
    one["slots"] = np.clip(np.round(one["slots"]), 1.0, 1e6)
    one["arrivals"] = np.minimum(np.round(one["arrivals"]), one["slots"])
    backlog = np.minimum(one["backlog"], 6.0)
    one["backlog"] = backlog if one["queue"] == 1.0 else np.round(backlog)
    if rng.random() < 0.3:  # the processor does a whole number of tasks in a block
        whole = rng.integers(1, 5, one["work"].shape)
        speed = whole * one["work"] / (one["slots"] * one["slot"])
        one["cpu_speed"] = np.where(np.isfinite(speed) & (speed > 0.0), next_to(speed, rng), one["cpu_speed"])


def _frames(one: dict[str, Array], rng: Generator) -> None:
    users, antennas = one["channel"].shape
    one["channel"] = np.where(np.abs(one["channel"]) > 1.0, 0.01, one["channel"])
    kind = rng.random()
    if kind < 0.25:
        own = np.zeros((users, antennas), dtype=complex)
        own[np.arange(users), np.arange(users) % antennas] = rng.choice([0.003, 0.01, 0.03])
        one["channel"] = own
        if kind < 0.12:
            one["channel"] = own + 10.0 ** rng.uniform(-14.0, -4.0) * rng.standard_normal(own.shape)
    elif kind < 0.35:
        one["channel"] = np.tile(one["channel"][:1], (users, 1))
    if rng.random() < 0.2:
        with np.errstate(all="ignore"):
            held = np.minimum(one["battery"], one["battery_capacity"]) / one["compute_energy"]
        one["workload"] = np.where(np.isfinite(held), next_to(held, rng), one["workload"])


MEETING: dict[type[Problem], Callable[[dict[str, Array], Generator], None]] = {
    BinaryOffloading: _binary,
    MultiServerOffloading: _servers,
    ComputationRate: _rate,
    BandwidthPower: _bands,
    PricedPower: _powers,
    HybridSlot: _slots,
    InferenceQueue: _queues,
    BackscatterFrame: _frames,
}


# ---------------------------------------------------------------------- rivals


@dataclasses.dataclass(frozen=True)
class Rival:
    """Answers by other means: values of feasible allocations, nan where none was found."""

    value: Array
    possible: Array
    """Whether some answer holds all limits exactly."""
    rounding: Array | float = 0.0
    """What is not precise in the rival's own numbers."""


def judged(problem: Problem, decision: Array, allocation: Variables) -> Rival:
    """Judge allocations of decisions ``(instances, decisions, ...)`` by the problem's own formulas."""
    with np.errstate(all="ignore"):
        value = np.asarray(problem.objective(decision, allocation), dtype=float)
        broken = violation(problem, decision, allocation)
    met = np.isfinite(value)
    return Rival(np.where(met & (broken <= MET), value, np.nan), met & (broken == 0.0))


def decisions_of(problem: Problem) -> Array:
    """Return all decisions of choices, for every instance."""
    whole = np.array(list(itertools.product(range(len(problem.choices.labels)), repeat=problem.users)), dtype=np.int8)
    return np.broadcast_to(whole, (problem.instances, *whole.shape))


def root(rises: Callable[[Array], Array], low: Array, high: Array, steps: int = 90) -> Array:
    """Return where a function that rises along the logarithm changes its sign, from below."""
    low, high = np.log(low), np.log(high)
    for _ in range(steps):
        middle = 0.5 * (low + high)
        above = rises(np.exp(middle)) > 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.exp(low)


LEAST, MOST = 1e-300, 1e300


def shared(cost: Array, capacity: Array) -> Array:
    """Return shares of a capacity in the ratio of the roots of costs, which cost least; 0 where nothing costs."""
    roots = np.sqrt(cost)
    total = roots.sum(axis=-1, keepdims=True)
    return np.where(total > 0.0, roots / np.where(total > 0.0, total, 1.0), 0.0) * capacity


def of_binary(problem: BinaryOffloading) -> tuple[Array, Variables]:
    decision = decisions_of(problem)
    cost = problem.data_size * (1.0 + problem.energy_weight * problem.waiting_power)
    rate = shared(np.where(decision == 1, cost[:, None], 0.0), problem.capacity[:, None, None])
    return decision, ServerRate(server_rate=rate)


def of_servers(problem: MultiServerOffloading) -> tuple[Array, Variables]:
    decision = decisions_of(problem)
    n, k, users = decision.shape
    at = np.maximum(decision - 1, 0).astype(int)
    rows = np.arange(n)[:, None, None]
    people = np.arange(users)

    def own(name: str) -> Array:
        return np.broadcast_to(getattr(problem, name)[:, None], (n, k, users))

    with np.errstate(all="ignore"):
        snr = problem.channel_gain[rows, people, at] * own("max_power") / problem.noise_power[rows, at]
        rate = own("bandwidth") * np.log1p(snr) / np.log(2.0)
        up = np.where(own("data_size") == 0.0, 0.0, own("data_size") / rate)
        needed = own("workload") / (own("deadline") - up)
    low = np.maximum(own("least_speed"), np.where(own("deadline") < np.inf, np.where(needed > 0.0, needed, 0.0), 0.0))
    high = np.minimum(own("most_speed"), problem.server_speed[rows, at])
    cost = own("weight") * own("workload")
    speed = np.zeros((n, k, users))
    for j in range(problem.servers):
        mine = decision == j + 1
        capacity = problem.server_speed[:, j][:, None]
        roots = np.sqrt(np.where(mine, cost, 0.0))

        def taken(level: Array, mine: Array = mine, roots: Array = roots) -> Array:
            with np.errstate(all="ignore"):
                return np.where(mine, np.clip(level[..., None] * roots, low, np.maximum(high, low)), 0.0)

        def over(level: Array, taken: Any = taken, capacity: Array = capacity) -> Array:
            return np.asarray(taken(level).sum(axis=-1) - capacity)

        speed += taken(root(over, np.full((n, k), LEAST), np.full((n, k), MOST)))
    power = np.where(decision > 0, own("max_power"), 0.0)
    allocation = SpeedAndPower(server_speed=speed, transmit_power=power, latency=np.zeros_like(speed))
    with np.errstate(all="ignore"):
        latency = problem.latency(decision, allocation)
    return decision, dataclasses.replace(allocation, latency=latency)


def of_rate(problem: ComputationRate) -> tuple[Array, Variables]:
    decision = decisions_of(problem)
    n, k, _users = decision.shape
    power = problem.harvesting_efficiency * problem.transmit_power[:, None] * problem.channel_gain
    gain = power * problem.channel_gain / problem.noise_power[:, None]
    worth = problem.weight * (problem.bandwidth / problem.communication_overhead)[:, None] / np.log(2.0)
    local = problem.weight / problem.cycles_per_bit * np.cbrt(power / problem.capacitance)
    sends = (decision == 1) & ((gain > 0.0) & (worth > 0.0))[:, None]
    gain, worth = np.where(sends, gain[:, None], 0.0), np.where(sends, worth[:, None], 1.0)
    kept = np.where(decision == 1, 0.0, local[:, None]).sum(axis=-1)

    def times(price: Array) -> tuple[Array, Array]:
        """The SNR y with ln(1 + y) - y/(1 + y) = price / worth, and the times g / y of each unit of harvesting."""
        wanted = price[..., None] / worth

        def marginal(y: Array) -> Array:
            small = y < 1e-4
            return np.where(small, y * y * (0.5 - y * (2.0 / 3.0 - 0.75 * y)), np.log1p(y) - y / (1.0 + y)) - wanted

        y = root(marginal, np.full(wanted.shape, 1e-200), np.full(wanted.shape, MOST), 70)
        part = np.where(sends, gain / y, 0.0)
        return y, part

    def excess(price: Array) -> Array:
        y, part = times(price)
        a = 1.0 / (1.0 + part.sum(axis=-1))
        earned = np.where(sends, worth * gain / (1.0 + y), 0.0).sum(axis=-1)
        return np.asarray(price - kept / 3.0 * a ** (-2.0 / 3.0) - earned)

    with np.errstate(all="ignore"):
        price = root(excess, np.full((n, k), 1e-250), np.full((n, k), 1e250), 80)
        _, part = times(price)
        a = 1.0 / (1.0 + part.sum(axis=-1))
    return decision, FrameTimes(harvest_time=a, offload_time=part * a[..., None])


def efficiency_of(budget: float, gain: float, band: float, data: float, noise: float) -> float:
    """Return the u with (e^u - 1)/u = E h B/(D N ln 2), the right side exact; 0 where it is at most 1, by fractions."""
    if data == 0.0 or budget == math.inf:
        return math.inf
    if min(budget, gain, band) == 0.0:
        return 0.0
    least = Fraction(data) * Fraction(noise) * LOG_2
    excess = (Fraction(budget) * Fraction(gain) * Fraction(band) - least) / least
    if excess <= 0:
        return 0.0
    try:
        wanted = float(excess)
    except OverflowError:
        return math.inf

    def above(u: float) -> float:
        if u > 600.0:
            return u - math.log(u) - math.log1p(wanted)
        series = u / 2 * (1 + u / 3 * (1 + u / 4 * (1 + u / 5 * (1 + u / 6 * (1 + u / 7 * (1 + u / 8))))))
        return (series if u < 1e-2 else math.expm1(u) / u - 1.0) - wanted

    low, high = -740.0, 7.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if above(math.exp(middle)) > 0.0 else (middle, high)
    return math.exp(low)


def efficiencies_of(problem: Any, band: Array, noise: Array) -> Array:
    """Return `efficiency_of` every user."""
    fields = (problem.energy_budget, problem.channel_gain, band, problem.data_size, noise)
    return np.array(
        [
            [efficiency_of(*map(float, user)) for user in zip(*instance, strict=True)]
            for instance in zip(*(np.broadcast_to(f, problem.data_size.shape) for f in fields), strict=True)
        ]
    )


def of_bands(problem: BandwidthPower) -> tuple[Array, Variables]:
    decision = decisions_of(problem)
    n, k, _users = decision.shape
    noise = problem.noise_density[:, None]
    cap = efficiencies_of(problem, np.ones(1), noise)
    with np.errstate(all="ignore"):
        reach = problem.channel_gain * problem.max_power / noise
        cost = problem.weight * problem.data_size * np.log(2.0)
        knee = np.expm1(np.minimum(cap, 700.0))
    cap, reach, cost, knee = (part[:, None] for part in (cap, reach, cost, knee))
    sends = (decision == 1) & (cost > 0.0) & (cap > 0.0) & (reach > 0.0)

    def bands(price: Array) -> Array:
        """The band at which one more hertz saves the price: on c/R(b), of which R is concave."""

        def dear(b: Array) -> Array:
            y = reach / b
            full = y < knee
            slope = np.where(y < 1e-4, y * y * (0.5 - y * (2.0 / 3.0 - 0.75 * y)), np.log1p(y) - y / (1.0 + y))
            rate = b * np.minimum(cap, np.log1p(y))
            saved = cost / rate / rate * np.where(full, slope, cap)
            return np.asarray(price[..., None] - saved)

        b = root(dear, np.full(decision.shape, 1e-200), np.full(decision.shape, 1e200), 75)
        return np.where(sends, b, 0.0)

    with np.errstate(all="ignore"):
        whole = problem.bandwidth[:, None]
        price = root(lambda p: whole - bands(p).sum(axis=-1), np.full((n, k), 1e-250), np.full((n, k), 1e250), 75)
        band = bands(price)
        total = band.sum(axis=-1, keepdims=True)
        band = band * np.where(total > 0.0, whole[..., None] / np.where(total > 0.0, total, 1.0), 0.0)
        most = np.where(np.isinf(cap), np.inf, knee * (noise / problem.channel_gain)[:, None] * band)
        power = np.where(band > 0.0, np.minimum(problem.max_power[:, None], most), 0.0)
    return decision, Transmission(band=band, power=power)


def of_powers(problem: PricedPower) -> tuple[Array, Variables]:
    decision = decisions_of(problem)
    n, k, _users = decision.shape
    noise = problem.noise_power[:, None]
    limit = problem.interference_limit[:, None]
    with np.errstate(all="ignore"):
        snr = problem.channel_gain / noise
        cap = np.minimum(efficiencies_of(problem, problem.bandwidth, noise), np.log1p(snr * problem.max_power))
        cost = problem.weight * problem.data_size * np.log(2.0) / problem.bandwidth
        energy = problem.energy_price / snr
        part = np.where(problem.interference_gain > 0.0, problem.interference_gain / snr / limit, 0.0)
    cap, cost, energy, part, snr = (one[:, None] for one in (cap, cost, energy, part, snr))
    sends = (decision == 1) & (cost > 0.0) & (cap > 0.0) & np.isfinite(cost)

    def chosen(price: Array) -> Array:
        """The efficiency u at which (1 + c (e^u - 1)) / u + m (e^u - 1) no longer falls, or the cap."""
        m = price[..., None] * part / np.where(cost > 0.0, cost, 1.0)

        def rises(u: Array) -> Array:
            bend = np.where(u < 1e-2, u * u * (0.5 - u * (1 / 6 - u * (1 / 24 - u * (1 / 120 - u / 720)))), u + np.expm1(-u))
            return energy * bend + m * u * u - np.exp(-u)

        u = root(rises, np.full(decision.shape, 1e-200), np.full(decision.shape, 700.0), 75)
        return np.where(sends, np.minimum(u, cap), 0.0)

    with np.errstate(all="ignore"):
        low = np.full((n, k), 1e-250)
        price = root(lambda p: 1.0 - np.where(sends, part * np.expm1(chosen(p)), 0.0).sum(axis=-1), low, 1.0 / low, 80)
        free = np.where(sends, part * np.expm1(chosen(np.zeros((n, k)))), 0.0).sum(axis=-1) <= 1.0
        ratio = np.expm1(chosen(np.where(free, 0.0, price)))
        used = np.where(sends, part * ratio, 0.0).sum(axis=-1, keepdims=True)
        power = np.where(sends, ratio / snr / np.maximum(used, 1.0), 0.0)
    return decision, TransmitPower(transmit_power=power)


def of_queues(problem: InferenceQueue) -> tuple[Array, Variables]:
    """Every number of tasks that may leave, the split of each by golden section on its cost."""
    n, users = problem.backlog.shape

    def own(name: str) -> Array:
        value: Array = getattr(problem, name)
        return value if value.ndim == 2 else value[:, None]

    started = problem.backlog - np.floor(problem.backlog)
    most = int(np.floor(problem.backlog).max())
    block = own("slots") * own("slot")
    gap, slot = own("snr_gap"), own("slot")
    literal = own("queue") == 1.0
    best = np.full((n, users), np.inf)
    found = {name: np.full((n, users), np.nan) for name in ("decision", "y", "z", "p", "f")}
    with np.errstate(all="ignore"):
        able = own("cpu_speed") * (block / own("work"))
        nats = own("output_per_cycle") * own("work") / (own("bandwidth") * slot) * np.log(2.0)
        carried = np.where(
            (own("snr_per_watt") > 0.0) & (own("max_power") > 0.0),
            np.logaddexp(0.0, np.log(own("snr_per_watt")) + np.log(own("max_power")) - np.log(gap)) / nats,
            0.0,
        )
        for s in range(most + 1):
            work = np.asarray(s + started)

            def parts(y: Array, work: Array = work) -> tuple[Array, Array, Array]:
                z = np.minimum(np.maximum(work - y, 0.0), able)
                p = np.where(y == 0.0, 0.0, gap / own("snr_per_watt") * np.expm1(nats * y))
                return z, p, z * (own("work") / block)

            def cost(y: Array, s: int = s, parts: Any = parts) -> Array:
                _z, p, f = parts(y)
                spent = block * own("energy_coefficient") * f**3 + slot * p
                left = np.floor(problem.backlog) - s + np.where(literal, y, 0.0)
                paid = own("offload_price") * y + own("backlog_value") * left
                return np.asarray(own("energy_weight") * spent + paid)

            low = np.clip(work - able, 0.0, 1.0)
            high = np.minimum(np.minimum(carried, 1.0), work)
            fits = (low <= high) & (s <= problem.backlog) & (work - low <= able)
            a, b = low, np.maximum(high, low)
            for _ in range(80):
                left, other = b - 0.6180339887498949 * (b - a), a + 0.6180339887498949 * (b - a)
                falls = cost(left) > cost(other)
                a, b = np.where(falls, left, a), np.where(falls, b, other)
            for y in (0.5 * (a + b), low, np.maximum(high, low)):
                value = np.where(fits, cost(y), np.inf)
                better = value < best
                best = np.where(better, value, best)
                z, p, f = parts(y)
                for name, new in (("decision", np.full_like(y, s)), ("y", y), ("z", z), ("p", p), ("f", f)):
                    found[name] = np.where(better, new, found[name])
        ends = np.minimum(
            problem.server_backlog, problem.server_speed / problem.server_task * (problem.slots * problem.slot)
        )
        dear = problem.server_energy_weight * problem.server_energy_coefficient
        dear = dear * problem.server_task**3 / (problem.slots * problem.slot) ** 2
        served = np.clip(np.sqrt(problem.server_value / (3.0 * dear)), 0.0, ends)
        served = np.where(np.isnan(served), np.where(problem.server_value > 0.0, ends, 0.0), served)
        rate = served * (problem.server_task / (problem.slots * problem.slot))
    decision = np.where(np.isnan(found["decision"]), 0, found["decision"]).astype(np.int64)
    return decision[:, None], TaskAllocation(
        local_work=found["z"][:, None],
        offloaded=found["y"][:, None],
        transmit_power=found["p"][:, None],
        cpu_rate=found["f"][:, None],
        server_work=served.reshape(n, 1),
        server_rate=rate.reshape(n, 1),
    )


CHOICES: dict[type[Problem], Callable[[Any], tuple[Array, Variables]]] = {
    BinaryOffloading: of_binary,
    MultiServerOffloading: of_servers,
    ComputationRate: of_rate,
    BandwidthPower: of_bands,
    PricedPower: of_powers,
}


def rivals(problem: Problem, rng: Generator, every: bool = False) -> list[Rival]:
    """Return rivals of the best answers of a batch, ``(instances)``, or with `every` of every decision of choices."""
    cls = type(problem)
    if cls in CHOICES or cls is InferenceQueue:
        found = judged(problem, *(CHOICES[cls](problem) if cls in CHOICES else of_queues(problem)))  # type: ignore[arg-type]
        return [found if every else best(problem, found)]
    if isinstance(problem, HybridSlot):
        return [
            of_slots(problem),
            answered(mecopt.allocate(problem, np.zeros_like(problem.workload), backend="slsqp", throw=False)),
        ]
    solvers = ("best-of-random", "weights", "matched", "charging")
    return [answered(mecopt.solve(problem, solver=name, throw=False, rng=rng)) for name in solvers]


def best(problem: Problem, found: Rival) -> Rival:
    """Return the best of the decisions of each instance."""
    value = problem.sign * np.where(np.isnan(found.value), np.inf, problem.sign * found.value).min(axis=1)
    return Rival(np.where(np.isinf(value), np.nan, value), np.asarray(found.possible.any(axis=1)))


def answered(solution: mecopt.Solution) -> Rival:
    """Return answers of another method as rivals."""
    met = np.isfinite(solution.objective) & (solution.violation <= MET)
    return Rival(np.where(met, solution.objective, np.nan), np.asarray(met & (solution.violation == 0.0)))


def of_slots(problem: HybridSlot) -> Rival:
    """Return rewards by an oracle of sampled hulls, of paced slots with the carrier in the passive rate; nan of others."""
    value = np.full(problem.instances, np.nan)
    own = {
        name: np.broadcast_to(part if part.ndim == 2 else part[:, None], problem.workload.shape)
        for name, part in problem.data().items()
    }
    plain = ((own["pacing"] == 0.0) & (own["passive_rate"] == 0.0)).all(axis=-1)
    for k in np.flatnonzero(plain):
        total = 0.0
        for user in np.flatnonzero(problem.workload[k] > 0.0):
            with np.errstate(all="ignore"):
                reward = Oracle(problem[k], int(user)).best(1e-6)[0]
            if own["service"][k, user] == 0.0:
                reward = max(reward, -float(own["outage_penalty"][k, user]))
            elif reward == -np.inf:  # the samples serve nobody; whether skipping is allowed they do not tell
                reward = np.nan
            total += reward
        value[k] = total
    return Rival(value, np.zeros(problem.instances, dtype=bool), 1e-9 * problem.negligible)
