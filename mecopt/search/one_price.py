r"""The best price of one shared resource for a family of decisions, compiled.

A price :math:`\lambda \ge 0` of the resource bounds the costs of all decisions of a family F from below,

.. math:: D(\lambda) = \min_{S \in F} \Big( \sum_{i \in S} p_i(\lambda) + \sum_{i \notin S} k_i \Big) - c(\lambda) ,

where a user costs :math:`k_i` by itself and :math:`p_i` offloaded, its part of the resource paid. D is concave, and its
slope is by how much the best set uses more of the resource than there is. `mecopt.search.families` finds that set by sorting
the gains :math:`k_i - p_i`. Models whose costs are no such sums bring a bound of their own (`attach_dual`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import by_data, compiled, compiled_inside
from mecopt.search.families import Family, best_set, copy_bits, free_users, same_bits

Bits = NDArray[np.int8]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

EXACT = 2e-14
"""Relative precision of the best bound where it decides whether a node closes."""
PART = 0.01
"""A bound that cannot close its node is exact enough when no more than this part of what is missing can still be gained."""


def dual(
    data: Any, family: Family, price: float, cutoff: float, users: Whole, free: int, chosen: Bits
) -> tuple[float, float]:
    """Return the bound at a price and its slope, and fill in a best set; compiled code finds the model's own by `data`.

    The bound is infinite where the family is empty. It must be valid, and exact only where it cannot reach `cutoff`.
    """
    raise NotImplementedError


def offer(data: Any, state: Bits, price: float, kept: Floats, paid: Floats, used: Floats) -> tuple[float, float]:
    """Fill in k, p and what users use of the resource at a price; return c and its slope. Found by the type of `data`."""
    raise NotImplementedError


def attach_dual(kind: type, model_dual: Any) -> None:
    """Let `best_price` use a model's compiled bound for data of the NamedTuple type `kind`."""
    by_data(dual, kind, model_dual)


def attach_offer(kind: type, model_offer: Any) -> None:
    """Let `best_price` bound by a model's compiled costs of users for data of the NamedTuple type `kind`."""
    by_data(offer, kind, model_offer)
    by_data(dual, kind, sorted_dual)


@compiled
def sorted_dual(
    data: Any, family: Family, price: float, cutoff: float, users: Whole, free: int, chosen: Bits
) -> tuple[float, float]:
    """Return the bound at a price and its slope, and fill in the best set, where costs are sums over users."""
    size = family.state.size
    kept, paid, used, gain = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    constant, supply = offer(data, family.state, price, kept, paid, used)
    for i in range(size):
        gain[i] = kept[i] - paid[i]
    if not best_set(family, gain, users, free, chosen):
        return np.inf, 0.0
    value, slope = -constant, -supply
    for i in range(size):
        value += paid[i] if chosen[i] == 1 else kept[i]
        slope += used[i] if chosen[i] == 1 else 0.0
    return value, slope


@compiled
def offered_uses(data: Any, price: float, used: Floats) -> None:
    """Fill in what every user uses of the resource at a price, where costs are sums over users."""
    size = used.size
    offer(data, np.ones(size, np.int8), price, np.empty(size), np.empty(size), used)


@compiled_inside
def next_trial(turn: int, left: float, right: float, value: Floats, slope: Floats, meet: float) -> float:
    """Return the next price to try between two whose slopes differ in sign."""
    trial = np.sqrt(left) * np.sqrt(right)
    if turn % 3 == 0:
        trial = meet
    elif turn % 3 == 1:
        trial = left + slope[0] * (right - left) / (slope[0] - slope[1])
    if not left < trial < right:
        trial = 0.5 * (left + right) if left > 0.0 else 0.25 * right
    return float(trial)


@compiled
def best_price(data: Any, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats) -> float:
    """Maximise the bound over prices; return it, and leave the best price and the sets that tie there.

    The maximum of a concave function of one variable is bracketed by slopes of both signs; the next price is where the two
    tangents meet (exact at a kink, where two sets tie) or where the chord of the slopes vanishes (fast where the function is
    smooth), by turns.

    Parameters
    ----------
    price
        a first price, replaced by the best one.
    cutoff
        a bound that reaches it may be returned at once.
    more, less
        filled with the best sets on the two sides of the best price, which use too much and too little; the same one twice
        where it uses what there is.
    slope
        filled with how much too much each uses, shape ``(2,)``.
    """
    users, chosen, value = np.empty(family.state.size, np.int64), np.empty(family.state.size, np.int8), np.zeros(2)
    free = free_users(family.state, users)
    for i in range(chosen.size):
        more[i] = less[i] = max(family.state[i], 0)
    left, right = -1.0, np.inf
    trial, best_at, best = price[0], price[0], -np.inf
    for turn in range(150):
        bound, rise = dual(data, family, trial, cutoff, users, free, chosen)
        if not np.isfinite(bound):  # the family is empty, or beyond what floats hold nothing is proved
            return bound
        if bound > best:
            best, best_at = bound, trial
        settled = rise == 0.0 or (rise < 0.0 and trial == 0.0)
        if rise > 0.0 or settled:
            left, value[0], slope[0] = trial, bound, rise
            copy_bits(chosen, more)
        if rise < 0.0 or settled:
            right, value[1], slope[1] = trial, bound, rise
            copy_bits(chosen, less)
        if settled or bound >= cutoff:
            break
        if left < 0.0:
            trial = 0.25 * right if turn == 0 else 0.0
            continue
        if right == np.inf:
            trial = 4.0 * left if left > 0.0 else 1.0
            continue
        meet = (value[1] - value[0] + slope[0] * left - slope[1] * right) / (slope[0] - slope[1])
        ceiling = value[0] + slope[0] * (meet - left)
        if ceiling - best <= EXACT * abs(best) or right - left <= 1e-15 * right:
            break
        if ceiling - best <= PART * (cutoff - ceiling) and cutoff < np.inf and not same_bits(more, less):
            break
        trial = next_trial(turn, left, right, value, slope, meet)
        if not left < trial < right:
            break
    if right == np.inf:
        copy_bits(more, less)
    elif left < 0.0:
        copy_bits(less, more)
    price[0] = best_at
    return best
