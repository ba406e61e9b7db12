r"""Decisions of one bit a user under limits on their weighted sums, for the compiled search: what is kept and what follows.

A row k of limits allows the decisions z with :math:`\underline b_k \le \sum_i w_{ki} z_i \le \overline b_k`. At its price
:math:`\nu_k`, of either sign, offloading costs user i :math:`\nu_k w_{ki}` more. Let :math:`D_0(\lambda; q)` be a model's
own bound at a price of its resource where offloading costs :math:`q_i` beside. For ANY prices no allowed decision costs less
than

.. math:: D(\lambda, \nu) = D_0\Bigl(\lambda; \sum_k \nu_k w_k\Bigr)
   - \sum_k \max(\nu_k \overline b_k, \nu_k \underline b_k) ,

since the charges of an allowed decision are no more than what is subtracted. D is concave in both.

Users who decide alike are one item: its costs and weights are the sums of theirs. A limit on how many of all items offload
needs no price: a family of decisions keeps it exactly (`mecopt.search.families`), which is no worse, since a best set under
nested counts is found among whole ones.

*What follows*: the sum of a row lies between the sums of least and of largest terms that are left. Where the least sum is
too large no decision is left, which proves so; where it is with a choice of a single item, that choice is not left.

Rounding: limits are widened by what the sums of their weights can lose, and bounds by what theirs can.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import by_data, compiled, compiled_inside
from mecopt.search.count_tree import evaluate, uses
from mecopt.search.families import FREE, Family, best_set
from mecopt.search.one_price import dual, offer
from mecopt.search.server_limits import plus

Bits = NDArray[np.int8]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

LOST = 2e-15
"""What rounding takes of the terms of a bound at most, in parts of their sizes."""
WIDER = 2e-15
"""By what bounds and conclusions widen limits, in parts of the sum of sizes of their weights."""


class LimitedData(NamedTuple):
    """One instance under limits: the model's own data, the rows, and room for what prices of rows make offloading cost."""

    inner: Any
    """The model's data, as `mecopt.search.count_tree` takes them."""
    item: Whole
    """Which item a user belongs to, shape ``(users,)``: users of one item decide alike."""
    weight: Floats
    """w: by how much the sum of a row rises when an item offloads, shape ``(rows, items)``, the largest of a row about 1."""
    least: Floats
    """Least sums of the rows where nobody offloading is 0, shape ``(rows,)``."""
    most: Floats
    counts: Whole
    """How many of all items offload at least and at most."""
    charge: Floats
    """q: what offloading costs an item at the prices of the rows, shape ``(items,)``."""
    paid: Floats
    """The sum over rows of what is subtracted, and the sum of the sizes of its terms, shape ``(2,)``."""
    gain: Floats
    """What items gain by offloading at the last price of the resource, shape ``(items,)``."""


def charged_dual(
    inner: Any, item: Whole, charge: Floats, family: Family, price: float, cutoff: float, users: Whole, free: int,
    chosen: Bits, gain: Floats,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the bound, its slope and the sum of the sizes of its terms where offloading costs more by a charge.

    Fills in a best set and what items gain. Compiled code finds the model's own by `inner`, see `attach_charged`.
    """
    raise NotImplementedError


def charged_slacks(
    inner: Any, item: Whole, charge: Floats, state: Bits, price: float, bound: float, cutoff: float, slack: Floats
) -> None:
    """Bound the rise when single items are forced, as `mecopt.search.count_tree.slacks` does without charges."""
    raise NotImplementedError


def attach_charged(kind: type, model_dual: Any, model_slacks: Any) -> None:
    """Let limited searches use a model's compiled bounds with charges for data of the NamedTuple type `kind`."""
    by_data(charged_dual, kind, model_dual)
    by_data(charged_slacks, kind, model_slacks)


def attach_charged_offer(kind: type) -> None:
    """Let limited searches bound by the compiled costs of users, `mecopt.search.one_price.offer`."""
    attach_charged(kind, offered_dual, offered_slacks)


@compiled_inside
def spread(item: Whole, of_items: Bits, of_users: Bits) -> None:
    """Fill in what users decide."""
    for i in range(item.size):
        of_users[i] = of_items[item[i]]


@compiled_inside
def _offered(
    inner: Any, item: Whole, charge: Floats, state: Bits, price: float, kept: Floats, paid: Floats, used: Floats
) -> tuple[float, float]:
    """Fill in what items cost local and offloaded, charges included, and what they use; return c and its slope."""
    size = item.size
    own, kept_own, paid_own, used_own = np.empty(size, np.int8), np.empty(size), np.empty(size), np.empty(size)
    spread(item, state, own)
    constant, supply = offer(inner, own, price, kept_own, paid_own, used_own)
    for g in range(state.size):
        kept[g], paid[g], used[g] = 0.0, charge[g], 0.0
    for i in range(size):
        g = item[i]
        kept[g] += kept_own[i]
        paid[g] += paid_own[i]
        used[g] += used_own[i]
    return constant, supply


@compiled
def offered_dual(
    inner: Any, item: Whole, charge: Floats, family: Family, price: float, cutoff: float, users: Whole, free: int,
    chosen: Bits, gain: Floats,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the bound where costs are sums over users."""
    size = family.state.size
    kept, paid, used = np.empty(size), np.empty(size), np.empty(size)
    constant, supply = _offered(inner, item, charge, family.state, price, kept, paid, used)
    for g in range(size):
        gain[g] = kept[g] - paid[g]
    if not best_set(family, gain, users, free, chosen):
        return np.inf, 0.0, 0.0
    value, lost, slope, sizes = -constant, 0.0, -supply, abs(constant)
    for g in range(size):
        term = paid[g] if chosen[g] == 1 else kept[g]
        value, lost = plus(value, lost, term)
        sizes += abs(term) + (2.0 * abs(charge[g]) if chosen[g] == 1 else 0.0)
        slope += used[g] if chosen[g] == 1 else 0.0
    return (value + lost if sizes < np.inf else value), slope, sizes


@compiled
def offered_slacks(
    inner: Any, item: Whole, charge: Floats, state: Bits, price: float, bound: float, cutoff: float, slack: Floats
) -> None:
    """Fill how much more each side of an item costs than the cheaper one, less what rounding can have added."""
    kept, paid = np.empty(state.size), np.empty(state.size)
    _offered(inner, item, charge, state, price, kept, paid, np.empty(state.size))
    for g in range(state.size):
        least = min(kept[g], paid[g])
        sizes = LOST * (abs(kept[g]) + abs(paid[g]) + 2.0 * abs(charge[g]))
        slack[g, 0] = max(kept[g] - least - sizes, 0.0) if kept[g] < np.inf else kept[g] - least
        slack[g, 1] = max(paid[g] - least - sizes, 0.0) if paid[g] < np.inf else paid[g] - least


@compiled
def limited_dual(
    data: LimitedData, family: Family, price: float, cutoff: float, users: Whole, free: int, chosen: Bits
) -> tuple[float, float]:
    """Return the bound at a price and its slope, at the charges that `data` hold."""
    bound, slope, sizes = charged_dual(
        data.inner, data.item, data.charge, family, price, cutoff + data.paid[0], users, free, chosen, data.gain
    )
    if not np.isfinite(bound):
        return bound, 0.0
    return bound - data.paid[0] - LOST * (sizes + data.paid[1]), slope


@compiled_inside
def charges(data: LimitedData, prices: Floats, least: Floats, most: Floats) -> None:
    """Fill in what the prices of rows charge."""
    rows, items = data.weight.shape
    total, lost, sizes = 0.0, 0.0, 0.0
    for g in range(items):
        data.charge[g] = 0.0
    for k in range(rows):
        if prices[k] != 0.0:
            term = max(prices[k] * most[k], prices[k] * least[k])
            total, lost = plus(total, lost, term)
            sizes += abs(term)
            for g in range(items):
                data.charge[g] += prices[k] * data.weight[k, g]
    heavy = 0.0  # charges are sums over rows, which lose as many roundings
    for k in range(rows):
        for g in range(items):
            heavy += abs(prices[k] * data.weight[k, g])
    data.paid[0], data.paid[1] = total + lost, sizes + 0.1 * rows * heavy


@compiled_inside
def sum_of(data: LimitedData, k: int, decision: Bits) -> float:
    """Return the sum of a row."""
    total, lost = 0.0, 0.0
    for g in range(decision.size):
        if decision[g] == 1:
            total, lost = plus(total, lost, data.weight[k, g])
    return total + lost


@compiled_inside
def is_allowed(data: LimitedData, decision: Bits) -> bool:
    """Whether a decision of the items keeps all limits."""
    count = 0
    for g in range(decision.size):
        count += decision[g]
    if not data.counts[0] <= count <= data.counts[1]:
        return False
    kept = True
    for k in range(data.weight.shape[0]):
        kept = kept and data.least[k] <= sum_of(data, k, decision) <= data.most[k]
    return kept


@compiled_inside
def value_of(data: LimitedData, decision: Bits) -> float:
    """Return the optimal value of a decision of the items, infinite where it breaks a limit."""
    if not is_allowed(data, decision):
        return np.inf
    own = np.empty(data.item.size, np.int8)
    spread(data.item, decision, own)
    return float(evaluate(data.inner, own))


@compiled_inside
def item_uses(data: LimitedData, price: float, used: Floats) -> None:
    """Fill in what items would use of the resource at a price."""
    own = np.empty(data.item.size)
    uses(data.inner, price, own)
    for g in range(used.size):
        used[g] = 0.0
    for i in range(own.size):
        used[data.item[i]] += own[i]


@compiled
def follows(data: LimitedData, state: Bits, least: Floats, most: Floats) -> bool:
    """Decide items that a row leaves one choice; return whether the rows can be kept, and fill in what they leave of limits.

    `least` and `most` are the limits, or what is left of them by the sums that can still be reached, if that is closer.
    """
    rows, items = data.weight.shape
    changed = True
    while changed:
        changed = False
        for k in range(rows):
            low, low_lost, high, high_lost, sizes = 0.0, 0.0, 0.0, 0.0, 0.0
            for g in range(items):
                weight = data.weight[k, g]
                sizes += abs(weight)
                if state[g] == 1 or (state[g] == FREE and weight < 0.0):
                    low, low_lost = plus(low, low_lost, weight)
                if state[g] == 1 or (state[g] == FREE and weight > 0.0):
                    high, high_lost = plus(high, high_lost, weight)
            low, high = low + low_lost, high + high_lost
            doubt = WIDER * sizes
            if low > data.most[k] + doubt or high < data.least[k] - doubt:
                return False
            least[k], most[k] = max(data.least[k], low) - doubt, min(data.most[k], high) + doubt
            if low >= data.least[k] and high <= data.most[k]:
                continue
            for g in range(items):
                weight = data.weight[k, g]
                if state[g] == FREE and weight != 0.0:
                    size = abs(weight)
                    if low + size > data.most[k] + doubt:
                        state[g] = 0 if weight > 0.0 else 1
                        changed = True
                    elif high - size < data.least[k] - doubt:
                        state[g] = 1 if weight > 0.0 else 0
                        changed = True
    return True


by_data(dual, LimitedData, limited_dual)
