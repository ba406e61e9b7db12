r"""Costs of many decisions at once, where the users of a server share its capacity by the square-root rule.

User i costs :math:`b_{i,a_i}` for its choice :math:`a_i` alone (0 is local, j is server j), and what it shares costs
:math:`s_i^2/f_i` at a share f. The rule of `mecopt.kernels.capacity` eliminates the shares, server by server:

.. math:: V(a) = \sum_i b_{i,a_i} + \sum_j S_j^2 / F_j , \qquad S_j = \sum_{a_i=j} s_i .

Binary offloading is the case of one server. Shares may be bounded, :math:`l_{ij} \le f_i \le h_{ij}`, and a server may admit
so many users and no more; then a server's part is the bounded rule's value, infinite where the users do not fit.

`costs` is the compiled loop, `costs_numpy` its plain twin and oracle. Linear parts are summed from their terms, never as
differences, so that they stay accurate where one kind is many orders of magnitude larger than the other.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.arrays import plain
from mecopt.kernels.compiled import compiled, compiled_inside, compiled_with

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]

ROUNDING = 1e-12
"""Relative excess of lower bounds over the capacity that counts as none."""


class Servers(NamedTuple):
    """What the kernels need of instances along one axis, as contiguous arrays; see `servers`."""

    cost: Floats
    """b: cost of each choice, local first, ``(instances, users, 1 + servers)``; infinite where it is impossible."""
    root: Floats
    """s: square root of the work that is shared, ``(instances, users)``."""
    capacity: Floats
    """F, ``(instances, servers)``."""
    lower: Floats
    """l, ``(instances, users, servers)``; of size 0 where none is known."""
    upper: Floats
    """h, as l."""
    admission: Floats
    """Users a server admits, ``(instances, servers)``; infinite where there is no limit."""
    bounded: Flags
    """Whether any share of the instance is bounded, ``(instances,)``: what the others look like says nothing."""
    limited: Flags
    """Whether any server of the instance may admit too few users, ``(instances,)``."""


def servers(
    cost: Array,
    root: Array,
    capacity: Array,
    lower: Array | None = None,
    upper: Array | None = None,
    admission: Array | None = None,
) -> Servers:
    """Gather the arrays of a batch, one axis for all instances; no share exceeds the whole capacity."""
    users, choices = cost.shape[-2:]

    def rows(array: Array, *tail: int) -> Floats:
        return plain(array.reshape(-1, *tail), np.float64)

    capacities = rows(capacity, choices - 1)
    instances = len(capacities)
    places = np.full(capacities.shape, np.inf) if admission is None else rows(admission, choices - 1)
    least = most = np.empty((instances, 0, 0))
    bounded: Flags = np.zeros(instances, dtype=np.bool_)
    if lower is not None and upper is not None:
        least = rows(lower, users, choices - 1)
        most = np.minimum(rows(upper, users, choices - 1), capacities[:, None])
        binding = (least > 0.0) | (most < capacities[:, None])
        bounded = np.asarray((binding & np.isfinite(rows(cost, users, choices)[..., 1:])).any(axis=(-1, -2)))
    limited = np.asarray((places < users).any(axis=-1))
    return Servers(rows(cost, users, choices), rows(root, users), capacities, least, most, places, bounded, limited)


@compiled_inside
def of_one(servers: Servers, b: int) -> Servers:
    """Return the terms of one instance, as a batch of one."""
    return Servers(
        servers.cost[b : b + 1],
        servers.root[b : b + 1],
        servers.capacity[b : b + 1],
        servers.lower[b : b + 1],
        servers.upper[b : b + 1],
        servers.admission[b : b + 1],
        servers.bounded[b : b + 1],
        servers.limited[b : b + 1],
    )


@compiled_inside
def share_out(
    root: Floats, lower: Floats, upper: Floats, capacity: float, members: NDArray[np.int64], share: Floats
) -> tuple[float, float]:
    """Share one server's capacity between its members; return the value and the shadow price, and fill the shares.

    The bounded case fixes members at the bounds on the side that is violated more (Bitran and Hax 1981): those are at
    their bounds in the optimum, so each round settles some for good. `lower` and `upper` of size 0 mean no bounds.
    """
    load = 0.0
    for i in members:
        load += root[i]
    if lower.size == 0:
        part = capacity / load if load > 0.0 else 0.0
        for i in members:
            share[i] = root[i] * part
        return load * (load / capacity), (load / capacity) * (load / capacity)
    least, most = 0.0, 0.0
    for i in members:
        least += lower[i]
        most += upper[i] if root[i] > 0.0 else lower[i]
        if lower[i] > upper[i] * (1.0 + ROUNDING):
            return np.inf, 0.0
    if least > capacity * (1.0 + ROUNDING):
        return np.inf, 0.0
    room, value, m = capacity, 0.0, np.inf
    free, left = np.empty(members.size, np.bool_), members.size
    for k in range(members.size):
        i = members[k]
        free[k] = most > capacity and root[i] != 0.0
        if not free[k]:
            left -= 1
            share[i] = upper[i] if root[i] > 0.0 else lower[i]
            room -= share[i]
    while left > 0:
        load = 0.0
        for k in range(members.size):
            load += root[members[k]] if free[k] else 0.0
        m = max(room, 0.0) / load
        if not load < np.inf:  # of work that floats cannot hold nothing can be said
            return np.inf, 0.0
        deficit, excess = 0.0, 0.0
        for k in range(members.size):
            if free[k]:
                i = members[k]
                deficit += max(lower[i] - m * root[i], 0.0)
                excess += max(m * root[i] - upper[i], 0.0)
        if deficit == 0.0 and excess == 0.0:
            break
        for k in range(members.size):
            i = members[k]
            if free[k] and deficit >= excess and m * root[i] < lower[i]:
                free[k], share[i] = False, lower[i]
                room -= lower[i]
                left -= 1
            elif free[k] and deficit < excess and m * root[i] > upper[i]:
                free[k], share[i] = False, upper[i]
                room -= upper[i]
                left -= 1
    if left == 0 and most > capacity:  # all at bounds: the largest m at which those at lower bounds still are
        m = np.inf
        for i in members:
            if root[i] > 0.0 and share[i] == lower[i]:
                m = min(m, lower[i] / root[i])
    for k in range(members.size):
        i = members[k]
        if free[k]:
            share[i] = m * root[i]
        if root[i] > 0.0:
            value += root[i] * (root[i] / share[i])
    return value, 1.0 / (m * m)


@compiled_inside
def _members(decision: Bits, choice: int) -> NDArray[np.int64]:
    members, count = np.empty(decision.size, np.int64), 0
    for i in range(decision.size):
        if decision[i] == choice:
            members[count] = i
            count += 1
    return members[:count]


@compiled_inside
def _of_server(bounds: Floats, b: int, j: int, members: NDArray[np.int64]) -> Floats:
    """Return the bounds of members' shares of a server, where users stand."""
    of_users = np.empty(bounds.shape[1])
    for i in members:
        of_users[i] = bounds[b, i, j]
    return of_users


@compiled_inside
def server_value(servers: Servers, b: int, decision: Bits, j: int, share: Floats) -> tuple[float, float]:
    """Return the value and shadow price of server j (from 0) under a decision of instance b, and fill its shares."""
    members = _members(decision, j + 1)
    if members.size > servers.admission[b, j]:
        return np.inf, 0.0
    if not servers.bounded[b]:
        return share_out(servers.root[b], np.empty(0), np.empty(0), servers.capacity[b, j], members, share)
    return share_out(
        servers.root[b],
        _of_server(servers.lower, b, j, members),
        _of_server(servers.upper, b, j, members),
        servers.capacity[b, j],
        members,
        share,
    )


_vectorised = compiled_with(fastmath={"reassoc", "contract"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_vectorised
def _costs_of_one_server(servers: Servers, free: Flags, decisions: Bits, result: Floats) -> None:
    """Cost decisions where one server shares without bounds."""
    cost, root, capacity = servers.cost, servers.root, servers.capacity
    instances, candidates, users = decisions.shape
    for b in range(instances):
        for k in range(candidates if free[b] else 0):
            linear, load = 0.0, 0.0
            for i in range(users):
                offloads = decisions[b, k, i] != 0
                linear += cost[b, i, 1] if offloads else cost[b, i, 0]
                load += root[b, i] if offloads else 0.0
            result[b, k] = linear + load * (load / capacity[b, 0])


@_vectorised
def _shares_of_one_server(servers: Servers, free: Flags, decisions: Bits, share: Floats, price: Floats) -> None:
    """Fill shares and shadow prices where one server shares without bounds, by one division a decision."""
    cost, root, capacity = servers.cost, servers.root, servers.capacity
    instances, candidates, users = decisions.shape
    for b in range(instances):
        for k in range(candidates if free[b] else 0):
            impossible, load = 0, 0.0
            for i in range(users):
                offloads = decisions[b, k, i] != 0
                impossible += (cost[b, i, 1] if offloads else cost[b, i, 0]) == np.inf
                load += root[b, i] if offloads else 0.0
            per_load = capacity[b, 0] / load if load > 0.0 else 0.0
            per_capacity = load / capacity[b, 0]
            price[b, k, 0] = per_capacity * per_capacity
            for i in range(users):
                share[b, k, i] = root[b, i] * per_load if decisions[b, k, i] != 0 else 0.0
            if impossible > 0:
                share[b, k, :] = np.nan
            elif per_load == np.inf:  # of next to no work
                for i in range(users):
                    share[b, k, i] = root[b, i] / load * capacity[b, 0] if decisions[b, k, i] != 0 else 0.0


@compiled
def costs(servers: Servers, decisions: Bits) -> Floats:
    """Return V for decisions ``(instances, candidates, users)``."""
    instances, candidates, users = decisions.shape
    count = servers.capacity.shape[1]
    result, share, load = np.empty((instances, candidates)), np.empty(users), np.empty(count + 1)
    free = ~(servers.bounded | servers.limited)
    if count == 1:
        _costs_of_one_server(servers, free, decisions, result)
    for b in range(instances):
        if free[b] and count == 1:
            continue
        for k in range(candidates):
            total = 0.0
            if free[b]:
                load[:] = 0.0
                for i in range(users):
                    total += servers.cost[b, i, decisions[b, k, i]]
                    load[decisions[b, k, i]] += servers.root[b, i]
                for j in range(count):
                    total += load[j + 1] * (load[j + 1] / servers.capacity[b, j])
            else:
                for i in range(users):
                    total += servers.cost[b, i, decisions[b, k, i]]
                for j in range(count):
                    total += server_value(servers, b, decisions[b, k], j, share)[0]
            result[b, k] = total
    return result


def costs_numpy(servers: Servers, decisions: Bits) -> Floats:
    """Return the same by array expressions, where shares are not bounded and admission is not limited."""
    chosen = decisions[..., None] == np.arange(servers.cost.shape[-1])
    linear = np.where(chosen, servers.cost[:, None], 0.0).sum(axis=(-1, -2))
    load = np.where(chosen, servers.root[:, None, :, None], 0.0).sum(axis=-2)[..., 1:]
    return np.asarray(linear + (load * (load / servers.capacity[:, None])).sum(axis=-1))


@compiled
def move_costs(servers: Servers, decision: Bits) -> Floats:
    """Return V after each single move of decisions ``(instances, users)``: ``(instances, users, choices)``.

    Without bounds in O(users choices) an instance.
    """
    instances, users = decision.shape
    choices = servers.cost.shape[2]
    result, share = np.empty((instances, users, choices)), np.empty(users)
    linear_after, load_after = np.zeros(users + 1), np.zeros((users + 1, choices))
    load, trial = np.empty(choices), np.empty(users, np.int8)
    for b in range(instances):
        plain_case = not servers.bounded[b] and not servers.limited[b]
        for i in range(users - 1, -1, -1):
            linear_after[i] = linear_after[i + 1] + servers.cost[b, i, decision[b, i]]
            load_after[i] = load_after[i + 1]
            load_after[i, decision[b, i]] += servers.root[b, i]
        linear, load[:] = 0.0, 0.0
        trial[:] = decision[b]
        values = np.zeros(choices)
        if not plain_case:
            for j in range(choices - 1):
                values[j + 1] = server_value(servers, b, trial, j, share)[0]
        for i in range(users):
            old, root = decision[b, i], servers.root[b, i]
            rest, others = linear + linear_after[i + 1], 0.0
            if plain_case:
                for j in range(choices - 1):
                    held = load[j + 1] + load_after[i + 1, j + 1]
                    others += held * (held / servers.capacity[b, j])
            else:
                trial[i] = -1
                without = server_value(servers, b, trial, old - 1, share)[0] if old > 0 else 0.0
                for j in range(1, choices):
                    others += without if j == old else values[j]
            for j in range(choices):
                moved = rest + servers.cost[b, i, j] + others
                if plain_case and j > 0:
                    held = load[j] + load_after[i + 1, j]
                    moved += (2.0 * held + root) * (root / servers.capacity[b, j - 1])
                elif j > 0:
                    trial[i] = j
                    grown = server_value(servers, b, trial, j - 1, share)[0]
                    moved = rest + servers.cost[b, i, j] + grown
                    for k in range(1, choices):
                        if k != j:
                            moved += without if k == old else values[k]
                result[b, i, j] = moved
            trial[i] = old
            linear += servers.cost[b, i, old]
            load[old] += root
    return result


@compiled
def shares(servers: Servers, decisions: Bits) -> tuple[Floats, Floats]:
    """Return shares ``(instances, candidates, users)`` and shadow prices ``(instances, candidates, servers)``.

    Shares are nan for all users of a decision that does not fit, or has a choice that is impossible.
    """
    instances, candidates, users = decisions.shape
    count = servers.capacity.shape[1]
    share, price = np.zeros((instances, candidates, users)), np.zeros((instances, candidates, count))
    load, free = np.empty(count + 1), ~(servers.bounded | servers.limited)
    if count == 1:
        _shares_of_one_server(servers, free, decisions, share, price)
    for b in range(instances):
        if free[b] and count == 1:
            continue
        for k in range(candidates):
            if free[b]:
                load[:] = 0.0
                for i in range(users):
                    load[decisions[b, k, i]] += servers.root[b, i]
                for i in range(users):
                    j = decisions[b, k, i]
                    if not servers.cost[b, i, j] < np.inf:
                        share[b, k, :] = np.nan
                        break
                    if j > 0 and load[j] > 0.0:
                        share[b, k, i] = servers.root[b, i] / load[j] * servers.capacity[b, j - 1]
                for j in range(count):
                    per_capacity = load[j + 1] / servers.capacity[b, j]
                    price[b, k, j] = per_capacity * per_capacity
                continue
            possible = True
            for i in range(users):
                possible = possible and servers.cost[b, i, decisions[b, k, i]] < np.inf
            for j in range(count):
                value, price[b, k, j] = server_value(servers, b, decisions[b, k], j, share[b, k])
                possible = possible and value < np.inf
            if not possible:
                share[b, k, :] = np.nan
    return share, price
