r"""Smooth bounds of servers' decisions, and Newton's step to their maxima.

The bound D of `mecopt.search.server_bound` is the limit of smooth functions, each minimum over choices replaced by
:math:`-\tau \ln \sum_j e^{-c_{ij}/\tau}` and each maximum over both ends of a limit by :math:`\tau \ln (e^{\nu \overline
n/\tau} + e^{\nu \underline n/\tau})`. The weights of the choices there are the relaxed decision, in which users may split.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.kernels.servers import Servers
from mecopt.search.server_bound import charge, load_cost, shared
from mecopt.search.server_limits import AT, BEGIN, BINDING, END, SIZE, TELLING, Free

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

FAR = 45.0
"""How many tau a choice may be behind the best one and still count: beyond it its weight is below rounding."""
PIVOT = 1e-14
"""Smallest pivot of the scaled Hessian."""
STEADY = 1e-7
"""Curvature, in parts of 1/tau, that keeps prices of limits from where nothing holds them."""


@compiled_inside
def smooth(servers: Servers, allowed: Flags, free: Free, price: Floats, tau: float, slope: Floats, bend: Floats) -> float:
    """Return the smooth bound at these prices; fill the weights, the gradient and the (modified) Hessian.

    The Hessian is kept negative definite: where shares at their bounds bend phi upwards, that part is cut.
    """
    choices = allowed.shape[1]
    count, size, binding = choices - 1, free.sizes[SIZE], free.sizes[BINDING]
    active, cost, weight, fixed, start = free.active, free.cost, free.weight, free.fixed, free.start
    charge(servers, allowed, free, price)
    smooth, bounded = fixed[0], servers.bounded[0]
    own, rise, taken, some = np.zeros(count), np.zeros(choices), np.zeros(binding), np.zeros(choices, np.int64)
    weighed, rows = free.weighed, count + binding
    mean = np.zeros(weighed.least.size)
    for j in range(rows + mean.size):
        slope[j] = 0.0
        for k in range(rows + mean.size):
            bend[j, k] = 0.0
    for j in range(count):
        if not bounded:
            smooth += price[j] * fixed[j + 1]
            slope[j] += fixed[j + 1]
            continue
        for k in range(start[j + 1], start[j + 2]):
            term, first, second = shared(servers, free.held[k], j, price[j])
            smooth += term
            slope[j] += first
            own[j] += second
    for f in range(size):
        i, least, total, several = free.users[f], np.inf, 0.0, 0
        for j in range(choices):
            least = min(least, cost[f, j])
        for j in range(choices):
            behind = (cost[f, j] - least) / tau
            weight[f, j] = np.exp(-behind) if behind < FAR else 0.0
            total += weight[f, j]
        smooth += least - (tau * np.log(total) if total > 1.0 else 0.0)
        for j in range(choices):
            part = weight[f, j] / total
            weight[f, j] = part
            if part > 0.0:
                some[several] = j
                several += 1
                if j > 0:
                    _, rise[j], second = shared(servers, i, j - 1, price[j - 1])
                    slope[j - 1] += part * rise[j]
                    own[j - 1] += part * second
        for q in range(binding):
            taken[q] = weight[f, active[q, AT]] if active[q, BEGIN] <= f < active[q, END] else 0.0
            slope[count + q] += taken[q]
        for r in range(mean.size):
            mean[r] = 0.0
            for a in range(several):
                mean[r] += weight[f, some[a]] * weighed.weight[r, i, some[a]]
            slope[rows + r] += mean[r]
        if several == 1:
            continue
        for r in range(mean.size):
            own_weight = weighed.weight[r, i]
            for a in range(several):
                j = some[a]
                part = weight[f, j] * (mean[r] - own_weight[j]) / tau
                if j > 0:
                    bend[rows + r, j - 1] += part * rise[j]
                for p in range(r + 1):
                    bend[rows + r, rows + p] += part * weighed.weight[p, i, j]
            for q in range(binding):
                if taken[q] > 0.0:
                    bend[rows + r, count + q] += taken[q] * (mean[r] - own_weight[active[q, AT]]) / tau
        for a in range(several):
            j = some[a]
            if j == 0:
                continue
            part = weight[f, j] * rise[j] / tau
            bend[j - 1, j - 1] -= part * rise[j]
            for b in range(a + 1):
                k = some[b]
                if k > 0:
                    bend[j - 1, k - 1] += part * weight[f, k] * rise[k]
            for q in range(binding):
                if taken[q] > 0.0:
                    bend[count + q, j - 1] += part * (taken[q] - (1.0 if active[q, AT] == j else 0.0))
        for q in range(binding):
            if taken[q] > 0.0:
                for p in range(q + 1):
                    if taken[p] > 0.0:
                        same = 1.0 if active[p, AT] == active[q, AT] else 0.0
                        bend[count + q, count + p] += taken[q] * (taken[p] - same) / tau
    for q in range(binding):
        if active[q, TELLING]:
            smooth += _smooth_load(servers, free, price, tau, q, slope, bend)
            own[active[q, AT] - 1] = np.inf
            continue
        hard, soft = _smooth_limit(price, tau, count + q, free.least[q], free.most[q], slope, bend)
        smooth -= hard
        smooth -= soft
    for r in range(mean.size):
        hard, soft = _smooth_limit(price, tau, rows + r, weighed.least[r], weighed.most[r], slope, bend)
        smooth -= hard + soft
    for j in range(count):
        half = 0.5 * servers.capacity[0, j]
        if own[j] == np.inf:
            bend[j, j] -= 1e-3 * half
            continue
        smooth -= 0.5 * half * price[j] * price[j]
        slope[j] -= half * price[j]
        bend[j, j] += min(own[j] - half, -1e-3 * half)
    return smooth


@compiled_inside
def _smooth_limit(
    price: Floats, tau: float, at: int, least: float, most: float, slope: Floats, bend: Floats
) -> tuple[float, float]:
    """Return what a price takes at most between the ends of a limit, and by how much the soft maximum is more.

    Subtracts the slope and the bend of that.
    """
    paid, span = price[at], most - least
    other = np.exp(-abs(paid) * span / tau) if abs(paid) * span < FAR * tau else 0.0
    up = (1.0 if paid >= 0.0 else other) / (1.0 + other)
    slope[at] -= least + span * up
    bend[at, at] -= (span * span * up * (1.0 - up) + STEADY) / tau
    return max(paid * most, paid * least), (tau * np.log1p(other) if span > 0.0 else 0.0)


@compiled_inside
def _smooth_load(servers: Servers, free: Free, price: Floats, tau: float, q: int, slope: Floats, bend: Floats) -> float:
    """Return the soft minimum, over numbers of users, of what a server's load costs; add its slope and bend."""
    count, choice = free.fixed.size - 1, free.active[q, AT]
    j, lightest, heaviest = choice - 1, free.lightest, free.heaviest
    capacity, paid, first, last = servers.capacity[0, j], price[count + q], int(free.least[q]), int(free.most[q])
    least = np.inf
    for n in range(first, last + 1):
        least = min(least, load_cost(capacity, price[j], lightest[choice, n], heaviest[choice, n])[0] - paid * n)
    total, load_mean, mean, curve = 0.0, 0.0, 0.0, 0.0
    loads, both, squares = 0.0, 0.0, 0.0
    for turn in range(2):
        for n in range(first, last + 1):
            cost, load, inside = load_cost(capacity, price[j], lightest[choice, n], heaviest[choice, n])
            behind = (cost - paid * n - least) / tau
            if behind < FAR and turn == 0:
                weight = np.exp(-behind)
                total += weight
                load_mean += weight * load
                mean += weight * n
                curve += weight * 0.5 * capacity if inside else 0.0
            elif behind < FAR:
                weight = np.exp(-behind) / total
                loads += weight * (load - load_mean) * (load - load_mean)
                both += weight * (load - load_mean) * (n - mean)
                squares += weight * (n - mean) * (n - mean)
        if turn == 0:
            load_mean, mean, curve = load_mean / total, mean / total, curve / total
    slope[j] -= load_mean
    slope[count + q] -= mean
    bend[j, j] -= curve + loads / tau
    bend[count + q, j] -= both / tau
    bend[count + q, count + q] -= (squares + STEADY) / tau
    return least - tau * np.log(total)


@compiled_inside
def ascent(bend: Floats, slope: Floats, step: Floats) -> None:
    """Fill Newton's step by Cholesky's factors of the scaled negative Hessian; pivots are kept away from 0."""
    size = slope.size
    scale, factor = np.empty(size), np.zeros((size, size))
    for j in range(size):
        scale[j] = 1.0 / np.sqrt(max(-bend[j, j], 1e-300))
    for j in range(size):
        for k in range(j + 1):
            value = -bend[j, k] * scale[j] * scale[k]
            for m in range(k):
                value -= factor[j, m] * factor[k, m]
            factor[j, k] = np.sqrt(max(value, PIVOT)) if j == k else value / factor[k, k]
    for j in range(size):
        step[j] = slope[j] * scale[j]
        for m in range(j):
            step[j] -= factor[j, m] * step[m]
        step[j] /= factor[j, j]
    for j in range(size - 1, -1, -1):
        for m in range(j + 1, size):
            step[j] -= factor[m, j] * step[m]
        step[j] /= factor[j, j]
    for j in range(size):
        step[j] *= scale[j]
