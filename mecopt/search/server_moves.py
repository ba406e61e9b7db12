"""Local search over single moves and exchanges of users between servers, compiled: it repairs, and betters in place."""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.servers import Servers, server_value

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]

POLISHING = 1000
"""Most rounds of local search, far more than it takes."""
SWAPS = 300
"""Most users among whom pairs are exchanged."""


@compiled
def _part(servers: Servers, decision: Bits, j: int, load: float, share: Floats, excess: float) -> float:
    """Return what server j (from 0) costs; a set of users that does not fit costs `excess` for each user."""
    if servers.lower.shape[1] == 0 and servers.admission.shape[1] == 0:
        return load * (load / servers.capacity[0, j])
    value = server_value(servers, 0, decision, j, share)[0]
    if value < np.inf:
        return value
    held = 0
    for i in range(decision.size):
        held += decision[i] == j + 1
    return excess * held


@compiled
def polish(servers: Servers, decision: Bits, rounds: int) -> int:
    """Better a decision in place by single moves, and among few users by exchanges, until none helps; count them.

    A round looks at every user once.

    Every step lowers the cost by more than rounding. A decision whose users do not fit is repaired where moves can.
    """
    users, choices = servers.cost.shape[1:]
    count = choices - 1
    load, part, share = np.zeros(choices), np.zeros(choices), np.empty(users)
    cheapest, dearest = 0.0, 0.0
    for i in range(users):
        load[decision[i]] += servers.root[0, i]
        least, most = np.inf, 0.0
        for j in range(choices):
            if servers.cost[0, i, j] < np.inf:
                least, most = min(least, servers.cost[0, i, j]), max(most, servers.cost[0, i, j])
        cheapest, dearest = cheapest + least, dearest + most
    excess = 1e3 * dearest
    for j in range(count):
        part[j + 1] = _part(servers, decision, j, load[j + 1], share, excess)
    steps, tiny = 0, 1e-14 * cheapest
    for _ in range(rounds):
        improved = False
        for i in range(users):
            old, root = decision[i], servers.root[0, i]
            decision[i] = -1
            left = _part(servers, decision, old - 1, load[old] - root, share, excess) if old > 0 else 0.0
            saved = servers.cost[0, i, old] + (part[old] - left if old > 0 else 0.0)
            best, choice, grown = saved - tiny, old, 0.0
            for j in range(choices):
                if j == old or not servers.cost[0, i, j] < np.inf:
                    continue
                decision[i] = j
                after = _part(servers, decision, j - 1, load[j] + root, share, excess) if j > 0 else 0.0
                paid = servers.cost[0, i, j] + (after - part[j] if j > 0 else 0.0)
                if paid < best:
                    best, choice, grown = paid, j, after
            decision[i] = choice
            if choice != old:
                load[old] -= root
                load[choice] += root
                part[old], part[choice] = left, grown
                improved = True
                steps += 1
        if not improved and users <= SWAPS:
            improved = _exchange(servers, decision, load, part, share, excess, tiny)
            steps += improved
        if not improved:
            break
    return steps


@compiled
def _exchange(
    servers: Servers, decision: Bits, load: Floats, part: Floats, share: Floats, excess: float, tiny: float
) -> bool:
    """Take the first exchange of two users' choices that helps."""
    users = decision.size
    for i in range(users):
        for k in range(i):
            a, b = decision[i], decision[k]
            if a == b or not servers.cost[0, i, b] + servers.cost[0, k, a] < np.inf:
                continue
            difference = servers.root[0, i] - servers.root[0, k]
            before = servers.cost[0, i, a] + servers.cost[0, k, b] + part[a] + part[b]
            decision[i], decision[k] = b, a
            at_a = _part(servers, decision, a - 1, load[a] - difference, share, excess) if a > 0 else 0.0
            at_b = _part(servers, decision, b - 1, load[b] + difference, share, excess) if b > 0 else 0.0
            if servers.cost[0, i, b] + servers.cost[0, k, a] + at_a + at_b < before - tiny:
                load[a] -= difference
                load[b] += difference
                part[a], part[b] = at_a, at_b
                return True
            decision[i], decision[k] = a, b
    return False
