"""The linear systems of a Newton step: one per user, and one in the passive times by which users depend on each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.models.backscatter_frame.allocation.frame import LN2, Floats, Frame
from mecopt.models.backscatter_frame.allocation.linear import factorise, factorise_positive, solve_factorised

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

ACTIVE_TIME, ACTIVE_BITS, RADIATED, LOCAL, PASSIVE_BITS, UNSERVED, KEPT = range(7)
LOCAL_LIMIT, KEPT_LIMIT, TIME, RATE, ENERGY, CAPACITY, WORK, SHANNON = range(7, 15)
VARIABLES, SLACKS = 7, 15
"""The first seven slacks of a user are its variables; the passive times, one per beam, stand apart."""
UNKNOWNS = 13
"""Of a user: its variables, then the multipliers of TIME to SHANNON."""
SHIFT = TIME - VARIABLES
"""From a row to its multiplier's place among the unknowns."""


class Work(NamedTuple):
    """Arrays that a path needs, made once for a batch."""

    active: Flags
    slack: Floats
    multiplier: Floats
    moved: Floats
    """Change of each slack along the Newton step."""
    priced: Floats
    """Change of each multiplier."""
    second: Floats
    """Second-order terms of the corrector."""
    passive: Floats
    """Rows as above for the passive times: slack, multiplier, and their changes; then the second order."""
    system: Floats
    exchanged: Ints
    step: Floats
    by_time: Floats
    """How the owner's unknowns answer the time of each beam."""
    by_energy: Floats
    """How a user's unknowns answer what it harvests."""
    slope: Floats
    """Derivatives of Shannon's row by time and energy."""
    coupled: Floats
    prices: Floats


SLACK, MULTIPLIER, MOVED, PRICED, SECOND = range(5)


def workspace(users: int, beams: int) -> Work:
    """Return arrays for frames of so many users and beams."""

    def slacks() -> Floats:
        return np.zeros((users, SLACKS))

    return Work(
        active=np.zeros((users, SLACKS), dtype=np.bool_),
        slack=slacks(),
        multiplier=slacks(),
        moved=slacks(),
        priced=slacks(),
        second=slacks(),
        passive=np.zeros((5, beams)),
        system=np.zeros((users, UNKNOWNS, UNKNOWNS)),
        exchanged=np.zeros((users, UNKNOWNS), dtype=np.int64),
        step=np.zeros((users, UNKNOWNS)),
        by_time=np.zeros((beams, UNKNOWNS)),
        by_energy=np.zeros((users, UNKNOWNS)),
        slope=np.zeros((users, 2)),
        coupled=np.zeros((beams, beams)),
        prices=np.zeros((3, users)),
    )


@compiled
def _tie(system: Floats, row: int, variable: int, slope: float) -> None:
    """Enter a row's slope by a variable."""
    system[row - SHIFT, variable] = slope
    system[variable, row - SHIFT] = -slope


@compiled
def assemble(frame: Frame, work: Work) -> None:
    """Write and factorise every user's system, and how it answers what the user harvests."""
    for i in range(frame.work.size):
        a, s, y, m = work.active[i], work.slack[i], work.multiplier[i], work.system[i]
        m[:] = 0.0
        for k in range(VARIABLES):
            m[k, k] = y[k] / s[k] if a[k] else 1.0
        for row in range(TIME, SLACKS):
            m[row - SHIFT, row - SHIFT] = s[row] / y[row] if a[row] else 1.0
        if a[LOCAL]:
            m[LOCAL, LOCAL] += y[LOCAL_LIMIT] / s[LOCAL_LIMIT]
            _tie(m, ENERGY, LOCAL, -frame.cpu[i])
            _tie(m, CAPACITY, LOCAL, -frame.cpu[i])
            _tie(m, WORK, LOCAL, 1.0)
        if a[KEPT]:
            m[KEPT, KEPT] += y[KEPT_LIMIT] / s[KEPT_LIMIT]
            _tie(m, ENERGY, KEPT, -1.0)
        if a[PASSIVE_BITS]:
            _tie(m, RATE, PASSIVE_BITS, -1.0)
            _tie(m, WORK, PASSIVE_BITS, 1.0)
        if a[UNSERVED]:
            _tie(m, WORK, UNSERVED, 1.0)
        if a[ACTIVE_TIME]:
            time, power = s[ACTIVE_TIME], s[RADIATED] / frame.noise[i]
            whole = time + power
            by_time = np.log1p(power / time) / LN2 - power / whole / LN2
            by_energy = time / (whole * frame.noise[i]) / LN2
            work.slope[i, 0], work.slope[i, 1] = by_time, by_energy
            curvature = y[SHANNON] / (time * whole * whole * LN2)
            unit = time / frame.noise[i]
            m[ACTIVE_TIME, ACTIVE_TIME] += curvature * power * power
            m[RADIATED, RADIATED] += curvature * unit * unit
            m[ACTIVE_TIME, RADIATED] -= curvature * power * unit
            m[RADIATED, ACTIVE_TIME] -= curvature * power * unit
            _tie(m, SHANNON, ACTIVE_TIME, by_time)
            _tie(m, SHANNON, RADIATED, by_energy)
            _tie(m, SHANNON, ACTIVE_BITS, -1.0)
            _tie(m, TIME, ACTIVE_TIME, -1.0)
            _tie(m, WORK, ACTIVE_BITS, 1.0)
            for row in (ENERGY, CAPACITY):
                _tie(m, row, ACTIVE_TIME, -frame.circuit[i])
                _tie(m, row, RADIATED, -1.0)
        factorise(m, work.exchanged[i])
        work.by_energy[i] = 0.0
        if a[ENERGY]:
            work.by_energy[i, ENERGY - SHIFT] = 1.0
            solve_factorised(m, work.exchanged[i], work.by_energy[i])


@compiled
def couple(frame: Frame, work: Work) -> None:
    """Find how users answer the time of each of their beams; write and factorise the system in the passive times."""
    beams, matrix, g = frame.owner.size, work.coupled, frame.harvest
    matrix[:] = 0.0
    for c in range(beams):
        i, answer = frame.owner[c], work.by_time[c]
        answer[:] = 0.0
        answer[TIME - SHIFT] = 1.0
        if work.active[i, RATE]:
            answer[RATE - SHIFT] = -frame.rate[c]
        solve_factorised(work.system[i], work.exchanged[i], answer)
        matrix[c, c] += work.passive[MULTIPLIER, c] / work.passive[SLACK, c]
        for d in range(c + 1):
            if frame.owner[d] == i:
                matrix[c, d] += answer[TIME - SHIFT]
                if work.active[i, RATE]:
                    matrix[c, d] -= frame.rate[d] * answer[RATE - SHIFT]
        if work.active[i, ENERGY]:
            for d in range(beams):
                matrix[max(c, d), min(c, d)] -= answer[ENERGY - SHIFT] * g[i, d] * (2.0 if d == c else 1.0)
    for k in range(frame.work.size):
        if work.active[k, ENERGY]:
            own = work.by_energy[k, ENERGY - SHIFT]
            for c in range(beams):
                part = own * g[k, c]
                if part != 0.0:
                    for d in range(c + 1):
                        matrix[c, d] += part * g[k, d]
    factorise_positive(matrix)
