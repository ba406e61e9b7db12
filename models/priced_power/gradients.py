r"""How cost and powers change with the data: one price of interference, powers at a condition of their own or at a limit.

With :math:`k_i = w_i D_i \ln 2 / B_i` an upload costs :math:`c_i(p) = k_i (1 + \alpha_i p) / \ln(1 + g_i p)`. Its power
satisfies :math:`c_i'(p) + \mu G_i = 0`, or is its limit: the greatest power, or where the energy
:math:`k_i p / (w_i \ln(1 + g_i p))` is all of the budget.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt.kernels.implicit import NEAR, Conditions, near, safe, shared

DIFFERENTIABLE = (
    "channel_gain",
    "data_size",
    "bandwidth",
    "max_power",
    "noise_power",
    "weight",
    "energy_price",
    "energy_budget",
    "interference_gain",
    "interference_limit",
    "local_cost",
    "server_time",
)


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return Lagrangian and powers of decisions; see `mecopt.kernels.implicit`."""
    away = decision == 1
    sends = away & (allocation.transmit_power > 0.0)
    power = safe(xp, sends, allocation.transmit_power)
    nothing = xp.zeros_like(power)
    price = xp.where(f.interference_limit[..., 0] < math.inf, dual.interference_price, nothing[..., 0])[..., None]
    gain = safe(xp, sends, f.channel_gain / f.noise_power)
    time = safe(xp, sends, f.data_size) * math.log(2.0) / safe(xp, sends, f.bandwidth)
    nats = xp.log1p(gain * power)
    per_watt = gain / (1.0 + gain * power)

    spent = time * power / nats
    budgeted = sends & (f.energy_budget < math.inf)
    at_budget = budgeted & (spent >= f.energy_budget * (1.0 - NEAR))
    at_power = sends & ~at_budget & (power >= f.max_power * (1.0 - NEAR))
    steep = safe(xp, at_budget, time * (1.0 - power * per_watt / nats) / nats)
    within = power - (spent - safe(xp, at_budget, f.energy_budget)) / steep
    held = xp.where(at_budget, within, xp.where(at_power, f.max_power, power))

    worth = f.weight * time
    uploading = worth * (1.0 + f.energy_price * held) / xp.log1p(gain * held)
    cost = xp.where(away, f.weight * f.server_time, f.local_cost) + xp.where(sends, uploading, nothing)
    limit = safe(xp, f.interference_limit < math.inf, f.interference_limit)
    caused = xp.sum(xp.where(sends, f.interference_gain * held, nothing), axis=-1)
    paid = (price * (caused[..., None] - limit))[..., 0]

    priced = 1.0 + f.energy_price * power
    numerator = f.energy_price * nats - priced * per_watt
    marginal = worth * numerator / nats**2
    residual = marginal + price * f.interference_gain
    slope = worth * per_watt * (priced * per_watt / nats**2 - 2.0 * numerator / nats**3)
    free = sends & ~at_budget & ~at_power & (slope != 0.0)
    slope = safe(xp, free, slope)
    settled = xp.where(free, power - residual / slope, xp.where(sends, held, nothing))
    response = xp.where(free, -f.interference_gain / slope, nothing)[..., None]
    use = xp.where(sends, f.interference_gain, nothing)[..., None]
    moved = shared(xp, settled, response, use, limit, price > 0.0)
    bounded = at_budget | at_power
    just = near(xp, worth * f.energy_price / nats + price * f.interference_gain, worth * priced * per_watt / nats**2)
    return Conditions(
        xp.sum(cost, axis=-1) + paid,
        {"transmit_power": xp.where(sends, moved, nothing)},
        {
            "a limit of its power is just active": bounded & just,
            "max_power and energy_budget allow the same power": at_budget & near(xp, power, f.max_power),
            "the interference limit is just reached, at no price": (price[..., 0] == 0.0)
            & (caused > 0.0)
            & near(xp, caused, f.interference_limit[..., 0]),
            "all powers are at limits of their own that reach the interference limit, so that its price is an interval": (
                (price[..., 0] > 0.0) & xp.any(sends, axis=-1) & ~xp.any(free, axis=-1)
            ),
        },
    )
