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
    load, lost = np.zeros(servers.cost.shape[2]), np.zeros(servers.cost.shape[2])
    for i in range(decision.size):
        j = decision[i]
        load[0], lost[0] = plus(load[0], lost[0], servers.cost[0, i, j])
        if j > 0:
            load[j], lost[j] = plus(load[j], lost[j], servers.root[0, i])
    total = load[0] + lost[0]
    for j in range(1, load.size):
        total += (load[j] + lost[j]) * ((load[j] + lost[j]) / servers.capacity[0, j - 1])
    return total


@compiled_inside
def _counted(free: Free, price: Floats, chosen: Whole, choice: int) -> float:
    """Return what the limits at a choice add to a decision's cost, infinite where it does not keep them.

    Users without a choice stay local, which is asked for when all servers are filled.
    """
    added, count = 0.0, free.fixed.size - 1
    for q in range(free.sizes[BINDING]):
        if free.active[q, AT] == choice:
            number = 0
            for f in range(free.active[q, BEGIN], free.active[q, END]):
                number += max(chosen[f], 0) == choice
            if number < free.least[q] or number > free.most[q]:
                return np.inf
            paid = price[count + q]
            added += paid * (free.most[q] - number) if paid > 0.0 else paid * (free.least[q] - number)
    return added


@compiled_inside
def _elsewhere(servers: Servers, free: Free, chosen: Whole, red: Floats, target: Floats, stage: int) -> float:
    """Bound what the loads of the servers after a stage cost, given who is left for them."""
    choices = free.fixed.size
    wanted, capacity, most, least = 0.0, 0.0, 0.0, 0.0
    for j in range(stage + 1, choices):
        wanted += target[j]
        capacity += servers.capacity[0, j - 1]
    if capacity == 0.0:
        return 0.0
    for f in range(free.sizes[SIZE]):
        if chosen[f] < 0:
            able = False
            for j in range(stage + 1, choices):
                able = able or red[f, j] < np.inf
            most += servers.root[0, free.users[f]] if able else 0.0
            least += servers.root[0, free.users[f]] if red[f, 0] == np.inf else 0.0
    off = max(least - wanted, wanted - most, 0.0)
    return off * (off / capacity)


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
    choices, size = free.fixed.size, free.sizes[SIZE]
    count = choices - 1
    red, rest = np.empty((size, choices)), np.empty((choices + 1, size))
    order = np.empty(size, np.int64)
    for f in range(size):
        least = free.cost[f, :choices].min()
        for j in range(choices):
            red[f, j] = free.cost[f, j] - least
        order[f] = f
        rest[choices, f] = red[f, 0]
        for j in range(count, 0, -1):
            rest[j, f] = min(rest[j + 1, f] if j < count else red[f, 0], red[f, j])
        place = f
        while place > 0 and servers.root[0, free.users[order[place - 1]]] < servers.root[0, free.users[f]]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = f
    twin = np.zeros(size, np.bool_)
    for q in range(1, size):
        i, k = free.users[order[q - 1]], free.users[order[q]]
        twin[q] = servers.root[0, i] == servers.root[0, k]
        for j in range(choices):
            twin[q] = twin[q] and red[order[q - 1], j] == red[order[q], j] and servers.cost[0, i, j] == servers.cost[0, k, j]
    target = np.zeros(choices)
    for j in range(1, choices):
        target[j] = 0.5 * servers.capacity[0, j - 1] * price[j - 1] - free.fixed[j]
    chosen, leads = np.full(size, -1), np.zeros(choices + 1, np.int64)
    depth = count * (size + 1)
    excess, load, able = np.zeros(depth + 2), np.zeros(depth + 2), np.zeros(depth + 2)
    tried = np.zeros(depth + 2, np.int8)
    decision = np.empty(best.size, np.int8)
    pruned = np.inf
    lacks = values[0] - gap * abs(values[0]) - bound
    d, went = 0, 0
    tried[0] = -1
    while d >= 0:
        went += 1
        if went > steps:
            return went, -np.inf
        stage, q = 1 + d // (size + 1), d % (size + 1)
        if stage > count:  # all servers are filled, the others stay local
            total = excess[d] + _counted(free, price, chosen, NONE)
            if total < lacks:
                for j in range(choices):
                    for k in range(free.start[j], free.start[j + 1]):
                        decision[free.held[k]] = j
                for f in range(size):
                    decision[free.users[f]] = max(chosen[f], 0)
                value = value_of(servers, decision)
                if value < values[0]:
                    values[0], best[:] = value, decision
                    lacks = min(lacks, value - gap * abs(value) - bound)
                pruned = min(pruned, max(bound + total, value - LOST * value))
            elif total < np.inf:
                pruned = min(pruned, bound + total)
            d -= 1
            continue
        j = stage
        if tried[d] == -1:  # arrived
            tried[d] = 0
            if q == 0:
                load[d], able[d] = 0.0, 0.0
                for f in range(size):
                    if chosen[f] < 0 and red[f, j] < np.inf:
                        able[d] += servers.root[0, free.users[f]]
                leads[stage] = size
        if q == size:
            if tried[d] == 0:
                tried[d] = 2
                off = load[d] - target[j]
                total = excess[d] + off * (off / servers.capacity[0, j - 1]) + _counted(free, price, chosen, j)
                beyond = total + _elsewhere(servers, free, chosen, red, target, stage) if total < lacks else total
                if beyond < lacks:
                    excess[d + 1] = total
                    tried[d + 1] = -1
                    d += 1
                    continue
                pruned = min(pruned, bound + beyond)
            d -= 1
            continue
        f = order[q]
        root = servers.root[0, free.users[f]]
        if tried[d] == 0 and chosen[f] >= 0:  # taken by a server before
            tried[d] = 3
            excess[d + 1], load[d + 1], able[d + 1], tried[d + 1] = excess[d], load[d], able[d], -1
            d += 1
            continue
        if tried[d] == 3:
            d -= 1
            continue
        if chosen[f] == j:  # back from having taken it
            chosen[f] = -1
            if leads[stage] == q:
                leads[stage] = size
        moved = False
        while tried[d] < 2 and not moved:
            taking = (tried[d] == 0) == (red[f, j] <= rest[stage, f])
            tried[d] += 1
            if taking:
                if not red[f, j] < np.inf or (twin[q] and chosen[order[q - 1]] < 0):
                    continue
                if leads[stage] == size and stage > 1 and same[j] == same[j - 1] and q < leads[stage - 1]:
                    continue
                total = excess[d] + (red[f, j] - rest[stage, f])
                off = max(load[d] + root - target[j], 0.0)
                if total + off * (off / servers.capacity[0, j - 1]) >= lacks:
                    pruned = min(pruned, bound + total + off * (off / servers.capacity[0, j - 1]))
                    continue
                chosen[f] = j
                if leads[stage] == size:
                    leads[stage] = q
                excess[d + 1], load[d + 1], able[d + 1] = total, load[d] + root, able[d] - root
            else:
                after = rest[stage + 1, f]
                total = excess[d] + (after - rest[stage, f])
                left = able[d] - (root if red[f, j] < np.inf else 0.0)
                off = max(target[j] - load[d] - left, 0.0)
                if total + off * (off / servers.capacity[0, j - 1]) >= lacks:
                    pruned = min(pruned, bound + total + off * (off / servers.capacity[0, j - 1]))
                    continue
                excess[d + 1], load[d + 1], able[d + 1] = total, load[d], left
            tried[d + 1] = -1
            moved = True
        d = d + 1 if moved else d - 1
    # Sums of differences of costs, and loads, are off by some roundings of what they stand for.
    return went, pruned - 4.0 * LOST * abs(values[0])
