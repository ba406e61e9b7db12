r"""Which regime an answer is in: the one whose point is near, admissible, and no better to either side.

A search finds local part and time to some 1e-5; Newton's method on the two equations of a regime finds the rest. Every
regime that can be an answer's is tried until one is; see `mecopt.models.hybrid_slot.regimes`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import SKIP
from mecopt.contract.fields import axes, declared
from mecopt.kernels.lambert import tangent
from mecopt.models.hybrid_slot.regimes import (
    BOTH,
    COLUMNS,
    CORNER,
    ENERGY,
    FREE,
    MEET,
    MOST,
    NOTHING,
    RADIO,
    REFLECTS,
    SLEEPS,
    SLOT,
    Slopes,
    Terms,
    first_of_chord,
    residuals,
    sending,
    slopes,
    terms,
)
from mecopt.models.hybrid_slot.terms import STRICT

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot
    from mecopt.models.hybrid_slot.variables import SlotAllocation

Array = NDArray[Any]

NEAR = 1e-3
"""Parts of workload and slot within which a regime's point is the answer's."""
CLOSED = 1e-11
"""What is left of conditions, beside what they are about, where Newton's method has ended."""
JUST = 1e-6
"""Part of what a slot earns up to which a little more or less is worth the same."""
STEPS = 12
"""Of Newton's method."""


def of_answers(problem: HybridSlot, decision: Array, a: SlotAllocation) -> tuple[Array, Array]:
    """Return the regime of every user, ``(..., users, COLUMNS)``, and whether one was found that has a derivative."""
    f = SimpleNamespace(**{one.name: _spread(problem, one, decision) for one in declared(type(problem))})
    whole = terms(np, f, np.maximum(decision, 0.0))
    regime, good = np.zeros((*decision.shape, COLUMNS)), np.ones(decision.shape, dtype=bool)
    regime[..., 4] = 1.0
    works = (decision != SKIP) & (f.workload > 0.0) & np.isfinite(a.local_bits)
    sent = a.active_bits + a.passive_bits
    places = np.nonzero(works & (sent > 0.0))
    if places[0].size:
        t = Terms(*(np.broadcast_to(part, decision.shape)[places] for part in whole))
        answer = Point(
            a.local_bits[places],
            ((a.active_time + a.passive_time) / f.slot)[places],
            np.broadcast_to(f.uplink_gain > 0.0, decision.shape)[places],
        )
        regime[places], good[places] = _searched(t, answer, _ways(a, places))
    idle = works & (sent == 0.0)
    regime[..., 10] = np.where(idle, _just_idle(whole, f.uplink_gain > 0.0), regime[..., 10])
    good &= ~(works & np.broadcast_to(f.pacing == STRICT, decision.shape))
    return regime, good


def _just_idle(t: Terms, linked: Array) -> Array:
    """Whether who computes all its work is about to send some of it: by worth, by its processor, or by its energy."""
    per_bit, limits = np.full(t.work.shape, np.inf), (t.passive_rate > 0.0, linked)
    for way, there in zip((REFLECTS, SLEEPS), limits, strict=True):
        kind = np.full(t.work.shape, way)
        nats = np.vectorize(tangent, otypes=[float])(t.circuit / t.noise + np.zeros(t.work.shape))
        per_bit = np.where(there, np.minimum(per_bit, sending(np, t, kind, np.zeros(t.work.shape), nats).slope), per_bit)
    energy = t.local_energy * t.work
    left = t.budget + t.harvest - energy
    time = np.minimum(left / np.where(t.harvest > 0.0, t.harvest, np.inf), 1.0)
    saved = t.work**2 / (energy + t.floor) ** 2 * (per_bit - t.local_energy)
    earned = saved + t.work * (t.channel_price / np.where(time > 0.0, time, 1.0) + t.computing_price)
    just = (t.local_most <= t.work * (1.0 + JUST)) | (left <= JUST * (abs(t.budget) + t.harvest))
    return np.asarray(just | (earned <= JUST * t.work / (energy + t.floor + t.work)))


def _spread(problem: HybridSlot, f: Any, decision: Array) -> Array:
    value = problem.aligned(f.name, decision)
    return np.broadcast_to(value if axes(f) else value[..., None], decision.shape)


class Point(NamedTuple):
    """Local part, time and whether there is a link."""

    local: Array
    time: Array
    linked: Array


def _ways(a: SlotAllocation, places: Any) -> Array:
    """Return the way that each answer sends in."""
    active, passive, on, span = (part[places] for part in (a.active_bits, a.passive_bits, a.sending_time, a.active_time))
    radio = np.where(on < span, SLEEPS, RADIO)
    return np.where(passive > 0.0, np.where(active > 0.0, BOTH, REFLECTS), radio)


def _searched(t: Terms, answer: Point, ways: Array) -> tuple[Array, Array]:
    """Return regimes and whether they are the answers': every regime is tried where none was found before."""
    count = ways.size
    found, good = np.zeros((count, COLUMNS)), np.zeros(count, dtype=bool)
    long = answer.time >= 1.0 - NEAR
    for part in (NOTHING, MOST, CORNER, MEET, FREE):
        for limit in (SLOT, ENERGY):
            for way in (REFLECTS, SLEEPS, BOTH, RADIO):
                same = ways == way
                if part == CORNER and way == REFLECTS:
                    same |= ways == BOTH
                elif part == CORNER:
                    continue
                left = np.flatnonzero(~good & same & (long | (limit == ENERGY)) & ((part != MEET) | (limit == SLOT)))
                if left.size:
                    few = Terms(*(term[left] for term in t))
                    near = Point(*(one[left] for one in answer))
                    regime, right = _tried(few, near, way, limit, part)
                    found[left[right]], good[left[right]] = regime[right], True
    return found, good


def _tried(t: Terms, answer: Point, way: int, limit: int, part: int) -> tuple[Array, Array]:
    """Return a regime's points near the answers, and which of them satisfy all conditions."""
    kind: Any = tuple(np.full(t.work.shape, value) for value in (way, limit, part))
    start, height = first_of_chord(np, t, kind[0])
    depth = (t.circuit - height) / t.noise * np.exp(-start / t.band) - np.expm1(-start / t.band)
    nats = start / t.band + np.vectorize(tangent, otypes=[float])(depth) if way in (SLEEPS, BOTH) else np.zeros(t.work.shape)
    local, time, inverse = answer.local, answer.time, np.zeros((*t.work.shape, 2, 2))
    for _ in range(STEPS):
        inverse = _inverse(t, kind, local, time, nats)
        first, second = residuals(np, t, kind, local, time, nats)
        local = local - inverse[..., 0, 0] * first - inverse[..., 0, 1] * second
        time = time - inverse[..., 1, 0] * first - inverse[..., 1, 1] * second
    first, second = residuals(np, t, kind, local, time, nats)
    s = slopes(np, t, kind[0], local, time, nats)
    size = t.work * (abs(s.earned_local) + t.computing_price + t.channel_price) + t.work / (t.work + t.floor)
    right = (abs(first) <= CLOSED) & (abs(second) <= CLOSED * np.where(part == FREE, size, 1.0))
    right &= (abs(local - answer.local) <= NEAR * t.work) & (abs(time - answer.time) <= NEAR)
    right &= (local >= -CLOSED * t.work) & (local <= np.minimum(t.local_most, t.work) * (1.0 + CLOSED))
    right &= (time > 0.0) & (time <= 1.0 + CLOSED)
    energy = abs(t.budget) + t.harvest + t.local_energy * t.work
    right &= s.excess <= CLOSED * energy
    rate = (t.work - local) / time
    right &= (rate <= t.passive_rate * (1.0 + CLOSED)) | (way != REFLECTS)
    right &= (rate <= t.band * nats) | (way not in (SLEEPS, BOTH))
    right &= (rate >= t.passive_rate) | (way != BOTH)
    worth, just = _worth(t, answer.linked, kind, local, time, nats, s)
    right &= worth
    just |= (limit == SLOT) & (part != MEET) & (-s.excess <= JUST * energy)
    just |= abs(rate - t.band * nats) <= JUST * rate if way in (SLEEPS, BOTH) else False
    whole = np.minimum(t.local_most, t.work)
    just |= (part != NOTHING) & (local <= JUST * t.work) | (part != MOST) & (local >= whole - JUST * t.work)
    columns = (*kind, local, time, nats, *(inverse[..., i, j] for i in range(2) for j in range(2)), just)
    return np.stack([np.asarray(column, dtype=float) for column in columns], axis=-1), right & np.isfinite(inverse).all(
        axis=(-1, -2)
    )


def _inverse(t: Terms, kind: Any, local: Array, time: Array, nats: Array) -> Array:
    """Return the inverse of the equations' derivatives, by complex steps, which have no rounding."""
    step = 1e-30j
    one = [np.imag(part) / 1e-30 for part in residuals(np, t, kind, local + step, time + 0.0j, nats)]
    other = [np.imag(part) / 1e-30 for part in residuals(np, t, kind, local + 0.0j, time + step, nats)]
    determinant = one[0] * other[1] - one[1] * other[0]
    rows = np.stack([np.stack([other[1], -other[0]], axis=-1), np.stack([-one[1], one[0]], axis=-1)], axis=-2)
    return np.asarray(rows / determinant[..., None, None])


def _worth(t: Terms, linked: Array, kind: Any, local: Array, time: Array, nats: Array, s: Slopes) -> tuple[Array, Array]:
    """Return whether no other local part or time nearby is worth more, and where one is worth the same."""
    limit, part = (int(k[0]) for k in kind[1:])
    size = t.work / (t.local_energy * local + t.floor + t.work) + abs(s.earned_local) * t.work + t.channel_price + JUST

    def along(of: Slopes, energy: bool) -> Array:
        """Return what a workload more of the local part is worth."""
        change = of.earned_local - (of.earned_time * of.needed_local / of.needed_time if energy else 0.0)
        return np.asarray(change * t.work)

    here = along(s, limit == ENERGY)
    right = s.needed_time > 0.0 if limit == ENERGY else s.earned_time >= 0.0
    if part == FREE:
        bend = _bend(t, kind, local, time, nats)
        return right & (bend < 0.0), bend * t.work >= -JUST * size
    if part == MEET:
        more, other = along(s, False), along(s, True)
        # where less time needs more energy, nothing is admissible beyond
        shorter, saves = s.needed_time > 0.0, s.needed_local < 0.0
        up = np.where(saves, more, np.where(shorter, other, -np.inf))
        down = np.where(saves, np.where(shorter, other, np.inf), more)
        right = s.earned_time >= 0.0
    elif part == CORNER:
        chord = np.full(t.work.shape, BOTH)
        start = t.passive_rate / t.band
        depth = (t.circuit - t.passive_power) / t.noise * np.exp(-start) - np.expm1(-start)
        beyond = start + np.vectorize(tangent, otypes=[float])(depth)
        up, down = here, np.where(linked, along(slopes(np, t, chord, local, time, beyond), limit == ENERGY), np.inf)
    elif part == NOTHING:
        up, down = here, np.full(t.work.shape, np.inf)
    else:
        up, down = np.full(t.work.shape, -np.inf), here
    return right & (up <= 0.0) & (down >= 0.0), (up >= -JUST * size) | (down <= JUST * size)


def _bend(t: Terms, kind: Any, local: Array, time: Array, nats: Array) -> Array:
    """Return how what a workload more of the local part is worth changes with it, along the time's limit."""
    step = 1e-30j
    s = slopes(np, t, kind[0], local, time, nats)
    change = np.where(kind[1] == ENERGY, -s.needed_local / s.needed_time, 0.0)
    return np.asarray(np.imag(residuals(np, t, kind, local + step, time + change * step, nats)[1]) / 1e-30)
