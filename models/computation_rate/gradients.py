r"""How rate and times change with the data: envelope theorem, and the condition of the time price.

The frame's limit holds no data, so the rate's derivative is that of the objective at fixed times. The times follow from the
ratios :math:`r_i = \tau_i / a`: with :math:`z_i = g_i / r_i`

.. math::
    \ln(1 + z_i) - \frac{z_i}{1 + z_i} = \frac{\nu}{w_i e}, \qquad a = \frac{1}{1 + \sum_i r_i}, \qquad
    \frac{1}{3} \sum_{x_i = 0} A_i\, a^{-2/3} + \sum_{x_i = 1} \frac{w_i e\, g_i}{1 + z_i} = \nu ,

the last one what more harvesting is worth: one condition on one price.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt.kernels.implicit import Conditions, price_step, safe

DIFFERENTIABLE = (
    "channel_gain",
    "weight",
    "harvesting_efficiency",
    "cycles_per_bit",
    "capacitance",
    "transmit_power",
    "noise_power",
    "bandwidth",
    "communication_overhead",
)


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return Lagrangian and times of modes; see `mecopt.kernels.implicit`."""
    harvest, time, price = allocation.harvest_time, allocation.offload_time, dual.time_price
    power = f.harvesting_efficiency * f.transmit_power * f.channel_gain
    fed, home = power > 0.0, decision == 0
    cpu = safe(xp, fed, power / f.capacitance) ** (1.0 / 3.0)
    kept = xp.sum(xp.where(home & fed, f.weight / f.cycles_per_bit * cpu, xp.zeros_like(power)), axis=-1)
    sends = ~home & (time > 0.0) & fed
    gain = safe(xp, sends, power * f.channel_gain / f.noise_power)
    worth = safe(xp, sends, f.weight * f.bandwidth / f.communication_overhead / math.log(2.0))

    def of_senders(value: Any) -> Any:
        return xp.sum(xp.where(sends, value, xp.zeros_like(value)), axis=-1)

    ratio = safe(xp, sends, time) / xp.where(sends, harvest[..., None], xp.ones_like(time))
    rate = kept * harvest ** (1.0 / 3.0) + of_senders(worth * time * xp.log1p(gain / ratio))

    snr = gain / ratio
    residual = xp.log1p(snr) - snr / (1.0 + snr) - price[..., None] / worth
    slope = -((snr / (1.0 + snr)) ** 2) / ratio
    response = 1.0 / (worth * slope)
    settled = ratio - residual / slope
    free = 1.0 / (1.0 + of_senders(settled))
    earned = of_senders(worth * gain / (1.0 + gain / settled))
    excess = kept / 3.0 * free ** (-2.0 / 3.0) + earned - price
    change = price_step(
        xp,
        excess,
        2.0 / 9.0 * kept * harvest ** (1.0 / 3.0) * of_senders(response) - of_senders(ratio) - 1.0,
        price > 0.0,
    )
    moved = settled + response * change[..., None]
    first = 1.0 / (1.0 + of_senders(moved))
    times = xp.where(sends, moved * first[..., None], xp.zeros_like(time))
    hungry = home & ~fed & (f.weight > 0.0)
    return Conditions(
        rate,
        {"harvest_time": first, "offload_time": times},
        {"it harvests nothing, of which the first would bring infinitely much a watt": hungry},
    )
