"""Decisions near a relaxed one of many servers: it is rounded, and what comes of it bettered by local search.

The prices of M servers tear at most M users where users differ; more of them only where they are nearly alike. Then the
cheapest choices would take all of them to one place, and loads are kept instead.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.servers import server_value
from mecopt.search.server_counts import Node
from mecopt.search.server_data import ServersData
from mecopt.search.server_limits import NO, NONE, SIZE, YES, Free, plus
from mecopt.search.server_moves import POLISHING, SWAPS, best_exchanges, polish

Bits = NDArray[np.int8]
Floats = NDArray[np.float64]

WHOLE = 1.0 - 1e-6
"""Weight from which on a choice is taken for a user's only one."""


@compiled_inside
def _spread(data: ServersData, free: Free, decision: Bits) -> None:
    """Round the relaxed decision so that all counts and loads stay near: who has most of a choice takes it first."""
    choices = free.fixed.size
    owed = np.zeros(choices)
    for j in range(choices):
        for k in range(free.start[j], free.start[j + 1]):
            decision[free.held[k]] = j
    for f in range(free.sizes[SIZE]):
        chosen, most = -1, -np.inf
        for j in range(choices):
            owed[j] += free.weight[f, j]
            if free.weight[f, j] > 1e-9 and owed[j] > most:
                chosen, most = j, owed[j]
        decision[free.users[f]] = chosen
        owed[chosen] -= 1.0


@compiled_inside
def cheapest(free: Free, decision: Bits) -> None:
    """Give everybody the cheapest choice."""
    for j in range(free.fixed.size):
        for k in range(free.start[j], free.start[j + 1]):
            decision[free.held[k]] = j
    for f in range(free.sizes[SIZE]):
        decision[free.users[f]] = np.argmin(free.cost[f])


@compiled
def decided(data: ServersData, decision: Bits) -> float:
    """Return the least cost of a decision."""
    share, total, lost = np.empty(decision.size), 0.0, 0.0
    for i in range(decision.size):
        total, lost = plus(total, lost, data.servers.cost[0, i, decision[i]])
    total = total + lost if total < np.inf else np.inf
    for j in range(data.kinds.size - 1):
        total += server_value(data.servers, NONE, decision, j, share)[0]
    return total


@compiled_inside
def keep_better(
    data: ServersData, node: Node, free: Free, trial: Bits, best: Bits, values: Floats, spread: np.bool_
) -> None:
    """Round the relaxed decision, better it, and keep it if it is the best one: the cheapest choices, or loads kept."""
    if spread:
        _spread(data, free, trial)
    else:
        cheapest(free, trial)
    if data.polish:
        polish(data.servers, trial, POLISHING)
        if trial.size > SWAPS and not data.servers.bounded[0] and not data.servers.limited[0]:
            best_exchanges(data.servers, trial, node.allowed)
    value = decided(data, trial)
    if value < values[0]:
        values[0] = value
        for i in range(trial.size):
            best[i] = trial[i]


@compiled_inside
def try_out(data: ServersData, node: Node, free: Free, trial: Bits, best: Bits, values: Floats) -> None:
    """Round the relaxed decision, in two ways where more users are torn than prices can tear, and keep the best."""
    keep_better(data, node, free, trial, best, values, NO)
    torn = 0
    for f in range(free.sizes[SIZE]):
        most = 0.0
        for j in range(free.fixed.size):
            most = max(most, free.weight[f, j])
        torn += most < WHOLE
    if data.polish and torn >= free.fixed.size:
        keep_better(data, node, free, trial, best, values, YES)
