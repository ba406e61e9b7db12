r"""Where the path of a frame begins: strictly inside, near prices that are given or guessed.

Prices :math:`(\omega, \lambda, \xi)` of work, energy and capacity say by the frame's stationarity what the multiplier of
every other inequality is: :math:`K - \omega` that of unserved work, :math:`(\phi\eta - \omega)^\pm` those of local work,
:math:`g` that of Shannon's row where sending pays, and so on. None may be smaller than :math:`\mu/s`, so that no pair is
too near its boundary. Without a start the prices are guessed from what it costs to harvest; the path is shorter than from
multipliers :math:`\mu/s` alone, and about as short as from the exact prices. For prices say little about the point, which
decides how far the first steps may go. So a point that is given, too, is approached as far as that stays inside, and kept
if it and the prices prove each other to be good. Of prices alone those are taken that prove more, the given or the guessed.
"""

from __future__ import annotations

import numpy as np

from mecopt.kernels.compiled import compiled
from mecopt.models.backscatter_frame.allocation.frame import LN2, Floats, Frame, bound, computes, powered
from mecopt.models.backscatter_frame.allocation.system import (
    ACTIVE_BITS,
    ACTIVE_TIME,
    CAPACITY,
    ENERGY,
    KEPT,
    KEPT_LIMIT,
    LOCAL,
    LOCAL_LIMIT,
    MULTIPLIER,
    PASSIVE_BITS,
    RADIATED,
    RATE,
    SHANNON,
    SLACK,
    SLACKS,
    TIME,
    UNSERVED,
    VARIABLES,
    WORK,
    Work,
)

BEGUN = 0.03
"""Product of slacks and multipliers at the cold start, in slots of carrier."""

LEAST = 1e-3
"""Part of the price of unserved work below which a multiplier counts as this when unserved work is chosen."""

NEARLY = np.array([0.9999, 0.999, 0.99, 0.9])
"""Parts of the way to a given point, tried one after the other."""

GOOD, RELATIVE = 1.0, 0.03
"""Gap, over a slot of carrier or this part of its bound, up to which a point near the given one is kept."""

CENTRED = 0.03
"""Part of the mean product of slacks and multipliers, such a gap's, at which the path begins there."""


@compiled
def shannon(time: float, energy: float) -> float:
    """Return ``time log2(1 + energy/time)``, energy counting in that of sending at 1 bit/s/Hz; 0 in no time."""
    return time * np.log1p(energy / time) / LN2 if time > 0.0 else 0.0


@compiled
def cost(frame: Frame, work: Work) -> float:
    """Return the cost of the point reached."""
    total = frame.passive_cost * work.passive[SLACK].sum()
    for i in range(frame.work.size):
        s = work.slack[i]
        total += frame.active_cost * s[ACTIVE_TIME]
        total += frame.bit_cost * (s[ACTIVE_BITS] + s[PASSIVE_BITS]) + frame.unserved_cost * s[UNSERVED]
        total -= frame.kept[i] * s[KEPT]
    return total


@compiled
def prepare(frame: Frame, work: Work) -> int:
    """Find what each user can do at all; return the number of inequalities."""
    count = frame.owner.size
    for i in range(frame.work.size):
        a = work.active[i]
        some, energy = frame.work[i] > 0.0, powered(frame, i)
        sends = energy and some and frame.noise[i] < np.inf
        a[ACTIVE_TIME], a[ACTIVE_BITS], a[RADIATED], a[SHANNON] = sends, sends, sends, sends
        a[LOCAL] = a[LOCAL_LIMIT] = computes(frame, i) and some and frame.fastest[i] > 0.0
        reflects = 0.0
        for c in range(frame.owner.size):
            if frame.owner[c] == i:
                reflects = max(reflects, frame.rate[c])
        a[PASSIVE_BITS] = a[RATE] = some and reflects > 0.0
        a[UNSERVED] = a[WORK] = some
        a[KEPT] = a[KEPT_LIMIT] = energy and frame.kept[i] > 0.0
        a[TIME] = True
        a[CAPACITY] = sends or (energy and a[LOCAL])
        a[ENERGY] = a[CAPACITY] or a[KEPT]
        for k in range(SLACKS):
            count += a[k]
    return count


@compiled
def _given(frame: Frame, work: Work, i: int) -> tuple[float, float, float]:
    """Return what a user has in energy, the part of its slot with carrier, and the bits that can be reflected."""
    has, on, reflected = frame.energy[i], 0.0, 0.0
    for c in range(frame.owner.size):
        time = work.passive[SLACK, c]
        has += frame.harvest[i, c] * time
        if frame.owner[c] == i:
            on += time
            reflected += frame.rate[c] * time
    return has, on, reflected


@compiled
def _inside(frame: Frame, work: Work, i: int) -> None:
    """Choose a user's variables well inside what the passive times leave it."""
    a, s = work.active[i], work.slack[i]
    has, on, reflected = _given(frame, work, i)
    use = min(has, 1.0)
    s[:] = 0.0
    if a[ACTIVE_TIME]:
        s[ACTIVE_TIME] = 0.5 * (1.0 - on)
        if frame.circuit[i] > 0.0:
            s[ACTIVE_TIME] = min(s[ACTIVE_TIME], 0.1 * use / frame.circuit[i])
        s[RADIATED] = 0.25 * use
        s[ACTIVE_BITS] = 0.5 * shannon(s[ACTIVE_TIME], s[RADIATED] / frame.noise[i])
    if a[LOCAL]:
        s[LOCAL] = 0.5 * frame.fastest[i]
        if frame.cpu[i] > 0.0:
            s[LOCAL] = min(s[LOCAL], 0.25 * use / frame.cpu[i])
    if a[PASSIVE_BITS]:
        s[PASSIVE_BITS] = 0.5 * reflected
    if a[KEPT]:
        s[KEPT] = 0.25 * use


@compiled
def _rows(frame: Frame, work: Work, i: int) -> None:
    """Work out the slacks of a user's rows, but that of its work, from its variables."""
    a, s = work.active[i], work.slack[i]
    has, on, reflected = _given(frame, work, i)
    spent = frame.circuit[i] * s[ACTIVE_TIME] + s[RADIATED] + frame.cpu[i] * s[LOCAL]
    s[LOCAL_LIMIT] = frame.fastest[i] - s[LOCAL] if a[LOCAL] else 0.0
    s[KEPT_LIMIT] = 1.0 - s[KEPT] if a[KEPT] else 0.0
    s[TIME] = 1.0 - s[ACTIVE_TIME] - on
    s[RATE] = reflected - s[PASSIVE_BITS] if a[RATE] else 0.0
    s[ENERGY] = has - spent - s[KEPT] if a[ENERGY] else 0.0
    s[CAPACITY] = 1.0 - spent if a[CAPACITY] else 0.0
    s[SHANNON] = shannon(s[ACTIVE_TIME], s[RADIATED] / frame.noise[i]) - s[ACTIVE_BITS] if a[SHANNON] else 0.0


@compiled
def _approach(frame: Frame, work: Work, i: int, goal: Floats, part: float) -> None:
    """Move a user's variables towards given ones, `part` of the way, or of that to the first boundary."""
    a, s, before = work.active[i], work.slack[i], work.moved[i]
    _rows(frame, work, i)
    before[:] = s
    length = 1.0
    for k in range(VARIABLES):
        if a[k] and k != UNSERVED:
            s[k] = goal[k]
    if a[ACTIVE_BITS]:
        s[ACTIVE_BITS] = min(s[ACTIVE_BITS], shannon(s[ACTIVE_TIME], s[RADIATED] / frame.noise[i]))
    if a[PASSIVE_BITS]:
        s[PASSIVE_BITS] = min(s[PASSIVE_BITS], _given(frame, work, i)[2])
    _rows(frame, work, i)
    for k in range(SLACKS):
        if a[k] and k != UNSERVED and k != WORK and s[k] < 0.0:
            length = min(length, before[k] / (before[k] - s[k]))
    for k in range(VARIABLES):
        s[k] = before[k] + part * length * (s[k] - before[k]) if a[k] else 0.0
    _rows(frame, work, i)


@compiled
def _serve(frame: Frame, work: Work, i: int, price: float, mu: float) -> None:
    """Leave as much work unserved as must be, with slacks that suit the price of work."""
    if not work.active[i, WORK]:
        return
    s, least = work.slack[i], LEAST * frame.unserved_cost
    served = s[ACTIVE_BITS] + s[LOCAL] + s[PASSIVE_BITS]
    left = frame.work[i] - served + mu / max(price, least)
    s[UNSERVED] = max(left, mu / max(frame.unserved_cost - price, least))
    s[WORK] = served + s[UNSERVED] - frame.work[i]


@compiled
def guess(frame: Frame, prices: Floats) -> None:
    """Write prices at which a battery is filled by as many slots of carrier as it takes, and work done with that."""
    most = 0.5 * frame.unserved_cost
    for i in range(frame.work.size):
        harvested = 0.0
        for c in range(frame.owner.size):
            harvested += frame.harvest[i, c]
        energy = frame.passive_cost / max(harvested, 1e-3)
        if frame.cpu[i] > 0.0:
            energy = min(energy, most / frame.cpu[i])
        prices[0, i] = min(energy * frame.cpu[i] + frame.bit_cost, most)
        prices[1, i] = energy
        prices[2, i] = 0.1 * energy


@compiled
def _limit(frame: Frame, prices: Floats) -> None:
    """Cut prices that no frame can have, so that nothing overflows."""
    most = (1.0 - LEAST) * frame.unserved_cost
    for i in range(frame.work.size):
        energy = frame.kept[i] + frame.unserved_cost / max(min(frame.cpu[i], frame.noise[i]), 1e-9)
        prices[0, i] = min(max(prices[0, i], 0.0), most)
        prices[1, i] = min(max(prices[1, i], 0.0), energy)
        prices[2, i] = min(max(prices[2, i], 0.0), energy)


@compiled
def _multiply(frame: Frame, work: Work, prices: Floats, mu: float) -> None:
    """Choose the multipliers that prices ask for, none below ``mu / s``."""
    passive, users = work.passive, frame.work.size
    for i in range(users):
        work.multiplier[i, TIME] = 0.0
    for c in range(frame.owner.size):
        i = frame.owner[c]
        slot = frame.passive_cost - frame.rate[c] * max(prices[0, i] - frame.bit_cost, 0.0)
        for j in range(users):
            slot -= prices[1, j] * frame.harvest[j, c]
        passive[MULTIPLIER, c] = slot
        work.multiplier[i, TIME] = max(work.multiplier[i, TIME], -slot)
    for i in range(users):
        a, s, y = work.active[i], work.slack[i], work.multiplier[i]
        gain, price = max(prices[0, i] - frame.bit_cost, 0.0), prices[1, i] + prices[2, i]
        radiated, steepest = price * frame.noise[i], gain / LN2
        slot, sent = frame.active_cost + price * frame.circuit[i], min(gain, radiated * LN2)
        if steepest > radiated > 0.0:
            slot += steepest - radiated - gain * np.log2(steepest / radiated)
            sent = gain
            y[TIME] = max(y[TIME], -slot)
        y[ACTIVE_TIME], y[SHANNON] = slot + y[TIME], sent
        y[ACTIVE_BITS], y[RADIATED] = frame.bit_cost + sent - prices[0, i], 0.0
        y[LOCAL] = price * frame.cpu[i] - prices[0, i]
        y[LOCAL_LIMIT] = -y[LOCAL]
        y[PASSIVE_BITS], y[RATE] = frame.bit_cost + gain - prices[0, i], gain
        y[UNSERVED] = frame.unserved_cost - prices[0, i]
        y[KEPT] = prices[1, i] - frame.kept[i]
        y[KEPT_LIMIT] = -y[KEPT]
        y[WORK], y[ENERGY], y[CAPACITY] = prices[0, i], prices[1, i], prices[2, i]
        for k in range(SLACKS):
            y[k] = max(y[k], mu / s[k]) if a[k] else 0.0
    for c in range(frame.owner.size):
        passive[MULTIPLIER, c] = max(passive[MULTIPLIER, c] + work.multiplier[frame.owner[c], TIME], mu / passive[SLACK, c])


@compiled
def _place(frame: Frame, work: Work, point: Floats, passive: Floats, part: float) -> None:
    """Choose passive times and variables: a point well inside, and `part` of the way from there to the given one."""
    beams = work.step[:, 0]
    beams[:] = 0.0
    for c in range(frame.owner.size):
        beams[frame.owner[c]] += 1.0
    for c in range(frame.owner.size):
        middle = 0.5 / beams[frame.owner[c]]
        work.passive[SLACK, c] = middle + part * (min(max(passive[c], 0.0), 2.0 * middle) - middle) if part > 0.0 else middle
    for i in range(frame.work.size):
        _inside(frame, work, i)
        if part > 0.0:
            _approach(frame, work, i, point[i], part)
        else:
            _rows(frame, work, i)


@compiled
def _near(frame: Frame, work: Work, count: int, point: Floats, passive: Floats) -> float:
    """Place the path near a given point at the prices of `work`; return the gap there, infinite where it is too great."""
    proved = bound(frame, work.prices[0], work.prices[1], work.prices[2])
    for part in NEARLY:
        _place(frame, work, point, passive, part)
        for i in range(frame.work.size):
            _serve(frame, work, i, work.prices[0, i], (1.0 - part) / count)
        gap = cost(frame, work) - proved
        if gap <= GOOD * max(frame.passive_cost, RELATIVE * abs(proved)):
            return gap
    return np.inf


@compiled
def begin(frame: Frame, work: Work, warm: bool, point: Floats, passive: Floats, prices: Floats) -> tuple[int, bool]:
    """Choose where the path begins; return the number of inequalities, and whether it begins near what was given.

    Where `warm`, `point`, `passive` and `prices` are what to begin near, if it is better than a guess; else they are not
    looked at.
    """
    count, mu, gap, used = prepare(frame, work), BEGUN, np.inf, False
    guess(frame, work.prices)
    if warm:
        guessed = bound(frame, work.prices[0], work.prices[1], work.prices[2])
        work.prices[:] = prices
        _limit(frame, work.prices)
        used = bound(frame, work.prices[0], work.prices[1], work.prices[2]) >= guessed
        gap = _near(frame, work, count, point, passive)
        if gap < np.inf:
            mu, used = CENTRED * gap / count, True
        elif not used:
            guess(frame, work.prices)
    if gap == np.inf:
        _place(frame, work, point, passive, 0.0)
    for i in range(frame.work.size):
        _serve(frame, work, i, work.prices[0, i], mu)
    _multiply(frame, work, work.prices, mu)
    return count, used
