"""Blocks of devices and their server on grids, and the luck of devices, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Array = NDArray[Any]


# ---------------------------------------------------------------------- a device


@compiled
def best_leaving(costs: Array, law: Array, waiting: float, worth: Array, carried: int) -> Array:
    """Return minus what queues cost, given what those are worth that follow.

    Of queue c and arrivals a the best of at most s tasks depends on c + a alone, so all cells are gone through once.
    """
    cells, pieces = costs.shape
    total = np.zeros((pieces, worth.size))
    best = np.empty(worth.size)
    for i in range(cells):
        for j in range(worth.size):
            best[j] = worth[j] - costs[i, 0]
            total[0, j] += best[j]
        for s in range(1, pieces):
            cost = costs[i, s]
            for j in range(s, worth.size):
                best[j] = max(best[j], worth[j - s] - cost)
                total[s, j] += best[j]
    value = np.empty(carried)
    for c in range(carried):
        s = min(c, pieces - 1)
        mean = 0.0
        for a in range(law.size):
            mean += law[a] * total[s, c + a]
        value[c] = mean / cells - waiting * c
    return value


# ---------------------------------------------------------------------- the server


@compiled
def best_processed(cost: Array, worth: Array) -> Array:
    """Return the best over what the server processes of every queue."""
    value = np.empty(worth.size)
    for q in range(worth.size):
        best = -np.inf
        for x in range(q + 1):
            best = max(best, worth[q - x] - cost[x])
        value[q] = best
    return value


# ---------------------------------------------------------------------- all together


@compiled
def best_kept(cost: Array, later: Array, most: int, arriving: int, beyond: float) -> Array:
    """Return the best of what the server keeps, by backlogs, grains that wait, and grains that come: worth less cost."""
    one, two, points = later.shape
    found = np.full((one, two, points, arriving + 1), -np.inf)
    for i in range(one):
        for j in range(two):
            for q in range(points):
                for y in range(arriving + 1):
                    for r in range(max(0, q - most), q + 1):
                        value = worth_of(later[i, j], r + y, beyond) - cost[q - r]
                        if value > found[i, j, q, y]:
                            found[i, j, q, y] = value
    return found


@compiled
def worth_of(later: Array, grains: int, beyond: float) -> float:
    """Return what so many grains at the server are worth; those beyond its grid wait for ever."""
    last = later.size - 1
    return later[grains] if grains <= last else later[last] - beyond * (grains - last)


@compiled
def best_together(
    costs: Array, leaving: Array, grains: Array, other_costs: Array, other_leaving: Array, other_grains: Array, kept: Array
) -> Array:
    """Return the best over what both devices do, for every queue of theirs and of the server."""
    one, two, points, _ = kept.shape
    value = np.empty((one, two, points))
    worth, of_other = np.empty((leaving.size, other_leaving.size)), np.empty(other_leaving.size)
    for i in range(one):
        for j in range(two):
            for q in range(points):
                for a in range(leaving.size):
                    for b in range(other_leaving.size):
                        m, n = i - int(leaving[a]), j - int(other_leaving[b])
                        worth[a, b] = kept[m, n, q, grains[a] + other_grains[b]] if m >= 0 and n >= 0 else -np.inf
                total = 0.0
                for h in range(costs.shape[0]):
                    for b in range(other_leaving.size):
                        of_other[b] = -np.inf
                        for a in range(leaving.size):
                            of_other[b] = max(of_other[b], worth[a, b] - costs[h, a])
                    for g in range(other_costs.shape[0]):
                        best = -np.inf
                        for b in range(other_leaving.size):
                            best = max(best, of_other[b] - other_costs[g, b])
                        total += best
                value[i, j, q] = total / (costs.shape[0] * other_costs.shape[0])
    return value


@compiled
def best_alone(
    costs: Array, leaving: Array, grains: Array, other_costs: Array, other_leaving: Array, other_grains: Array,
    chosen: Array, other_chosen: Array, rule: Array, cost: Array, later: Array, beyond: float,
) -> Array:  # fmt: skip
    """Return what comes of devices that decide alone, and of a server that follows a rule."""
    one, two, points = later.shape
    value = np.zeros((one, two, points))
    cells = costs.shape[0] * other_costs.shape[0]
    for i in range(one):
        for j in range(two):
            for h in range(costs.shape[0]):
                for g in range(other_costs.shape[0]):
                    a, b = chosen[h, i], other_chosen[g, j]
                    m, n = i - int(leaving[a]), j - int(other_leaving[b])
                    spent, y = costs[h, a] + other_costs[g, b], grains[a] + other_grains[b]
                    for q in range(points):
                        value[i, j, q] += worth_of(later[m, n], rule[q] + y, beyond) - spent
            for q in range(points):
                value[i, j, q] = value[i, j, q] / cells - cost[q - rule[q]]
    return value


# ---------------------------------------------------------------------- luck


@compiled
def drawn_cost(costs: Array, worth: Array, known: Array, waiting: float, tasks: int, came: int) -> float:
    """Return what tasks cost in a channel where so many come; chosen before they are known where there is a law of them."""
    best, chosen = np.inf, 0
    for s in range(min(tasks, costs.size - 1) + 1):
        if known.size == 1:
            total = costs[s] + worth[tasks - s + came]
        else:
            total = costs[s]
            for a in range(known.size):
                total += known[a] * worth[tasks - s + a]
        if total < best:
            best, chosen = total, s
    return waiting * tasks + costs[chosen] + worth[tasks - chosen + came]


@compiled
def mean_costs(costs: Array, worth: Array, weights: Array, law: Array, known: Array, waiting: float) -> Array:
    """Return what queues cost on the mean over channels and arrivals, ``(kinds, queues)``."""
    kinds, nodes, _ = costs.shape
    found = np.zeros((kinds, worth.shape[1] - law.size + 1))
    for k in range(kinds):
        for m in range(found.shape[1]):
            for i in range(nodes):
                for a in range(law.size):
                    found[k, m] += weights[i] * law[a] * drawn_cost(costs[k, i], worth[k], known, waiting, m, a)
    return found


@compiled
def luck_of(
    costs: Array,
    worth: Array,
    mean: Array,
    known: Array,
    waiting: float,
    kinds: Array,
    backlog: Array,
    arrivals: Array,
    below: Array,
    part: Array,
) -> Array:
    """Return what the draws of blocks cost, less its mean, linear between the nodes of the channel."""
    found = np.empty(kinds.size)
    for j in range(kinds.size):
        k, i, m, a = kinds[j], below[j], min(backlog[j], mean.shape[1] - 1), arrivals[j]
        one = drawn_cost(costs[k, i], worth[k], known, waiting, m, a)
        other = drawn_cost(costs[k, i + 1], worth[k], known, waiting, m, a)
        found[j] = (1.0 - part[j]) * one + part[j] * other - mean[k, m]
    return found
