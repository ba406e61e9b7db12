r"""Which limits of a frame bind: Newton's method on their equations from the answer, until its signs prove the best.

An interior point leaves in every variable and price what its gap leaves. Which of the two is 0 is guessed by their sizes
and mended by their signs: where the equations' solution is admissible and no price is negative it is the optimum, since the
frame is convex, and where their matrix has an inverse it is the only one and moves with the data as that inverse says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.models.backscatter_frame import terms as data
from mecopt.models.backscatter_frame.allocation import prices as dual_prices
from mecopt.models.backscatter_frame.stationarity import (
    ACTIVE_BITS,
    ACTIVE_TIME,
    BRIM,
    CAPACITY,
    ENERGY,
    LIMITS,
    LOCAL,
    PASSIVE_BITS,
    PASSIVE_TIME,
    PROCESSOR,
    RATE,
    TIME,
    VARIABLES,
    WORK,
    Terms,
    conditions,
    harvested,
    spent,
)

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame
    from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices

Array = NDArray[Any]

NONE = 1e-7
"""Part of a slot, of work and of prices up to which there is none."""
CLOSED = 1e-10
"""What is left of conditions, beside their largest parts, where Newton's method has ended."""
ROOM = 1e-4
"""Part of a limit up to which it may bind."""
NEAR = 1e-2
"""Parts of slot and work within which a solution is the answer's."""
JUST = 1e-7
"""Parts of what they are about up to which a variable, the room in a limit, or a price is about to be 0."""
SINGULAR = 1e-11
"""Least over greatest singular value of a matrix that has no inverse."""
STEPS, ROUNDS = 12, 12


def of_answers(
    problem: BackscatterFrame, decision: Array, a: FrameAllocation, dual: FramePrices
) -> tuple[dict[str, Array], Array, Array]:
    """Return points, prices and inverses of frames, whether they have them, and whether what binds is about to change."""
    whole, users = problem.terms(decision), problem.users
    lead = decision.shape[:-2]
    found = {
        "point": np.zeros((*lead, VARIABLES, users)),
        "limit_prices": np.zeros((*lead, LIMITS, users)),
        "inverse": np.zeros((*lead, VARIABLES * users, (VARIABLES + LIMITS) * users)),
        "full": np.zeros((*lead, users)),
    }
    good, just = np.zeros(lead, dtype=bool), np.zeros(lead, dtype=bool)
    guess = dual_prices.scaled(dual, whole)
    bits, time = whole.bit_unit, whole.time_unit
    parts = (a.active_time / time, a.active_bits / bits, a.local_bits / bits, a.passive_time / time, a.passive_bits / bits)
    start = np.stack(parts, axis=-2)
    for place in np.ndindex(*lead):
        if not np.isfinite(start[place]).all():
            continue
        t = _terms(whole, place)
        three = (guess.work[place], guess.energy[place], guess.capacity[place])
        answer = _Frame(t, whole.kept[place], np.isfinite(whole.noise[place])).solved(start[place], three)
        if answer is not None:
            found["point"][place], found["limit_prices"][place], found["inverse"][place], found["full"][place] = answer[:4]
            good[place], just[place] = True, answer[4]
    return found, good, just


def _terms(whole: data.Terms, place: tuple[int, ...]) -> Terms:
    """Return the terms of one frame."""
    noise = whole.noise[place]
    own: list[Any] = [part[place] for part in (whole.work, whole.rate, whole.harvest)]
    more: list[Any] = [part[place] for part in (whole.energy, whole.fastest, whole.circuit, whole.cpu)]
    costs: list[Any] = whole.costs[place].tolist()
    every = [*own, np.where(np.isfinite(noise), noise, 1.0), *more, *costs]
    return Terms(*every)


class _Frame:
    """One frame, its matrix, and the search for what binds."""

    def __init__(self, t: Terms, kept: Array, linked: Array) -> None:
        self.t, self.kept, self.users = t, kept, t.work.size
        self.powered = t.energy + t.harvest.sum(axis=-1) > 0.0
        self.sends = linked & self.powered & (t.work > 0.0)
        self.computes = (t.work > 0.0) & (t.fastest > 0.0) & (self.powered | (t.cpu == 0.0))

    def solved(self, start: Array, prices: tuple[Array, Array, Array]) -> tuple[Array, Array, Array, Array, bool] | None:
        """Return point, prices, inverse, which batteries are full and whether that is about to change; None without one."""
        guess = self.guessed(start, prices)
        free, binding = self.first(start, guess)
        full = (1.0 - self.left(start) <= 0.0) & ~binding[BRIM]
        for _ in range(ROUNDS):
            held = np.where(binding, guess, 0.0)
            held[BRIM] = np.where(binding[BRIM], held[BRIM], np.where(full, 0.0, self.kept))
            found = self.newton(np.where(free, start, 0.0), held, free, binding)
            if found is None:
                return None
            point, solved, inverse = found
            wrong, just = self.judged(point, solved, free, binding, full)
            if wrong is None:
                sizes = np.array([1.0, *[max(float(self.t.work.max()), NONE)] * 2, 1.0, max(float(self.t.work.max()), NONE)])
                near = (np.abs(point - start) <= NEAR * sizes[:, None]).all()
                return (point, solved, inverse, full | binding[BRIM], just) if near else None
            kind, row, user = wrong
            if kind == "variable":
                self.turn(row, user, free, binding, start)
            elif row == BRIM:
                full[user] = binding[BRIM, user] and solved[BRIM, user] < 0.5 * self.kept[user]
                binding[BRIM, user] = not binding[BRIM, user]
            else:
                binding[row, user] = not binding[row, user]
        return None

    def turn(self, row: int, user: int, free: Array, binding: Array, start: Array) -> None:
        """Let a variable be 0 that was not, or the other way round; who begins to send begins with little."""
        free[row, user] = not free[row, user]
        if row in (ACTIVE_TIME, ACTIVE_BITS):
            free[ACTIVE_TIME, user] = free[ACTIVE_BITS, user] = free[row, user]
        if row == PASSIVE_TIME:
            free[PASSIVE_BITS, user] = binding[RATE, user] = free[row, user] and self.t.rate[user] > 0.0
        start[ACTIVE_TIME, user] = max(start[ACTIVE_TIME, user], NONE)

    def left(self, point: Array) -> Array:
        """Return what batteries would hold as the frame ends if they held it all."""
        energy, _, _ = spent(np, self.t, point, point[ACTIVE_BITS] > 0.0)
        return np.asarray(self.t.energy + harvested(np, self.t, point) - energy)

    def guessed(self, point: Array, prices: tuple[Array, Array, Array]) -> Array:
        """Return prices of all limits from those of work, energy and capacity."""
        t, (work, energy, capacity) = self.t, prices
        guess = np.zeros((LIMITS, self.users))
        guess[WORK] = np.maximum(t.unserved_cost - work, 0.0)
        guess[RATE] = np.maximum(work - t.bit_cost, 0.0)
        guess[PROCESSOR] = np.maximum(work - (energy + capacity) * t.cpu, 0.0)
        guess[ENERGY], guess[CAPACITY] = np.maximum(energy - self.kept, 0.0), capacity
        guess[BRIM] = np.minimum(energy, self.kept)
        slopes, _ = conditions(np, t, point, guess, point[ACTIVE_BITS] > 0.0)
        lit = np.where(point[PASSIVE_TIME] > NONE, -slopes[PASSIVE_TIME], 0.0)
        sent = np.where((point[ACTIVE_TIME] > NONE) & (point[ACTIVE_BITS] > NONE * t.work), -slopes[ACTIVE_TIME], 0.0)
        guess[TIME] = np.maximum(np.maximum(lit, sent), 0.0)
        return guess

    def first(self, point: Array, guess: Array) -> tuple[Array, Array]:
        """Return which variables are not 0 and which limits bind, as sizes suggest."""
        t, sized = self.t, np.maximum(self.t.work, NONE)
        slopes, _ = conditions(np, t, point, guess, point[ACTIVE_BITS] > 0.0)
        gain = t.unserved_cost - guess[WORK] - t.bit_cost
        worth = np.maximum(np.abs(gain) + t.bit_cost, 1e-300)
        spare = [self.sending(guess, gain) / (t.active_cost + worth), slopes[LOCAL] / worth, slopes[PASSIVE_BITS] / worth]
        sending, local, reflected = (np.maximum(part, NONE) for part in spare)
        free = np.zeros((VARIABLES, self.users), dtype=bool)
        free[ACTIVE_TIME] = self.sends & (point[ACTIVE_TIME] > sending) & (point[ACTIVE_BITS] > NONE * sized)
        free[ACTIVE_BITS] = free[ACTIVE_TIME]
        free[LOCAL] = self.computes & (point[LOCAL] > local * sized)
        free[PASSIVE_TIME] = point[PASSIVE_TIME] > np.maximum(slopes[PASSIVE_TIME] / t.passive_cost, NONE)
        free[PASSIVE_BITS] = free[PASSIVE_TIME] & (t.rate > 0.0) & (point[PASSIVE_BITS] > reflected * sized)
        _, limits = conditions(np, t, point, guess, free[ACTIVE_BITS])
        room = -np.array(limits)
        sizes = np.array([np.ones(self.users), sized, sized, sized, *[np.maximum(t.energy, NONE)] * 3])
        dear = guess / np.maximum(guess.max(axis=-1, keepdims=True), NONE)
        binding = (room <= ROOM * sizes) & (room / sizes < np.maximum(dear, NONE))
        binding[:4] &= self.touched(free)[:4]
        uses = free[ACTIVE_BITS] | (free[LOCAL] & (t.cpu > 0.0))
        binding[ENERGY] &= uses
        binding[CAPACITY] &= uses & ~binding[ENERGY]
        binding[BRIM] = (np.abs(room[BRIM]) <= NONE) & (guess[BRIM] < (1.0 - NONE) * self.kept)
        return free, binding

    def touched(self, free: Array) -> Array:
        """Return of which limits a variable is not 0."""
        times, bits = free[ACTIVE_TIME] | free[PASSIVE_TIME], free[ACTIVE_BITS] | free[LOCAL] | free[PASSIVE_BITS]
        uses = free[ACTIVE_BITS] | (free[LOCAL] & (self.t.cpu > 0.0))
        return np.array([times, free[PASSIVE_BITS], free[LOCAL], bits, uses, uses, uses])

    def newton(self, point: Array, prices: Array, free: Array, binding: Array) -> tuple[Array, Array, Array] | None:
        """Return the point and the prices of the binding limits that satisfy their equations, and the inverse spread out."""
        point, prices, (n, m) = point.copy(), prices.copy(), (free.size, binding.size)
        rows = np.concatenate([np.flatnonzero(free), n + np.flatnonzero(binding)])
        inverse = np.zeros((0, 0))
        for step in range(STEPS):
            matrix = self.matrix(point, prices, free)[np.ix_(rows, rows)]
            left = np.concatenate([np.ravel(part) for part in conditions(np, self.t, point, prices, free[ACTIVE_BITS])])[
                rows
            ]
            scale = 1.0 / np.sqrt(np.maximum(np.abs(matrix).max(axis=0, initial=0.0), 1e-300))
            even = matrix * scale[:, None] * scale
            if not np.isfinite(even).all() or not np.isfinite(left).all():
                return None
            sizes = np.linalg.svd(even, compute_uv=False)
            if sizes.size and sizes[-1] <= SINGULAR * sizes[0]:
                return None
            inverse = scale[:, None] * np.linalg.inv(even) * scale
            change = np.zeros(n + m)
            change[rows] = -inverse @ left
            length = self.admitted(point, change[:n].reshape(point.shape), free)
            point, prices = point + length * change[:n].reshape(point.shape), prices + change[n:].reshape(prices.shape)
            if (
                step
                and length == 1.0
                and np.abs(change[:n]).max(initial=0.0) <= CLOSED * max(1.0, float(np.abs(point).max()))
            ):
                break
        else:
            return None
        spread = np.zeros((n, n + m))
        spread[np.ix_(rows[rows < n], rows)] = inverse[rows < n]
        return point, prices, spread

    def admitted(self, point: Array, change: Array, free: Array) -> float:
        """Return the part of a step, all of it mostly, that leaves whoever sends some time."""
        shrinking = free[ACTIVE_TIME] & (change[ACTIVE_TIME] < 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            most = np.where(shrinking, -0.9 * point[ACTIVE_TIME] / change[ACTIVE_TIME], 1.0)
        return float(min(1.0, most.min()))

    def matrix(self, point: Array, prices: Array, free: Array) -> Array:
        """Return the derivatives of all conditions by all variables and prices."""
        t, users, n = self.t, self.users, VARIABLES * self.users
        one, nothing, each = np.ones(users), np.zeros(users), np.arange(users)
        sends = free[ACTIVE_BITS]
        _, by_time, by_bits = spent(np, t, point, sends)
        matrix = np.zeros((n + LIMITS * users, n + LIMITS * users))

        def put(limit: int, variable: int, value: Array) -> None:
            matrix[n + limit * users + each, variable * users + each] = value

        put(TIME, ACTIVE_TIME, one)
        put(TIME, PASSIVE_TIME, one)
        put(RATE, PASSIVE_BITS, one)
        put(RATE, PASSIVE_TIME, -t.rate)
        put(PROCESSOR, LOCAL, one)
        for variable in (ACTIVE_BITS, LOCAL, PASSIVE_BITS):
            put(WORK, variable, one)
        for limit in (ENERGY, CAPACITY, BRIM):
            put(limit, ACTIVE_TIME, np.where(sends, by_time, nothing))
            put(limit, ACTIVE_BITS, np.where(sends, by_bits, nothing))
            put(limit, LOCAL, t.cpu)
            if limit != CAPACITY:
                own = slice(n + limit * users, n + (limit + 1) * users)
                matrix[own, PASSIVE_TIME * users : (PASSIVE_TIME + 1) * users] = -t.harvest
        matrix[:n, n:] = matrix[n:, :n].T
        price = prices[ENERGY] + prices[CAPACITY] + prices[BRIM]
        time = np.where(sends, point[ACTIVE_TIME], 1.0)
        speed = np.where(sends, point[ACTIVE_BITS] / time, 0.0)
        bend = np.where(sends, price * by_bits * data.LN2 / time, 0.0)
        first, second = ACTIVE_TIME * users + each, ACTIVE_BITS * users + each
        matrix[first, first], matrix[second, second] = bend * speed**2, bend
        matrix[first, second] = matrix[second, first] = -bend * speed
        return matrix

    def judged(
        self, point: Array, prices: Array, free: Array, binding: Array, full: Array
    ) -> tuple[tuple[str, int, int] | None, bool]:
        """Return what is most wrong, if anything is, and whether anything is about to be."""
        t, users = self.t, self.users
        slopes, limits = (np.array(part) for part in conditions(np, t, point, prices, free[ACTIVE_BITS]))
        gain, left = t.unserved_cost - prices[WORK] - t.bit_cost, -limits[ENERGY]
        slopes[PASSIVE_TIME] -= np.where(free[PASSIVE_TIME], 0.0, np.maximum(gain, 0.0) * t.rate)
        slopes[ACTIVE_TIME] = np.where(free[ACTIVE_TIME], 0.0, self.sending(prices, gain))
        may = np.array([self.sends, self.sends & False, self.computes, t.rate >= 0.0, free[PASSIVE_TIME] & (t.rate > 0.0)])
        worth = np.maximum(np.abs(gain) + t.bit_cost, 1e-300)
        bits = np.maximum(t.work, NONE)
        sizes = np.array([t.active_cost + worth, worth, worth, t.passive_cost + 0.0 * bits, worth])
        wide = np.array([np.ones(users), bits, bits, np.ones(users), bits])
        signs = np.where(free, point / wide, np.where(may, slopes / sizes, np.inf))
        room = np.array([np.ones(users), bits, bits, bits, t.energy + 1e-12, np.ones(users), np.ones(users)])
        dear = np.array([t.active_cost + worth, worth, worth, worth, *[np.maximum(self.priced(prices), 1e-300)] * 3])
        open_ = np.where(self.touched(free), -limits / room, np.inf)
        holds = np.where(binding, prices / dear, open_)
        below, above = 1.0 - left, left - 1.0
        matters = self.kept > 0.0
        holds[BRIM] = np.where(
            binding[BRIM],
            np.minimum(prices[BRIM], self.kept - prices[BRIM]) / np.maximum(self.kept, 1e-300),
            np.where(matters, np.where(full, above, below), np.inf),
        )
        least = min(float(signs.min()), float(holds.min()))
        if least >= -CLOSED:
            return None, least <= JUST or bool((t.work == 0.0).any())
        if float(signs.min()) == least:
            row, user = (int(k) for k in np.unravel_index(np.argmin(signs), signs.shape))
            return ("variable", row, user), False
        row, user = (int(k) for k in np.unravel_index(np.argmin(holds), holds.shape))
        return ("limit", row, user), False

    def priced(self, prices: Array) -> Array:
        """Return the prices of energy."""
        return np.asarray(np.abs(prices[ENERGY]) + prices[CAPACITY] + np.abs(prices[BRIM]))

    def sending(self, prices: Array, gain: Array) -> Array:
        """Return what a slot of sending costs at the best speed, less what it earns."""
        t, eta = self.t, prices[ENERGY] + prices[CAPACITY] + prices[BRIM]
        with np.errstate(all="ignore"):
            speed = np.log2(np.maximum(gain / (eta * t.noise * data.LN2), 1.0))
            cost = t.active_cost + prices[TIME] + eta * (t.noise * np.expm1(data.LN2 * speed) + t.circuit) - gain * speed
        return np.where(eta > 0.0, cost, np.where(gain > 0.0, -np.inf, t.active_cost))
