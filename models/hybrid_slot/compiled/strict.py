r"""The strict slot, compiled: the passive rate is kept exactly and the radio never sleeps.

.. math:: \max_{t_a, t_p, r}\; \frac{L}{\kappa l + t_a (N (e^{r/b} - 1) + p_c) + p_b t_p + e_0}
   - w (r t_a + r_p t_p) \Big(\frac{\mu}{t_a + t_p} + \rho\Big), \qquad l = (L - r t_a - r_p t_p)^+ \le X .

No change of variables is known that makes it simple. Every strict slot is a paced one, so the paced bound holds; what is
found here is only feasible: the cheapest strict ways to send what is not computed, for some local parts of the workload, and
from the best of them steps in time of reflecting, time of sending and rate, halved until none betters it.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.models.hybrid_slot.compiled.search import Best, best_time, servable
from mecopt.models.hybrid_slot.compiled.slot import Hull, Slot, Thrift

Floats = NDArray[np.float64]

PARTS = 17
"""Local parts that are tried."""
STARTS = 3
"""Of these, the best that are bettered."""
FIRST, LAST = 0.25, 1e-7
"""Steps, relative."""
GAINED = 1e-11
"""Part of the reward below which a step is not worth taking."""
SWEEPS = 300
"""Over all steps, at most."""


@compiled
def strict_reward(slot: Slot, reach: float, passive: float, active: float, rate: float) -> float:
    """Return the reward of strict times and an active rate; minus infinity where they do not serve, fit or suffice."""
    time = passive + active
    if passive < 0.0 or active < 0.0 or rate < 0.0 or time > 1.0:
        return -np.inf
    sent = rate * active + slot.passive_rate * passive
    local = max(slot.workload - sent, 0.0)
    if local > slot.local_most * (1.0 + 1e-15):
        return -np.inf
    energy = slot.local_energy * local + slot.passive_power * passive
    if active > 0.0:
        energy += active * (slot.noise * np.expm1(rate / slot.band) + slot.circuit)
    if energy + slot.harvest * time > reach * (1.0 + 1e-15):
        return -np.inf
    price = sent * (slot.channel_price / time + slot.computing_price) if sent > 0.0 else 0.0
    return slot.workload / (energy + slot.floor) - price


@compiled
def strict_start(slot: Slot, hull: Hull, sent: float, time: float) -> tuple[float, float, float]:
    """Return strict times and a rate that send so much at least energy in no more than a time."""
    if sent <= 0.0:
        return 0.0, 0.0, 0.0
    rate = sent / time
    if rate <= hull.first_rate:
        shorter = sent / hull.first_rate
        return (shorter, 0.0, 0.0) if hull.passive else (0.0, shorter, hull.first_rate)
    if rate < hull.second_rate:
        active = time * (rate - hull.first_rate) / (hull.second_rate - hull.first_rate)
        return time - active, active, hull.second_rate
    return 0.0, time, rate


@compiled
def bettered(slot: Slot, reach: float, start: Floats) -> float:
    """Better times and rate in place by steps of one or two of them; return the reward."""
    value = strict_reward(slot, reach, start[0], start[1], start[2])
    step = FIRST
    trial = np.empty(3)
    for _ in range(SWEEPS):
        if step < LAST:
            break
        moved = False
        for first in range(3):
            for second in range(first, 3):
                for signs in range(4):
                    if first == second and signs > 1:
                        continue
                    trial[:] = start
                    up, other = 1.0 if signs % 2 else -1.0, 1.0 if signs >= 2 else -1.0
                    for k, sign in ((first, up), (second, other)):
                        if k == 2:
                            trial[k] *= 1.0 + sign * step
                        else:
                            trial[k] = max(trial[k] + sign * step * max(trial[k], 1e-3), 0.0)
                        if first == second:
                            break
                    found = strict_reward(slot, reach, trial[0], trial[1], trial[2])
                    if found > value + GAINED * abs(value):
                        value, moved = found, True
                        start[:] = trial
        if not moved:
            step *= 0.5
    return value


@compiled
def strict_slot(slot: Slot, hull: Hull, best: Thrift, reach: float, paced: Best, row: Floats) -> float:
    """Write the best strict slot found, in the order of `SlotAllocation`; return its reward.

    `paced` is the best slot without the restriction.
    """
    low, high, _, _ = servable(slot, hull, best, reach)
    starts, values = np.empty((PARTS + 1, 3)), np.full(PARTS + 1, -np.inf)
    for k in range(PARTS + 1):
        local = paced.local if k == PARTS else low + (high - low) * k / (PARTS - 1)
        time = best_time(slot, hull, reach, local)
        if time <= 0.0:
            continue
        starts[k] = np.array(strict_start(slot, hull, slot.workload - local, time))
        values[k] = strict_reward(slot, reach, starts[k, 0], starts[k, 1], starts[k, 2])
    passive, active, rate, value = 0.0, 0.0, 0.0, -np.inf
    for _ in range(STARTS):
        k = int(np.argmax(values))
        if values[k] == -np.inf:
            break
        values[k] = -np.inf
        found = bettered(slot, reach, starts[k])
        if found > value:
            value, passive, active, rate = found, starts[k, 0], starts[k, 1], starts[k, 2]
    if value == -np.inf:
        return np.nan
    row[0] = 1.0 - passive - active
    row[1] = row[2] = active
    row[3] = passive
    row[5], row[6] = rate * active, slot.passive_rate * passive
    row[7] = max(slot.workload - row[5] - row[6], 0.0)
    row[4] = min(row[7] / slot.local_most, 1.0) if row[7] > 0.0 else 0.0
    return value
