r"""What no slot can beat, compiled: a branch and bound over the local part of the workload, valid whatever is claimed.

A rate price s bounds the energy of sending from below, :math:`s D - \tau \Phi^*(s)`, so at any local part x

.. math:: \tau \le \bar\tau(x) = \min\Big(1, \frac{q + H - \kappa x - s D}{H - \Phi^*(s)}\Big), \qquad
   e \ge \bar e(x) = \kappa x + s D - \Phi^*(s)\,\bar\tau(x),

both affine in x on their pieces. With the price of the optimum at one end of a piece both are tangents there, and

.. math:: F(x) \le \frac{L}{\bar e(x) + e_0} - w D \Big(\frac{\mu}{\bar\tau(x)} + \rho\Big)

is an exact bound to first order. Its first term is convex, at most its chord; the second is a quotient of affine functions,
convex (at most its chord) or concave (at most its tangent). So each end gives an affine majorant of F on the whole piece,
and the least of the two a bound whose error falls with the square of the piece's length. Pieces whose bound is no more than
the claim are done; the others are divided where the two majorants cross.

Every quantity is moved to the safe side by what rounding may have left.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.models.hybrid_slot.compiled.search import Best, best_time, reward, servable, thriftiest_slot
from mecopt.models.hybrid_slot.compiled.slot import ROUNDING, Hull, Slot, Thrift, conjugate, slope_of

Floats = NDArray[np.float64]

NODES = 4000
"""Pieces that are looked at before what is left counts with its bound."""
DEPTH = 128
"""Pieces that wait at once."""
NEAREST = 0.05
"""To its ends, at which a piece is divided."""
NARROW = 1e-12
"""Part of the workload within which a piece at the edge of what can be served is not divided any more."""
PATIENT = 50
"""Pieces after which none is divided that rounding alone may have lifted above the claim: near the edge, where the time
falls steeply, all would be."""
SHARP = 2e-11
"""What a claim may be above what was found, relative to that and to ordinary rewards."""


class End(NamedTuple):
    """One end of a piece: the local part, the time there (-1: there is none), and what a rate price proves."""

    local: float
    value: float
    time: float
    price: float
    kept: float
    """Phi* of the price."""
    growth: float
    """H - Phi*, by which energy limits the time; 0 where the slot's length does, or at the edge, where no price tells."""


@compiled
def chord_price(slot: Slot, hull: Hull) -> float:
    """Return a little less than the first chord's slope, so that not even rounding makes a rate worth its power."""
    if hull.first_rate <= 0.0:
        return 0.0
    return hull.first_slope * max(1.0 - 16.0 * ROUNDING * (1.0 + slot.band / hull.first_rate), 0.0)


@compiled
def end_at(slot: Slot, hull: Hull, reach: float, local: float) -> End:
    """Return an end of a piece."""
    time = best_time(slot, hull, reach, local)
    if time <= 0.0:
        return End(local, -np.inf, -1.0, chord_price(slot, hull), 0.0, 0.0)
    value = reward(slot, hull, local, time)
    sent = max(slot.workload - local, 0.0)
    price = slope_of(slot, hull, sent / time)
    if sent <= hull.first_rate * time or price == np.inf:
        price = chord_price(slot, hull)
    kept = conjugate(slot, price)
    growth = 0.0
    if time < 1.0:
        growth = slot.harvest - kept
        if growth <= 0.0:
            return End(local, value, time, chord_price(slot, hull), 0.0, 0.0)
    return End(local, value, time, price, kept, growth)


@compiled
def at_the_edge(end: End) -> bool:
    """Whether energy limits the time at an end and no price tells how: there is no more than this time, or none."""
    return end.time < 1.0 and end.growth == 0.0


@compiled
def majorant(
    slot: Slot, reach: float, least: float, end: End, one: float, other: float, rounding: float
) -> tuple[float, float]:
    """Return the values at both ends of a piece of an affine function that is nowhere below F.

    Parameters
    ----------
    least
        an energy that no way to serve the workload undercuts, the floor included.
    rounding
        `ROUNDING`; its negative makes a number of it that is no bound, and that nothing was added to.
    """
    paid_one = slot.local_energy * one + end.price * (slot.workload - one)
    paid_other = slot.local_energy * other + end.price * (slot.workload - other)
    time_one, time_other = 1.0, 1.0
    if end.growth > 0.0:
        time_one = (reach - paid_one + 2.0 * rounding * (reach + paid_one)) / end.growth
        time_other = (reach - paid_other + 2.0 * rounding * (reach + paid_other)) / end.growth
    taken_one, taken_other = end.kept * time_one, end.kept * time_other
    energy_one = paid_one - taken_one - 2.0 * rounding * (paid_one + abs(taken_one)) + slot.floor
    energy_other = paid_other - taken_other - 2.0 * rounding * (paid_other + abs(taken_other)) + slot.floor
    sent_one, sent_other = slot.workload - one, slot.workload - other
    if min(energy_one, energy_other) > 0.5 * least:
        gain_one, gain_other = slot.workload / energy_one, slot.workload / energy_other
    else:
        gain_one = gain_other = slot.workload / least
    if time_one > 0.0 and time_other > 0.0:
        rate_one, rate_other = sent_one / time_one, sent_other / time_other
        # the quotient bends upwards where the time falls towards nothing sent, or grows away from it
        whole = time_one + (time_other - time_one) * (sent_one / (other - one))
        if (time_other - time_one) * whole > 0.0:
            tangent_at = time_one if end.local == one else time_other
            slope = -whole / (tangent_at * tangent_at)
            if end.local == one:
                rate_other = rate_one + slope * (other - one)
            else:
                rate_one = rate_other - slope * (other - one)
    elif time_one <= 0.0 and time_other <= 0.0:
        return -np.inf, -np.inf
    else:
        rate_one = rate_other = sent_other / max(time_one, time_other)
    bound_one = gain_one - slot.channel_price * rate_one - slot.computing_price * sent_one
    bound_other = gain_other - slot.channel_price * rate_other - slot.computing_price * sent_other
    slack = 4.0 * rounding
    return (
        bound_one + slack * (gain_one + slot.channel_price * abs(rate_one) + slot.computing_price * sent_one),
        bound_other + slack * (gain_other + slot.channel_price * abs(rate_other) + slot.computing_price * sent_other),
    )


@compiled
def piece_bound(
    slot: Slot, best: Thrift, reach: float, least: float, left: End, right: End, rounding: float
) -> tuple[float, float]:
    """Return an upper bound of F between two ends, and where to divide the piece: where two affine majorants cross.

    `rounding` is that of `majorant`.
    """
    one, other = left.local, right.local
    if best.slope < np.inf:
        need_one = slot.local_energy * one + best.slope * (slot.workload - one)
        need_other = slot.local_energy * other + best.slope * (slot.workload - other)
        if min(need_one, need_other) * (1.0 - 4.0 * ROUNDING) > reach:
            return -np.inf, one
    p_one, p_other = majorant(slot, reach, least, left, one, other, rounding)
    q_one, q_other = majorant(slot, reach, least, right, one, other, rounding)
    bound, part = max(min(p_one, q_one), min(p_other, q_other)), 0.5
    if (p_one - q_one) * (p_other - q_other) < 0.0 and min(p_one, p_other, q_one, q_other) > -np.inf:
        part = (q_one - p_one) / ((p_other - p_one) - (q_other - q_one))
        crossing = p_one + part * (p_other - p_one)
        bound = max(bound, crossing + 4.0 * rounding * (abs(p_one) + abs(p_other) + abs(q_one) + abs(q_other)))
        part = min(max(part, NEAREST), 1.0 - NEAREST)
    return bound, one + part * (other - one)


@compiled
def put(row: Floats, left: End, right: End) -> None:
    """Keep the ends of a piece."""
    for k in range(6):
        row[k] = left[k]
        row[k + 6] = right[k]


@compiled
def least_energy(slot: Slot, hull: Hull) -> float:
    """Return an energy that no way to serve the workload undercuts, the floor included."""
    cheapest = hull.first_slope if hull.first_rate > 0.0 or hull.radio else np.inf
    if slot.local_most > 0.0:
        cheapest = min(cheapest, slot.local_energy)
    return cheapest * slot.workload * (1.0 - 4.0 * ROUNDING) + slot.floor


@compiled
def ordinary_reward(slot: Slot, hull: Hull) -> float:
    """Return the size of rewards: what serving earns without prices, by the processor or the radio if there is one."""
    cost = hull.second_slope if hull.radio else np.inf
    if slot.local_most > 0.0:
        cost = min(cost, slot.local_energy)
    if cost == np.inf:
        cost = hull.first_slope if hull.first_rate > 0.0 else 0.0
    energy = cost * slot.workload + slot.floor
    return slot.workload / energy if energy > 0.0 else 0.0


@compiled
def raised(value: float, size: float) -> float:
    """Return the upper bound that is proved of a reward if nothing is found above it."""
    return value + SHARP * (abs(value) + size)


@compiled
def best_slot(slot: Slot, hull: Hull, best: Thrift, reach: float, claim: float) -> tuple[Best, float, int]:
    """Return the best slot, an upper bound on what any earns, and the pieces looked at; the workload can be served.

    Parameters
    ----------
    claim
        of an upper bound, any number: it is returned if it is one and no lower bound has been proved on the way.
    """
    found = thriftiest_slot(slot, hull, best)
    least, size = least_energy(slot, hull), ordinary_reward(slot, hull)
    _, _, below, above = servable(slot, hull, best, reach)
    ends = np.empty((DEPTH, 12))
    waiting, nodes, worst = 0, 0, -np.inf
    left = end_at(slot, hull, reach, below)
    found = better(found, left)
    corner = slot.workload - hull.first_rate
    for place in (corner, above):
        if left.local < place <= above:
            right = end_at(slot, hull, reach, place)
            found = better(found, right)
            put(ends[waiting], left, right)
            left, waiting = right, waiting + 1
    ceiling = max(claim, raised(found.value, size))
    while waiting > 0:
        waiting -= 1
        e = ends[waiting]
        left, right = End(e[0], e[1], e[2], e[3], e[4], e[5]), End(e[6], e[7], e[8], e[9], e[10], e[11])
        bound, place = piece_bound(slot, best, reach, least, left, right, ROUNDING)
        nodes += 1
        if bound <= ceiling:
            continue
        stop = nodes >= NODES or waiting + 2 > DEPTH or place <= left.local or place >= right.local
        if right.local - left.local <= NARROW * slot.workload:
            stop = stop or at_the_edge(left) or at_the_edge(right)
        if nodes >= PATIENT:
            stop = stop or piece_bound(slot, best, reach, least, left, right, -ROUNDING)[0] <= ceiling
        if stop:
            worst = max(worst, bound)
            continue
        middle = end_at(slot, hull, reach, place)
        found = better(found, middle)
        ceiling = max(ceiling, raised(found.value, size))
        put(ends[waiting], left, middle)
        put(ends[waiting + 1], middle, right)
        waiting += 2
    return found, max(ceiling, worst), nodes


@compiled
def better(found: Best, end: End) -> Best:
    """Return the better of a slot and an end of a piece."""
    return Best(end.value, end.local, end.time) if end.value > found.value else found
