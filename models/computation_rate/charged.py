r"""What times of a frame answer to charges of one's own limits.

At a charge :math:`q_i > 0` on its own time a user that offloads earns :math:`C_i(q_i)` per unit of harvesting time, as at a
time price, so that any charges bound the rate, by :math:`\max_{0 \le a \le 1} \sum A_i a^{1/3} + \sum C_i(q_i) a - q_a a`
and the prices times their bounds. But the answer is no point where nobody computes locally, since all is of degree 1
there. So the harvesting time a stands, the others answer it, each on its own, and a is where the rate's slope vanishes:
the rate is concave in a, and its slope there that of the Lagrangian. Where that jumps, prices of both sides are mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.ascent import Priced, ascended
from mecopt.charged.idle import Idle
from mecopt.charged.responses import ROUNDING, Column, Part, Responses
from mecopt.contract.derived import shared
from mecopt.models.computation_rate import allocation
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice

if TYPE_CHECKING:
    from collections.abc import Callable

    from mecopt.models.computation_rate.problem import ComputationRate

Array = NDArray[Any]

TIGHT = 1e-9
"""What a row may be off, beside its terms, and counts as tight."""

INSIDE = 1e-13
"""Part of the admissible harvesting times that is left out at their ends."""


class Times(Part):
    """The harvesting time, then the times of users who earn by sending."""

    def __init__(self, users: Array, kept: float, gain: Array, worth: Array) -> None:
        one, never = np.ones(users.size), np.zeros(users.size, dtype=bool)
        first = np.zeros(1), np.ones(1), np.zeros(1, dtype=bool)
        self.columns = (
            Column("harvest_time", None, np.ones(1), *first),
            Column("offload_time", users, one, np.zeros(users.size), one, never),
        )
        self.kept, self.gain, self.worth = kept, gain, worth

    def respond(self, charge: Array) -> Array:
        """Return the times at a charge on each; see `FrameResponses.answered` where harvesting has no own answer."""
        raise NotImplementedError

    def cost(self, y: Array) -> float:
        """Return the rate, negated."""
        sending = Sending(self.gain * y[0], self.worth)
        return sending.cost(y[1:]) - self.kept * float(np.cbrt(y[0]))

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Say nothing: the answer may be no point."""
        raise NotImplementedError

    def least(self, charge: Array) -> float:
        r"""Return no more than the least cost plus charges, whatever `ratios` says.

        At any ratios :math:`x \ge 0` and any :math:`b > 0`, over times of the box alone,

        .. math:: w t \ln(1 + g a/t) \le w t \Bigl(\ln(1 + x) - \frac{x}{1 + x}\Bigr) + \frac{w g a}{1 + x} , \quad
           a^{1/3} \le \tfrac23 b^{1/3} + \tfrac13 a b^{-2/3} .
        """
        harvest, ratio = self.ratios(charge)
        steep = self.worth * _steepness(ratio)
        earned = self.worth * self.gain / (1.0 + ratio)
        root = float(np.cbrt(harvest))
        kept, bend = 2.0 / 3.0 * self.kept * root, self.kept / (3.0 * root * root) if self.kept > 0.0 else 0.0
        more = float(earned.sum()) + bend - float(charge[0])
        sizes = kept + float(earned.sum()) + bend + float(np.abs(charge).sum()) + float(steep.sum())
        return -(kept + float(np.maximum(steep - charge[1:], 0.0).sum()) + max(more, 0.0) + ROUNDING * sizes)

    def ratios(self, charge: Array) -> tuple[float, Array]:
        """Return the harvesting time that answers charges, and signal-to-noise ratios; no time is more than the frame."""
        from mecopt.kernels.lambert import log_ratios

        paying = charge[1:] > 0.0
        with np.errstate(over="ignore"):
            own = np.where(paying, np.expm1(log_ratios(np.where(paying, charge[1:], 1.0) / self.worth)), 0.0)
        own = np.minimum(own, 1e300)

        def at(harvest: float) -> tuple[float, Array]:
            ratio = np.maximum(own, self.gain * harvest)
            earned = float((self.worth * self.gain / (1.0 + ratio)).sum())
            return earned + self.kept / 3.0 * harvest ** (-2.0 / 3.0) - float(charge[0]), ratio

        low, high = 0.0, 1.0
        if at(high)[0] >= 0.0:
            return high, at(high)[1]
        earned = float((self.worth * self.gain / (1.0 + own)).sum())
        net = float(charge[0]) - earned
        alone = (self.kept / (3.0 * net)) ** 1.5 if net > 0.0 else 0.0
        if 0.0 < alone < 1.0 and (own >= self.gain * alone).all():  # nobody has the whole frame
            return alone, own
        for _ in range(100):
            middle = 0.5 * (low + high)
            if not low < middle < high or high - low <= 1e-16 * high:
                break
            low, high = (middle, high) if at(middle)[0] >= 0.0 else (low, middle)
        return high, at(high)[1]


def _steepness(ratio: Array) -> Array:
    """Return ``log1p(x) - x/(1 + x)``, by its series where the difference would cancel."""
    small = np.minimum(ratio, 1e-4)
    series = small * small * (0.5 - small * (2.0 / 3.0 - 0.75 * small))
    return np.where(ratio <= 1e-4, series, np.log1p(ratio) - ratio / (1.0 + ratio))


class Sending:
    """The times of users who earn at a harvesting time: ``-worth t log1p(energy / t)``, each up to the whole frame."""

    def __init__(self, energy: Array, worth: Array) -> None:
        self.energy, self.worth = energy, worth

    def respond(self, charge: Array) -> Array:
        """Return the times that answer charges."""
        from mecopt.kernels.lambert import log_ratios

        paying = charge > 0.0
        with np.errstate(over="ignore"):
            snr = np.expm1(log_ratios(np.where(paying, charge, 1.0) / self.worth))
        return np.where(paying, np.minimum(self.energy / np.where(snr > 0.0, snr, np.inf), 1.0), 1.0)

    def cost(self, t: Array) -> float:
        """Return the rate, negated."""
        some = t > 0.0
        ratio = self.energy / np.where(some, t, 1.0)
        return -float(np.where(some, self.worth * t * np.log1p(ratio), 0.0).sum())

    def slopes(self, charge: Array, t: Array, directions: Array) -> Array:
        """Return the changes of times below the whole frame."""
        inside = (charge > 0.0) & (t < 1.0) & (t > 0.0)
        snr = self.energy / np.where(inside, t, 1.0)
        change = -self.energy * (1.0 + snr) ** 2 / (self.worth * snr**3)
        return np.where(inside, change, 0.0)[:, None] * directions

    def along_energy(self, t: Array, gain: Array) -> float:
        """Return what more harvesting adds to the rate, the times being as they are."""
        some = t > 0.0
        return float(np.where(some, self.worth * gain / (1.0 + self.energy / np.where(some, t, 1.0)), 0.0).sum())


class _AtHarvest:
    """Times of all who offload at a harvesting time: who earns, then who does not."""

    def __init__(self, sending: Sending, idle: Idle, count: int) -> None:
        self.sending, self.idle, self.count = sending, idle, count

    def respond(self, charge: Array) -> Array:
        """Return the times that answer charges."""
        n = self.count
        return np.concatenate([self.sending.respond(charge[:n]), self.idle.respond(charge[n:])])

    def cost(self, y: Array) -> float:
        """Return the rate, negated."""
        return self.sending.cost(y[: self.count])

    def slopes(self, charge: Array, y: Array, directions: Array) -> Array:
        """Return the changes of times."""
        n = self.count
        return np.concatenate([self.sending.slopes(charge[:n], y[:n], directions[:n]), np.zeros_like(directions[n:])])


class FrameResponses(Responses):
    """Responses whose harvesting time is looked for around those of the others."""

    def answered(self, matrix: Array, limit: Array, free: Array, start: Array, ceiling: float = float("inf")) -> Priced:
        """Return the best prices: the others' by Newton's method at each harvesting time, which is found by bracketing."""
        alone = ~np.any(matrix[:, 1:], axis=1)
        low, high = _admissible(matrix, limit, free)
        if not low <= high:
            return Priced(start, np.zeros(matrix.shape[1]), found=False)
        prices = start

        def at(a: float) -> tuple[float, Priced]:
            nonlocal prices
            slope, found = self._around(a, matrix, limit, free, prices, alone)
            prices = found.prices if found.found else prices
            return slope, found

        first = min(max(float(1.0 / (1.0 + self.limit.size)), low), high)
        below, above = bracketed(at, low, high, first)
        found = _between(below, above)
        fitted = found._replace(prices=self._fitted(found.y, matrix, limit, free))
        ways = (found, fitted) if np.isfinite(fitted.prices).all() else (found,)
        return max(ways, key=lambda one: self.lagrangian(matrix, limit, one.prices))

    def _fitted(self, y: Array, matrix: Array, limit: Array, free: Array) -> Array:
        """Return prices of the rows that are tight which charge times what they earn, as nearly as these can."""
        from scipy.optimize import lsq_linear

        times = self.parts[0]
        assert isinstance(times, Times)
        count, a = times.gain.size, float(y[0])
        some = np.append(True, y[1 : 1 + count] > 0.0)
        snr = times.gain * a / np.where(some[1:], y[1 : 1 + count], 1.0)
        own = times.worth * (np.log1p(snr) - snr / (1.0 + snr))
        harvest = times.kept / 3.0 * a ** (-2.0 / 3.0) if times.kept > 0.0 else 0.0
        earned = np.append(harvest + Sending(times.gain * a, times.worth).along_energy(y[1 : 1 + count], times.gain), own)
        size = np.abs(limit) + np.abs(matrix) @ np.abs(y)
        tight = free | (np.abs(matrix @ y - limit) <= TIGHT * size)
        prices = np.zeros(limit.size)
        if tight.any():
            columns = matrix[tight][:, : 1 + count][:, some].T
            weight = 1.0 / np.where(earned[some] > 0.0, earned[some], 1.0)
            lower = np.where(free[tight], -np.inf, 0.0)
            prices[tight] = lsq_linear(columns * weight[:, None], earned[some] * weight, (lower, np.inf), tol=1e-15).x
        return prices

    def _around(
        self, a: float, matrix: Array, limit: Array, free: Array, start: Array, alone: Array
    ) -> tuple[float, Priced]:
        """Return the slope of the least cost in a harvesting time, and the prices and times that answer it."""
        times, idle = self.parts
        assert isinstance(times, Times)
        assert isinstance(idle, Idle)
        sending = Sending(times.gain * a, times.worth)
        others = _AtHarvest(sending, idle, times.gain.size)
        left = limit[~alone] - matrix[~alone, 0] * a
        part = ascended(others, matrix[~alone, 1:], left, free[~alone], start[~alone])
        prices = np.zeros(limit.size)
        prices[~alone] = part.prices
        kept = times.kept / 3.0 * a ** (-2.0 / 3.0) if times.kept > 0.0 else 0.0
        gained = kept + sending.along_energy(part.y[: times.gain.size], times.gain)
        return float(prices @ matrix[:, 0]) - gained, Priced(prices, np.concatenate([[a], part.y]), part.found)


Sided = tuple[float, Priced]
"""A slope and what is found there."""


def bracketed(at: Callable[[float], Sided], low: float, high: float, first: float) -> tuple[Sided | None, Sided | None]:
    """Return what is found where an increasing slope is negative and where it is not, as near as floats are to each other.

    None for a side on which it is nowhere so. It may be without bounds at the ends, which are come near to from inside.
    """
    begun = at(first)
    ends: list[tuple[float, Sided] | None] = [(first, begun), None] if begun[0] < 0.0 else [None, (first, begun)]
    edge, side = (high, 1) if begun[0] < 0.0 else (low, 0)
    here = first
    while ends[side] is None:
        near = edge + 0.1 * (here - edge)
        last = abs(near - edge) <= INSIDE * (high - low) or near == here
        near = edge if last and edge > 0.0 else near
        found = at(near)
        if (found[0] < 0.0) == (side == 0):
            ends[side] = (near, found)
        else:
            ends[1 - side], here = (near, found), near
            if last:
                break
    while ends[0] is not None and ends[1] is not None:
        (a, of_a), (b, of_b) = ends[0], ends[1]
        middle = 0.5 * (a + b)
        if b - a <= 1e-3 * (high - low):  # where the slope is nearly a line
            part = -of_a[0] / (of_b[0] - of_a[0]) if of_b[0] > of_a[0] else 0.5
            middle = a + min(max(part, 0.02), 0.98) * (b - a)
        if not a < middle < b or b - a <= 4.0 * np.finfo(float).eps * b:
            break
        found = at(middle)
        if found[0] < 0.0:
            ends[0] = (middle, found)
        else:
            ends[1] = (middle, found)
    return (None if ends[0] is None else ends[0][1]), (None if ends[1] is None else ends[1][1])


def _part_above(below: Sided, above: Sided) -> float:
    """Return the part of what is above at which the slopes of both sides add up to 0."""
    rise = above[0] - below[0]
    return -below[0] / rise if rise > 0.0 and np.isfinite(rise) else 0.5


def _between(below: Sided | None, above: Sided | None) -> Priced:
    """Return prices between those of both sides, which are all best ones where a slope jumps."""
    if below is None or above is None:
        only = below or above
        assert only is not None
        return only[1]
    part = _part_above(below, above)
    prices = (1.0 - part) * below[1].prices + part * above[1].prices
    nearer = below[1] if below[1].found else above[1]
    return Priced(prices, nearer.y, nearer.found)


def _admissible(matrix: Array, limit: Array, free: Array) -> tuple[float, float]:
    """Return the least and the greatest harvesting time at which rows can be kept; the wrong way round where none is."""
    from scipy.optimize import linprog

    ends = []
    for sign in (1.0, -1.0):
        cost = np.zeros(matrix.shape[1])
        cost[0] = sign
        kept = ~free
        found = linprog(
            cost,
            A_ub=matrix[kept] if kept.any() else None,
            b_ub=limit[kept] if kept.any() else None,
            A_eq=matrix[free] if free.any() else None,
            b_eq=limit[free] if free.any() else None,
            bounds=(0.0, 1.0),
            method="highs",
        )
        if found.x is None:
            return 1.0, 0.0
        ends.append(float(found.x[0]))
    return ends[0], max(ends)


def responses(problem: ComputationRate, decision: Array) -> FrameResponses:
    """Return what times of one instance and mode answer to charges; a column is a part of the frame."""
    users = allocation.earners(problem, decision)
    idle = np.setdiff1d(np.flatnonzero(decision == 1), users)
    local, gain, worth = shared(problem.coefficients)
    kept = float(np.where(decision == 1, 0.0, local).sum())
    unit = kept + float((worth[users] * np.log1p(gain[users])).sum()) or 1.0
    return FrameResponses(
        parts=[
            Times(users, kept / unit, gain[users], worth[users] / unit),
            Idle(("offload_time", idle, np.ones(idle.size))),
        ],
        matrix=np.ones((1, 1 + users.size + idle.size)),
        limit=np.ones(1),
        constant=0.0,
        unit=unit,
        prices=lambda dual: np.atleast_1d(np.maximum(dual.time_price, 0.0)) / unit,
        dual=lambda prices: TimePrice(time_price=np.asarray(prices[0] * unit)),
        allocation=lambda entries: FrameTimes(harvest_time=entries["harvest_time"], offload_time=entries["offload_time"]),
    )
