r"""How latency, bands and powers change with the data: one price of bandwidth, and three ways to use a band.

A user whose budget binds sends with the power per hertz :math:`\pi` that spends it, :math:`D \ln 2\, \pi / u = E` with
:math:`u = \ln(1 + h \pi / N_0)`, whatever its band; one whose power binds has :math:`R(b) = b \ln(1 + g/b)`,
:math:`g = h P / N_0`. A band satisfies

.. math:: \frac{c\, R'(b)}{R(b)^2} = \beta, \qquad R(b) = b\, u \;\text{ or }\; R(b) = b \ln(1 + g/b),

and where both bind it is :math:`P / \pi`. Where that is so of all who send, and fills the band, no
user answers the price: it may be any number of an interval, and the next hertz is worth another than the last.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt.kernels.implicit import NEAR, Conditions, near, safe, shared

DIFFERENTIABLE = (
    "channel_gain",
    "data_size",
    "weight",
    "local_time",
    "server_time",
    "max_power",
    "energy_budget",
    "noise_density",
    "bandwidth",
)


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return Lagrangian, bands and powers of decisions; see `mecopt.kernels.implicit`."""
    away, price = decision == 1, dual.bandwidth_price[..., None]
    sends = away & (allocation.band > 0.0) & (allocation.power > 0.0)
    band, power = safe(xp, sends, allocation.band), safe(xp, sends, allocation.power)
    nothing = xp.zeros_like(band)
    size = safe(xp, sends, f.data_size) * math.log(2.0)
    most = safe(xp, sends, f.max_power)
    work, per_watt = safe(xp, sends, f.weight) * size, safe(xp, sends, f.channel_gain) / f.noise_density

    density = power / band
    nats = xp.log1p(per_watt * density)
    spent = size * density / nats
    at_budget = sends & (f.energy_budget < math.inf) & (spent >= f.energy_budget * (1.0 - NEAR))
    at_power = sends & (power >= most * (1.0 - NEAR))
    steep = safe(xp, at_budget, size / nats * (1.0 - density * per_watt / ((1.0 + per_watt * density) * nats)))
    afforded = density - (spent - safe(xp, at_budget, f.energy_budget)) / steep
    efficiency = xp.log1p(per_watt * afforded)
    both = at_budget & at_power
    held = xp.where(both, most / afforded, band)

    def reached(width: Any) -> Any:
        return width * xp.where(at_budget, efficiency, xp.log1p(per_watt * most / width))

    there = f.weight * f.server_time + xp.where(sends, work / reached(held), nothing)
    taken = xp.sum(xp.where(sends, held, nothing), axis=-1, keepdims=True)
    cost = xp.sum(xp.where(away, there, f.weight * f.local_time), axis=-1) + (price * (taken - f.bandwidth))[..., 0]

    ratio = per_watt * most / band
    full = xp.log1p(ratio) - ratio / (1.0 + ratio)
    rising = xp.where(at_budget, efficiency, full)
    bending = xp.where(at_budget, nothing, -((ratio / (1.0 + ratio)) ** 2) / band)
    rate = reached(band)
    residual = price - work * rising / rate**2
    slope = work * (2.0 * rising**2 / rate - bending) / rate**2
    free = sends & ~both
    settled = xp.where(free, band - residual / slope, xp.where(sends, held, nothing))
    response = xp.where(free, -1.0 / slope, nothing)[..., None]
    use = xp.where(sends, xp.ones_like(band), nothing)[..., None]
    moved = xp.where(sends, shared(xp, settled, response, use, f.bandwidth, price > 0.0), nothing)
    spends = xp.where(at_power, most, moved * afforded)
    knee = near(xp, price, work * full / rate**2) | near(xp, price, work * efficiency / rate**2)
    return Conditions(
        cost,
        {"band": moved, "power": xp.where(sends, spends, nothing)},
        {
            "all bands end where max_power and energy_budget both bind, so that the price of bandwidth is an interval": (
                xp.any(both, axis=-1) & ~xp.any(free, axis=-1)
            ),
            "max_power and energy_budget both bind, one of them only just": both & knee,
        },
    )
