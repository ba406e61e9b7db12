r"""The relaxation of the computation rate where offloading is charged for, compiled: limits on weighted sums of modes.

With :math:`x = a^{1/3}` the cube root of the harvesting time an item of users that decide alike gains
:math:`y(x) = C x^3 - A x - q` by offloading at a charge q: A and C are the sums of what its users earn there
(`mecopt.models.computation_rate.compiled`). Over a family F of modes the bound at a time price is

.. math:: L(\nu) = \max_{0 \le x \le 1} \nu (1 - x^3) + A x + \max_{S \in F} \sum_{i \in S} y_i(x) ,

with A the sum over all. Every y is convex, so it changes its sign twice at most:

- where no count is limited, the best set changes at these zeros only. Between two of them the sum is concave or monotone in
  x, and its maximum in closed form;
- where counts are limited, sorting finds the best set at any x. The maximum over sets is convex in x as well, and below its
  chord between two x. Where the same set is best at both ends it is so between them, too, if it is still the best one with
  the least gains of its own items and the largest of all others. The interval of the highest bound is halved.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.models.computation_rate.compiled import ENOUGH, PART, RateData, offers
from mecopt.search.families import FREE, Family, best_set, same_bits
from mecopt.search.groups import sort_users
from mecopt.search.limited_data import attach_charged

__all__ = ["RateData", "rate_dual", "rate_slacks"]

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Whole = NDArray[np.int64]

DIVISIONS = 60
"""Most ends of intervals; a bound that they leave inexact is still a bound."""


@compiled_inside
def _items(data: RateData, item: Whole, state: Bits, price: float, local: Floats, earned: Floats, spent: Floats) -> None:
    """Fill in A, C and the time spent per unit of harvesting time of all items."""
    users = item.size
    own, earning, spending = np.empty(users, np.int8), np.empty(users), np.empty(users)
    for i in range(users):
        own[i] = state[item[i]]
    offers(data, own, price, earning, spending)
    for g in range(state.size):
        local[g] = earned[g] = spent[g] = 0.0
    for i in range(users):
        local[item[i]] += data.local[i]
        earned[item[i]] += earning[i]
        spent[item[i]] += spending[i]


@compiled_inside
def _gain(local: float, earned: float, charge: float, x: float) -> float:
    return earned * x * x * x - local * x - charge


@compiled_inside
def _peak(local: float, earned: float, charge: float, price: float, low: float, high: float) -> tuple[float, float]:
    """Return the maximum of ``price (1 - x^3) + local x + earned x^3 - charge`` over x between two, and where it is."""
    net, at = price - earned, high
    if net > 0.0:
        at = min(max(np.sqrt(max(local, 0.0) / (3.0 * net)), low), high)
    return price + at * (local - net * at * at) - charge, at


@compiled_inside
def _zero(local: float, earned: float, charge: float, x: float) -> float:
    """Return the zero of a gain that Newton's method reaches from where the gain is positive."""
    for _ in range(100):
        value, slope = _gain(local, earned, charge, x), 3.0 * earned * x * x - local
        if not value > 0.0 or slope == 0.0:
            break
        after = min(max(x - value / slope, 0.0), 1.0)
        if abs(after - x) <= 1e-16 * x:
            break
        x = after
    return x


@compiled_inside
def _zeros(
    local: Floats, earned: Floats, charge: Floats, state: Bits, chosen: Bits, where: Floats, whose: Whole, order: Whole
) -> int:
    """Fill in the best set from x = 0 on, and where items change sides, sorted; return how many times they do."""
    found = 0
    for g in range(state.size):
        chosen[g] = state[g]
        if state[g] != FREE:
            continue
        begins = charge[g] < 0.0 or (charge[g] == 0.0 and local[g] <= 0.0 and earned[g] > 0.0)
        ends = _gain(local[g], earned[g], charge[g], 1.0) > 0.0
        chosen[g] = begins
        lowest = np.sqrt(local[g] / (3.0 * earned[g])) if earned[g] > 0.0 else 2.0
        dips = 0.0 < lowest < 1.0 and _gain(local[g], earned[g], charge[g], lowest) < 0.0
        if begins and (dips or not ends):
            where[found], whose[found] = _zero(local[g], earned[g], charge[g], 0.0), g
            found += 1
        if ends and (dips or not begins):
            where[found], whose[found] = _zero(local[g], earned[g], charge[g], 1.0), g
            found += 1
    for k in range(found):
        order[k] = k
    sort_users(where, order[:found])
    return found


@compiled_inside
def _totals(local: Floats, earned: Floats, charge: Floats, chosen: Bits) -> tuple[float, float, float]:
    """Return what a set keeps and is paid at x = 1, and what it is charged."""
    kept, paid, charged = 0.0, 0.0, 0.0
    for g in range(chosen.size):
        kept += 0.0 if chosen[g] == 1 else local[g]
        paid += earned[g] if chosen[g] == 1 else 0.0
        charged += charge[g] if chosen[g] == 1 else 0.0
    return kept, paid, charged


@compiled_inside
def _after(
    local: Floats, earned: Floats, charge: Floats, chosen: Bits, g: int, kept: float, paid: float, charged: float
) -> tuple[float, float, float]:
    """Let an item change sides, as the walk along x passes a zero of its gain, and return the totals after it."""
    turn = 1.0 if chosen[g] == 0 else -1.0
    chosen[g] = 1 - chosen[g]
    return kept - turn * local[g], paid + turn * earned[g], charged + turn * charge[g]


@compiled
def rate_dual(
    data: RateData, item: Whole, charge: Floats, family: Family, price: float, cutoff: float, users: Whole, free: int,
    chosen: Bits, gain: Floats,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the bound with its sign turned, its slope and the sum of the sizes of its terms; fill a best set and gains."""
    size = family.state.size
    local, earned, spent = np.empty(size), np.empty(size), np.empty(size)
    _items(data, item, family.state, price, local, earned, spent)
    sizes = price
    for g in range(size):
        sizes += local[g] + earned[g] + abs(charge[g])
    if family.limited > 0:
        top, at = _between(local, earned, charge, family, price, -cutoff, users, free, chosen, gain)
        if top == -np.inf:
            return np.inf, 0.0, 0.0
    else:
        where, whose, order = np.empty(2 * free), np.empty(2 * free, np.int64), np.empty(2 * free, np.int64)
        changes = _zeros(local, earned, charge, family.state, chosen, where, whose, order)
        kept, paid, charged = _totals(local, earned, charge, chosen)
        top, at, best, low = -np.inf, 0.0, 0, 0.0
        for k in range(changes + 1):
            high = where[order[k]] if k < changes else 1.0
            value, x = _peak(kept, paid, charged, price, low, high)
            if not value <= top:
                top, at, best = value, x, k
            if k < changes:
                kept, paid, charged = _after(local, earned, charge, chosen, whose[order[k]], kept, paid, charged)
                low = high
        for k in range(best, changes):
            chosen[whose[order[k]]] = 1 - chosen[whose[order[k]]]
        sizes *= 1.0 + 0.1 * changes
    if not np.isfinite(top):  # beyond what floats hold nothing is proved
        return np.nan, 0.0, 0.0
    total = 0.0
    for g in range(size):
        gain[g] = _gain(local[g], earned[g], charge[g], at)
        total += spent[g] if chosen[g] == 1 else 0.0
    left_over = 1.0 - at * at * at * (1.0 + total) if at > 0.0 else 1.0
    return -top, -left_over, sizes


@compiled_inside
def _stays(
    local: Floats, earned: Floats, charge: Floats, family: Family, users: Whole, free: int, chosen: Bits, low: float,
    high: float, gain: Floats, other: Bits,
) -> bool:  # fmt: skip
    """Whether a set that is best at both ends of an interval is shown to be so between them."""
    for g in range(chosen.size):
        left, right = _gain(local[g], earned[g], charge[g], low), _gain(local[g], earned[g], charge[g], high)
        gain[g] = max(left, right)
        if chosen[g] == 1:
            gain[g] = min(left, right)
            lowest = np.sqrt(local[g] / (3.0 * earned[g])) if earned[g] > 0.0 else 2.0
            if low < lowest < high:
                gain[g] = min(gain[g], _gain(local[g], earned[g], charge[g], lowest))
    best_set(family, gain, users, free, other)
    mine, best = 0.0, 0.0
    for g in range(chosen.size):
        mine += gain[g] if chosen[g] == 1 else 0.0
        best += gain[g] if other[g] == 1 else 0.0
    return same_bits(chosen, other) or mine >= best


@compiled_inside
def _between(
    local: Floats, earned: Floats, charge: Floats, family: Family, price: float, enough: float, users: Whole, free: int,
    chosen: Bits, gain: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Return the bound over the modes of a family and where its best mode is, and fill that in.

    A bound of `enough` or less need not be exact. It is infinite downwards where the family is empty.
    """
    size = local.size
    x, value, upper = np.empty(DIVISIONS), np.empty(DIVISIONS), np.empty(DIVISIONS)
    sets, other = np.empty((DIVISIONS, size), np.int8), np.empty(size, np.int8)
    held, ends, trial, top, best, at = 0.0, 0, 0.0, np.inf, -np.inf, 0.0
    for g in range(size):
        held += earned[g] if family.state[g] == 1 else 0.0
    while ends < DIVISIONS:
        for g in range(size):
            gain[g] = _gain(local[g], earned[g], charge[g], trial)
        if not best_set(family, gain, users, free, other):
            return -np.inf, 0.0
        k = ends
        while k > 0 and x[k - 1] > trial:
            x[k], value[k], upper[k] = x[k - 1], value[k - 1], upper[k - 1]
            for g in range(size):
                sets[k, g] = sets[k - 1, g]
            k -= 1
        for g in range(size):
            sets[k, g] = other[g]
        kept, paid, charged = _totals(local, earned, charge, other)
        x[k] = trial
        value[k] = kept * trial + (paid - held) * trial * trial * trial - charged
        ends += 1
        own, where = _peak(kept, paid, charged, price, 0.0, 1.0)
        if not own <= best:
            best, at = own, where
            for g in range(size):
                chosen[g] = other[g]
        if ends == 1:
            trial = 1.0
            continue
        for j in range(max(k - 1, 0), min(k + 1, ends - 1)):
            rise = (value[j + 1] - value[j]) / (x[j + 1] - x[j])
            upper[j] = _peak(rise, held, rise * x[j] - value[j], price, x[j], x[j + 1])[0]
            if rise < 0.0:
                left = _peak(rise, held, rise * x[j] - value[j], price, x[j], x[j])[0]
                upper[j] = max(upper[j], left)
            if (
                upper[j] > best
                and same_bits(sets[j], sets[j + 1])
                and _stays(local, earned, charge, family, users, free, sets[j], x[j], x[j + 1], gain, other)
            ):
                upper[j] = best
        top, j = best, -1
        for k in range(ends - 1):
            if not upper[k] <= top:
                top, j = upper[k], k
        exact = top - best <= ENOUGH * abs(best) or (enough > -np.inf and top - best <= PART * (best - enough))
        if j < 0 or top <= enough or exact:
            break
        trial = 0.5 * (x[j] + x[j + 1])
        if not x[j] < trial < x[j + 1]:
            break
    return top, at


@compiled
def rate_slacks(
    data: RateData, item: Whole, charge: Floats, state: Bits, price: float, bound: float, cutoff: float, slack: Floats
) -> None:
    """Fill how much the bound falls when a free item is forced to a side at the same price.

    On every interval between zeros the item's own best alternative is the best set there with this item changed; only
    intervals whose own maximum beats the incumbent can matter.
    """
    size = state.size
    local, earned, spent, chosen = np.empty(size), np.empty(size), np.empty(size), np.empty(size, np.int8)
    _items(data, item, state, price, local, earned, spent)
    where, whose, order = np.empty(2 * size), np.empty(2 * size, np.int64), np.empty(2 * size, np.int64)
    changes = _zeros(local, earned, charge, state, chosen, where, whose, order)
    (kept, paid, charged), low, sizes = _totals(local, earned, charge, chosen), 0.0, price
    for g in range(size):
        sizes += local[g] + earned[g] + abs(charge[g])
        slack[g, 0] = slack[g, 1] = cutoff - bound
    doubt = 2e-15 * (1.0 + 0.1 * changes) * sizes
    for k in range(changes + 1):
        high = where[order[k]] if k < changes else 1.0
        value = _peak(kept, paid, charged, price, low, high)[0] + doubt
        if value > -cutoff:
            for g in range(size):
                if state[g] == FREE:
                    turn = -1.0 if chosen[g] == 1 else 1.0
                    left = max(kept - turn * local[g], 0.0)
                    other = doubt + _peak(left, paid + turn * earned[g], charged + turn * charge[g], price, low, high)[0]
                    slack[g, chosen[g]] = min(slack[g, chosen[g]], -bound - value)
                    slack[g, 1 - chosen[g]] = min(slack[g, 1 - chosen[g]], -bound - other)
        if k < changes:
            kept, paid, charged = _after(local, earned, charge, chosen, whose[order[k]], kept, paid, charged)
            low = high


attach_charged(RateData, rate_dual, rate_slacks)
