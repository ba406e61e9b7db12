"""What becomes of slots when something is done in them, compiled: by the paper's equations, whoever proposes it.

Numbers of users are rows in the order of `compiled.Slot`, times are parts of the slot.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.lambert import tangent
from mecopt.models.hybrid_slot.compiled.batch import COLUMNS
from mecopt.models.hybrid_slot.compiled.slot import Slot, slot_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BROKEN = 1e-9
"""Part of slot, workload or energy beyond which a constraint is broken."""
FOUND = 8
"""Numbers of an outcome: reward, outage, local, active and passive kbit, nJ harvested and spent, battery afterwards."""


@compiled
def energy_of(slot: Slot, part: Floats) -> float:
    """Return e in nJ; infinite for bits sent in no time or on no link."""
    sending, computing, sent, reflected = part[2], part[4], part[5], part[6]
    spent = slot.local_energy * slot.local_most * computing
    if sending > 0.0:
        radio = slot.noise * np.expm1(sent / (slot.band * sending)) if sent > 0.0 else 0.0
        spent += sending * (radio + slot.circuit)
    elif sent > 0.0:
        return np.inf
    if reflected > 0.0:
        spent += slot.passive_power * reflected / slot.passive_rate if slot.passive_rate > 0.0 else np.inf
    return spent


@compiled
def price_of(slot: Slot, part: Floats) -> float:
    """Return w p_o; infinite where work is offloaded in no time."""
    offloaded = part[5] + part[6]
    if offloaded <= 0.0:
        return 0.0
    time = part[1] + part[3]
    return offloaded * ((slot.channel_price / time if time > 0.0 else np.inf) + slot.computing_price)


@compiled
def holds(slot: Slot, battery: float, part: Floats, spent: float) -> bool:
    """Whether a user's times, rates, work and energy are such as the paper's constraints allow."""
    work, bits = slot.workload, BROKEN * slot.workload
    for k in range(COLUMNS):
        if not part[k] >= -(bits if k > 4 else BROKEN):
            return False
    harvesting, active, sending, passive, computing, sent, reflected, local = part
    whole = battery + slot.harvest
    kept = (
        harvesting + active + passive <= 1.0 + BROKEN
        and computing <= 1.0 + BROKEN
        and sending <= active + BROKEN
        and reflected <= slot.passive_rate * passive + bits
        and local <= slot.local_most * computing + bits
        and sent + reflected + local >= work - bits
        and spent <= battery + slot.harvest * harvesting + BROKEN * whole
    )
    if slot.strict:
        kept = kept and active <= sending + BROKEN and slot.passive_rate * passive <= reflected + bits
    return kept


@compiled
def carried_out(rows: Floats, battery: Floats, capacity: Floats, penalty: Floats, skips: Bools, parts: Floats) -> Floats:
    """Carry out allocations of users ``(users, 8)``; return what came of each, ``(users, 8)``."""
    found = np.zeros((rows.shape[0], FOUND))
    for u in range(rows.shape[0]):
        slot, out, part = slot_of(rows[u]), found[u], parts[u]
        out[5] = slot.harvest
        if slot.workload <= 0.0:
            out[1] = np.nan
        else:
            spent, price = energy_of(slot, part), price_of(slot, part)
            if skips[u] or not holds(slot, battery[u], part, spent) or not price < np.inf:
                out[0], out[1] = -penalty[u], 1.0
            else:
                out[0] = slot.workload / (spent + slot.floor) - price
                out[2], out[3], out[4] = max(part[7], 0.0), max(part[5], 0.0), max(part[6], 0.0)
                out[5], out[6] = slot.harvest * min(max(part[0], 0.0), 1.0), spent
        out[7] = min(max(battery[u] + out[5] - out[6], 0.0), capacity[u])
    return found


@compiled
def raw_parts(rows: Floats, times: Floats) -> Floats:
    """Return the allocations that raw times stand for: computed first, then reflected, and the radio sends the rest.

    Parameters
    ----------
    rows
        of ``(users, 13)``.
    times
        of harvesting, radio, backscatter and processor, ``(users, 4)``. Radio and processor rest when their bits are done;
        the radio sends as slowly as its time allows, but not below its cheapest rate.
    """
    parts = np.zeros((rows.shape[0], COLUMNS))
    for u in range(rows.shape[0]):
        slot, part = slot_of(rows[u]), parts[u]
        part[0] = times[u, 0]
        part[7] = min(slot.local_most * times[u, 3], slot.workload)
        part[4] = part[7] / slot.local_most if part[7] > 0.0 else 0.0
        part[3] = times[u, 2]
        part[6] = min(slot.passive_rate * times[u, 2], slot.workload - part[7])
        part[1] = times[u, 1]
        part[5] = slot.workload - part[7] - part[6]
        if part[5] > 0.0 and slot.noise < np.inf:
            cheapest = slot.band * tangent(slot.circuit / slot.noise)
            part[2] = part[1] if part[5] >= cheapest * part[1] else part[5] / cheapest
    return parts
