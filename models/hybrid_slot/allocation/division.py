"""The decision is fixed: the best division of every slot, and what is proved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.backend import ClosedForm
from mecopt.contract.decision import SKIP, listed
from mecopt.contract.derived import of_data, once_a_call, shared
from mecopt.contract.fields import declared
from mecopt.contract.limits.quantities import outside, window
from mecopt.kernels.arrays import plain
from mecopt.models.hybrid_slot.terms import MUST, by_user, harvested, rows
from mecopt.models.hybrid_slot.variables import RewardCeiling, SlotAllocation

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

SLACK = 1e-6
"""Part of all energy that mended decisions leave beside the need, where the reward is infinitely steep in the energy."""


def blocks(problem: HybridSlot, decision: Array, claims: Array | None = None) -> tuple[Array, ...]:
    """Return what compiled code takes: rows, batteries, penalties, decisions and claims."""
    users, count = problem.users, problem.instances
    kept = plain(np.reshape(decision, (count, -1, users)), np.float64)
    flat = [plain(value.reshape(count, users), np.float64) for value in (problem.battery, problem.outage_penalty)]
    claimed = np.full(kept.shape, -np.inf) if claims is None else plain(np.reshape(claims, kept.shape), np.float64)
    return (shared(rows, problem), *flat, kept, claimed)


def kernel() -> Any:
    """Return the compiled search."""
    from mecopt.models.hybrid_slot.compiled.batch import solved_slots

    return solved_slots


def outputs(problem: HybridSlot, decision: Array, raw: tuple[Array, ...]) -> tuple[SlotAllocation, RewardCeiling]:
    """Turn shares of slots into times and kbit; nan for all users of a decision that one of them cannot carry out."""
    _, bounds, shares = raw
    shares, bounds = shares.reshape(*decision.shape, -1), bounds.reshape(decision.shape)
    never = hopeless(problem, decision)[..., None]
    slot = problem.aligned("slot", decision)[..., None]
    columns = {}
    for k, f in enumerate(declared(SlotAllocation)):
        scale = slot if f.metadata["unit"] == "s" else 1.0
        columns[f.name] = np.where(never, np.nan, scale * shares[..., k])
    return SlotAllocation(**columns), RewardCeiling(ceiling=np.where(never, np.nan, bounds))


CLOSED_FORM = ClosedForm(
    blocks, kernel, outputs, "lower hull by Lambert W, then one variable, searched with a proof; batched", threads=True
)


def proved(problem: HybridSlot, decision: Array, dual: RewardCeiling) -> Array:
    """Return each user's claimed ceiling where it is true, and what is proved instead elsewhere."""
    claims = np.where(np.isnan(dual.ceiling), -np.inf, dual.ceiling)
    return np.asarray(kernel()(*blocks(problem, decision, claims))[1].reshape(decision.shape))


# ---------------------------------------------------------------------- what can be served


@of_data
def limits(problem: HybridSlot) -> tuple[Array, Array, Array]:
    """Return needs in nJ, largest workloads in kbit and ordinary rewards, ``(*batch, users)``, nothing being kept."""
    return limits_beside(problem, 0.0)


def limits_beside(problem: HybridSlot, kept: Array | float) -> tuple[Array, Array, Array]:
    """Return needs in nJ, largest workloads in kbit and ordinary rewards, ``(*batch, users)``, so much being kept.

    The need is the least budget and whole slot's harvest that serve the workload; infinite where none does.
    """
    from mecopt.models.hybrid_slot.compiled.batch import limits as found

    whole = problem.battery + shared(harvested, problem) - kept
    parts = found(shared(rows, problem), plain(whole.reshape(problem.instances, problem.users), np.float64))
    need, largest, size = (part.reshape(whole.shape) for part in parts)
    return need, largest, size


def most_kept(problem: HybridSlot) -> Array:
    """Return the most that can be left in each battery when nothing is spent, nJ."""
    return np.asarray(np.minimum(problem.battery_capacity, problem.battery + shared(harvested, problem)))


def servable(problem: HybridSlot, need: Array | None = None) -> Array:
    """Whether each user can serve its workload, as little being kept as may be; the needs are found if not given."""
    from mecopt.models.hybrid_slot.compiled.batch import TOLERATED

    whole, wanted = problem.battery + shared(harvested, problem), shared(limits, problem)[0] if need is None else need
    if not problem.limits:
        return np.asarray(wanted <= whole + TOLERATED * whole)
    least, most = shared(kept_window, problem)
    return np.asarray((wanted <= whole - least + TOLERATED * whole) & (least <= most))


@of_data
def kept_window(problem: HybridSlot) -> tuple[Array, Array]:
    """Return the least and the most that limits of one's own and capacities let each user keep, ``(*batch, users)``."""
    least, most = window(problem)
    return least, np.minimum(most, problem.battery_capacity)


def may_skip(problem: HybridSlot, need: Array | None = None) -> Array:
    """Whether each user may leave its workload: by choice, because it cannot serve it, or because there is none."""
    optional = by_user(problem, "service") != MUST
    return np.asarray(optional | ~servable(problem, need) | (problem.workload == 0.0))


@of_data
def _limits_of_decisions(problem: HybridSlot) -> tuple[Array, ...]:
    """Return needs, all energy, what rounding adds, the most that can be kept, and who must serve, ``(*batch, users)``."""
    from mecopt.models.hybrid_slot.compiled.batch import TOLERATED

    need, whole = shared(limits, problem)[0], problem.battery + shared(harvested, problem)
    most = problem.battery_capacity * (1.0 + TOLERATED)
    return need, whole, TOLERATED * whole, most, ~may_skip(problem, need)


def impossible(problem: HybridSlot, decision: Array) -> Array:
    """Whether each user cannot carry out its decision, ``(*batch, *candidates, users)``."""
    parts = shared(_limits_of_decisions, problem)
    need, whole, rounding, most, serves = (problem.aligned(part, decision) for part in parts)
    short = need > whole - decision + rounding
    if problem.limits:
        low, high = (problem.aligned(end, decision) for end in shared(kept_window, problem))
        short |= outside(low, high, decision)
    return np.asarray(np.where(decision == SKIP, serves, short | (decision > most)))


@once_a_call
def hopeless(problem: HybridSlot, decision: Array) -> Array:
    """Whether a decision has no allocation because somebody cannot carry out its part, ``(*batch, *candidates)``."""
    return np.asarray(impossible(problem, decision).any(axis=-1))


def mended(problem: HybridSlot, decision: Array) -> Array:
    """Return decisions that can be carried out: less is kept where too much is, and skipped where nothing serves."""
    whole = problem.battery + shared(harvested, problem)
    need = shared(limits, problem)[0]
    free = whole - need
    least, greatest = shared(kept_window, problem)
    most = np.minimum(greatest, np.maximum(free - SLACK * whole, least))
    serves, may = (problem.aligned(able(problem, need), decision) for able in (servable, may_skip))
    kept = np.minimum(np.maximum(decision, problem.aligned(least, decision)), problem.aligned(most, decision))
    return np.asarray(np.where((decision == SKIP) & may | ~serves, SKIP, kept))


def within_limits(problem: HybridSlot, decision: Array) -> Array:
    """Return decisions in which what limits of one's own make impossible is mended; the others as they are."""
    if not problem.limits:
        return decision
    return np.where(impossible(problem, decision), mended(problem, decision), decision)


def reason(problem: HybridSlot, decision: Array) -> str:
    """Say what the first user that cannot carry out its decision lacks; one instance."""
    u = int(np.flatnonzero(impossible(problem, decision))[0])
    need, largest, _ = shared(limits, problem)
    whole, kept, work = problem.battery + shared(harvested, problem), decision[u], problem.workload[u]
    if kept == SKIP:
        return f"user {u} must serve its workload of {work:.6g} kbit: it can, and service is 'must'"
    if kept > problem.battery_capacity[u]:
        return f"user {u} cannot keep {kept:.6g} nJ: its battery_capacity is {problem.battery_capacity[u]:.6g} nJ"
    if kept > whole[u]:
        return f"user {u} cannot keep {kept:.6g} nJ: battery and harvest hold {whole[u]:.6g} nJ"
    least, most = (float(end[u]) for end in window(problem))
    if outside(np.asarray(least), np.asarray(most), kept):
        ends = [f"at least {least:.6g} nJ"] * (least > 0.0) + [f"at most {most:.6g} nJ"] * (most < np.inf)
        return f"user {u} keeps {kept:.6g} nJ; allowed by limits: {' and '.join(ends)}"
    if need[u] == np.inf:
        return f"user {u} cannot serve its workload of {work:.6g} kbit with any energy; the largest is {largest[u]:.6g} kbit"
    left = limits_beside(problem, np.maximum(decision, 0.0))[1][u]
    missing = need[u] - (whole[u] - kept)
    return (
        f"user {u} cannot serve its workload of {work:.6g} kbit and keep {kept:.6g} nJ: {missing:.6g} nJ are missing; the "
        f"largest workload would be {left:.6g} kbit"
    )


def outages(problem: HybridSlot, decision: Array) -> dict[str, str]:
    """Say who cannot serve and what is missing, and who skips by choice; of several instances or decisions how many do."""
    skips = (decision == SKIP) & (problem.aligned("workload", decision) > 0.0)
    need, largest, _ = shared(limits, problem)
    serves = servable(problem, need)
    if skips.ndim > 1:
        able = np.broadcast_to(problem.aligned(serves, decision), skips.shape)
        counts = {"outage": skips & ~able, "skipped": skips & able}
        words = {"outage": "cannot be served", "skipped": "are left by choice, at the penalty"}
        return {name: f"{one.sum()} of {one.size} workloads {words[name]}" for name, one in counts.items() if one.any()}
    missing = need - (problem.battery + shared(harvested, problem))
    said = {}
    forced = np.flatnonzero(skips & ~serves)
    if forced.size:
        parts = [
            f"user {u}: {problem.workload[u]:.6g} kbit, at most {largest[u]:.6g} kbit could be served, "
            + ("no energy suffices" if missing[u] == np.inf else f"{missing[u]:.6g} nJ are missing")
            for u in forced[:5].tolist()
        ]
        said["outage"] = "; ".join(parts) + (f"; and {forced.size - 5} more users" if forced.size > 5 else "")
    chosen = np.flatnonzero(skips & serves)
    if chosen.size:
        said["skipped"] = f"by choice, at the penalty: user {listed(chosen)}"
    return said
