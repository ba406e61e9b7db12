r"""What a slot earns, compiled, as a function of one variable, the local part of the workload, and where it can be served.

For a local part x the rest, :math:`D = L - x`, is best sent in the longest time :math:`\tau(x)` that the energy allows: both
terms of the reward grow with it:

.. math:: F(x) = \frac{L}{\kappa x + \tau \Phi(D/\tau) + e_0} - w D \Big(\frac{\mu}{\tau} + \rho\Big), \qquad
   \kappa x + \tau \Phi(D/\tau) + H \tau \le q + H .

F is not always unimodal, and its peaks may be as sharp as a corner, where the slot's length begins to limit the time: a
grid misses some. So it is searched with a proof; see `mecopt.models.hybrid_slot.compiled.bound`.
"""

from typing import NamedTuple

import numpy as np

from mecopt.kernels.compiled import compiled
from mecopt.models.hybrid_slot.compiled.slot import (
    Hull,
    Slot,
    Thrift,
    longest_time,
    need_at,
    power_of,
    thriftiest,
)


class Best(NamedTuple):
    """The best slot found: its reward, the local part, and the time in which the rest is sent."""

    value: float
    local: float
    time: float


@compiled
def reward(slot: Slot, hull: Hull, local: float, time: float) -> float:
    """Return the reward of computing so much and sending the rest in a time."""
    sent = slot.workload - local
    if sent <= 0.0:
        return slot.workload / (slot.local_energy * slot.workload + slot.floor)
    energy = slot.local_energy * local + time * power_of(slot, hull, sent / time) + slot.floor
    return slot.workload / energy - sent * (slot.channel_price / time + slot.computing_price)


@compiled
def best_time(slot: Slot, hull: Hull, reach: float, local: float) -> float:
    """Return the longest time for what is not computed; 1 where that is nothing, -1 where no time will do.

    `reach` is the budget and a whole slot's harvest.
    """
    sent, left = slot.workload - local, reach - slot.local_energy * local
    if sent <= 0.0:
        return 1.0 if left >= 0.0 else -1.0
    return longest_time(slot, hull, sent, left)


@compiled
def value_at(slot: Slot, hull: Hull, reach: float, local: float) -> float:
    """Return F; minus infinity where the rest cannot be sent."""
    time = best_time(slot, hull, reach, local)
    return reward(slot, hull, local, time) if time > 0.0 else -np.inf


@compiled
def edge(slot: Slot, hull: Hull, best: Thrift, reach: float, inside: float, outside: float) -> tuple[float, float]:
    """Return neighbours between a local part that can be served and one that cannot: the last that can, the first that not.

    What is needed is convex in the local part, so nothing beyond the one that cannot be served can be.
    """
    good, bad = inside, outside
    for _ in range(60):
        middle = 0.5 * (good + bad)
        if middle in (good, bad):
            break
        if need_at(slot, hull, best, middle) <= reach:
            good = middle
        else:
            bad = middle
    return good, bad


@compiled
def servable(slot: Slot, hull: Hull, best: Thrift, reach: float) -> tuple[float, float, float, float]:
    """Return the least and greatest local part that can be served, and beyond them the first that cannot (or the same)."""
    most = min(slot.workload, slot.local_most)
    least = 0.0 if hull.radio else max(slot.workload - hull.first_rate, 0.0)
    inside = thriftiest(slot, hull, best)
    low, below, high, above = least, least, most, most
    if need_at(slot, hull, best, least) > reach:
        low, below = edge(slot, hull, best, reach, inside, least)
    if need_at(slot, hull, best, most) > reach:
        high, above = edge(slot, hull, best, reach, inside, most)
    return low, high, below, above


@compiled
def thriftiest_slot(slot: Slot, hull: Hull, best: Thrift) -> Best:
    """Return the slot that needs least, which is there whenever the workload can be served."""
    local = thriftiest(slot, hull, best)
    sent = slot.workload - local
    time = min(sent / best.rate, 1.0) if sent > 0.0 and best.rate > 0.0 else 1.0
    return Best(reward(slot, hull, local, time), local, time)
