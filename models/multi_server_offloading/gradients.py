r"""How latency and speeds change with the data: the square-root rule of every server, with one price each.

At full power the upload's time is data. A user's speed follows from :math:`w_i F_i / f_i^2 = \mu_j` where no bound binds,
and is its bound otherwise: the least speed, the one that the deadline needs, or the greatest. Servers do not meet, so each
price moves for itself by what fills its speed.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt.kernels.implicit import NEAR, Conditions, near, safe, shared

DIFFERENTIABLE = (
    "channel_gain",
    "workload",
    "data_size",
    "weight",
    "bandwidth",
    "max_power",
    "noise_power",
    "local_speed",
    "server_speed",
    "least_speed",
    "most_speed",
    "deadline",
    "capacitance",
    "power_exponent",
    "max_local_power",
)


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return Lagrangian, speeds, powers and latencies of decisions; see `mecopt.kernels.implicit`."""
    speed, prices = allocation.server_speed, dual.speed_price
    nothing = xp.zeros_like(speed)
    numbers = xp.arange(1, prices.shape[-1] + 1, dtype=decision.dtype)
    on = xp.where(decision[..., None] == numbers, xp.ones_like(nothing)[..., None], nothing[..., None])
    away, works = decision > 0, f.workload > 0.0
    sends = away & (f.data_size > 0.0)
    snr = f.max_power * xp.sum(on * (f.channel_gain / f.noise_power[..., None, :]), axis=-1)
    rate = f.bandwidth * xp.log1p(snr) / math.log(2.0)
    upload = xp.where(sends, f.data_size / safe(xp, sends, rate), nothing)

    drawn = (f.capacitance > 0.0) & (f.max_local_power > 0.0) & (f.max_local_power < math.inf)
    allowed = (safe(xp, drawn, f.max_local_power) / safe(xp, drawn, f.capacitance)) ** (1.0 / f.power_exponent)
    own = xp.where(drawn & (allowed < f.local_speed), allowed, f.local_speed)
    computing = xp.where(~away & works, f.workload / safe(xp, ~away & works, own), nothing)

    served = away & works & (speed > 0.0)
    late = served & (f.deadline < math.inf)
    needed = xp.where(late, f.workload / safe(xp, late, f.deadline - upload), nothing)
    lower, whole = xp.maximum(f.least_speed, needed), xp.sum(on * f.server_speed[..., None, :], axis=-1)
    price = xp.sum(on * prices[..., None, :], axis=-1)
    # who has a server alone is at its speed as at a bound, and the price may be that of the bound
    upper = xp.where(served & (price == 0.0) & (whole < f.most_speed), whole, f.most_speed)
    at_lower = served & (lower > 0.0) & (speed <= lower * (1.0 + NEAR))
    at_upper = served & ~at_lower & (upper < math.inf) & (speed >= upper * (1.0 - NEAR))
    free = served & ~at_lower & ~at_upper & (f.weight > 0.0)
    held = xp.where(at_lower, lower, xp.where(at_upper, safe(xp, at_upper, upper), speed))
    some = safe(xp, served, held)

    cost = f.weight * (upload + computing + xp.where(served, f.workload / some, nothing))
    paid = xp.sum(prices * (xp.sum(on * held[..., None], axis=-2) - f.server_speed), axis=-1)

    weighted = f.weight * f.workload
    residual = weighted / some**2 - price
    slope = safe(xp, free, -2.0 * weighted / some**3)
    settled = xp.where(free, some - residual / slope, held)
    response = on * xp.where(free, 1.0 / slope, nothing)[..., None]
    moved = shared(xp, settled, response, on, f.server_speed, prices > 0.0)
    latency = upload + computing + xp.where(served, f.workload / safe(xp, served, moved), nothing)
    power = xp.where(away, f.max_power, nothing)
    bound = at_lower | at_upper
    taken = xp.sum(on * xp.where(served, held, nothing)[..., None], axis=-2)
    held_fast = on * xp.where(bound & (held < whole), xp.ones_like(held), nothing)[..., None]
    moves = xp.any((on * xp.where(free, xp.ones_like(held), nothing)[..., None]) > 0.0, axis=-2)
    filled = xp.any(held_fast > 0.0, axis=-2) & ~moves & near(xp, taken, f.server_speed)
    return Conditions(
        xp.sum(cost, axis=-1) + paid,
        {"server_speed": moved, "transmit_power": power, "latency": latency},
        {
            "a bound of its speed is just active": bound & near(xp, weighted / some**2, price),
            "most_speed is its server's speed": at_upper & near(xp, f.most_speed, whole),
            "deadline and least_speed ask for the same speed": at_lower & near(xp, f.least_speed, needed),
            "local_speed and max_local_power allow the same speed": ~away & drawn & near(xp, allowed, f.local_speed),
            "bounds of all its speeds fill a server, so that its price is an interval": xp.any(filled, axis=-1),
        },
    )
