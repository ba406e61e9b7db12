"""Decisions near a relaxed one of many servers: it is rounded, and what comes of it bettered by local search.

The prices of M servers tear at most M users where users differ; more of them only where they are nearly alike. Then the
cheapest choices would take all of them to one place, and loads are kept instead.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.kernels.servers import server_value
from mecopt.search.server_bound import LOST
from mecopt.search.server_data import ServersData
from mecopt.search.server_limits import NONE, SIZE, Free, plus
from mecopt.search.server_moves import POLISHING, SWAPS, best_exchanges, polish
from mecopt.search.server_rows import keeps, mended

Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

WHOLE = 1.0 - 1e-6
"""Weight from which on a choice is taken for a user's only one."""

NEAR = 12
"""Users near a tie that are moved and exchanged where rows of weights are to be kept."""

SETTLE, ROUND, SPREAD = np.int64(0), np.int64(1), np.int64(2)
"""Ways to try a relaxed decision out."""


@compiled_inside
def rounded(free: Free, spread: bool, decision: Bits) -> None:
    """Give everybody the cheapest choice, or keep all counts and loads near: who has most of a choice takes it first."""
    choices, cost, weight = free.fixed.size, free.cost, free.weight
    owed = np.zeros(choices)
    for j in range(choices):
        for k in range(free.start[j], free.start[j + 1]):
            decision[free.held[k]] = j
    for f in range(free.sizes[SIZE]):
        chosen, most = 0, -np.inf
        for j in range(1, choices):
            if cost[f, j] < cost[f, chosen]:
                chosen = j
        for j in range(choices):
            owed[j] += weight[f, j]
            if spread and weight[f, j] > 1e-9 and owed[j] > most:
                chosen, most = j, owed[j]
        decision[free.users[f]] = chosen
        owed[chosen] -= 1.0


@compiled_inside
def decided(data: ServersData, decision: Bits) -> float:
    """Return the least cost of a decision; who has none, -1, costs nothing."""
    servers, share, total, lost = data.servers, np.empty(decision.size), 0.0, 0.0
    for i in range(decision.size):
        if decision[i] >= 0:
            total, lost = plus(total, lost, servers.cost[0, i, decision[i]])
    total = total + lost if total < np.inf else np.inf
    for j in range(data.kinds.size - 1):
        total += server_value(servers, NONE, decision, j, share)[0]
    return total


@compiled_inside
def kept_value(data: ServersData, allowed: Flags, free: Free, bettered: bool, trial: Bits) -> float:
    """Return the cost of a rounded decision, infinite where it breaks a row of weights.

    With `bettered` it is mended first, and then bettered by moves and exchanges of users near a tie that keep all rows.
    """
    if bettered:
        mended(data.asked, allowed, free.users, free.sizes[SIZE], free.cost, trial)
    if not keeps(data.asked, trial):
        return np.inf
    value = decided(data, trial)
    if not bettered or not value < np.inf:
        return value
    choices, size, near = free.fixed.size, 0, np.empty(NEAR, np.int64)
    apart = np.full(trial.size, np.inf)
    for f in range(free.sizes[SIZE]):
        i = free.users[f]
        for j in range(choices):
            if allowed[i, j] and j != trial[i]:
                apart[f] = min(apart[f], abs(free.cost[f, j] - free.cost[f, trial[i]]))
        k = size
        while k > 0 and apart[near[k - 1]] > apart[f]:
            if k < NEAR:
                near[k] = near[k - 1]
            k -= 1
        if k < NEAR:
            near[k] = f
            size = min(size + 1, NEAR)
    for _ in range(trial.size):
        before = value
        for a in range(size):
            i = free.users[near[a]]
            for b in range(-1, a):
                k = free.users[near[b]] if b >= 0 else i
                for j in range(choices):
                    mine, its = trial[i], trial[k]
                    if j == mine or not allowed[i, j] or (b >= 0 and (j != its or not allowed[k, mine])):
                        continue
                    if b >= 0:
                        trial[k] = mine
                    trial[i] = j
                    reached = decided(data, trial) if keeps(data.asked, trial) else np.inf
                    if reached < value:
                        value = reached
                    else:
                        trial[i] = mine
                        if b >= 0:
                            trial[k] = its
        if not value < before:
            break
    return value


@compiled_inside
def try_out(data: ServersData, allowed: Flags, free: Free, way: int, trial: Bits, best: Bits, values: Floats) -> float:
    """Round the relaxed decision, better it by local search, and keep the best; return a bound on the cost of the last one.

    Ways are `SETTLE`: the cheapest choices as they are; `ROUND`: the same bettered where the data ask for that; `SPREAD`:
    besides, where more users are torn than prices can tear, one that keeps loads.
    """
    choices, torn, value, bettered = free.fixed.size, 0, np.inf, data.polish and way != SETTLE
    if way == SPREAD:
        for f in range(free.sizes[SIZE]):
            most = 0.0
            for j in range(choices):
                most = max(most, free.weight[f, j])
            torn += most < WHOLE
    for turn in range(2 if bettered and torn >= choices else 1):
        rounded(free, turn == 1, trial)
        if data.asked.least.size > 0:
            value = kept_value(data, allowed, free, bettered, trial)
        elif bettered:
            polish(data.servers, trial, POLISHING)
            if trial.size > SWAPS and not data.servers.bounded[0] and not data.servers.limited[0]:
                best_exchanges(data.servers, trial, allowed)
        if data.asked.least.size == 0:
            value = decided(data, trial)
        if value < values[0]:
            values[0] = value
            for i in range(trial.size):
                best[i] = trial[i]
    return value - LOST * value if value < np.inf else value
