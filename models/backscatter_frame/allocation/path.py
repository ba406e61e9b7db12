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
  (`mecopt.models.backscatter_frame.allocation.frame.bound`), not when the dual residual vanishes: where sending is not worth
  while, time, bits and energy go to 0 together, their derivatives never settle, and the bound, which answers prices in
  closed form, does not mind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_freely
from mecopt.models.backscatter_frame.allocation.frame import Floats, Frame, Ints, bound
from mecopt.models.backscatter_frame.allocation.newton import KEPT_BACK, advance, centre, predict
from mecopt.models.backscatter_frame.allocation.start import begin, cost
from mecopt.models.backscatter_frame.allocation.system import (
    CAPACITY,
    ENERGY,
    MULTIPLIER,
    SLACK,
    SLACKS,
    VARIABLES,
    WORK,
    Work,
    assemble,
    couple,
)

LOOSE = 1.0
"""Part of a slot of carrier beside which, and beside the cost, a gap is small enough not to begin anew for it."""
MOST_STEPS = 100
"""Of one attempt."""
CLOSE = 1e-4
"""Sum of all slacks times multipliers, over cost and a slot of carrier, at which point and prices are looked at."""
LEAST_LENGTH = 1e-8
"""A shorter step goes nowhere: rounding has the last word."""
SHORT = 0.1
"""A shorter step says that the path has lost its centre, and the next one leads back to it."""
PATIENCE = 15
"""Steps in which the gap must halve; else the path begins anew."""


@compiled
def _closed(frame: Frame, best: float, proved: float, tolerance: float, beside: float) -> bool:
    """Whether a bound proves a cost within the tolerance, relative to it and a part of a slot of carrier."""
    return best < np.inf and best - proved <= tolerance * (beside * frame.passive_cost + abs(best))


@compiled
def _product(work: Work) -> float:
    """Return the sum of the products of all slacks and multipliers."""
    total = 0.0
    for i in range(work.slack.shape[0]):
        for k in range(SLACKS):
            total += work.slack[i, k] * work.multiplier[i, k]
    for c in range(work.passive.shape[1]):
        total += work.passive[SLACK, c] * work.passive[MULTIPLIER, c]
    return total


@compiled
def _attempt(
    frame: Frame,
    work: Work,
    count: int,
    tolerance: float,
    beside: float,
    together: bool,
    best: float,
    proved: float,
    point: Floats,
    passive: Floats,
    prices: Floats,
) -> tuple[int, float, float]:
    """Follow the path from where `work` stands; return the number of steps, the best cost and the best bound so far."""
    steps, halved, since, shorter = 0, np.inf, 0, 1.0
    for steps in range(MOST_STEPS + 1):
        value, gap = cost(frame, work), _product(work)
        if gap < 0.5 * halved:
            halved, since = gap, steps
        ends = steps == MOST_STEPS or (steps - since > PATIENCE and not together)
        if together or ends or gap <= CLOSE * (frame.passive_cost + abs(value)):
            for i in range(frame.work.size):
                work.prices[0, i] = work.multiplier[i, WORK]
                work.prices[1, i] = work.multiplier[i, ENERGY]
                work.prices[2, i] = work.multiplier[i, CAPACITY]
            reached = bound(frame, work.prices[0], work.prices[1], work.prices[2])
            if reached > proved:
                proved = reached
                prices[:] = work.prices
            if value < best:
                best = value
                point[:] = work.slack[:, :VARIABLES]
                passive[:] = work.passive[SLACK]
        if ends or _closed(frame, best, proved, tolerance, beside):
            break
        assemble(frame, work)
        couple(frame, work)
        mu = gap / count
        if shorter < SHORT:
            centre(work)
            target = mu
        else:
            target = min(max(predict(frame, work, gap, together) ** 3, 1e-6), 0.9) * mu
        shorter, longer = advance(frame, work, target, min(max(0.9, 1.0 - mu), KEPT_BACK), together)
        if not longer > LEAST_LENGTH:
            break
    return steps, best, proved


@compiled
def follow(
    frame: Frame, work: Work, tolerance: float, beside: float, warm: bool, point: Floats, passive: Floats, prices: Floats
) -> tuple[int, bool, float, float]:
    """Follow the path of a frame; write the best point ``(users, 7)``, passive times and prices ``(3, users)`` found.

    Where `warm` they hold on entry what to begin near. Where that leads nowhere the path begins anew, without a start, and
    at last with steps of slacks and multipliers together. Returns the number of all steps, whether the start led there, the
    cost, and what is proved.
    """
    steps, best, proved, used = 0, np.inf, -np.inf, False
    for attempt in range(0 if warm else 1, 3):
        (count, used), together = begin(frame, work, attempt == 0, point, passive, prices), attempt == 2
        more, best, proved = _attempt(frame, work, count, tolerance, beside, together, best, proved, point, passive, prices)
        steps += more
        if _closed(frame, best, proved, tolerance, LOOSE):
            break
    return steps, used, best, proved


@compiled_freely
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
    beside: float,
    warm: bool,
    points: Floats,
    passive: Floats,
    prices: Floats,
    room: Work,
) -> tuple[Ints, NDArray[np.bool_], Floats, Floats]:
    """Follow the path of every frame; entries as in `Frame`, `owner` the same for all, costs ``(frames, 4)``.

    Parameters
    ----------
    tolerance, beside
        gap at which a path ends, relative to the cost and this part of a slot of carrier.
    warm
        whether the next three hold what to begin near.
    points, passive, prices
        ``(frames, users, 7)``, ``(frames, beams)`` and, of work, energy and capacity, ``(frames, 3, users)``; they are
        written.

    Returns
    -------
    numbers of steps, which starts led to the answers, costs, and what is proved of them
    """
    used = np.zeros(work.shape[0], dtype=np.bool_)
    steps = np.zeros(work.shape[0], dtype=np.int64)
    value, proved = np.empty(work.shape[0]), np.empty(work.shape[0])
    for k in range(work.shape[0]):
        c, n = costs[k], noise[k]
        own = work[k], owner, rate[k], harvest[k], n, energy[k], fastest[k], circuit[k], cpu[k], kept[k]
        frame = Frame(*own, c[0], c[1], c[2], c[3])
        steps[k], used[k], value[k], proved[k] = follow(
            frame, room, tolerance, beside, warm, points[k], passive[k], prices[k]
        )
    return steps, used, value, proved
