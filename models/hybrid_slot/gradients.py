r"""How rewards and divisions change with the data and with what is kept: envelope theorem, and two equations a user.

A user's slot is a program in eight variables whose limits are linear but for the energy. At its best division

.. math:: \nabla_y R = \sum_j \lambda_j \nabla_y g_j, \qquad \lambda \ge 0, \quad \lambda_j = 0 \text{ where } g_j < 0 ,

and these multipliers are found by non-negative least squares on the limits that bind: that is what a reward changes by.

Times and ways that cost the same are interchangeable, so a division is one of many; what is found is the one with the
longest time. It follows from its local part and that time, and these from the two equations of its regime; see
`mecopt.models.hybrid_slot.regimes`. Strict slots follow from no equation: their divisions have no gradient.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import SKIP
from mecopt.kernels.implicit import Conditions, safe
from mecopt.models.hybrid_slot import regimes
from mecopt.models.hybrid_slot.regime_search import of_answers
from mecopt.models.hybrid_slot.terms import KILO, LITERAL, NANO, harvested, local_rates, passive_rates

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot
    from mecopt.models.hybrid_slot.variables import SlotAllocation

Array = NDArray[Any]

DIFFERENTIABLE = (
    "workload",
    "battery",
    "uplink_gain",
    "downlink_gain",
    "carrier_power",
    "harvesting_efficiency",
    "noise_power",
    "bandwidth",
    "slot",
    "circuit_power",
    "reflection",
    "backscatter_power",
    "cpu_speed",
    "cycles_per_bit",
    "energy_coefficient",
    "energy_floor",
    "price_weight",
    "channel_price",
    "computing_price",
    "outage_penalty",
)

REASONS = (
    "a division satisfies the conditions of no regime near by: it is strict, at a kink, or its energy only just suffices",
    "a division is at a kink, the limits that bind leave part of the reward's gradient unexplained; move the data a little",
)

REAL_DECISIONS = True
"""What is kept is a number, to which there are gradients."""

MULTIPLIERS = 7
"""Of work, time, the radio's time, the passive rate, the local rate, the processor's time, and energy."""

RADIO = (2, 5)
"""The radio's time and bits among the eight variables."""

WAYS = (1, 3, 5, 6)
"""What divides slot and work among radio and backscatter."""

BINDS = 1e-7
"""Part of what a limit is about up to which it binds."""


UNEXPLAINED = 1e-4
"""Part of the reward's gradient beyond which multipliers are none."""


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return the Lagrangian of slots; see `mecopt.kernels.implicit`."""
    a, nothing = allocation, xp.zeros_like(allocation.harvest_time)
    serves = (decision != SKIP) & (f.workload > 0.0)
    link, literal = f.uplink_gain > 0.0, f.passive_rate == LITERAL
    carrier = xp.where(literal, xp.full_like(nothing, 1e9), f.carrier_power * NANO + nothing)
    ratio = f.reflection**2 * f.uplink_gain * f.downlink_gain * carrier / f.noise_power
    passive = f.bandwidth * xp.log1p(ratio) / math.log(2.0)
    local = f.cpu_speed / (KILO * f.cycles_per_bit)
    fed = f.harvesting_efficiency * f.carrier_power * NANO * f.downlink_gain * f.slot

    sends = link & (a.sending_time > 0.0)
    exponent = math.log(2.0) * a.active_bits / (f.bandwidth * safe(xp, sends, a.sending_time))
    power = f.noise_power / safe(xp, sends, f.uplink_gain) * xp.expm1(safe(xp, sends, exponent, 0.0)) + f.circuit_power
    reflects = (passive > 0.0) & (a.passive_bits > 0.0)
    energy = (
        xp.where(sends, a.sending_time * power, nothing)
        + xp.where(reflects, f.backscatter_power * a.passive_bits / safe(xp, reflects, passive), nothing)
        + f.energy_coefficient * f.cpu_speed**3 * a.local_time
    )
    sent = a.active_bits + a.passive_bits
    span = safe(xp, sent > 0.0, a.active_time + a.passive_time)
    price = f.price_weight * (f.channel_price * sent / span + f.computing_price * sent)
    reward = f.workload / safe(xp, serves, energy + f.energy_floor) - price

    work, time, radio, rate, speed, processor, budget = (dual.multipliers[..., k] for k in range(MULTIPLIERS))
    limits = (
        work * (f.workload - sent - a.local_bits)
        + time * (a.harvest_time + a.active_time + a.passive_time - f.slot)
        + radio * (a.sending_time - a.active_time)
        + rate * (a.passive_bits - passive * a.passive_time)
        + speed * (a.local_bits - local * a.local_time)
        + processor * (a.local_time - f.slot)
        + budget * (energy - f.battery + decision - fed * a.harvest_time / f.slot)
    )
    skipped = xp.where(f.workload > 0.0, -f.outage_penalty + nothing, nothing)
    total = xp.sum(xp.where(serves, reward - limits, skipped), axis=-1)
    found = regimes.divided(xp, regimes.terms(xp, f, xp.where(serves, decision, nothing)), f, dual.regime, serves)
    just = serves & (dual.regime[..., -1] > 0.0)
    return Conditions(total, found, {"what determines its division is about to change": just})


def further(sizes: Any) -> dict[str, tuple[int, ...]]:
    """Return the own axes of what `implicit` finds."""
    return {"multipliers": (sizes["users"], MULTIPLIERS), "regime": (sizes["users"], regimes.COLUMNS)}


def implicit(problem: Any, decision: Any, allocation: Any, dual: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Return whether value and allocation have gradients."""
    found, explained = multipliers(problem, decision, allocation)
    regime, good = of_answers(problem, decision, allocation)
    value = np.where(explained, 0, 2)
    return value, np.where(good.all(axis=-1), 0, 1), {"multipliers": found, "regime": regime}


def multipliers(problem: HybridSlot, decision: Array, allocation: SlotAllocation) -> tuple[Array, Array]:
    """Return what a little more of every limit brings, ``(..., users, 7)``, 0 where nobody serves, and where that is all."""
    from scipy.optimize import nnls

    gradient, limits, binding = _stationarity(problem, decision, allocation)
    serves = (decision != SKIP) & np.isfinite(gradient).all(axis=-1) & (problem.aligned("workload", decision) > 0.0)
    found, explained = np.zeros((*decision.shape, MULTIPLIERS)), np.ones(decision.shape[:-1], dtype=bool)
    for place in map(tuple, np.argwhere(serves)):
        columns = np.flatnonzero(binding[place])
        sizes = np.linalg.norm(limits[place][:, columns], axis=0)
        size = np.abs(gradient[place]).max() or 1.0
        weights, left = nnls(limits[place][:, columns] / sizes, gradient[place] / size)
        explained[place[:-1]] &= left <= UNEXPLAINED
        whole = np.zeros(binding.shape[-1])
        whole[columns] = weights * size / sizes
        found[place] = whole[:MULTIPLIERS]
    return found, explained


def _stationarity(problem: HybridSlot, decision: Array, a: SlotAllocation) -> tuple[Array, Array, Array]:
    """Return the reward's gradient, those of all limits as columns, and which bind; times in slots and bits in workloads."""

    def field(name: str) -> Array:
        value = problem.aligned(name, decision)
        return np.broadcast_to(value if value.ndim == decision.ndim else value[..., None], decision.shape)

    slot, load = field("slot"), np.where(field("workload") > 0.0, field("workload"), 1.0)
    passive, local, fed = (
        np.broadcast_to(problem.aligned(part(problem), decision), decision.shape)
        for part in (passive_rates, local_rates, harvested)
    )
    sends = (a.sending_time > BINDS * slot) & (field("uplink_gain") > 0.0)
    exponent = np.where(
        sends, np.log(2.0) * a.active_bits / (field("bandwidth") * np.where(sends, a.sending_time, 1.0)), 0.0
    )
    noise = np.where(sends, field("noise_power") / np.where(sends, field("uplink_gain"), 1.0), 0.0)
    a_bit = np.where(sends, noise * np.exp(exponent) * np.log(2.0) / field("bandwidth"), 0.0)
    a_second = np.where(sends, noise * (np.expm1(exponent) - exponent * np.exp(exponent)) + field("circuit_power"), 0.0)
    reflected = np.where(passive > 0.0, field("backscatter_power") / np.where(passive > 0.0, passive, 1.0), 0.0)
    computed, zero = field("energy_coefficient") * field("cpu_speed") ** 3, np.zeros(decision.shape)
    one = np.ones(decision.shape)
    spent = np.stack([zero, zero, a_second, zero, computed, a_bit, reflected, zero], axis=-1)

    sent = a.active_bits + a.passive_bits
    some = sent > 0.0
    span = np.where(some, a.active_time + a.passive_time, 1.0)
    weight, unit = field("price_weight"), field("channel_price")
    longer = np.where(some, -weight * unit * sent / span**2, 0.0)
    more = weight * (np.where(some, unit / span, 0.0) + field("computing_price"))
    paid = np.stack([zero, longer, zero, longer, zero, more, more, zero], axis=-1)
    energy = problem.energy(decision, a)
    gradient = -(field("workload") / (energy + field("energy_floor")) ** 2)[..., None] * spent - paid

    columns = [
        np.stack([zero, zero, zero, zero, zero, -one, -one, -one], axis=-1),
        np.stack([one, one, zero, one, zero, zero, zero, zero], axis=-1),
        np.stack([zero, -one, one, zero, zero, zero, zero, zero], axis=-1),
        np.stack([zero, zero, zero, -passive, zero, zero, one, zero], axis=-1),
        np.stack([zero, zero, zero, zero, -local, zero, zero, one], axis=-1),
        np.stack([zero, zero, zero, zero, one, zero, zero, zero], axis=-1),
        spent - np.stack([fed / slot, zero, zero, zero, zero, zero, zero, zero], axis=-1),
        *(np.broadcast_to(-np.eye(8)[k], (*decision.shape, 8)) for k in range(8)),
    ]
    units = np.stack([slot] * 5 + [load] * 3, axis=-1)
    budget = field("battery") - decision + fed * a.harvest_time / slot
    slack = [
        (sent + a.local_bits - load) / load,
        (slot - a.harvest_time - a.active_time - a.passive_time) / slot,
        (a.active_time - a.sending_time) / slot,
        (passive * a.passive_time - a.passive_bits) / load,
        (local * a.local_time - a.local_bits) / load,
        (slot - a.local_time) / slot,
        (budget - energy) / (field("battery") + fed),
        *(value / (slot if name.endswith("time") else load) for name, value in a.as_dict().items()),
    ]
    # At no time and no bits neither the radio's energy nor the price of a rate has a gradient: a way that is not used says
    # nothing of what the others cost.
    used = np.ones((*decision.shape, 8))
    used[..., RADIO] = sends[..., None]
    used[..., WAYS] *= (sent > BINDS * load)[..., None]
    limits = np.stack(columns, axis=-1) * (units * used)[..., None]
    return gradient * units * used, limits, (np.stack(slack, axis=-1) <= BINDS) & (limits != 0.0).any(axis=-2)
