r"""The relaxation of offloading to one server without bounds or limits, compiled for branching on counts: sorting solves it.

The case of one server of `mecopt.search.server_bound`: with :math:`\lambda = 2 S/F` the price of a unit of square-root work,
user i costs :math:`\min(b_{i0}, b_{i1} + \lambda s_i)`, and the bound is the sum of these less :math:`\lambda^2 F/4`. The
best price takes users in the order of :math:`(b_{i0} - b_{i1})/s_i` while that ratio exceeds :math:`2 S/F`; at most one of
them is taken in part, so that rounding leaves nothing worth a local search.

Where counts are limited the users are sorted at every price that is tried. A set with load S and linear cost B bounds the
dual from above by :math:`q_S(\lambda) = B + \lambda S - \lambda^2 F/4`, with its peak at :math:`2 S/F`. Of two sets, S' best
at a price below the best one and S'' at one above it, the least of both parabolas is greatest between their peaks, where
they cross or at the nearer peak: that price comes next, and nothing better is left where the dual reaches it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.servers import Servers, of_one
from mecopt.search.count_tree import attach
from mecopt.search.families import FREE, Family, best_set, copy_bits, everyone, free_users, same_bits
from mecopt.search.limited_data import attach_charged_offer
from mecopt.search.one_price import EXACT, PART, attach_offer, next_trial

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]


class OneServerData(NamedTuple):
    """Instances with one server each, or one of them without the axis of instances, but for that of `Servers`."""

    servers: Servers
    order: NDArray[np.int64]
    """Users by (b0 - b1) / s, the greatest first."""


@compiled_inside
def instance(batch: OneServerData, b: int) -> OneServerData:
    """Return the data of one instance."""
    return OneServerData(of_one(batch.servers, b), batch.order[b])


@compiled_inside
def _limited(
    data: OneServerData, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats
) -> float:
    """Try prices where parabolas of the best sets so far cross; what is filled in is as in `best_price`."""
    state, cost, root, capacity = family.state, data.servers.cost[0], data.servers.root[0], data.servers.capacity[0, 0]
    users, chosen, gain = np.empty(state.size, np.int64), np.empty(state.size, np.int8), np.empty(state.size)
    free = free_users(state, users)
    linear, load, value = np.zeros(2), np.zeros(2), np.zeros(2)
    decided, decided_root = 0.0, 0.0
    for i in range(state.size):
        more[i] = less[i] = max(state[i], 0)
        if state[i] != FREE:
            decided += cost[i, state[i]]
            decided_root += root[i] if state[i] == 1 else 0.0
    left, right = -1.0, np.inf
    trial, best_at, best = price[0], price[0], -np.inf
    for turn in range(150):
        for k in range(free):
            i = users[k]
            gain[i] = cost[i, 0] - (cost[i, 1] + trial * root[i])
        if not best_set(family, gain, users, free, chosen):
            return np.inf
        own, work = decided, decided_root
        for k in range(free):
            i = users[k]
            own += cost[i, chosen[i]]
            work += root[i] if chosen[i] == 1 else 0.0
        bound, rise = own + trial * (work - 0.25 * capacity * trial), work - 0.5 * capacity * trial
        if not np.isfinite(bound):
            return float(bound)
        if bound > best:
            best, best_at = bound, trial
        settled = rise == 0.0 or (rise < 0.0 and trial == 0.0)
        if rise > 0.0 or settled:
            left, linear[0], load[0], slope[0] = trial, own, work, rise
            copy_bits(chosen, more)
        if rise < 0.0 or settled:
            right, linear[1], load[1], slope[1] = trial, own, work, rise
            copy_bits(chosen, less)
        if settled or bound >= cutoff:
            break
        if left < 0.0 or right == np.inf:  # the set's own peak, where others can only use less, or more
            peak = 2.0 * work / capacity
            if peak == trial:
                break
            trial = peak
            continue
        low, high = 2.0 * load[1] / capacity, 2.0 * load[0] / capacity
        meet = min(max((linear[1] - linear[0]) / (load[0] - load[1]), low), high)
        for side in range(2):
            value[side] = linear[side] + meet * (load[side] - 0.25 * capacity * meet)
        ceiling = min(value[0], value[1])
        if not ceiling - best > EXACT * abs(best) or right - left <= 1e-15 * right:
            break
        if ceiling - best <= PART * (cutoff - ceiling) and cutoff < np.inf and not same_bits(more, less):
            break
        trial = next_trial(turn - 1, left, right, value, slope, meet)
        if not left < trial < right:
            break
    if right == np.inf:
        copy_bits(more, less)
    elif left < 0.0:
        copy_bits(less, more)
    price[0] = best_at
    return best


@compiled
def offer(data: OneServerData, state: Bits, price: float, kept: Floats, paid: Floats, used: Floats) -> tuple[float, float]:
    """Fill in what users cost local and offloaded at a price, and their work; return what the bound loses, and its slope."""
    cost, root = data.servers.cost[0], data.servers.root[0]
    for i in range(state.size):
        kept[i], paid[i], used[i] = cost[i, 0], cost[i, 1] + price * root[i], root[i]
    half = 0.5 * data.servers.capacity[0, 0] * price
    return 0.5 * half * price, half


@compiled
def relax(data: OneServerData, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats) -> float:
    """Take users in order while their ratio exceeds the price ``2 S / F``; at most one of them in part."""
    if family.limited > 0:
        return float(_limited(data, family, price, cutoff, more, less, slope))
    state, cost, root, capacity = family.state, data.servers.cost[0], data.servers.root[0], data.servers.capacity[0, 0]
    fixed_root, bound = 0.0, 0.0
    for i in range(state.size):
        more[i] = less[i] = max(state[i], 0)
        if state[i] == 1:
            fixed_root += root[i]
            bound += cost[i, 1]
        elif state[i] == 0:
            bound += cost[i, 0]
        elif root[i] <= 0.0:
            more[i] = less[i] = 1 if cost[i, 1] < cost[i, 0] else 0
    load, taken, tied = fixed_root, fixed_root, 0.0
    for k in range(state.size):
        i = data.order[k]
        if state[i] >= 0 or root[i] <= 0.0:
            continue
        ratio = (cost[i, 0] - cost[i, 1]) / root[i]
        if ratio * capacity <= 2.0 * load:
            break
        more[i] = 1
        load += root[i]
        if ratio * capacity < 2.0 * load:
            load, tied = 0.5 * ratio * capacity, root[i]
            break
        less[i] = 1
        taken = load
    price[0] = 2.0 * load / capacity
    slope[0], slope[1] = taken + tied - load, taken - load
    for i in range(state.size):
        if state[i] == FREE:
            bound += min(cost[i, 1] + price[0] * root[i], cost[i, 0])
    return bound + price[0] * fixed_root - 0.5 * price[0] * load


@compiled
def slacks(data: OneServerData, state: Bits, price: float, bound: float, cutoff: float, slack: Floats) -> None:
    """Fill how much more each side costs than the cheaper one at the price: its reduced cost."""
    cost, root = data.servers.cost[0], data.servers.root[0]
    for i in range(state.size):
        difference = cost[i, 1] + price * root[i] - cost[i, 0]
        slack[i, 0] = max(-difference, 0.0)
        slack[i, 1] = max(difference, 0.0)


@compiled
def evaluate(data: OneServerData, decision: Bits) -> float:
    """Return the least cost of a decision."""
    linear, load = 0.0, 0.0
    for i in range(decision.size):
        linear += data.servers.cost[0, i, decision[i]]
        load += data.servers.root[0, i] if decision[i] == 1 else 0.0
    return linear + load * (load / data.servers.capacity[0, 0])


@compiled
def uses(data: OneServerData, price: float, used: Floats) -> None:
    """Fill in every user's square-root work, which no price changes."""
    for i in range(used.size):
        used[i] = data.servers.root[0, i]


@compiled
def root_prices(servers: Servers, orders: NDArray[np.int64]) -> Floats:
    """Return the best price of every instance, all users free, as `mecopt.search.server_prices.root_prices` does."""
    instances, users = servers.root.shape
    result, slope = np.zeros((instances, 2)), np.empty(2)
    state, more, less = np.full(users, np.int8(FREE)), np.empty(users, np.int8), np.empty(users, np.int8)
    for b in range(instances):
        one = OneServerData(of_one(servers, b), orders[b])
        relax(one, everyone(state), result[b], np.inf, more, less, slope)
    return result


attach_offer(OneServerData, offer)
attach_charged_offer(OneServerData)
attach(
    OneServerData,
    model_relax=relax,
    model_slacks=slacks,
    model_evaluate=evaluate,
    model_uses=uses,
    model_instance=instance,
)
