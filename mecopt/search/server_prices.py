r"""The best prices of servers where the numbers of users are limited: the bound of a node of `mecopt.search.server_tree`.

Newton's method follows the maxima of the smooth bounds of `mecopt.search.server_smooth` as :math:`\tau` falls, each begun
where the last two point to. A soft minimum over C choices is lower than the hard one by :math:`\tau \ln C` at most, so the
maximum of the smooth bound plus :math:`\tau (\sum_i \ln C_i + P \ln 2)` is no less than the greatest D: that tells when
nothing more can be gained.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.kernels.servers import Servers, of_one
from mecopt.search.server_bound import bound_at, charge, refuted
from mecopt.search.server_limits import AT, BINDING, CHOICE, LAST, SIZE, TELLING, YES, Free, Limits, Rows, room, set_free
from mecopt.search.server_smooth import ascent, smooth

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ENOUGH = 1e-10
"""Relative precision of the best prices where nothing else says when to stop."""
PART = 0.02
"""How exactly, in parts of what it lacks, a bound is found that cannot close its node."""
NOISE = 1e-15
"""Relative gain below which a step cannot be told from rounding."""
REACH = 100.0
"""How many tau a step may change costs by."""
SHRINK = 0.2
"""By what tau falls from level to level."""
LEAST_TAU = 1e-300
"""Least tau that costs are divided by."""


@compiled_inside
def best_prices(
    servers: Servers, allowed: Flags, free: Free, price: Floats, tau: float, cutoff: float, part: float
) -> tuple[float, float]:
    """Follow the maxima of the smooth bounds from prices of capacity and of binding limits; leave the best ones there.

    Returns the bound there, which may be that of the first prices that reach `cutoff`, and by how much D exceeds it at
    most, about. Costs and weights are those of the best prices and of the last smooth bound.
    """
    choices = allowed.shape[1]
    count, size = choices - 1, choices - 1 + free.sizes[BINDING] + free.weighed.least.size
    slope, bend, step = np.empty(size), np.empty((size, size)), np.empty(size)
    at, before, trial, cost = np.empty(size), np.empty(size), np.empty(size), free.cost
    for k in range(size):
        at[k] = before[k] = price[k]
    charge(servers, allowed, free, at)
    best, logs, scale, biggest = -np.inf, np.log(2.0) * free.weighed.least.size, 0.0, 0.0
    for q in range(free.sizes[BINDING]):
        logs += np.log(1.0 + free.most[q] - free.least[q]) if free.active[q, TELLING] else np.log(2.0)
    for f in range(free.sizes[SIZE]):
        i, left, most = free.users[f], 0, 0.0
        for j in range(choices):
            if allowed[i, j]:
                left += 1
                most = max(most, abs(cost[f, j]))
        logs += np.log(left)
        scale += most / free.sizes[SIZE]
        biggest = max(biggest, servers.root[0, i])
    tau, before_tau, ceiling = max(tau * scale, LEAST_TAU), 0.0, np.inf
    for _ in range(60):
        if refuted(servers, allowed, free, at):
            return np.inf, 0.0
        value, decrement = smooth(servers, allowed, free, at, tau, slope, bend), 0.0
        for _ in range(60):
            bound = bound_at(servers, free, at, YES)
            if bound > best:
                best = bound
                for k in range(size):
                    price[k] = at[k]
            if best >= cutoff:
                return best, np.inf
            ascent(bend, slope, step)
            decrement, far = 0.0, 0.0
            for k in range(size):
                decrement += slope[k] * step[k]
                far = max(far, abs(step[k]) * (biggest if k < count else 1.0))
            if not decrement > max(0.05 * tau, NOISE * abs(value)):
                break
            length, reached = min(1.0, REACH * tau / far), -np.inf
            for _ in range(20):
                for k in range(size):
                    trial[k] = at[k] + length * step[k]
                    if k < count:
                        trial[k] = max(trial[k], 0.1 * at[k])
                reached = smooth(servers, allowed, free, trial, tau, slope, bend)
                if reached >= value + 1e-4 * length * decrement:
                    break
                length *= 0.5
            if not reached > value + NOISE * abs(value):
                break
            value = reached
            for k in range(size):
                at[k] = trial[k]
        ceiling = value + max(decrement, 0.0) + tau * logs
        exact = part * abs(best) if cutoff == np.inf else 1e-13 * abs(best)
        if ceiling - best <= (part * (cutoff - ceiling) if ceiling < cutoff < np.inf else exact):
            break
        further = (SHRINK - 1.0) * tau / (tau - before_tau) if before_tau > tau else 0.0
        for k in range(size):
            trial[k] = at[k] + (at[k] - before[k]) * further
            if k < count:
                trial[k] = max(trial[k], 0.1 * at[k])
            before[k], at[k] = at[k], trial[k]
        before_tau, tau = tau, max(SHRINK * tau, LEAST_TAU)
    charge(servers, allowed, free, price)
    return best, ceiling - best


@compiled
def root_prices(servers: Servers) -> Floats:
    """Return the best prices of every instance, all users free: of capacity and of places, ``(instances, 2 servers)``."""
    instances, users, choices = servers.cost.shape
    count = choices - 1
    result, rows = np.zeros((instances, 2 * count)), np.zeros((choices, 3), np.int64)
    none = Rows(np.zeros((0, users, choices)), np.zeros(0), np.zeros(0))
    for j in range(choices):
        rows[j, LAST], rows[j, CHOICE] = users, j
    for b in range(instances):
        one, free = of_one(servers, b), room(users, choices, choices, none)
        limits = Limits(rows, np.zeros(choices), np.full(choices, float(users)))
        allowed = one.cost[0] < np.inf
        for j in range(count):
            limits.most[j + 1] = min(one.admission[0, j], float(users))
        price, begin = np.zeros(count + choices), first_price(one)
        for j in range(count):
            price[j] = begin
        if set_free(one, allowed, limits, choices, np.empty(0, np.int64), price, none, free):
            best_prices(one, allowed, free, price, 0.1, np.inf, ENOUGH)
            for q in range(free.sizes[BINDING]):
                if free.active[q, AT] > 0:
                    result[b, count + free.active[q, AT] - 1] = max(price[count + q], 0.0)
        for j in range(count):
            result[b, j] = price[j]
    return result


@compiled_inside
def first_price(servers: Servers) -> float:
    """Return the price of capacity at which users spread evenly over the servers."""
    root, capacity = 0.0, 0.0
    for i in range(servers.root.shape[1]):
        root += servers.root[0, i]
    for j in range(servers.capacity.shape[1]):
        capacity += servers.capacity[0, j]
    return 2.0 * root / capacity
