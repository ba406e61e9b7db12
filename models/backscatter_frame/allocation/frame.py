"""One frame in the units of compiled code, its rows by name, and the bound that any prices prove.

Times count in slots, bits in what the bandwidth carries per slot at one bit per second and hertz, energies of a user in its
battery's capacity, and costs in the energy of a carrier kept on for a whole slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LN2 = float(np.log(2.0))


class Frame(NamedTuple):
    """One frame with its beams; arrays hold one entry per user, those of the carrier one per beam.

    In a slot the carrier may be sent with several beams, one after the other; `owner` says whose slot a beam belongs to.
    """

    work: Floats
    """l / (B T)."""
    owner: Ints
    """Of each beam."""
    rate: Floats
    """r / B of each beam's owner; 0 where there is no passive transmission."""
    harvest: Floats
    """G T / E_max ``[j, beam]``: what user j harvests while the carrier is on with a beam."""
    noise: Floats
    """kappa T / E_max: energy of a slot of sending at 1 bit/s/Hz; infinite where there is no active transmission."""
    energy: Floats
    """E / E_max, in the battery."""
    fastest: Floats
    """R / B: bits a user can compute itself."""
    circuit: Floats
    """p_o T / E_max: energy of a slot of sending, beside what is radiated."""
    cpu: Floats
    """phi B T / E_max: energy to compute a bit."""
    kept: Floats
    """v E_max: what a full battery at the end of the frame is worth."""
    active_cost: float
    """Of a slot of receiving an active user."""
    bit_cost: float
    """Of a bit that the server computes."""
    passive_cost: float
    """Of a slot of carrier and receiver."""
    unserved_cost: float
    """Of a bit that nobody computes."""


@compiled
def powered(frame: Frame, user: int) -> bool:
    """Whether a user has energy in its battery or can harvest any."""
    total = frame.energy[user]
    for c in range(frame.owner.size):
        total += frame.harvest[user, c]
    return total > 0.0


@compiled
def computes(frame: Frame, user: int) -> bool:
    """Whether a user can compute: with energy, or where that takes none."""
    return frame.cpu[user] == 0.0 or powered(frame, user)


@compiled
def sending_cost(frame: Frame, user: int, gain: float, price: float) -> float:
    r"""Return the least of what a slot of sending costs, less what it earns, however many bits are sent: not positive.

    At a bit's gain g and an energy price :math:`\eta` a slot at :math:`\rho` bit/s/Hz costs
    :math:`c_a + \eta p_o + \eta\kappa(2^\rho - 1) - g\rho`, least at :math:`2^\rho = g/(\eta\kappa\ln2)`.
    """
    if gain <= 0.0 or not frame.noise[user] < np.inf:
        return 0.0
    radiated, steepest = price * frame.noise[user], gain / LN2
    if not radiated > 0.0:
        return -np.inf
    if steepest <= radiated:
        return 0.0
    slot = frame.active_cost + price * frame.circuit[user] + steepest - radiated - gain * np.log2(steepest / radiated)
    return min(0.0, slot)


@compiled
def divided(sent: float, reflected: float, earned: float) -> float:
    """Return the least of what a slot costs, of which parts are sent in and reflected in, or neither: not positive.

    Sending earns no more than all work does. Where it earns that in a part of the slot, the rest can still be reflected in.
    """
    rest = min(reflected, 0.0)
    if sent < -earned:
        return min(rest, rest * (1.0 + earned / sent) - earned)
    return min(rest, sent)


@compiled
def bound(frame: Frame, work_price: Floats, energy_price: Floats, capacity_price: Floats) -> float:
    """Bound the cost of the frame from below at any prices that are not negative; see `problem` for the formula."""
    total, users = 0.0, frame.work.size
    reflected = np.zeros(users)
    for c in range(frame.owner.size):
        i = frame.owner[c]
        slot = frame.passive_cost - frame.rate[c] * max(work_price[i] - frame.bit_cost, 0.0)
        for j in range(users):
            slot -= energy_price[j] * frame.harvest[j, c]
        reflected[i] = min(reflected[i], slot)
    for i in range(users):
        gain = max(work_price[i] - frame.bit_cost, 0.0)
        total += frame.work[i] * min(work_price[i], frame.unserved_cost)
        total -= energy_price[i] * frame.energy[i] + capacity_price[i]
        price, sent = energy_price[i] + capacity_price[i], 0.0
        if computes(frame, i):
            total += frame.fastest[i] * min(0.0, price * frame.cpu[i] - work_price[i])
        if powered(frame, i):
            sent = sending_cost(frame, i, gain, price)
            total += min(0.0, energy_price[i] - frame.kept[i])
        total += divided(sent, reflected[i], gain * frame.work[i])
    return total
