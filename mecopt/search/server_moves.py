r"""Local search over single moves and exchanges of users between servers, compiled: it repairs, and betters in place.

What a move costs is computed only where it may help. At the prices :math:`\lambda_j` that servers have as they are, a user
who comes to server j costs at least :math:`\varphi_{ij}(\lambda_j)` more there, and one who leaves saves no more than that
(weak duality, see `mecopt.search.server_bound`). Near an optimum that leaves next to nothing to try.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.servers import Servers, server_value
from mecopt.search.server_bound import shared
from mecopt.search.server_limits import NONE

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]
Whole = NDArray[np.int64]

POLISHING = 1000
"""Most rounds of local search, far more than it takes."""
SWAPS = 300
"""Most users among whom pairs are exchanged."""


class Loads(NamedTuple):
    """What the choices have under a decision, ``(choices,)`` each; nothing is shared at choice 0."""

    load: Floats
    """Sum of the users' square-root work."""
    held: Whole
    """Users."""
    over: Whole
    """Users, where they do not fit, else 0."""
    part: Floats
    """What is shared costs; 0 where they do not fit."""
    price: Floats
    """Of capacity, where shares are bounded and all fit, else 0."""


@compiled_inside
def _part(servers: Servers, decision: Bits, j: int, load: float, share: Floats) -> tuple[int, float, float]:
    """Return how many users server j (from 0) has if they do not fit, else 0; what it costs if they do, and its price."""
    if not servers.bounded[0] and not servers.limited[0]:
        return 0, load * (load / servers.capacity[0, j]), 0.0
    value, price = server_value(servers, NONE, decision, j, share)
    if value < np.inf:
        return 0, value, 2.0 * np.sqrt(price)
    held = 0
    for i in range(decision.size):
        held += decision[i] == j + 1
    return held, 0.0, 0.0


@compiled_inside
def _own(servers: Servers, i: int, j: int) -> tuple[int, float]:
    """Return 1 and 0 where choice j is impossible for user i, else 0 and its own cost."""
    cost = servers.cost[0, i, j]
    return (0, cost) if cost < np.inf else (1, 0.0)


@compiled_inside
def _saved(servers: Servers, i: int, old: int, now: Loads) -> float:
    """Return what user i's leaving saves at most at choice `old`, where its users fit."""
    if old == 0:
        return 0.0
    load = now.load[old] - servers.root[0, i]
    saved = now.part[old] - load * (load / servers.capacity[0, old - 1])
    return min(saved, shared(servers, i, old - 1, now.price[old])[0]) if servers.bounded[0] else saved


@compiled_inside
def _added(servers: Servers, i: int, j: int, now: Loads) -> float:
    """Return what user i's coming costs at least at choice j beside its own cost, where those fit who are there."""
    if j == 0:
        return 0.0
    if now.held[j] >= servers.admission[0, j - 1]:
        return np.inf
    load = now.load[j] + servers.root[0, i]
    added = load * (load / servers.capacity[0, j - 1]) - now.part[j]
    return max(added, shared(servers, i, j - 1, now.price[j])[0]) if servers.bounded[0] else added


@compiled_inside
def _may_help(servers: Servers, i: int, old: int, now: Loads, tiny: float) -> bool:
    """Whether a move of user i may better the decision."""
    cost = servers.cost[0, i]
    if now.over[old] > 0 or not cost[old] < np.inf:
        return True
    paid = cost[old] + _saved(servers, i, old, now) - tiny
    for j in range(cost.size):
        if j != old and cost[j] < np.inf and (now.over[j] > 0 or cost[j] + _added(servers, i, j, now) < paid):
            return True
    return False


@compiled_inside
def _loads(servers: Servers, decision: Bits, share: Floats) -> Loads:
    """Return what the choices have under a decision."""
    choices = servers.cost.shape[2]
    none = np.zeros(choices, np.int64)
    now = Loads(np.zeros(choices), none, none.copy(), np.zeros(choices), np.zeros(choices))
    for i in range(decision.size):
        now.load[decision[i]] += servers.root[0, i]
        now.held[decision[i]] += 1
    for j in range(1, choices):
        now.over[j], now.part[j], now.price[j] = _part(servers, decision, j - 1, now.load[j], share)
    return now


@compiled
def polish(servers: Servers, decision: Bits, rounds: int) -> int:
    """Better a decision in place by single moves and exchanges until none helps; count them.

    Without limits users are exchanged only among few, see `best_exchanges`. A round looks at every user once. First comes
    the number of users who do not fit, then the cost: every step lowers the one, or keeps it and lowers the other by more
    than rounding. So what has an allocation keeps one, and what has none is repaired where moves can.
    """
    cost, roots = servers.cost, servers.root
    users, choices = cost.shape[1:]
    share, cheapest = np.empty(users), 0.0
    for i in range(users):
        least = np.inf
        for j in range(choices):
            least = min(least, cost[0, i, j])
        cheapest += least if least < np.inf else 0.0
    now = _loads(servers, decision, share)
    load, held, over, part, price = now.load, now.held, now.over, now.part, now.price
    steps, tiny = 0, 1e-14 * cheapest
    for _ in range(rounds):
        improved = False
        for i in range(users):
            old, root = decision[i], roots[0, i]
            if not _may_help(servers, i, old, now, tiny):
                continue
            wrong, paid = _own(servers, i, old)
            left_over, left, left_price = 0, 0.0, 0.0
            if old > 0:
                decision[i] = -1
                left_over, left, left_price = _part(servers, decision, old - 1, load[old] - root, share)
            fewest, best, choice, grown_over, grown, grown_price = 0, -tiny, old, 0, 0.0, 0.0
            for j in range(choices):
                if j == old or not cost[0, i, j] < np.inf:
                    continue
                fits = over[old] == 0 and over[j] == 0 and wrong == 0
                if fits and not cost[0, i, j] - paid + left - part[old] + _added(servers, i, j, now) < best:
                    continue
                after_over, after, after_price = 0, 0.0, 0.0
                if j > 0:
                    decision[i] = j
                    after_over, after, after_price = _part(servers, decision, j - 1, load[j] + root, share)
                more = left_over + after_over - over[old] - over[j] - wrong
                dearer = cost[0, i, j] - paid + left + after - part[old] - part[j]
                if more < fewest or (more == fewest and dearer < best):
                    fewest, best, choice = more, dearer, j
                    grown_over, grown, grown_price = after_over, after, after_price
            decision[i] = choice
            if choice != old:
                load[old] -= root
                load[choice] += root
                held[old] -= 1
                held[choice] += 1
                over[old], part[old], price[old] = left_over, left, left_price
                over[choice], part[choice], price[choice] = grown_over, grown, grown_price
                improved = True
                steps += 1
        if not improved and users <= SWAPS:
            improved = _exchange(servers, decision, now, share, tiny)
            steps += improved
        elif not improved and (servers.bounded[0] or servers.limited[0]):
            improved = _exchange_by_prices(servers, decision, now, share, tiny)
            steps += improved
        if not improved:
            break
    return steps


@compiled_inside
def _exchanged(servers: Servers, decision: Bits, i: int, k: int, now: Loads, share: Floats, tiny: float) -> bool:
    """Exchange the choices of two users if that helps; return whether it does."""
    cost, load, over, part, price = servers.cost[0], now.load, now.over, now.part, now.price
    a, b, difference = decision[i], decision[k], servers.root[0, i] - servers.root[0, k]
    wrong_i, paid_i = _own(servers, i, a)
    wrong_k, paid_k = _own(servers, k, b)
    decision[i], decision[k] = b, a
    over_a, at_a, price_a, over_b, at_b, price_b = 0, 0.0, 0.0, 0, 0.0, 0.0
    if a > 0:
        over_a, at_a, price_a = _part(servers, decision, a - 1, load[a] - difference, share)
    if b > 0:
        over_b, at_b, price_b = _part(servers, decision, b - 1, load[b] + difference, share)
    more = over_a + over_b - over[a] - over[b] - wrong_i - wrong_k
    dearer = cost[i, b] + cost[k, a] - paid_i - paid_k + at_a + at_b - part[a] - part[b]
    if more < 0 or (more == 0 and dearer < -tiny):
        load[a] -= difference
        load[b] += difference
        over[a], part[a], price[a] = over_a, at_a, price_a
        over[b], part[b], price[b] = over_b, at_b, price_b
        return True
    decision[i], decision[k] = a, b
    return False


@compiled_inside
def _exchange(servers: Servers, decision: Bits, now: Loads, share: Floats, tiny: float) -> bool:
    """Take the first exchange of two users' choices that helps."""
    cost, roots, capacity = servers.cost[0], servers.root[0], servers.capacity[0]
    load, over, part = now.load, now.over, now.part
    for i in range(decision.size):
        for k in range(i):
            a, b = decision[i], decision[k]
            if a == b or not cost[i, b] + cost[k, a] < np.inf:
                continue
            if over[a] == 0 and over[b] == 0 and cost[i, a] + cost[k, b] < np.inf:  # without bounds on shares it costs less
                difference = roots[i] - roots[k]
                at_a = (load[a] - difference) * ((load[a] - difference) / capacity[a - 1]) if a > 0 else 0.0
                at_b = (load[b] + difference) * ((load[b] + difference) / capacity[b - 1]) if b > 0 else 0.0
                if not cost[i, b] + cost[k, a] - cost[i, a] - cost[k, b] + at_a + at_b - part[a] - part[b] < -tiny:
                    continue
            if _exchanged(servers, decision, i, k, now, share, tiny):
                return True
    return False


@compiled_inside
def _exchange_by_prices(servers: Servers, decision: Bits, now: Loads, share: Floats, tiny: float) -> bool:
    """Take an exchange that helps, of those that may by the prices that servers have as they are.

    Where users do not fit nothing is exchanged. There are few to be tried: the least of what moves cost from choice to
    choice rules nearly all out.
    """
    cost, (users, choices) = servers.cost[0], servers.cost.shape[1:]
    least, dearer = np.full((choices, choices), np.inf), np.empty((users, choices))
    for i in range(users):
        a = decision[i]
        if now.over[a] > 0 or not cost[i, a] < np.inf:
            return False
        paid = cost[i, a] + (shared(servers, i, a - 1, now.price[a])[0] if a > 0 else 0.0)
        for j in range(choices):
            dearer[i, j] = np.inf
            if cost[i, j] < np.inf:
                dearer[i, j] = cost[i, j] + (shared(servers, i, j - 1, now.price[j])[0] if j > 0 else 0.0) - paid
            least[a, j] = min(least[a, j], dearer[i, j])
    for i in range(users):
        a = decision[i]
        for b in range(choices):
            if b != a and dearer[i, b] + least[b, a] < -tiny:
                for k in range(users):
                    may_help = decision[k] == b and dearer[i, b] + dearer[k, a] < -tiny
                    if may_help and _exchanged(servers, decision, i, k, now, share, tiny):
                        return True
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
