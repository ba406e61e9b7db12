"""Slots answered without certificates, and carried out: what rollouts, environments and learners do many thousand times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import SKIP
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import declared
from mecopt.kernels.arrays import plain
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.terms import by_user
from mecopt.models.hybrid_slot.variables import SlotAllocation

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

TIMED = tuple(f.metadata["unit"] == "s" for f in declared(SlotAllocation))
NAMES = tuple(f.name for f in declared(SlotAllocation))


def answered(problem: HybridSlot, kept: Array, numbers: Array) -> tuple[Array, Array]:
    """Return rewards of users who keep so much, nan where they cannot serve, and how their slots are divided.

    Parameters
    ----------
    problem
        slots.
    kept
        decisions ``(*batch, users)``.
    numbers
        the slots' rows, see `terms.rows`.

    Returns
    -------
    Of shape ``(*batch, users)``, and with an axis of 8 more, times in slots.
    """
    shape = numbers.shape[:2]
    battery, penalty = (plain(value.reshape(shape), np.float64) for value in (problem.battery, problem.outage_penalty))
    decision = plain(np.reshape(kept, (shape[0], 1, shape[1])), np.float64)
    values, _, parts = allocation.kernel()(numbers, battery, penalty, decision, np.full(decision.shape, -np.inf))
    return values.reshape(kept.shape), parts.reshape(*kept.shape, len(NAMES))


def allocated(problem: HybridSlot, parts: Array) -> SlotAllocation:
    """Return times and kbit of parts of slots."""
    slot = by_user(problem, "slot")
    return SlotAllocation(*(slot * parts[..., k] if timed else parts[..., k] for k, timed in enumerate(TIMED)))


def whole_harvest(parts: Array, where: Array) -> None:
    """Let users harvest the whole slot and do nothing else."""
    parts[where] = 0.0
    parts[..., 0][where] = 1.0


def divided(problem: HybridSlot, decision: Array, numbers: Array) -> tuple[Array, Array]:
    """Return what `answered` does, or say which lane cannot carry out its decision.

    Raises
    ------
    InstanceError
    """
    values, parts = answered(problem, decision, numbers)
    wrong = np.isnan(values)
    if wrong.any():
        index = tuple(int(k) for k in np.argwhere(wrong)[0][:-1])
        one = problem[index] if index else problem
        raise InstanceError(f"{f'lane {list(index)}: ' if index else ''}{one.why_infeasible(decision[index])}")
    return values, parts


def served(problem: HybridSlot, decision: Array, numbers: Array) -> SlotAllocation:
    """Return the best allocation of decisions; others as in `divided`."""
    return allocated(problem, divided(problem, decision, numbers)[1])


def outcomes(problem: HybridSlot, decision: Array, given: SlotAllocation, numbers: Array) -> Array:
    """Carry out decisions and allocations of any origin; see `compiled_run.carried_out`, ``(*batch, users, 8)``.

    Raises
    ------
    InstanceError
        for another shape, or a number that is not finite.
    """
    from mecopt.models.hybrid_slot.compiled.run import carried_out

    shape, slot = (*problem.batch_shape, problem.users), by_user(problem, "slot")
    if np.shape(decision) != shape:
        raise InstanceError(f"the decision has shape {np.shape(decision)}; allowed: {shape}")
    parts = np.empty((*shape, len(NAMES)))
    for k, (name, timed) in enumerate(zip(NAMES, TIMED, strict=True)):
        value = np.asarray(getattr(given, name))
        if value.shape != shape or value.dtype.kind not in "fiu":
            raise InstanceError(f"allocation.{name} has shape {value.shape}, {value.dtype}; allowed: {shape}, numbers")
        parts[..., k] = value / slot if timed else value
    if not np.isfinite(parts).all():
        *index, k = (int(i) for i in np.argwhere(~np.isfinite(parts))[0])
        raise InstanceError(f"allocation.{NAMES[k]}{index} is {parts[(*index, k)]}; allowed: finite numbers")
    flat = numbers.reshape(-1, numbers.shape[-1])
    fields = (problem.battery, problem.battery_capacity, problem.outage_penalty)
    battery, capacity, penalty = (plain(value.reshape(-1), np.float64) for value in fields)
    skips = np.ascontiguousarray(np.equal(decision, SKIP).reshape(-1))
    found = carried_out(flat, battery, capacity, penalty, skips, parts.reshape(len(flat), -1))
    return np.asarray(found.reshape(*shape, -1))
