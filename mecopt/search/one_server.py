r"""The relaxation of offloading to one server without bounds or limits, compiled for price-and-fix: sorting solves it.

The case of one server of `mecopt.search.servers`: with :math:`\lambda = 2 S/F` the price of a unit of square-root work,
user i costs :math:`\min(b_{i0}, b_{i1} + \lambda s_i)`, and the bound is the sum of these less :math:`\lambda^2 F/4`. The
best price takes users in the order of :math:`(b_{i0} - b_{i1})/s_i` while that ratio exceeds :math:`2 S/F`; at most one of
them is taken in part, so that rounding leaves nothing worth a local search.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.servers import Servers, of_one
from mecopt.search.price_and_fix import FREE, attach

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]


class OneServerData(NamedTuple):
    """One instance: `Servers` with one row, the order of users by (b0 - b1) / s, and identical users."""

    servers: Servers
    order: NDArray[np.int64]
    first: Floats
    """A price to begin with; sorting needs none."""
    earlier: NDArray[np.int64]
    later: NDArray[np.int64]


@compiled
def relax(data: OneServerData, state: Bits, allowed: Flags, price: Floats, cutoff: float, relaxed: Bits) -> float:
    """Take users in order while their ratio exceeds the price ``2 S / F``; at most one of them in part."""
    cost, root, capacity = data.servers.cost[0], data.servers.root[0], data.servers.capacity[0, 0]
    fixed_root, bound = 0.0, 0.0
    for i in range(state.size):
        if state[i] == 1:
            fixed_root += root[i]
            bound += cost[i, 1]
        elif state[i] == 0:
            bound += cost[i, 0]
    load = fixed_root
    for k in range(state.size):
        i = data.order[k]
        if state[i] >= 0 or root[i] <= 0.0:
            continue
        ratio = (cost[i, 0] - cost[i, 1]) / root[i]
        if ratio * capacity <= 2.0 * load:
            break
        load += root[i]
        if ratio * capacity < 2.0 * load:
            load = 0.5 * ratio * capacity
            break
    price[0] = 2.0 * load / capacity
    for i in range(state.size):
        if state[i] >= 0:
            relaxed[i] = state[i]
            continue
        offloaded = cost[i, 1] + price[0] * root[i]
        relaxed[i] = 1 if offloaded < cost[i, 0] else 0
        bound += min(offloaded, cost[i, 0])
    return bound + price[0] * fixed_root - 0.5 * price[0] * load


@compiled
def slacks(
    data: OneServerData,
    state: Bits,
    allowed: Flags,
    price: Floats,
    bound: float,
    cutoff: float,
    relaxed: Bits,
    slack: Floats,
) -> None:
    """Fill how much more each side costs than the relaxed one at the price: its reduced cost."""
    cost, root = data.servers.cost[0], data.servers.root[0]
    for i in range(state.size):
        difference = cost[i, 1] + price[0] * root[i] - cost[i, 0]
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
def root_prices(servers: Servers, orders: NDArray[np.int64]) -> Floats:
    """Return the best price of every instance, all users free, as `mecopt.search.servers.root_prices` does."""
    instances, users = servers.root.shape
    result = np.zeros((instances, 2))
    state, relaxed = np.full(users, np.int8(FREE)), np.empty(users, np.int8)
    allowed, nobody = np.ones((users, 2), np.bool_), np.full(users, -1)
    for b in range(instances):
        one = OneServerData(of_one(servers, b), orders[b], result[b], nobody, nobody)
        relax(one, state, allowed, result[b], np.inf, relaxed)
    return result


attach(OneServerData, model_relax=relax, model_slacks=slacks, model_evaluate=evaluate)
