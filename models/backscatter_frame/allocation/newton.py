"""A Newton step along the path: its direction, how far it may go, and the step itself."""

from __future__ import annotations

import numpy as np

from mecopt.kernels.compiled import compiled
from mecopt.models.backscatter_frame.allocation.frame import LN2, Frame
from mecopt.models.backscatter_frame.allocation.linear import solve_factorised, solve_positive
from mecopt.models.backscatter_frame.allocation.system import (
    ACTIVE_BITS,
    ACTIVE_TIME,
    CAPACITY,
    ENERGY,
    KEPT,
    KEPT_LIMIT,
    LOCAL,
    LOCAL_LIMIT,
    MOVED,
    MULTIPLIER,
    PASSIVE_BITS,
    PRICED,
    RADIATED,
    RATE,
    SECOND,
    SHANNON,
    SHIFT,
    SLACK,
    SLACKS,
    TIME,
    UNKNOWNS,
    UNSERVED,
    VARIABLES,
    WORK,
    Work,
)

NOISE = 1e-14
"""Part of Shannon's row below which a difference of it is rounding."""

PREDICTED, KEPT_BACK = 0.9999, 0.9995
"""Parts of the way to the boundary that predictor and corrector go at most."""


@compiled
def direct(frame: Frame, work: Work, target: float) -> None:
    """Find the changes of all slacks and multipliers towards ``s y + second = target``."""
    users = frame.work.size
    for i in range(users):
        a, s, y, c, f = work.active[i], work.slack[i], work.multiplier[i], work.second[i], work.step[i]
        for k in range(VARIABLES):
            f[k] = (target - c[k]) / s[k] if a[k] else 0.0
        for row in range(TIME, SLACKS):
            f[row - SHIFT] = (target - c[row]) / y[row] if a[row] else 0.0
        if a[ACTIVE_TIME]:
            f[ACTIVE_TIME] -= frame.active_cost
            f[ACTIVE_BITS] -= frame.bit_cost
        if a[LOCAL]:
            f[LOCAL] -= (target - c[LOCAL_LIMIT]) / s[LOCAL_LIMIT]
        if a[PASSIVE_BITS]:
            f[PASSIVE_BITS] -= frame.bit_cost
        if a[UNSERVED]:
            f[UNSERVED] -= frame.unserved_cost
        if a[KEPT]:
            f[KEPT] += frame.kept[i] - (target - c[KEPT_LIMIT]) / s[KEPT_LIMIT]
        solve_factorised(work.system[i], work.exchanged[i], f)
    passive = work.passive
    for c in range(frame.owner.size):
        i = frame.owner[c]
        f = work.step[i]
        right = (target - passive[SECOND, c]) / passive[SLACK, c] - frame.passive_cost - f[TIME - SHIFT]
        if work.active[i, RATE]:
            right += frame.rate[c] * f[RATE - SHIFT]
        for k in range(users):
            if work.active[k, ENERGY]:
                right += frame.harvest[k, c] * work.step[k, ENERGY - SHIFT]
        passive[MOVED, c] = right
    solve_positive(work.coupled, passive[MOVED])
    for c in range(frame.owner.size):
        moved, slack, y = passive[MOVED, c], passive[SLACK, c], passive[MULTIPLIER, c]
        passive[PRICED, c] = (target - passive[SECOND, c] - y * moved) / slack - y
        for k in range(UNKNOWNS):
            work.step[frame.owner[c], k] += work.by_time[c, k] * moved
    _resolve(frame, work, target)


@compiled
def _resolve(frame: Frame, work: Work, target: float) -> None:
    """Turn the users' unknowns into changes of their slacks and multipliers.

    Of each pair the smaller one is found by the complementarity it must meet, the larger one from the unknowns: so both
    keep their digits.
    """
    for i in range(frame.work.size):
        a, s, y, c, f = work.active[i], work.slack[i], work.multiplier[i], work.second[i], work.step[i]
        harvested, on, reflected = 0.0, 0.0, 0.0
        for b in range(frame.owner.size):
            time = work.passive[MOVED, b]
            harvested += frame.harvest[i, b] * time
            if frame.owner[b] == i:
                on += time
                reflected += frame.rate[b] * time
        for k in range(UNKNOWNS):
            f[k] -= work.by_energy[i, k] * harvested
        moved, priced = work.moved[i], work.priced[i]
        spent = frame.circuit[i] * f[ACTIVE_TIME] + f[RADIATED] + frame.cpu[i] * f[LOCAL]
        for k in range(VARIABLES):
            moved[k] = f[k]
        moved[LOCAL_LIMIT] = -f[LOCAL]
        moved[KEPT_LIMIT] = -f[KEPT]
        moved[TIME] = -f[ACTIVE_TIME] - on
        moved[RATE] = reflected - f[PASSIVE_BITS]
        moved[ENERGY] = harvested - spent - f[KEPT]
        moved[CAPACITY] = -spent
        moved[WORK] = f[ACTIVE_BITS] + f[LOCAL] + f[PASSIVE_BITS] + f[UNSERVED]
        moved[SHANNON] = work.slope[i, 0] * f[ACTIVE_TIME] + work.slope[i, 1] * f[RADIATED] - f[ACTIVE_BITS]
        for k in range(TIME):
            priced[k] = (target - c[k] - y[k] * moved[k]) / s[k] - y[k] if a[k] else 0.0
        for row in range(TIME, SLACKS):
            if a[row]:
                priced[row] = f[row - SHIFT] - y[row]
                if s[row] < y[row]:
                    moved[row] = (target - c[row] - s[row] * f[row - SHIFT]) / y[row]


@compiled
def _bend(frame: Frame, work: Work, i: int, length: float) -> float:
    """Return what Shannon's row gains by a step beyond its slope: its curvature, rounding left out."""
    s, f = work.slack[i], work.step[i]
    time, power = s[ACTIVE_TIME], s[RADIATED] / frame.noise[i]
    later, stronger = time + length * f[ACTIVE_TIME], power + length * f[RADIATED] / frame.noise[i]
    before = time * np.log1p(power / time) / LN2
    along = length * (work.slope[i, 0] * f[ACTIVE_TIME] + work.slope[i, 1] * f[RADIATED])
    bend = later * np.log1p(stronger / later) / LN2 - before - along
    return bend if abs(bend) > NOISE * before else 0.0


@compiled
def reach(frame: Frame, work: Work, part: float, together: bool) -> tuple[float, float]:
    """Return how long steps of slacks and of multipliers stay strictly inside, `part` of the way at most.

    Any prices prove a bound, so multipliers may go farther than slacks, or less far, unless they are to go `together`.
    """
    length, priced = 1.0 / part, 1.0 / part
    for i in range(frame.work.size):
        a, s, y = work.active[i], work.slack[i], work.multiplier[i]
        for k in range(SLACKS):
            if a[k]:
                if k != SHANNON and work.moved[i, k] * length < -s[k]:
                    length = -s[k] / work.moved[i, k]
                if work.priced[i, k] * priced < -y[k]:
                    priced = -y[k] / work.priced[i, k]
    p = work.passive
    for c in range(frame.owner.size):
        if p[MOVED, c] * length < -p[SLACK, c]:
            length = -p[SLACK, c] / p[MOVED, c]
        if p[PRICED, c] * priced < -p[MULTIPLIER, c]:
            priced = -p[MULTIPLIER, c] / p[PRICED, c]
    if together:
        length = priced = min(length, priced)
    length, priced = min(length * part, 1.0), min(priced * part, 1.0)
    for i in range(frame.work.size):
        if work.active[i, SHANNON]:
            slack = work.slack[i, SHANNON]
            for _ in range(80):
                left = slack + length * work.moved[i, SHANNON] + _bend(frame, work, i, length)
                if left > (1.0 - part) * slack:
                    break
                length *= 0.9
    return length, min(length, priced) if together else priced


@compiled
def centre(work: Work) -> None:
    """Leave out the second order."""
    work.second[:] = 0.0
    work.passive[SECOND] = 0.0


@compiled
def predict(frame: Frame, work: Work, gap: float, together: bool) -> float:
    """Take the step to no gap at all in mind: return by how much it would shrink the gap, and keep its second order."""
    centre(work)
    direct(frame, work, 0.0)
    length, priced = reach(frame, work, PREDICTED, together)
    left = 0.0
    for i in range(frame.work.size):
        for k in range(SLACKS):
            if work.active[i, k]:
                slack = max(work.slack[i, k] + length * work.moved[i, k], 0.0)
                left += slack * (work.multiplier[i, k] + priced * work.priced[i, k])
                work.second[i, k] = length * priced * work.moved[i, k] * work.priced[i, k]
    p = work.passive
    for c in range(frame.owner.size):
        left += max(p[SLACK, c] + length * p[MOVED, c], 0.0) * (p[MULTIPLIER, c] + priced * p[PRICED, c])
        p[SECOND, c] = length * priced * p[MOVED, c] * p[PRICED, c]
    return left / gap


@compiled
def advance(frame: Frame, work: Work, target: float, part: float, together: bool) -> tuple[float, float]:
    """Go towards ``s y = target``; return the lengths of the shorter and the longer step, nan where there is none."""
    direct(frame, work, target)
    length, priced = reach(frame, work, part, together)
    for i in range(frame.work.size):
        for k in range(SLACKS):
            if work.active[i, k] and not (np.isfinite(work.moved[i, k]) and np.isfinite(work.priced[i, k])):
                return np.nan, np.nan
    for c in range(frame.owner.size):
        if not np.isfinite(work.passive[MOVED, c]) or not np.isfinite(work.passive[PRICED, c]):
            return np.nan, np.nan
        work.passive[SLACK, c] += length * work.passive[MOVED, c]
        work.passive[MULTIPLIER, c] += priced * work.passive[PRICED, c]
    for i in range(frame.work.size):
        bend = _bend(frame, work, i, length) if work.active[i, SHANNON] else 0.0
        for k in range(SLACKS):
            if work.active[i, k]:
                work.slack[i, k] += length * work.moved[i, k]
                work.multiplier[i, k] += priced * work.priced[i, k]
        work.slack[i, SHANNON] += bend
    return min(length, priced), max(length, priced)
