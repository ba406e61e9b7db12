"""Figures of the lesson on hybrid slots: mixtures of modes, where the parametric method ends, and bounds of pieces."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.hybrid_slot.allocation.ratios import Ratios
from mecopt.models.hybrid_slot.compiled import bound as compiled_bound
from mecopt.models.hybrid_slot.compiled import search as compiled_search
from mecopt.models.hybrid_slot.compiled import slot as compiled
from mecopt.models.hybrid_slot.problem import HybridSlot
from mecopt.show.view import Number, Panel, View, level, mark, upright
from mecopt.solve import solve

Array = NDArray[Any]

ALIKE = 1e-4
"""Relative distance to the optimum within which a method counts as having found it."""
STARTS = 12
UNIT = "kbit/nJ"

# ---------------------------------------------------------------------- 2: the lower hull


def lower_hull(backscatter_power: float, circuit_power: float) -> View:
    """A user without a processor sends 40 kbit: power by rate, and energy by time."""
    problem = HybridSlot(
        workload=[40.0],
        battery=[60.0],
        uplink_gain=[7e-6],
        downlink_gain=[7e-6],
        bandwidth=40.0,
        reflection=0.13,
        cpu_speed=0.0,
        backscatter_power=backscatter_power,
        circuit_power=circuit_power,
        noise_power=5e-5,
        channel_price=0.002,
        outage_penalty=20.0,
        service="must",
    )
    best, ratios = solve(problem), Ratios(problem)
    slot, hull, given = ratios.slot, ratios.hull, best.allocation
    time = float(given.active_time[0] + given.passive_time[0])
    energy = float(problem.per_user(best.decision, given)["energy"][0])
    rates, times = np.linspace(0.5, 130.0, 131), np.linspace(0.15, 1.0, 86)
    radio = slot.noise * np.expm1(rates / slot.band) + slot.circuit
    awake = times * (slot.noise * np.expm1(slot.workload / times / slot.band) + slot.circuit)
    mixed = np.array([part * compiled.power_of(slot, hull, slot.workload / part) for part in times])
    parts = {
        "rests": 1.0 - float(given.sending_time[0]) / time - float(given.passive_bits[0]) / slot.passive_rate / time,
        "reflects": float(given.passive_bits[0]) / slot.passive_rate / time,
        "sends": float(given.sending_time[0]) / time,
    }
    doing = ", ".join(f"{name} for {part:.0%}" for name, part in parts.items() if part > 0.005)
    where = "is a corner of the hull" if hull.passive else "lies above the hull and is never used"
    return View(
        (
            Panel(
                "mean rate r [kbit/s]",
                "power [nW]",
                (
                    mark("radio, β(r)", rates, radio, "line", "second"),
                    mark("reflecting", slot.passive_rate, slot.passive_power, "dots", "third"),
                    mark("lower hull Φ(r)", rates, [compiled.power_of(slot, hull, r) for r in rates], "line", "first"),
                    mark("optimum", slot.workload / time, energy / time, "dots", "best"),
                ),
                x_range=(0.0, 130.0),
                y_range=(0.0, 150.0),
            ),
            Panel(
                "time τ in which 40 kbit are sent [s]",
                "energy [nJ]",
                (
                    mark("the radio never rests", times, awake, "line", "second"),
                    mark("by the hull, τΦ(D/τ)", times, mixed, "line", "first"),
                    mark("optimum", time, energy, "dots", "best"),
                ),
                x_range=(0.15, 1.02),
                y_range=(0.0, 150.0),
            ),
        ),
        (
            Number("best reward", best.objective, UNIT),
            Number("energy of the slot", energy, "nJ"),
            Number("mean rate", slot.workload / time, "kbit/s"),
        ),
        f"Reflecting {where}. In its offloading time the user {doing} of it.",
        (best,),
    )


LOWER_HULL = Figure(
    "Mixtures are a hull",
    "Make reflecting dearer until its point lies above the line from rest to the radio: then it is of no use. Longer times "
    "never take more energy by the hull; a radio that never rests pays for its circuit.",
    (
        Slider("backscatter_power", "circuit power of backscatter p_b", steps(0.0, 24.0, 13), "nW", start=3),
        Slider("circuit_power", "circuit power of the radio p_c", steps(10.0, 100.0, 10), "nW", start=5),
    ),
    lower_hull,
)

# ---------------------------------------------------------------------- 6: where the parametric method ends


@cache
def _user() -> HybridSlot:
    """Return a user whose reward has two peaks."""
    return HybridSlot(
        workload=[45.0],
        battery=[30.0],
        uplink_gain=[7e-6],
        downlink_gain=[7e-6],
        reflection=0.04,
        backscatter_power=10.0,
        cpu_speed=3.0,
        energy_coefficient=0.5,
        energy_floor=2.0,
        channel_price=0.01,
        computing_price=0.01,
        outage_penalty=50.0,
        service="must",
    )


def _curve(ratios: Ratios) -> tuple[Array, Array, float, float]:
    """Return local parts, their rewards, and the two ends between which the workload can be served."""
    slot, hull = ratios.slot, ratios.hull
    low, high, _, _ = compiled_search.servable(slot, hull, compiled.thrift(slot, hull), ratios.set.reach)
    along = np.linspace(low, high, 201)
    return along, np.array([compiled_search.value_at(slot, hull, ratios.set.reach, x) for x in along]), low, high


def parametric(battery: float, channel_price: float) -> View:
    """The reward in the one variable that is left, and where Jong's method ends from twelve starts."""
    problem = replace(_user(), battery=[battery], channel_price=channel_price)
    best, ratios = solve(problem), Ratios(problem)
    along, rewards, _, _ = _curve(ratios)
    rng, ends, lost = np.random.default_rng(3), [], 0
    for _ in range(STARTS):
        start = ratios.start(rng)
        try:
            found = ratios.jong(start)
            ends.append((float(found.point[0]), ratios.reward(found)))
        except InstanceError:  # a denominator that vanishes: the method has no next step
            lost += 1
    value = float(best.objective)
    reached = sum(reward >= value - ALIKE * (1.0 + abs(value)) for _, reward in ends)
    worst = min((reward for _, reward in ends), default=value)
    elsewhere = len(ends) - reached
    said = f"Of {STARTS} starts {reached} end at the optimum and {elsewhere} elsewhere"
    said += f", at {worst:.3g} {UNIT} in the worst case." if elsewhere else "."
    return View(
        (
            Panel(
                "local part x [kbit]",
                "reward F(x) [kbit/nJ]",
                (
                    mark("reward", along, rewards, "line", "first"),
                    mark("where the method ends", [x for x, _ in ends], [y for _, y in ends], "dots", "second"),
                    mark("optimum", float(best.allocation.local_bits[0]), value, "dots", "best"),
                ),
                x_range=(0.0, 31.0),
            ),
        ),
        (
            Number("best reward", value, UNIT),
            Number("worst end of the method", worst, UNIT),
            Number("starts that end at the optimum", reached),
        ),
        said + (f" {lost} have no next step." if lost else ""),
        (best,),
    )


PARAMETRIC = Figure(
    "Where the parametric method ends",
    "Every end is a stationary point, and the method says of each that it fits. Change the price of the rate: the other "
    "peak becomes the optimum, and some starts do not find it.",
    (
        Slider("battery", "energy in the battery", steps(10.0, 40.0, 7), "nJ", start=4),
        Slider("channel_price", "price of the rate μ", steps(0.004, 0.044, 11), "s/nJ", start=3),
    ),
    parametric,
)

# ---------------------------------------------------------------------- 7: bounds of pieces


def pieces(count: float, channel_price: float) -> View:
    """Bounds of equal pieces by rate prices, above the reward."""
    problem = replace(_user(), channel_price=channel_price)
    best, ratios = solve(problem), Ratios(problem)
    slot, hull, reach = ratios.slot, ratios.hull, ratios.set.reach
    along, rewards, low, high = _curve(ratios)
    cuts = np.linspace(low, high, int(count) + 1)
    ends = [compiled_bound.end_at(slot, hull, reach, x) for x in cuts]
    least, thrift = compiled_bound.least_energy(slot, hull), compiled.thrift(slot, hull)
    bounds = np.array(
        [
            float(compiled_bound.piece_bound(slot, thrift, reach, least, one, other, compiled.ROUNDING)[0])
            for one, other in itertools.pairwise(ends)
        ]
    )
    value = float(best.objective)
    open_ = int((bounds > value + 1e-6 * (1.0 + abs(value))).sum())
    return View(
        (
            Panel(
                "local part x [kbit]",
                "reward [kbit/nJ]",
                (
                    mark("reward F(x)", along, rewards, "line", "first"),
                    mark("bound of each piece", np.repeat(cuts, 2)[1:-1], np.repeat(bounds, 2), "line", "second"),
                    level("optimum", value),
                    upright("", float(best.allocation.local_bits[0]), "quiet"),
                ),
            ),
        ),
        (
            Number("best reward", value, UNIT),
            Number("bound of all pieces", bounds.max(), UNIT),
            Number("pieces left to divide", open_),
        ),
        f"The bounds prove that no slot earns more than {bounds.max():.6g} {UNIT}; {int(count) - open_} of {int(count)} "
        "pieces cannot hold anything better than the optimum by a millionth.",
        (best,),
    )


PIECES = Figure(
    "Weak duality, piece by piece",
    "Each stair is above the reward in its piece, whoever draws it. Halve the pieces: far from the peak they are done at "
    "once, and what the others leave falls to about a quarter.",
    (
        Slider("count", "pieces", (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), start=2, whole=True),
        Slider("channel_price", "price of the rate μ", steps(0.004, 0.044, 11), "s/nJ", start=3),
    ),
    pieces,
)
