"""Limits on sums of weights of choices among several servers: what follows from them, and decisions that keep them.

The sum of a row lies between the sums of the least and of the largest weights that users have left. Where the least one is
too large nothing is left, where it is with a choice of one user that choice is not left.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.search.server_counts import take
from mecopt.search.server_limits import WIDER, Rows, plus

Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@compiled_inside
def rows_follow(weighed: Rows, allowed: Flags, trail: Whole, cursor: Whole) -> bool:
    """Take away the choices that a row leaves no room for; return whether all rows can be kept."""
    users, choices = allowed.shape
    least, most = np.empty(users), np.empty(users)
    for r in range(weighed.least.size):
        low, low_lost, high, high_lost, sizes = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(users):
            least[i], most[i], size = np.inf, -np.inf, 0.0
            for j in range(choices):
                if allowed[i, j]:
                    weight = weighed.weight[r, i, j]
                    least[i], most[i], size = min(least[i], weight), max(most[i], weight), max(size, abs(weight))
            low, low_lost = plus(low, low_lost, least[i])
            high, high_lost = plus(high, high_lost, most[i])
            sizes += size
        low, high = low + low_lost, high + high_lost
        doubt = WIDER * sizes
        if low > weighed.most[r] + doubt or high < weighed.least[r] - doubt:
            return False
        if low >= weighed.least[r] and high <= weighed.most[r]:
            continue
        for i in range(users):
            for j in range(choices):
                if allowed[i, j]:
                    weight = weighed.weight[r, i, j]
                    above = low + (weight - least[i]) > weighed.most[r] + doubt
                    if above or high - (most[i] - weight) < weighed.least[r] - doubt:
                        take(allowed, trail, cursor, i, j)
    return True


@compiled_inside
def _sums(weighed: Rows, decision: Bits, sums: Floats) -> None:
    for r in range(sums.size):
        total, lost = 0.0, 0.0
        for i in range(decision.size):
            total, lost = plus(total, lost, weighed.weight[r, i, decision[i]])
        sums[r] = total + lost


@compiled
def keeps(weighed: Rows, decision: Bits) -> bool:
    """Whether a decision keeps all rows."""
    sums = np.empty(weighed.least.size)
    _sums(weighed, decision, sums)
    kept = True
    for r in range(sums.size):
        kept = kept and weighed.least[r] <= sums[r] <= weighed.most[r]
    return kept


@compiled_inside
def broken_after(weighed: Rows, sums: Floats, decision: Bits, i: int, j: int, k: int, m: int) -> float:
    """Return by how much rows are broken together when user i takes j, and user k takes m if k is not negative."""
    total = 0.0
    for r in range(sums.size):
        weight = weighed.weight[r]
        reached = sums[r] + (weight[i, j] - weight[i, decision[i]])
        if k >= 0:
            reached += weight[k, m] - weight[k, decision[k]]
        total += max(reached - weighed.most[r], 0.0) + max(weighed.least[r] - reached, 0.0)
    return total


@compiled_inside
def mended(weighed: Rows, allowed: Flags, order: Whole, size: int, cost: Floats, decision: Bits) -> bool:
    """Move free users until all rows are kept, those first that lose least for it; return whether they are.

    `cost` are the costs of the choices of the first `size` users of `order`, at the prices of a node.
    """
    choices, sums = allowed.shape[1], np.empty(weighed.least.size)
    for _ in range(2 * decision.size):
        _sums(weighed, decision, sums)
        broken = broken_after(weighed, sums, decision, 0, decision[0], -1, 0)
        if broken == 0.0:
            return True
        user, choice, other, its, most = -1, 0, -1, 0, 0.0
        for f in range(size):
            i = order[f]
            for j in range(choices):
                if allowed[i, j] and j != decision[i]:
                    mends = broken - broken_after(weighed, sums, decision, i, j, -1, 0)
                    lost = max(cost[f, j] - cost[f, decision[i]], 0.0) + 1e-300
                    if mends > 1e-12 * broken and mends / lost > most:
                        user, choice, most = i, j, mends / lost
        for f in range(size if user < 0 else 0):
            i = order[f]
            for h in range(f):
                k = order[h]
                for j in range(choices):
                    for m in range(choices):
                        if allowed[i, j] and allowed[k, m]:
                            mends = broken - broken_after(weighed, sums, decision, i, j, k, m)
                            if mends > max(most, 1e-12 * broken):
                                user, choice, other, its, most = i, j, k, m, mends
        if user < 0:
            return False
        decision[user] = choice
        if other >= 0:
            decision[other] = its
    return keeps(weighed, decision)
