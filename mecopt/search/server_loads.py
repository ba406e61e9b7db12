r"""Decisions whose loads are near those that the prices stand for, all of them: what a node of few decisions is closed by.

At prices of capacity and of limits every decision that keeps the limits costs exactly

.. math::
    V(a) = D + \sum_i \Bigl( c_{i,a_i} - \min_j c_{ij} \Bigr) + \sum_j \frac{(S_j - F_j \lambda_j/2)^2}{F_j}
    + \sum_p \nu_p^+ (\overline n_p - n_p) + \nu_p^- (n_p - \underline n_p) ,

where shares have no bounds. Nothing here is negative, so whoever costs less than the incumbent has every term below what D
lacks. Server by server the sets of users are gone through whose load is near enough; a step costs next to nothing, since no
prices are found anew. That is what proves a partition: users of any sizes who have to be spread evenly over equal servers,
where bounds by prices say nothing before almost all is decided.

Of interchangeable servers the one whose first user stands first comes first; of equal users the first ones are taken.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.kernels.servers import Servers
from mecopt.search.server_bound import LOST
from mecopt.search.server_limits import AT, BEGIN, BINDING, END, NONE, SIZE, Free, plus

Bits = NDArray[np.int8]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]


@compiled_inside
def value_of(servers: Servers, decision: Bits) -> float:
    """Return the cost of a decision where shares have no bounds."""
    cost, root, capacity = servers.cost, servers.root, servers.capacity
    load, lost = np.zeros(cost.shape[2]), np.zeros(cost.shape[2])
    for i in range(decision.size):
        j = decision[i]
        load[0], lost[0] = plus(load[0], lost[0], cost[0, i, j])
        if j > 0:
            load[j], lost[j] = plus(load[j], lost[j], root[0, i])
    total = load[0] + lost[0]
    for j in range(1, load.size):
        total += (load[j] + lost[j]) * ((load[j] + lost[j]) / capacity[0, j - 1])
    return total


@compiled_inside
def _counted(free: Free, price: Floats, chosen: Whole, choice: int) -> float:
    """Return what the limits at a choice add to a decision's cost, infinite where it does not keep them.

    Users without a choice stay local, which is asked for when all servers are filled.
    """
    added, count, active = 0.0, free.fixed.size - 1, free.active
    for q in range(free.sizes[BINDING]):
        if active[q, AT] == choice:
            number, least, most = 0, free.least[q], free.most[q]
            for f in range(active[q, BEGIN], active[q, END]):
                number += max(chosen[f], 0) == choice
            if number < least or number > most:
                return np.inf
            paid = price[count + q]
            added += paid * (most - number) if paid > 0.0 else paid * (least - number)
    return added


@compiled_inside
def _elsewhere(capacity: Floats, root: Floats, chosen: Whole, red: Floats, target: Floats, stage: int) -> float:
    """Bound what the loads of the servers after a stage cost, given who is left for them."""
    wanted, speed, most, least = 0.0, 0.0, 0.0, 0.0
    for j in range(stage + 1, target.size):
        wanted += target[j]
        speed += capacity[0, j - 1]
    if speed == 0.0:
        return 0.0
    for f in range(root.size):
        if chosen[f] < 0:
            able = False
            for j in range(stage + 1, target.size):
                able = able or red[f, j] < np.inf
            most += root[f] if able else 0.0
            least += root[f] if red[f, 0] == np.inf else 0.0
    off = max(least - wanted, wanted - most, 0.0)
    return off * (off / speed)


@compiled_inside
def _ordered(servers: Servers, free: Free, root: Floats, red: Floats, order: Whole, twin: Flags) -> None:
    """Fill the free users by falling work, and who of them equals the one before."""
    users, cost = free.users, servers.cost
    for f in range(root.size):
        place = f
        while place > 0 and root[order[place - 1]] < root[f]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = f
    for q in range(1, root.size):
        e, f = order[q - 1], order[q]
        twin[q] = root[e] == root[f]
        for j in range(red.shape[1]):
            twin[q] = twin[q] and red[e, j] == red[f, j] and cost[0, users[e], j] == cost[0, users[f], j]


@compiled_inside
def near_loads(
    servers: Servers,
    free: Free,
    price: Floats,
    same: Whole,
    bound: float,
    gap: float,
    steps: int,
    best: Bits,
    values: Floats,
) -> tuple[int, float]:
    """Go through the decisions of a node that may cost less than the incumbent, and keep the best.

    Parameters
    ----------
    free, price, bound
        who is open, the prices at which their costs are filled, and D there.
    same
        of every choice the first one that it is interchangeable with, ``(choices,)``.
    steps
        after so many the search gives up.
    best, values
        the incumbent, and its cost in ``values[0]``; what falls short of it by no more than `gap` (relative) is not
        looked for.

    Returns
    -------
    how many steps it took, more than `steps` where it gave up, and a bound on the cost of all that it did not keep
    """
    choices, size, capacity = free.fixed.size, free.sizes[SIZE], servers.capacity
    count = choices - 1
    root, red, rest = np.zeros(size), np.zeros((size, choices)), np.zeros((choices + 1, size))
    order, chosen = np.zeros(size, np.int64), np.zeros(size, np.int64)
    twin, target = np.zeros(size, np.bool_), np.zeros(choices)
    for f in range(size):
        root[f], chosen[f] = servers.root[0, free.users[f]], -1
        least = np.inf
        for j in range(choices):
            least = min(least, free.cost[f, j])
        for j in range(choices):
            red[f, j] = free.cost[f, j] - least
        rest[choices, f] = red[f, 0]
        for j in range(count, 0, -1):
            rest[j, f] = min(rest[j + 1, f] if j < count else red[f, 0], red[f, j])
    _ordered(servers, free, root, red, order, twin)
    slowest = np.inf
    for j in range(1, choices):
        target[j] = 0.5 * capacity[0, j - 1] * price[j - 1] - free.fixed[j]
        slowest = min(slowest, capacity[0, j - 1])
    leads = np.zeros(choices + 1, np.int64)
    depth = count * (size + 1)
    excess, load, able = np.zeros(depth + 2), np.zeros(depth + 2), np.zeros(depth + 2)
    tried, decision = np.zeros(depth + 2, np.int8), np.zeros(best.size, np.int8)
    pruned, lacks = np.inf, values[0] - gap * abs(values[0]) - bound if values[0] < np.inf else np.inf
    d, went = 0, 0
    tried[0] = -1
    while d >= 0:
        went += 1
        if went > steps:
            return went, -np.inf
        j, q = 1 + d // (size + 1), d % (size + 1)
        if j > count:  # all servers are filled, the others stay local
            total = excess[d] + _counted(free, price, chosen, NONE)
            if total < lacks:
                for k in range(choices):
                    for h in range(free.start[k], free.start[k + 1]):
                        decision[free.held[h]] = k
                for f in range(size):
                    decision[free.users[f]] = max(chosen[f], 0)
                value = value_of(servers, decision)
                if value < values[0]:
                    values[0] = value
                    for i in range(decision.size):
                        best[i] = decision[i]
                    lacks = min(lacks, value - gap * abs(value) - bound)
                pruned = min(pruned, max(bound + total, value - LOST * value))
            elif total < np.inf:
                pruned = min(pruned, bound + total)
            d -= 1
            continue
        speed, wanted = capacity[0, j - 1], target[j]
        if tried[d] == -1:  # arrived
            tried[d] = 0
            if q == 0:
                load[d], able[d] = 0.0, 0.0
                for f in range(size):
                    if chosen[f] < 0 and red[f, j] < np.inf:
                        able[d] += root[f]
                leads[j] = size
        if q == size:
            if tried[d] == 0:
                tried[d] = 2
                off = load[d] - wanted
                total = excess[d] + off * (off / speed) + _counted(free, price, chosen, j)
                beyond = total + _elsewhere(capacity, root, chosen, red, target, j) if total < lacks else total
                if beyond < lacks:
                    d += 1
                    excess[d], tried[d] = total, -1
                    continue
                pruned = min(pruned, bound + beyond)
            d -= 1
            continue
        f = order[q]
        if chosen[f] == j:  # back from having taken it
            chosen[f] = -1
            if leads[j] == q:
                leads[j] = size
        moved = False
        while tried[d] < 2 and not moved:
            after, loaded, left = excess[d], load[d], able[d]
            if chosen[f] >= 0:  # taken by a server before
                tried[d], moved = 2, True
                continue
            taking = (tried[d] == 0) == (red[f, j] <= rest[j, f])
            tried[d] += 1
            if taking:
                if not red[f, j] < np.inf or (twin[q] and chosen[order[q - 1]] < 0):
                    continue
                if leads[j] == size and j > 1 and same[j] == same[j - 1] and q < leads[j - 1]:
                    continue
                after += red[f, j] - rest[j, f]
                loaded += root[f]
                off = max(loaded - wanted, 0.0)
                left -= root[f]
            else:
                after += rest[j + 1, f] - rest[j, f]
                left -= root[f] if red[f, j] < np.inf else 0.0
                off = max(wanted - loaded - left, 0.0)
            total = after + off * (off / speed)
            if total >= lacks:
                pruned = min(pruned, bound + total)
                continue
            moved = True
            if taking:
                chosen[f] = j
                if leads[j] == size:
                    leads[j] = q
        d = d + 1 if moved else d - 1
        if moved:
            excess[d], load[d], able[d], tried[d] = after, loaded, left, -1
    if not pruned < np.inf:
        return went, pruned
    # Costs and prices are off by some roundings, sums on the way to a decision, of costs and of work, by one a user.
    off, work, slip = max(pruned - bound, 0.0), 0.0, 4.0 * abs(values[0])
    for f in range(size):
        work += root[f]
    for q in range(free.sizes[BINDING]):
        slip += size * abs(price[count + q])
    return went, pruned - LOST * (slip + 0.5 * size * (count * off + work * np.sqrt(off / slowest)))
