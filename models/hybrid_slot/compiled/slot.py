r"""What a slot needs, compiled: the cheapest way to send, the longest time there is for it, and what can be served at all.

Everything is per slot of unit length (rates are kbit, powers nJ a slot). Sending :math:`D` kbit in the part :math:`\tau` of
the slot costs :math:`\tau \Phi(D/\tau)`, where :math:`\Phi` is the lower convex hull of nothing at all, of reflecting,
:math:`(r_p, p_b)`, and of the radio, :math:`(r, N (e^{r/b} - 1) + p_c)`: a chord to :math:`(r_1, p_1)`, which is reflecting
where that is cheap and the radio's cheapest rate elsewhere, a chord from there to the rate :math:`r_2` at which the radio's
curve is touched, and the curve. Touching points are Lambert's; see `mecopt.kernels.lambert.tangent`.

A rate price s says the same from below, :math:`\tau \Phi(D/\tau) \ge s D - \tau \Phi^*(s)`, with

.. math:: \Phi^*(s) = \max\Big(0,\; s r_p - p_b,\; \max_r s r - N (e^{r/b} - 1) - p_c\Big) ,

which knows no hull: the bounds rest on it alone.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.lambert import tangent

Floats = NDArray[np.float64]

ROUNDING = 2e-15
"""What a few operations on floats may leave, relative to the largest number in them."""


class Slot(NamedTuple):
    """One user's slot of unit length."""

    workload: float
    """L, kbit."""
    harvest: float
    """H: what is harvested if the whole slot is, nJ."""
    local_energy: float
    """kappa, nJ/kbit."""
    local_most: float
    """X: what the processor computes in a slot, kbit."""
    passive_rate: float
    """r_p, kbit a slot."""
    passive_power: float
    """p_b, nJ a slot."""
    noise: float
    """N: noise over the gain, nJ a slot; infinite without a link."""
    band: float
    """b = B / ln 2, kbit a slot."""
    circuit: float
    """p_c, nJ a slot."""
    floor: float
    """e_0, nJ."""
    channel_price: float
    """w mu over the slot's length, 1/nJ."""
    computing_price: float
    """w rho, 1/nJ."""
    strict: bool
    """Whether the passive rate is kept exactly and the radio never sleeps."""


class Hull(NamedTuple):
    """The least power of every rate: chords to the first rate and to the second, then the radio's curve."""

    first_rate: float
    first_power: float
    first_slope: float
    second_rate: float
    second_slope: float
    """Of the chord between them; infinite where no radio reaches beyond the first."""
    passive: bool
    """Whether the first is reflecting; else the radio's cheapest rate, and the second is the same."""
    radio: bool
    """Whether there is a link for the radio."""


@compiled
def slot_of(row: Floats) -> Slot:
    """Return a slot from its numbers, in the order of the fields."""
    return Slot(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12] > 0.0,
    )


@compiled
def lower_hull(slot: Slot) -> Hull:
    """Return the least power of every rate."""
    radio = slot.noise < np.inf and slot.band > 0.0
    passive = slot.passive_rate > 0.0
    cheapest, slope = 0.0, np.inf
    if radio:
        u = tangent(slot.circuit / slot.noise)
        cheapest, slope = slot.band * u, slot.noise * np.exp(u) / slot.band
    if not passive or (radio and slot.passive_power >= slope * slot.passive_rate):
        power = slope * cheapest if radio else 0.0
        return Hull(cheapest, power, slope, cheapest, slope, False, radio)
    first = slot.passive_power / slot.passive_rate
    if not radio:
        return Hull(slot.passive_rate, slot.passive_power, first, slot.passive_rate, np.inf, True, False)
    start = slot.passive_rate / slot.band
    depth = (slot.circuit - slot.passive_power) / slot.noise * np.exp(-start) - np.expm1(-start)
    u = start + tangent(depth)
    touched = slot.noise * np.exp(u) / slot.band
    return Hull(slot.passive_rate, slot.passive_power, first, slot.band * u, touched, True, True)


@compiled
def power_of(slot: Slot, hull: Hull, rate: float) -> float:
    """Return Phi, the least power of a rate; infinite beyond all rates."""
    if rate <= hull.first_rate:
        return hull.first_slope * rate if rate > 0.0 else 0.0
    if not hull.radio:
        return np.inf
    if rate <= hull.second_rate:
        return hull.first_power + hull.second_slope * (rate - hull.first_rate)
    return slot.noise * np.expm1(rate / slot.band) + slot.circuit


@compiled
def slope_of(slot: Slot, hull: Hull, rate: float) -> float:
    """Return a slope of Phi at a rate."""
    if rate <= hull.first_rate:
        return hull.first_slope
    if rate <= hull.second_rate or not hull.radio:
        return hull.second_slope
    return slot.noise * np.exp(rate / slot.band) / slot.band


@compiled
def conjugate(slot: Slot, price: float) -> float:
    """Return no less than Phi*, the most that a rate price leaves a second of sending; larger by rounding at most."""
    best = 0.0
    if slot.passive_rate > 0.0:
        worth = price * slot.passive_rate
        best = max(best, worth - slot.passive_power + ROUNDING * (worth + slot.passive_power))
    if slot.noise < np.inf and slot.band > 0.0:
        steepness = price * slot.band
        if steepness > slot.noise:
            u = np.log(steepness / slot.noise)
            size = steepness * (u + 1.0) + slot.noise + slot.circuit
            best = max(best, steepness * (u - 1.0) + slot.noise - slot.circuit + 2.0 * ROUNDING * size)
    return best


@compiled
def longest_time(slot: Slot, hull: Hull, sent: float, left: float) -> float:
    """Return the longest part of the slot in which so much is sent; -1 where there is none.

    Parameters
    ----------
    sent
        D > 0, kbit.
    left
        P: the budget and a whole slot's harvest, less what is computed with, nJ. The root of
        ``t Phi(D / t) + H t = P``, or 1.
    """
    if power_of(slot, hull, sent) + slot.harvest <= left:
        return 1.0
    widest = sent / hull.first_rate if hull.first_rate > 0.0 else np.inf
    if widest < 1.0 and hull.first_slope * sent + slot.harvest * widest <= left:
        return min((left - hull.first_slope * sent) / slot.harvest, 1.0)
    if not hull.radio:
        return -1.0
    # on the second chord the cost grows with time by what is harvested less the chord's height below nothing
    if hull.second_rate > hull.first_rate:
        growth = slot.harvest + hull.first_power - hull.second_slope * hull.first_rate
        if growth <= 0.0:
            return -1.0
        shortest = sent / hull.second_rate
        if shortest < 1.0 and hull.second_slope * sent + growth * shortest <= left:
            return min((left - hull.second_slope * sent) / growth, 1.0)
    # on the curve: the least u with N (e^u - 1) + p_c + H = w u; Newton from the left of a convex function
    u = max(hull.second_rate, sent) / slot.band
    worth = left * slot.band / sent
    for _ in range(100):
        grown = slot.noise * np.exp(u)
        excess, slope = grown - slot.noise + slot.circuit + slot.harvest - worth * u, worth - grown
        if excess <= 0.0:
            break
        if slope <= 0.0:
            return -1.0
        step = excess / slope
        if step <= 2e-16 * u:
            break
        u += step
    else:
        return -1.0
    return min(sent / (slot.band * u), 1.0)


class Thrift(NamedTuple):
    """The least of energy and lost harvest: its slope up to a rate, which is the best one where the slot is long enough."""

    rate: float
    slope: float


@compiled
def thrift(slot: Slot, hull: Hull) -> Thrift:
    """Return the rate at which ``(Phi(r) + H) / r`` is least, and that quotient."""
    if hull.radio:
        height = hull.second_slope * hull.first_rate - hull.first_power
        if slot.harvest > height or hull.first_rate <= 0.0:
            u = max(tangent((slot.circuit + slot.harvest) / slot.noise), hull.second_rate / slot.band)
            return Thrift(slot.band * u, slot.noise * np.exp(u) / slot.band)
    if hull.first_rate > 0.0:
        return Thrift(hull.first_rate, (hull.first_power + slot.harvest) / hull.first_rate)
    return Thrift(0.0, np.inf)


@compiled
def rate_at(slot: Slot, hull: Hull, slope: float) -> float:
    """Return the greatest rate up to which Phi is no steeper."""
    if slope < hull.first_slope:
        return 0.0
    if slope < hull.second_slope or not hull.radio:
        return hull.first_rate
    return max(hull.second_rate, slot.band * np.log(slope * slot.band / slot.noise))


@compiled
def sending_need(slot: Slot, hull: Hull, best: Thrift, sent: float) -> float:
    """Return the least energy and lost harvest of sending so much."""
    if sent <= 0.0:
        return 0.0
    return best.slope * sent if sent <= best.rate else power_of(slot, hull, sent) + slot.harvest


@compiled
def need_at(slot: Slot, hull: Hull, best: Thrift, local: float) -> float:
    """Return the least budget and harvest that serve the workload, so much of it computed locally."""
    return slot.local_energy * local + sending_need(slot, hull, best, slot.workload - local)


@compiled
def thriftiest(slot: Slot, hull: Hull, best: Thrift) -> float:
    """Return the local part of the workload that needs least."""
    most = min(slot.workload, slot.local_most)
    if slot.local_energy <= best.slope:
        return most
    away = max(best.rate, rate_at(slot, hull, slot.local_energy))
    return min(max(slot.workload - away, 0.0), most)


@compiled
def largest_workload(slot: Slot, hull: Hull, best: Thrift, left: float) -> float:
    """Return the largest workload that a budget and harvest serve: what costs least comes first."""
    if left < 0.0:
        return 0.0
    local, away = 0.0, 0.0
    first = slot.local_energy <= best.slope
    if first:
        local = slot.local_most if slot.local_energy * slot.local_most <= left else left / slot.local_energy
        left -= slot.local_energy * local
    if best.slope < np.inf:
        if best.slope * best.rate >= left:
            return local + (left / best.slope if best.slope > 0.0 else best.rate)
        away = max(best.rate, rate_at(slot, hull, slot.local_energy)) if not first else best.rate
        paid = sending_need(slot, hull, best, away)
        if paid >= left:
            return local + rate_for(slot, hull, left - slot.harvest)
        left -= paid
    if not first:
        local = slot.local_most if slot.local_energy * slot.local_most <= left else left / slot.local_energy
        left -= slot.local_energy * local
    if best.slope == np.inf:
        return local
    return local + rate_for(slot, hull, left + sending_need(slot, hull, best, away) - slot.harvest)


@compiled
def rate_for(slot: Slot, hull: Hull, power: float) -> float:
    """Return the greatest rate for a power."""
    if power <= 0.0 and hull.first_slope > 0.0:
        return 0.0
    if power < hull.first_power:
        return power / hull.first_slope
    if not hull.radio:
        return hull.first_rate
    on_chord = hull.first_rate
    if hull.second_rate > hull.first_rate:
        on_chord += (power - hull.first_power) / hull.second_slope
    return max(min(on_chord, hull.second_rate), slot.band * np.log1p(max(power - slot.circuit, 0.0) / slot.noise))
