"""Slots of many users, instances and decisions, compiled: one row of numbers a user, in the order of `compiled.Slot`."""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_freely
from mecopt.models.hybrid_slot.compiled.bound import best_slot, ordinary_reward
from mecopt.models.hybrid_slot.compiled.slot import (
    Hull,
    Slot,
    largest_workload,
    lower_hull,
    need_at,
    slot_of,
    thrift,
    thriftiest,
)
from mecopt.models.hybrid_slot.compiled.strict import strict_slot

Floats = NDArray[np.float64]

SKIP = -1.0
"""The decision not to serve the workload; `mecopt.contract.decision.SKIP`."""
COLUMNS = 8
"""Of an allocation, in the order of `SlotAllocation`, times in slots."""
TOLERATED = 1e-14
"""Part of all energy there can be by which rounding may leave too little."""


@compiled
def divided(slot: Slot, hull: Hull, local: float, time: float, row: Floats) -> None:
    """Write how a slot is divided that computes so much and sends the rest in a time at least energy."""
    sent = slot.workload - local
    row[:] = 0.0
    row[7] = local
    row[4] = local / slot.local_most if local > 0.0 else 0.0
    if sent <= 0.0:
        row[0] = 1.0
        return
    row[0] = 1.0 - time
    rate = sent / time
    if rate <= hull.first_rate and hull.passive:
        row[3], row[6] = time, sent
    elif rate <= hull.first_rate:
        row[1], row[2], row[5] = time, min(sent / hull.first_rate, time), sent
    elif rate < hull.second_rate:
        active = time * (rate - hull.first_rate) / (hull.second_rate - hull.first_rate)
        row[1], row[2], row[3] = active, active, time - active
        row[6] = hull.first_rate * row[3]
        row[5] = sent - row[6]
    else:
        row[1], row[2], row[5] = time, time, sent


@compiled
def reachable(slot: Slot, hull: Hull, battery: float, kept: float) -> float:
    """Return the energy that can be spent or left unharvested; -1 where so much kept leaves too little for the workload.

    What rounding may have taken of it is added: at the edge of what can be served it may make all the difference.
    """
    whole = battery + slot.harvest
    reach = whole - kept + TOLERATED * whole
    least = 0.0
    if slot.workload > 0.0:
        best = thrift(slot, hull)
        least = need_at(slot, hull, best, thriftiest(slot, hull, best))
    return reach if least <= reach else -1.0


@compiled_freely
def solved_slots(
    rows: Floats, battery: Floats, penalty: Floats, kept: Floats, claims: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return rewards, upper bounds and allocations of users who keep so much; nan, -inf and nan where they cannot serve.

    Parameters
    ----------
    rows
        of ``(instances, users, 13)``.
    battery, penalty
        E in nJ and nu, ``(instances, users)``.
    kept
        decisions ``(instances, candidates, users)``.
    claims
        upper bounds claimed, of the same shape; minus infinity to claim nothing.
    """
    instances, candidates, users = kept.shape
    values, bounds = np.full(kept.shape, np.nan), np.full(kept.shape, -np.inf)
    shares = np.full((instances, candidates, users, COLUMNS), np.nan)
    for i in range(instances):
        for u in range(users):
            slot = slot_of(rows[i, u])
            hull = lower_hull(slot)
            best = thrift(slot, hull)
            for c in range(candidates):
                if kept[i, c, u] == SKIP or (slot.workload <= 0.0 and battery[i, u] + slot.harvest >= kept[i, c, u]):
                    value = -penalty[i, u] if slot.workload > 0.0 else 0.0
                    values[i, c, u] = bounds[i, c, u] = value
                    shares[i, c, u] = 0.0
                    shares[i, c, u, 0] = 1.0
                    continue
                reach = reachable(slot, hull, battery[i, u], kept[i, c, u])
                if reach < 0.0:
                    continue
                found, bound, _ = best_slot(slot, hull, best, reach, claims[i, c, u])
                bounds[i, c, u] = bound
                if slot.strict:
                    values[i, c, u] = strict_slot(slot, hull, best, reach, found, shares[i, c, u])
                else:
                    values[i, c, u] = found.value
                    divided(slot, hull, found.local, found.time, shares[i, c, u])
    return values, bounds, shares


@compiled
def limits(rows: Floats, reach: Floats) -> tuple[Floats, Floats, Floats]:
    """Return needs, largest workloads and sizes of rewards of users ``(instances, users)`` with a budget and whole harvest.

    The need is the least budget and whole slot's harvest that serve the workload, in nJ.
    """
    needs, largest, sizes = np.zeros(reach.shape), np.zeros(reach.shape), np.zeros(reach.shape)
    for i in range(reach.shape[0]):
        for u in range(reach.shape[1]):
            slot = slot_of(rows[i, u])
            hull = lower_hull(slot)
            best = thrift(slot, hull)
            if slot.workload > 0.0:
                needs[i, u] = need_at(slot, hull, best, thriftiest(slot, hull, best))
                sizes[i, u] = ordinary_reward(slot, hull)
            largest[i, u] = largest_workload(slot, hull, best, reach[i, u])
    return needs, largest, sizes


@compiled
def reward_tables(rows: Floats, budgets: Floats) -> tuple[Floats, Floats]:
    """Return the best reward of every slot at every budget, and a proved upper bound of it; -inf where nothing serves.

    Parameters
    ----------
    rows
        of ``(slots, 13)``.
    budgets
        q in nJ, what the battery holds less what is kept: negative where more is to be kept.
    """
    values = np.full((rows.shape[0], budgets.size), -np.inf)
    bounds = np.full(values.shape, -np.inf)
    for k in range(rows.shape[0]):
        slot = slot_of(rows[k])
        hull = lower_hull(slot)
        best = thrift(slot, hull)
        need = need_at(slot, hull, best, thriftiest(slot, hull, best)) if slot.workload > 0.0 else 0.0
        for j in range(budgets.size):
            reach = budgets[j] + slot.harvest + TOLERATED * (abs(budgets[j]) + slot.harvest)
            if reach < need:
                continue
            if slot.workload <= 0.0:
                values[k, j] = bounds[k, j] = 0.0
                continue
            found, bound, _ = best_slot(slot, hull, best, reach, -np.inf)
            values[k, j], bounds[k, j] = found.value, bound
    return values, bounds
