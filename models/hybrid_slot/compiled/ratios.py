r"""The subproblems of methods for sums of ratios on one slot, compiled: convex functions of local part, time and energy.

In :math:`y = (x, \tau, e)` the slot is the convex set :math:`\kappa x + \tau \Phi((L - x)/\tau) \le e - e_0`,
:math:`e - e_0 + H \tau \le q + H`, and the ratios are of affine functions,

.. math:: -F(x) = \frac{C e - L}{e} + m \frac{L - x}{\tau} + \rho (L - x) - C ,

with C large enough to make the first numerator positive. What the methods minimise over the set is separable,

.. math:: c_x x + c_\tau \tau + c_e e + a_1 (C e - L)^2 + \frac{b_1}{e^2} + (a_2 + a_3) (L - x)^2 + \frac{b_2}{\tau^2} ,

so the energy is found by Newton, the time by golden section, and the local part by another one around it.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.models.hybrid_slot.compiled.search import best_time, servable
from mecopt.models.hybrid_slot.compiled.slot import Hull, Slot, Thrift, power_of

Floats = NDArray[np.float64]

GOLDEN = 0.6180339887498949
STEPS = 45


@compiled
def best_energy(cost: Floats, constant: float, work: float, low: float, high: float) -> float:
    """Return the energy between two at which ``c_e e + a1 (C e - L)^2 + b1 / e^2`` is least."""
    slope, square, inverse = cost[2], cost[3], cost[4]
    if square == 0.0 and inverse == 0.0:
        return low if slope >= 0.0 else high
    for _ in range(60):
        middle = 0.5 * (low + high)
        if slope + 2.0 * square * constant * (constant * middle - work) - 2.0 * inverse / middle**3 > 0.0:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


@compiled
def with_time(
    slot: Slot, hull: Hull, reach: float, cost: Floats, constant: float, local: float, time: float
) -> tuple[float, float]:
    """Return the least value for a local part and a time, and the energy there."""
    sent = slot.workload - local
    low = slot.local_energy * local + (time * power_of(slot, hull, sent / time) if sent > 0.0 else 0.0) + slot.floor
    high = max(reach - slot.harvest * time + slot.floor, low)
    energy = best_energy(cost, constant, slot.workload, low, high)
    value = cost[0] * local + cost[1] * time + cost[2] * energy + cost[3] * (constant * energy - slot.workload) ** 2
    return value + cost[4] / energy**2 + (cost[5] + cost[7]) * sent * sent + cost[6] / time**2, energy


@compiled
def with_local(
    slot: Slot, hull: Hull, best: Thrift, reach: float, cost: Floats, constant: float, local: float
) -> tuple[float, float, float]:
    """Return the least value for a local part, and time and energy there."""
    sent, right = slot.workload - local, best_time(slot, hull, reach, local)
    if right <= 0.0:
        return np.inf, 1.0, 1.0
    left = min(sent / best.rate, right) if sent > 0.0 else 1e-9
    one, other = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
    at_one, _ = with_time(slot, hull, reach, cost, constant, local, one)
    at_other, _ = with_time(slot, hull, reach, cost, constant, local, other)
    end, energy = with_time(slot, hull, reach, cost, constant, local, right)
    value, time = end, right
    for _ in range(STEPS):
        if at_one <= at_other:
            right, other, at_other = other, one, at_one
            one = right - GOLDEN * (right - left)
            at_one, _ = with_time(slot, hull, reach, cost, constant, local, one)
        else:
            left, one, at_one = one, other, at_other
            other = left + GOLDEN * (right - left)
            at_other, _ = with_time(slot, hull, reach, cost, constant, local, other)
    if min(at_one, at_other) < value:
        time = one if at_one <= at_other else other
        value, energy = with_time(slot, hull, reach, cost, constant, local, time)
    return value, time, energy


@compiled
def minimiser(slot: Slot, hull: Hull, best: Thrift, reach: float, cost: Floats, constant: float) -> Floats:
    """Return the point (local part, time, energy) of the slot at which such a function is least."""
    low, high, _, _ = servable(slot, hull, best, reach)
    left, right = low, high
    place = low
    value, time, energy = with_local(slot, hull, best, reach, cost, constant, low)
    end, end_time, end_energy = with_local(slot, hull, best, reach, cost, constant, high)
    if end < value:
        place, value, time, energy = high, end, end_time, end_energy
    one, other = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
    at_one, _, _ = with_local(slot, hull, best, reach, cost, constant, one)
    at_other, _, _ = with_local(slot, hull, best, reach, cost, constant, other)
    for _ in range(STEPS):
        if at_one <= at_other:
            right, other, at_other = other, one, at_one
            one = right - GOLDEN * (right - left)
            at_one, _, _ = with_local(slot, hull, best, reach, cost, constant, one)
        else:
            left, one, at_one = one, other, at_other
            other = left + GOLDEN * (right - left)
            at_other, _, _ = with_local(slot, hull, best, reach, cost, constant, other)
    if min(at_one, at_other) < value:
        place = one if at_one <= at_other else other
        value, time, energy = with_local(slot, hull, best, reach, cost, constant, place)
    return np.array([place, time, energy])
