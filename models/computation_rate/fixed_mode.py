r"""Rates, times and the time price of the computation rate in one mode, compiled.

With :math:`q_i = \nu/(w_i e)` at a time price :math:`\nu`, and :math:`u_i + e^{-u_i} - 1 = q_i` (`mecopt.kernels.lambert`),
an offloading user transmits for :math:`\tau_i/a = g_i/(e^{u_i} - 1)` per unit of harvesting time and earns
:math:`C_i = w_i e\, g_i e^{-u_i}`. Where :math:`A = \sum_{x_i=0} A_i`, the price of a mode is the root of

.. math:: \psi(\nu) = \tfrac13 A\, a^{-2/3} + \sum_{x_i=1} C_i(\nu) - \nu, \qquad
   1/a = 1 + \sum_{x_i=1} g_i/(e^{u_i} - 1) .

Newton solves this and the equations of all :math:`u_i` together: with :math:`r_i = 1 - e^{-u_i}` the latter move by
:math:`\Delta u_i = (q_i - u_i + r_i)/r_i + \Delta\nu/(w_i e\, r_i)`, which leaves one equation for :math:`\Delta\nu`. So a
step takes one exponential a user, and the steps double their digits from any approximation on.

The rate is that of the times :math:`a` and :math:`\tau`, which fill the frame at any u. They are best at the root, so that
an error of u enters squared.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.lambert import decay, log_ratio, log_ratio_about, paid

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]

NEAR = 1e-8
"""Relative size of the last steps: what they leave over is of its square."""

TOGETHER = 20
"""Steps of Newton on all equations, beyond which u is found at every price, and every second step halves what is left."""

SILENT = 1e-3
"""Part of the price below which a worth may lie: ``exp(-u)`` is 0 there and beyond."""

ROWS = 5
"""Rows of scratch memory that a mode takes."""


@compiled_inside
def _settled(local: Floats, gain: Floats, worth: Floats, decision: Bits, scratch: Floats) -> tuple[float, float]:
    """Return rate and time price of a mode, and leave u of those who offload and earn in the first row of the scratch.

    The rate is of degree 1/3 to 1 in the frame length, so the price lies between a third of any attainable rate and any
    bound on the rate; a step beyond what is known of it is replaced by the geometric mean.
    """
    u, strength, value, drift, pull = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    kept, earners, half_frame = 0.0, 0, 0.0
    for i in range(decision.size):
        if decision[i] != 1:
            kept += local[i]
        elif gain[i] > 0.0:
            strength[earners], value[earners] = gain[i], worth[i]
            earners += 1
    if earners == 0:
        return kept, kept / 3.0
    for k in range(earners):
        half_frame += value[k] * 0.5 / earners * np.log1p(earners * strength[k])
    low = (half_frame + kept * 0.5 ** (1.0 / 3.0)) / 3.0
    high = min(kept + 2.0 * earners * half_frame, 1e308)
    price, rate, together = half_frame + kept * 0.5 ** (1.0 / 3.0) / 3.0, 0.0, True
    for k in range(earners):
        value[k] = max(value[k], SILENT * low)
        u[k] = log_ratio_about(price / value[k])
    for turn in range(200):
        earned, spent, bits, missed_earned, missed_spent, bend = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(earners):
            left, gone = decay(u[k])
            inverse = 1.0 / gone
            received = strength[k] * left
            time = received * inverse
            drift[k] = (price / value[k] - paid(u[k], gone)) * inverse
            pull[k] = inverse / value[k]
            earned += value[k] * received
            spent += time
            bits += value[k] * u[k] * time
            missed_earned += value[k] * received * drift[k]
            missed_spent += time * inverse * drift[k]
            bend += time * inverse * pull[k]
        root = np.cbrt(1.0 / (1.0 + spent))
        rate = bits / (1.0 + spent) + kept * root
        excess = kept / (3.0 * root * root) + earned - price
        if not together and excess > 0.0:
            low = price
        elif not together:
            high = price
        curve = 2.0 / 9.0 * kept * root
        rise = (excess - missed_earned - curve * missed_spent) / (1.0 + spent + curve * bend)
        inside = low < price + rise < high and bend < np.inf and (turn < TOGETHER or turn % 2 == 0)
        together = inside and turn < TOGETHER
        if not inside:
            rise = np.sqrt(low) * np.sqrt(high) - price
        far = abs(rise) > (NEAR if together else 4e-16) * price and (together or high > low * (1.0 + 4e-16))
        price += rise
        for k in range(earners):
            if together:
                move = drift[k] + pull[k] * rise
                far = far or abs(move) > NEAR * min(u[k], 1.0)
                u[k] += move
            else:
                u[k] = log_ratio(price / value[k])
        if not far:
            break
    return rate, price


@compiled
def mode_price(local: Floats, gain: Floats, worth: Floats, decision: Bits) -> tuple[float, float]:
    """Return rate and time price of a fixed mode; users with g = 0 earn nothing by offloading."""
    rate, price = _settled(local, gain, worth, decision, np.empty((ROWS, decision.size)))
    return float(rate), float(price)


@compiled
def mode_rates(local: Floats, gain: Floats, worth: Floats, decisions: Bits) -> Floats:
    """Return the best rate of decisions ``(instances, candidates, users)``."""
    instances, candidates, users = decisions.shape
    result, scratch = np.empty((instances, candidates)), np.empty((ROWS, users))
    for b in range(instances):
        for k in range(candidates):
            result[b, k] = _settled(local[b], gain[b], worth[b], decisions[b, k], scratch)[0]
    return result


@compiled
def mode_allocations(local: Floats, gain: Floats, worth: Floats, decisions: Bits) -> tuple[Floats, Floats, Floats]:
    """Return harvesting time, offloading times and time price of decisions ``(instances, candidates, users)``."""
    instances, candidates, users = decisions.shape
    harvest, prices = np.empty((instances, candidates)), np.empty((instances, candidates))
    offload, scratch = np.zeros((instances, candidates, users)), np.empty((ROWS, users))
    for b in range(instances):
        for k in range(candidates):
            prices[b, k] = _settled(local[b], gain[b], worth[b], decisions[b, k], scratch)[1]
            total, earners = 1.0, 0
            for i in range(users):
                if decisions[b, k, i] == 1 and gain[b, i] > 0.0:
                    offload[b, k, i] = gain[b, i] / np.expm1(scratch[0, earners])
                    total += offload[b, k, i]
                    earners += 1
            for i in range(users):
                offload[b, k, i] /= total
            harvest[b, k] = 1.0 / total
    return harvest, offload, prices
