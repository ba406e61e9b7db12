r"""The conditions of a frame's best allocation in five variables a user: times and bits, active and passive, and local bits.

What is unserved, spent, harvested and kept follows from these. In the solver's units, with the speed
:math:`\rho = l_a / t_a` and the prices of seven limits a user,

.. math::
    t_a + t_b \le 1, \quad l_b \le r t_b, \quad l_c \le R, \quad l_a + l_b + l_c \le l, \quad e \le E + h, \quad e \le 1,
    \quad e \le E + h - 1,

    e = \kappa t_a (2^\rho - 1) + p_o t_a + \phi l_c, \qquad h_j = \sum_i G_{ji} t_{b,i} .

The last one is no limit but where a battery is full as the frame ends: its price is v below, 0 above, and between them
where it just is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mecopt.kernels.implicit import safe

ACTIVE_TIME, ACTIVE_BITS, LOCAL, PASSIVE_TIME, PASSIVE_BITS = range(5)
TIME, RATE, PROCESSOR, WORK, ENERGY, CAPACITY, BRIM = range(7)
VARIABLES, LIMITS = 5, 7


class Terms(NamedTuple):
    """What the conditions need, in the solver's units, ``(..., users)``, as in `mecopt.models.backscatter_frame.terms`."""

    work: Any
    rate: Any
    harvest: Any
    """``[..., j, i]``."""
    noise: Any
    """1 where there is no active transmission."""
    energy: Any
    fastest: Any
    circuit: Any
    cpu: Any
    active_cost: Any
    bit_cost: Any
    passive_cost: Any
    unserved_cost: Any


def spent(xp: Any, t: Terms, point: Any, sends: Any) -> tuple[Any, Any, Any]:
    """Return what users spend, and its derivatives to active time and bits."""
    time = safe(xp, sends, point[ACTIVE_TIME])
    nats = math.log(2.0) * xp.where(sends, point[ACTIVE_BITS], xp.zeros_like(time)) / time
    grown = t.noise * xp.exp(nats)
    energy = xp.where(sends, t.noise * time * xp.expm1(nats), xp.zeros_like(time))
    by_time = t.noise * xp.expm1(nats) - nats * grown + t.circuit
    return energy + t.circuit * point[ACTIVE_TIME] + t.cpu * point[LOCAL], by_time, math.log(2.0) * grown


def harvested(xp: Any, t: Terms, point: Any) -> Any:
    """Return what users harvest."""
    return xp.sum(t.harvest * point[PASSIVE_TIME][..., None, :], axis=-1)


def conditions(xp: Any, t: Terms, point: Any, prices: Any, sends: Any) -> tuple[list[Any], list[Any]]:
    """Return the Lagrangian's derivatives by the variables, and the limits, negative where they do not bind."""
    energy, by_time, by_bits = spent(xp, t, point, sends)
    eta, fed = prices[ENERGY] + prices[CAPACITY] + prices[BRIM], prices[ENERGY] + prices[BRIM]
    worth = prices[WORK] - t.unserved_cost
    slopes = [
        t.active_cost + prices[TIME] + eta * by_time,
        t.bit_cost + worth + eta * by_bits,
        worth + prices[PROCESSOR] + eta * t.cpu,
        t.passive_cost + prices[TIME] - prices[RATE] * t.rate - xp.sum(t.harvest * fed[..., :, None], axis=-2),
        t.bit_cost + worth + prices[RATE],
    ]
    left = t.energy + harvested(xp, t, point) - energy
    limits = [
        point[ACTIVE_TIME] + point[PASSIVE_TIME] - 1.0,
        point[PASSIVE_BITS] - t.rate * point[PASSIVE_TIME],
        point[LOCAL] - t.fastest,
        point[ACTIVE_BITS] + point[LOCAL] + point[PASSIVE_BITS] - t.work,
        -left,
        energy - 1.0,
        1.0 - left,
    ]
    return slopes, limits
