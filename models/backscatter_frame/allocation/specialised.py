"""The beams are fixed: the specialised solver, certified by its own prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.backend import Answer, Backend, Feature
from mecopt.contract.certificate import NOTHING
from mecopt.contract.errors import InstanceError, StartIgnored
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.kernels.arrays import plain
from mecopt.models.backscatter_frame.allocation.prices import Prices, gain, reflecting, scaled, sending, unscaled
from mecopt.models.backscatter_frame.terms import LN2, Terms, sending_energy
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices
from mecopt.running import clock

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

PROVED = 1e-9
"""Gap at which the path ends, relative to the cost and `NOTHING` of a carrier kept on for a slot."""

LACKING = 1e-8
"""Part of what a user harvests that rounding may make it lack."""

OFF = 1e-12
"""Slots of carrier in a frame, and part of its work that a user sends, below which it is tried whether any is needed."""

ROUNDED = 5e-16
"""Part of a user's work that is missing only in the rounded sum of what is computed of it."""

NEEDED = 0.1
"""Part of the tolerance asked for that the path proves, so that rounding between units does not matter."""

SET_ASIDE = "the start was weighed and set aside: a guess proved more"


class Followed(NamedTuple):
    """What the specialised solver returns, in its units."""

    point: Array
    """Active time, active bits, radiated energy, local, passive and unserved bits, kept energy ``(..., users, 7)``."""
    passive: Array
    """Time of each beam ``(..., beams)``."""
    prices: Prices
    steps: Array
    used: Array = np.zeros((), dtype=bool)
    """Which starts led to the answers; a start that promised less than a guess did not."""


class Near(NamedTuple):
    """What a path may begin near, in the solver's units and in the order that compiled code takes."""

    point: Array
    passive: Array
    prices: Array
    """``(..., 3, users)``."""


def follow(terms: Terms, tolerance: float, owner: Array | None = None, near: Near | None = None) -> Followed:
    """Follow the path of every frame; the beams are one per user, or those of the given owners.

    Frames that cost next to nothing beside a slot of carrier are followed once more in units of their own, where the gap is
    not closed relative to what they cost; see `mecopt.models.backscatter_frame.allocation.narrow`.
    """
    from mecopt.models.backscatter_frame.allocation.narrow import follow_again
    from mecopt.models.backscatter_frame.allocation.path import follow_batch
    from mecopt.models.backscatter_frame.allocation.system import VARIABLES, workspace

    shape = terms.work.shape
    lead, users = shape[:-1], shape[-1]
    owner = plain(np.arange(users) if owner is None else owner, np.int64)
    rows = [plain(part.reshape(-1, *part.shape[len(shape) - 1 :]), np.float64) for part in terms[:10]]
    shapes = (users, VARIABLES), (owner.size,), (3, users)
    given = [np.zeros((*lead, *own)) for own in shapes] if near is None else near
    ends = [
        np.array(np.broadcast_to(part, (*lead, *own)), order="C").reshape(-1, *own)
        for part, own in zip(given, shapes, strict=True)
    ]
    room = workspace(users, owner.size)
    steps, used, cost, proved = follow_batch(rows[0], owner, *rows[1:], tolerance, NOTHING, near is not None, *ends, room)
    point, passive, prices = ends
    steps += follow_again(rows, owner, tolerance, ends, cost, proved, room)
    found = np.moveaxis(prices, 1, 0).reshape(3, *shape)
    return Followed(
        point.reshape(*shape, -1), passive.reshape(*lead, -1), Prices(*found), steps.reshape(lead), used.reshape(lead)
    )


def near(terms: Terms, start: Solution) -> Near:
    """Return what a solution, of these frames or of others, says of where to begin: its prices, and its times and bits.

    Raises
    ------
    StartIgnored
        where its prices are no numbers.
    """
    a, (work, energy, capacity) = start.allocation, scaled(start.dual, terms)
    given = start.dual.as_dict().values()
    if not all(np.isfinite(value).all() for value in given):
        raise StartIgnored("path-following starts from prices, and those of the given solution are not finite")
    time, bits, battery = terms.time_unit, terms.bit_unit, terms.energy_unit
    active, local = a.active_time / time, a.local_bits / bits
    radiated = a.spent_energy / battery - terms.circuit * active - terms.cpu * local
    parts = (active, a.active_bits / bits, radiated, local, a.passive_bits / bits, 0.0 * local, a.kept_energy / battery)
    shape = np.broadcast_shapes(*(np.shape(part) for part in parts), terms.work.shape)
    point = np.stack([np.broadcast_to(part, shape) for part in parts], axis=-1)
    prices = np.stack([np.broadcast_to(part, shape) for part in (work, energy, capacity)], axis=-2)
    passive = np.broadcast_to(a.passive_time / time, shape)
    return Near(np.maximum(np.nan_to_num(point), 0.0), np.maximum(np.nan_to_num(passive), 0.0), prices)


def allocated(problem: BackscatterFrame, decision: Array, terms: Terms, found: Followed) -> FrameAllocation:
    """Turn points of the solver into allocations: what nobody computes, spends, harvests and keeps follows from the rest.

    Points are feasible to rounding, some 1e-16 of the units. Where energy is dear that is not enough: what rounding
    overspends may be worth more than the gap. Nor is it where work is little and unserved work dear: bits that are missing
    are sent or reflected, where energy and carrier leave room for them.
    """
    active, sent, radiated, local, reflected, _, _ = np.moveaxis(found.point, -1, 0)
    time, bits = terms.time_unit, terms.bit_unit
    most_sent, most_reflected = carried(active, radiated, terms.noise), terms.rate * found.passive
    sent, reflected = np.minimum(sent, most_sent), np.minimum(reflected, most_reflected)
    missing = np.maximum(terms.work - sent - reflected - local, 0.0)
    more = np.minimum(missing, most_sent - sent)
    sent, reflected = sent + more, reflected + np.minimum(missing - more, most_reflected - reflected)
    passive = stretched(terms, active, found.passive, sent, local)
    parts = (active * time, passive * time, sent * bits, reflected * bits, local * bits)
    best = completed(problem, decision, *fitted(problem, decision, *parts))
    off = passive.sum(axis=-1) < OFF
    if not off.any():
        return best
    some, nothing = sent > OFF * terms.work, 0.0 * sent
    alone = np.minimum(terms.work - np.where(some, sent, 0.0), terms.fastest)
    sent_alone = (np.where(some, parts[0], nothing), nothing, np.where(some, parts[2], nothing), nothing, alone * bits)
    without = completed(problem, decision, *fitted(problem, decision, *sent_alone))
    cheaper = off & (problem.objective(decision, without) < problem.objective(decision, best))
    names = best.as_dict()
    return FrameAllocation(
        **{name: np.where(cheaper[..., None], getattr(without, name), value) for name, value in names.items()}
    )


def stretched(terms: Terms, active: Array, passive: Array, sent: Array, local: Array) -> Array:
    """Return times of the carrier, longer by the part of its harvest that some user lacks, if that is rounding."""
    with np.errstate(all="ignore"):
        radiated = terms.noise * active * np.expm1(LN2 * sent / active)
        spent = np.where((sent > 0.0) & (active > 0.0), radiated, 0.0) + terms.circuit * active + terms.cpu * local
        harvested = (terms.harvest * passive[..., None, :]).sum(axis=-1)
        lacking = np.where(spent <= 1.0, (spent - terms.energy) / harvested - 1.0, 0.0)
    part = np.where(lacking <= LACKING, np.maximum(lacking, 0.0), 0.0).max(axis=-1, keepdims=True)
    return np.minimum(passive * (1.0 + part), np.maximum(1.0 - active, passive))


def carried(active: Array, radiated: Array, noise: Array) -> Array:
    """Return the bits that a radiated energy carries at most, in the solver's units.

    The path keeps below that, but for rounding: of times and bits that end near 0 nothing is left but rounding, and bits
    that are many for their time would ask for any energy.
    """
    sends = (active > 0.0) & (radiated > 0.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.where(sends, active * np.log1p(radiated / (noise * active)) / LN2, 0.0)


def completed(
    problem: BackscatterFrame,
    decision: Array,
    active_time: Array,
    passive_time: Array,
    active_bits: Array,
    passive_bits: Array,
    local_bits: Array,
) -> FrameAllocation:
    """Return the allocation with these times and bits; what is unserved, spent, harvested and kept follows from them.

    Bits beyond the work are left out, local ones first: a solver may compute them where that is free.
    """
    work = problem.aligned("workload", decision)
    active_bits = np.minimum(active_bits, work)
    passive_bits = np.minimum(passive_bits, work - active_bits)
    local_bits = np.minimum(local_bits, work - active_bits - passive_bits)
    bandwidth = problem.aligned("bandwidth", decision)[..., None]
    capacity, battery = problem.aligned("battery_capacity", decision), problem.aligned("battery", decision)
    found = problem.links(decision)
    spent = sending_energy(active_time, active_bits, bandwidth, found.noise)
    spent = spent + problem.aligned("circuit_power", decision) * active_time
    spent = spent + problem.aligned("compute_energy", decision) * local_bits
    harvested = (found.harvest * passive_time[..., None, :]).sum(axis=-1)
    unserved = work - (active_bits + passive_bits + local_bits)
    return FrameAllocation(
        active_time=active_time,
        passive_time=passive_time,
        active_bits=active_bits,
        passive_bits=passive_bits,
        local_bits=local_bits,
        unserved_bits=np.where(unserved <= ROUNDED * work, 0.0, unserved),
        spent_energy=spent,
        harvested_energy=harvested,
        kept_energy=np.clip(battery + harvested - spent, 0.0, capacity),
    )


def fitted(
    problem: BackscatterFrame,
    decision: Array,
    active_time: Array,
    passive_time: Array,
    active_bits: Array,
    passive_bits: Array,
    local_bits: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Move times and bits that nearly fit into the constraints of a frame.

    Times shrink together until the slot holds them; of a user that spends too much, sending and computing shrink together,
    whose energy is of degree one.
    """
    slot = problem.aligned("slot", decision)[..., None]
    found = problem.links(decision)
    active_time, passive_time = np.maximum(active_time, 0.0), np.maximum(passive_time, 0.0)
    shrunk = np.minimum(slot / np.maximum(active_time + passive_time, slot), 1.0)
    active_time, passive_time = active_time * shrunk, passive_time * shrunk
    sends = np.isfinite(found.noise) & (active_time > 0.0)
    active_time = np.where(sends, active_time, 0.0)
    active_bits = np.where(sends, np.maximum(active_bits, 0.0) * shrunk, 0.0)
    local_bits = np.clip(local_bits, 0.0, problem.aligned("compute_rate", decision) * slot)
    passive_bits = np.clip(passive_bits, 0.0, found.rate * passive_time)
    whole = completed(problem, decision, active_time, passive_time, active_bits, passive_bits, local_bits)
    room = np.minimum(
        problem.aligned("battery", decision) + whole.harvested_energy, problem.aligned("battery_capacity", decision)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(whole.spent_energy > room, room / whole.spent_energy, 1.0)
    computed = whole.local_bits * np.where(problem.aligned("compute_energy", decision) > 0.0, part, 1.0)
    return active_time * part, passive_time, whole.active_bits * part, passive_bits, computed


def followed(problem: BackscatterFrame, decision: Array, tolerance: float = PROVED) -> tuple[FrameAllocation, FramePrices]:
    """Return the best allocation of each set of beams, and the prices that prove it."""
    terms = problem.terms(decision)
    found = follow(terms, tolerance)
    return allocated(problem, decision, terms, found), unscaled(found.prices, terms)


def response(problem: BackscatterFrame, decision: Array, dual: FramePrices) -> FrameAllocation:
    """Return what users do at prices, each for itself, moved into the constraints.

    A user computes as much as it can where that is cheaper than its work's price, sends the rest at the rate that the price
    of its energy asks for, and the carrier is on where it earns more than it costs. Prices leave open how long a carrier is
    on that earns exactly what it costs, so even the best ones are answered by a feasible allocation, not by the best.
    """
    terms = problem.terms(decision)
    prices = scaled(dual, terms)
    price, earned = prices.energy + prices.capacity, gain(terms, prices)
    local = np.where(price * terms.cpu < prices.work, np.minimum(terms.fastest, terms.work), 0.0)
    with np.errstate(all="ignore"):
        speed = np.log2(np.maximum(earned / (price * terms.noise * LN2), 1.0))
    speed = np.where(np.isfinite(speed), speed, 0.0)
    left = np.maximum(terms.work - local, 0.0)
    active = np.where((sending(terms, prices) < 0.0) & (speed > 0.0), left / np.where(speed > 0.0, speed, 1.0), 0.0)
    active = np.minimum(active, 1.0)
    passive = np.where(reflecting(terms, prices) < 0.0, 1.0 - active, 0.0)
    reflected = np.minimum(terms.rate * passive, np.maximum(left - active * speed, 0.0))
    time, bits = terms.time_unit, terms.bit_unit
    parts = (active * time, passive * time, active * speed * bits, reflected * bits, local * bits)
    return completed(problem, decision, *fitted(problem, decision, *parts))


def fits(start: Solution, shape: tuple[int, ...]) -> None:
    """Raise `InstanceError` unless a start is one solution, or one for each frame and set of beams."""
    if start.shape not in ((), shape):
        raise InstanceError(f"start has shape {start.shape}; allowed: {shape}, or a single solution")


class PathFollowing(Backend):
    """The specialised solver; see `mecopt.models.backscatter_frame.allocation.path`."""

    name = "path-following"
    summary = "primal-dual path following with one small system per user, compiled, batched"
    features = Feature.BATCH | Feature.DUALS | Feature.WARM_PRIMAL_DUAL | Feature.THREADS

    def allocate(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Answer:
        """Follow the path of every frame of the batch, from near the given solution where there is one."""
        began = clock.now()
        terms = problem.terms(decision)  # type: ignore[attr-defined]
        if start is not None:
            fits(start, problem.decision_space.lead(decision))
        given = None if start is None else near(terms, start)
        modelled = clock.now()
        found = follow(terms, min(NEEDED * tol, PROVED), near=given)
        solved = clock.now()
        allocation = allocated(problem, decision, terms, found)  # type: ignore[arg-type]
        aside = {} if start is None else dict.fromkeys(np.flatnonzero(~found.used).tolist(), SET_ASIDE)
        return Answer(
            allocation,
            unscaled(found.prices, terms),
            found.steps,
            modelled - began,
            solved - modelled,
            start_used=start is not None,
            messages=aside,
        )
