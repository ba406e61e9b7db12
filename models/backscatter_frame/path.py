r"""The specialised solver of a frame: a primal-dual path to the optimum, batched and compiled, certified by its own prices.

Unknown are, per user, the active time, the active bits, the energy radiated, the local, passive and unserved bits, the
energy kept for later, and per beam the time of the carrier. All stay strictly feasible. Every inequality
:math:`s = g(x) \ge 0` has a multiplier y, and Newton's method follows :math:`s y = \mu \to 0` with Mehrotra's predictor and
corrector. The only curved row is Shannon's,
:math:`t \log_2(1 + e/(\kappa t)) - a \ge 0`, concave and of degree one.

A Newton step costs one system of 13 unknowns per user (seven variables and the multipliers of six rows) and one of N x N in
the passive times, by which alone users depend on each other. Two things make it go to the end:

- Rows keep their multipliers as unknowns, and slacks are iterates of their own. Eliminated into normal equations, or with
  slacks taken as differences of variables, the last digits of a multiplier are lost at gaps of 1e-7.
- The path ends when the prices of work, energy and capacity prove the answer
  (`mecopt.models.backscatter_frame.frame.bound`), not when the dual residual vanishes: where sending is not worth while,
  time, bits and energy go to 0 together, their derivatives never settle, and the bound, which answers prices in closed form,
  does not mind.
"""

from __future__ import annotations

import numpy as np

from mecopt.kernels.compiled import compiled
from mecopt.models.backscatter_frame.frame import LN2, Floats, Frame, Ints, bound, powered
from mecopt.models.backscatter_frame.newton import KEPT_BACK, advance, predict
from mecopt.models.backscatter_frame.system import (
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
    assemble,
    couple,
)

MOST_STEPS = 100
LEAST_LENGTH = 1e-8
"""A shorter step goes nowhere: rounding has the last word."""


@compiled
def shannon(time: float, energy: float) -> float:
    """Return ``time log2(1 + energy/time)``, energy counting in that of sending at 1 bit/s/Hz."""
    return time * np.log1p(energy / time) / LN2


@compiled
def _begin(frame: Frame, work: Work) -> int:
    """Find what each user can do at all, and a point strictly inside; return the number of inequalities."""
    count, beams = frame.owner.size, np.zeros(frame.work.size)
    for c in range(frame.owner.size):
        beams[frame.owner[c]] += 1.0
    for i in range(frame.work.size):
        a, s = work.active[i], work.slack[i]
        some, energy = frame.work[i] > 0.0, powered(frame, i)
        sends = energy and some and frame.noise[i] < np.inf
        a[ACTIVE_TIME], a[ACTIVE_BITS], a[RADIATED], a[SHANNON] = sends, sends, sends, sends
        a[LOCAL] = a[LOCAL_LIMIT] = energy and some and frame.fastest[i] > 0.0
        reflects = 0.0
        for c in range(frame.owner.size):
            if frame.owner[c] == i:
                reflects = max(reflects, frame.rate[c])
        a[PASSIVE_BITS] = a[RATE] = some and reflects > 0.0
        a[UNSERVED] = a[WORK] = some
        a[KEPT] = a[KEPT_LIMIT] = energy and frame.kept[i] > 0.0
        a[TIME] = True
        a[CAPACITY] = sends or a[LOCAL]
        a[ENERGY] = a[CAPACITY] or a[KEPT]
        s[:] = 0.0
        for k in range(SLACKS):
            count += a[k]
    for c in range(frame.owner.size):
        work.passive[SLACK, c] = 0.5 / beams[frame.owner[c]]
    for i in range(frame.work.size):
        a, s = work.active[i], work.slack[i]
        has, reflected = frame.energy[i], 0.0
        for c in range(frame.owner.size):
            has += frame.harvest[i, c] * work.passive[SLACK, c]
            if frame.owner[c] == i:
                reflected += frame.rate[c] * work.passive[SLACK, c]
        use = min(has, 1.0)
        if a[ACTIVE_TIME]:
            s[ACTIVE_TIME] = 0.25
            if frame.circuit[i] > 0.0:
                s[ACTIVE_TIME] = min(0.25, 0.1 * use / frame.circuit[i])
            s[RADIATED] = 0.25 * use
            s[ACTIVE_BITS] = 0.5 * shannon(s[ACTIVE_TIME], s[RADIATED] / frame.noise[i])
            s[SHANNON] = s[ACTIVE_BITS]
        if a[LOCAL]:
            s[LOCAL] = 0.5 * frame.fastest[i]
            if frame.cpu[i] > 0.0:
                s[LOCAL] = min(s[LOCAL], 0.25 * use / frame.cpu[i])
            s[LOCAL_LIMIT] = frame.fastest[i] - s[LOCAL]
        if a[PASSIVE_BITS]:
            s[PASSIVE_BITS] = s[RATE] = 0.5 * reflected
        if a[KEPT]:
            s[KEPT] = 0.25 * use
            s[KEPT_LIMIT] = 1.0 - s[KEPT]
        spent = frame.circuit[i] * s[ACTIVE_TIME] + s[RADIATED] + frame.cpu[i] * s[LOCAL]
        s[TIME] = 1.0 - s[ACTIVE_TIME] - (0.5 if beams[i] else 0.0)
        s[ENERGY], s[CAPACITY] = has - spent - s[KEPT], 1.0 - spent
        served = s[ACTIVE_BITS] + s[LOCAL] + s[PASSIVE_BITS]
        s[UNSERVED] = max(frame.work[i] - served, 0.0) + 0.5 * frame.work[i]
        s[WORK] = served + s[UNSERVED] - frame.work[i]
    mu = max(cost(frame, work), frame.passive_cost) / count
    for i in range(frame.work.size):
        for k in range(SLACKS):
            work.multiplier[i, k] = mu / work.slack[i, k] if work.active[i, k] else 0.0
    for c in range(frame.owner.size):
        work.passive[MULTIPLIER, c] = mu / work.passive[SLACK, c]
    return count


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
def follow(
    frame: Frame, work: Work, tolerance: float, point: Floats, passive: Floats, prices: Floats
) -> tuple[int, float, float]:
    """Follow the path of a frame; write the best point ``(users, 7)``, passive times and prices ``(3, users)`` found.

    Returns
    -------
    number of steps, cost of the point, and the bound that the prices prove
    """
    count, users = _begin(frame, work), frame.work.size
    best, proved, steps = np.inf, -np.inf, 0
    for steps in range(MOST_STEPS + 1):
        value, gap = cost(frame, work), (work.passive[SLACK] * work.passive[MULTIPLIER]).sum()
        for i in range(users):
            work.prices[0, i] = work.multiplier[i, WORK]
            work.prices[1, i] = work.multiplier[i, ENERGY]
            work.prices[2, i] = work.multiplier[i, CAPACITY]
            for k in range(SLACKS):
                gap += work.slack[i, k] * work.multiplier[i, k]
        reached = bound(frame, work.prices[0], work.prices[1], work.prices[2])
        if reached > proved:
            proved = reached
            prices[:] = work.prices
        if value < best:
            best = value
            point[:] = work.slack[:, :VARIABLES]
            passive[:] = work.passive[SLACK]
        if best - proved <= tolerance * (frame.passive_cost + abs(best)) or steps == MOST_STEPS:
            break
        for i in range(users):
            assemble(frame, work, i)
        couple(frame, work)
        mu = gap / count
        shrunk = predict(frame, work, gap)
        target = min(max(shrunk**3, 1e-6), 0.9) * mu
        if not advance(frame, work, target, min(max(0.9, 1.0 - mu), KEPT_BACK)) > LEAST_LENGTH:
            break
    return steps, best, proved


@compiled
def follow_batch(
    work: Floats,
    owner: Ints,
    rate: Floats,
    harvest: Floats,
    noise: Floats,
    energy: Floats,
    fastest: Floats,
    circuit: Floats,
    cpu: Floats,
    kept: Floats,
    costs: Floats,
    tolerance: float,
    room: Work,
) -> tuple[Floats, Floats, Floats, Ints]:
    """Follow the path of every frame; entries as in `Frame`, `owner` the same for all, costs ``(frames, 4)``.

    Returns
    -------
    points ``(frames, users, 7)``, passive times ``(frames, beams)``, prices ``(frames, 3, users)`` of work, energy and
    capacity, numbers of steps
    """
    frames, users = work.shape
    points, passive = np.zeros((frames, users, VARIABLES)), np.zeros((frames, owner.size))
    prices, steps = np.zeros((frames, 3, users)), np.zeros(frames, dtype=np.int64)
    for k in range(frames):
        c, n = costs[k], noise[k]
        own = work[k], owner, rate[k], harvest[k], n, energy[k], fastest[k], circuit[k], cpu[k], kept[k]
        frame = Frame(*own, c[0], c[1], c[2], c[3])
        steps[k], _, _ = follow(frame, room, tolerance, points[k], passive[k], prices[k])
    return points, passive, prices, steps
