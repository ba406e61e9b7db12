"""Local search over single moves and exchanges of users between servers, compiled: it repairs, and betters in place."""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.servers import Servers, server_value
from mecopt.search.server_limits import NONE

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]

POLISHING = 1000
"""Most rounds of local search, far more than it takes."""
SWAPS = 300
"""Most users among whom pairs are exchanged."""


@compiled_inside
def _part(servers: Servers, decision: Bits, j: int, load: float, share: Floats) -> tuple[int, float]:
    """Return how many users server j (from 0) has if they do not fit, else 0, and what it costs if they do, else 0."""
    if not servers.bounded[0] and not servers.limited[0]:
        return 0, load * (load / servers.capacity[0, j])
    value = server_value(servers, NONE, decision, j, share)[0]
    if value < np.inf:
        return 0, value
    held = 0
    for i in range(decision.size):
        held += decision[i] == j + 1
    return held, 0.0


@compiled_inside
def _own(servers: Servers, i: int, j: int) -> tuple[int, float]:
    """Return 1 and 0 where choice j is impossible for user i, else 0 and its own cost."""
    cost = servers.cost[0, i, j]
    return (0, cost) if cost < np.inf else (1, 0.0)


@compiled_inside
def _may_help(servers: Servers, i: int, old: int, load: Floats, over: NDArray[np.int64], part: Floats, tiny: float) -> bool:
    """Whether a move of user i would better a decision that fits if shares had no bounds: with them it costs no less."""
    cost, root, capacity = servers.cost[0, i], servers.root[0, i], servers.capacity[0]
    if over[old] > 0 or not cost[old] < np.inf:
        return True
    left = (load[old] - root) * ((load[old] - root) / capacity[old - 1]) if old > 0 else 0.0
    for j in range(cost.size):
        if j == old or not cost[j] < np.inf:
            continue
        after = (load[j] + root) * ((load[j] + root) / capacity[j - 1]) if j > 0 else 0.0
        if over[j] > 0 or cost[j] - cost[old] + left + after - part[old] - part[j] < -tiny:
            return True
    return False


@compiled
def polish(servers: Servers, decision: Bits, rounds: int) -> int:
    """Better a decision in place by single moves, and among few users by exchanges, until none helps; count them.

    A round looks at every user once. First comes the number of users who do not fit, then the cost: every step lowers the
    one, or keeps it and lowers the other by more than rounding. So what has an allocation keeps one, and what has none is
    repaired where moves can.
    """
    cost, roots = servers.cost, servers.root
    users, choices = cost.shape[1:]
    load, part, share = np.zeros(choices), np.zeros(choices), np.empty(users)
    over = np.zeros(choices, np.int64)
    cheapest = 0.0
    for i in range(users):
        load[decision[i]] += roots[0, i]
        least = np.inf
        for j in range(choices):
            least = min(least, cost[0, i, j])
        cheapest += least if least < np.inf else 0.0
    for j in range(1, choices):
        over[j], part[j] = _part(servers, decision, j - 1, load[j], share)
    steps, tiny = 0, 1e-14 * cheapest
    for _ in range(rounds):
        improved = False
        for i in range(users):
            old, root = decision[i], roots[0, i]
            if not _may_help(servers, i, old, load, over, part, tiny):
                continue
            wrong, paid = _own(servers, i, old)
            left_over, left = 0, 0.0
            if old > 0:
                decision[i] = -1
                left_over, left = _part(servers, decision, old - 1, load[old] - root, share)
            fewest, best, choice, grown_over, grown = 0, -tiny, old, 0, 0.0
            for j in range(choices):
                if j == old or not cost[0, i, j] < np.inf:
                    continue
                after_over, after = 0, 0.0
                if j > 0:
                    decision[i] = j
                    after_over, after = _part(servers, decision, j - 1, load[j] + root, share)
                more = left_over + after_over - over[old] - over[j] - wrong
                dearer = cost[0, i, j] - paid + left + after - part[old] - part[j]
                if more < fewest or (more == fewest and dearer < best):
                    fewest, best, choice, grown_over, grown = more, dearer, j, after_over, after
            decision[i] = choice
            if choice != old:
                load[old] -= root
                load[choice] += root
                over[old], part[old] = left_over, left
                over[choice], part[choice] = grown_over, grown
                improved = True
                steps += 1
        if not improved and users <= SWAPS:
            improved = _exchange(servers, decision, load, over, part, share, tiny)
            steps += improved
        if not improved:
            break
    return steps


@compiled_inside
def _exchange(
    servers: Servers, decision: Bits, load: Floats, over: NDArray[np.int64], part: Floats, share: Floats, tiny: float
) -> bool:
    """Take the first exchange of two users' choices that helps."""
    cost, roots, capacity = servers.cost[0], servers.root[0], servers.capacity[0]
    for i in range(decision.size):
        for k in range(i):
            a, b = decision[i], decision[k]
            if a == b or not cost[i, b] + cost[k, a] < np.inf:
                continue
            difference = roots[i] - roots[k]
            if over[a] == 0 and over[b] == 0 and cost[i, a] + cost[k, b] < np.inf:  # without bounds on shares it costs less
                at_a = (load[a] - difference) * ((load[a] - difference) / capacity[a - 1]) if a > 0 else 0.0
                at_b = (load[b] + difference) * ((load[b] + difference) / capacity[b - 1]) if b > 0 else 0.0
                if not cost[i, b] + cost[k, a] - cost[i, a] - cost[k, b] + at_a + at_b - part[a] - part[b] < -tiny:
                    continue
            wrong_i, paid_i = _own(servers, i, a)
            wrong_k, paid_k = _own(servers, k, b)
            decision[i], decision[k] = b, a
            over_a, at_a, over_b, at_b = 0, 0.0, 0, 0.0
            if a > 0:
                over_a, at_a = _part(servers, decision, a - 1, load[a] - difference, share)
            if b > 0:
                over_b, at_b = _part(servers, decision, b - 1, load[b] + difference, share)
            more = over_a + over_b - over[a] - over[b] - wrong_i - wrong_k
            dearer = cost[i, b] + cost[k, a] - paid_i - paid_k + at_a + at_b - part[a] - part[b]
            if more < 0 or (more == 0 and dearer < -tiny):
                load[a] -= difference
                load[b] += difference
                over[a], part[a], over[b], part[b] = over_a, at_a, over_b, at_b
                return True
            decision[i], decision[k] = a, b
    return False


@compiled_inside
def best_exchanges(servers: Servers, decision: Bits, allowed: NDArray[np.bool_]) -> int:
    """Better a decision in place by the best exchange or move between two choices, pair by pair, until none helps.

    For shares without bounds, and users who have several choices left. An exchange of i at a for k at b changes the cost by

    ``b_ib - b_ia + s_i g + b_ka - b_kb - s_k g + (s_i - s_k)^2 h``,  ``g = 2 S_b/F_b - 2 S_a/F_a``,  ``h = 1/F_a + 1/F_b``,

    a move by the same without k; 1/F is 0 at choice 0.
    """
    cost, roots, capacity = servers.cost, servers.root, servers.capacity
    users, choices = cost.shape[1:]
    member, held = np.empty((choices, users), np.int64), np.zeros(choices, np.int64)
    load, inverse, total = np.zeros(choices), np.zeros(choices), 0.0
    other, root = np.empty(users), np.empty(users)
    for j in range(1, choices):
        inverse[j] = 1.0 / capacity[0, j - 1]
    for i in range(users):
        j, left = decision[i], 0
        load[j] += roots[0, i]
        total += abs(cost[0, i, j])
        for k in range(choices):
            left += allowed[i, k]
        if left > 1:
            member[j, held[j]] = i
            held[j] += 1
    steps, improved = 0, True
    while improved and steps < POLISHING * choices:
        improved = False
        for a in range(choices):
            for b in range(a):
                while steps < POLISHING * choices:
                    slope = 2.0 * load[b] * inverse[b] - 2.0 * load[a] * inverse[a]
                    bend, least, out, back = inverse[a] + inverse[b], -1e-15 * total, -1, -1
                    for q in range(held[b]):
                        k = member[b, q]
                        root[q] = roots[0, k]
                        other[q] = cost[0, k, a] - cost[0, k, b] - root[q] * slope if allowed[k, a] else np.inf
                        moved = other[q] + bend * root[q] * root[q]
                        if moved < least:
                            least, out, back = moved, -1, q
                    for p in range(held[a]):
                        i = member[a, p]
                        if not allowed[i, b]:
                            continue
                        own = roots[0, i]
                        changed = cost[0, i, b] - cost[0, i, a] + own * slope
                        if changed + bend * own * own < least:
                            least, out, back = changed + bend * own * own, p, -1
                        for q in range(held[b]):
                            apart = own - root[q]
                            if changed + other[q] + bend * apart * apart < least:
                                least, out, back = changed + other[q] + bend * apart * apart, p, q
                    if out < 0 and back < 0:
                        break
                    improved = True
                    steps += 1
                    goes, comes = (member[a, out] if out >= 0 else -1), (member[b, back] if back >= 0 else -1)
                    if out >= 0:
                        held[a] -= 1
                        member[a, out] = member[a, held[a]]
                    if back >= 0:
                        held[b] -= 1
                        member[b, back] = member[b, held[b]]
                        member[a, held[a]], decision[comes] = comes, a
                        held[a] += 1
                        load[a] += roots[0, comes]
                        load[b] -= roots[0, comes]
                    if out >= 0:
                        member[b, held[b]], decision[goes] = goes, b
                        held[b] += 1
                        load[b] += roots[0, goes]
                        load[a] -= roots[0, goes]
    return steps
