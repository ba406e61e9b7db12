r"""The bound of all decisions that keep limits, at given prices of servers and of limits.

At prices :math:`\lambda_j` of capacity a user pays :math:`c_{ij} = b_{ij} + \varphi_{ij}(\lambda_j)` for server j, where

.. math:: \varphi_{ij}(\lambda) = \min_{l_{ij} \le f \le h_{ij}} s_i^2/f + \tfrac{\lambda^2}{4} f ,

which is :math:`\lambda s_i` while no bound binds. A limit p says that so many users of a group take a choice,
:math:`\underline n_p \le n_p \le \overline n_p`; at its price :math:`\nu_p`, of either sign, they pay so much more. For ANY
prices no decision that keeps the limits costs less than

.. math::
    D(\lambda, \nu) = \sum_i \min_j \Bigl( c_{ij} + \sum_p \nu_p \Bigr) - \sum_j \frac{F_j \lambda_j^2}{4}
    - \sum_p \max(\nu_p \overline n_p, \nu_p \underline n_p) ,

since its own numbers lie between the limits. Rows that limit sums of weights of choices are the same, with
:math:`\nu_p w_{pij}` in place of :math:`\nu_p`. Limits on numbers cost nothing beyond that: at given :math:`\lambda` what is
left is a transportation problem, whose vertices are integral, so no bound from counting is better than D at the best
:math:`\nu`.

Where the number n of users at a server tells its load, S between :math:`S_n^-` and :math:`S_n^+`, the terms of that server's
capacity and number are :math:`\min_n \min_S S^2/F_j - \lambda_j S - \nu_j n` together, which is no less.

Rounding: the prices are what they are, D is summed with compensation, and what its terms can have lost is subtracted.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.kernels.servers import ROUNDING, Servers
from mecopt.search.server_limits import AT, BEGIN, BINDING, END, SIZE, TELLING, Free, plus

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOST = 1e-15
"""What rounding takes of the terms of a bound at most, in parts of their sizes: nine roundings each, and one a limit."""


@compiled_inside
def shared(servers: Servers, i: int, j: int, price: float) -> tuple[float, float, float]:
    """Return phi at a price of server j (from 0), and its first two derivatives."""
    root = servers.root[0, i]
    if not servers.bounded[0]:
        return price * root, root, 0.0
    lower, upper = servers.lower[0, i, j], servers.upper[0, i, j]
    wanted = 2.0 * root
    if root > 0.0 and lower * price < wanted < upper * price:
        return price * root, root, 0.0
    share = upper if root > 0.0 and wanted >= upper * price else lower
    computing = root * (root / share) if root > 0.0 else 0.0
    return computing + 0.25 * price * price * share, 0.5 * price * share, 0.5 * share


@compiled_inside
def charge(servers: Servers, allowed: Flags, free: Free, price: Floats) -> None:
    """Fill what choices cost free users at prices of capacity and of the limits that bind."""
    choices, cost, active = allowed.shape[1], free.cost, free.active
    for f in range(free.sizes[SIZE]):
        i = free.users[f]
        for j in range(choices):
            cost[f, j] = np.inf
            if allowed[i, j]:
                cost[f, j] = servers.cost[0, i, j]
                if j > 0:
                    cost[f, j] += shared(servers, i, j - 1, price[j - 1])[0]
    for q in range(free.sizes[BINDING]):
        for f in range(active[q, BEGIN], active[q, END]):
            cost[f, active[q, AT]] += price[choices - 1 + q]
    for r in range(free.weighed.least.size):
        paid = price[choices - 1 + free.sizes[BINDING] + r]
        for f in range(free.sizes[SIZE] if paid != 0.0 else 0):
            for j in range(choices):
                cost[f, j] += paid * free.weighed.weight[r, free.users[f], j]


@compiled_inside
def load_cost(capacity: float, price: float, least: float, most: float) -> tuple[float, float, bool]:
    """Return the least of ``S^2/F - lambda S`` for loads between two, where it is, and whether it is inside."""
    load = 0.5 * capacity * price
    inside = least < load < most
    load = min(max(load, least), most)
    return load * (load / capacity) - price * load, load, inside


@compiled_inside
def bound_at(servers: Servers, free: Free, price: Floats, telling: bool) -> float:
    """Return D, less what rounding can have taken from its terms, where the costs are filled.

    Where numbers of users tell loads that counts only with `telling`.
    """
    choices, binding, users = free.fixed.size, free.sizes[BINDING], free.sizes[SIZE]
    active, start, fixed, cost = free.active, free.start, free.fixed, free.cost
    by_number, dearest = np.zeros(choices, np.bool_), np.zeros(choices)
    for q in range(binding):
        by_number[active[q, AT]] = by_number[active[q, AT]] or (telling and active[q, TELLING] == 1)
    total, lost, size = fixed[0], 0.0, abs(fixed[0])
    for j in range(1, choices):
        paid, capacity = price[j - 1], servers.capacity[0, j - 1]
        if servers.bounded[0]:
            for k in range(start[j], start[j + 1]):
                term = shared(servers, free.held[k], j - 1, paid)[0]
                size += term
                total, lost = plus(total, lost, term)
        else:
            term = paid * fixed[j]
            size += term
            total, lost = plus(total, lost, term)
        if not by_number[j]:
            term = 0.25 * capacity * paid * paid
            size += term
            total, lost = plus(total, lost, -term)
    for q in range(binding):
        paid, choice = price[choices - 1 + q], active[q, AT]
        least, most = free.least[q], free.most[q]
        term = max(paid * most, paid * least)
        dearest[choice] += abs(paid)
        if by_number[choice] and active[q, TELLING]:
            term, counted = -np.inf, 0.0
            capacity, speed = servers.capacity[0, choice - 1], price[choice - 1]
            for n in range(int(least), int(most) + 1):
                of_load, load, _ = load_cost(capacity, speed, free.lightest[choice, n], free.heaviest[choice, n])
                term = max(term, paid * n - of_load)
                counted = max(counted, 2.0 * speed * load + abs(paid) * n)
            size += counted
        size += abs(term)
        total, lost = plus(total, lost, -term)
    for f in range(users):
        term = np.inf
        for j in range(choices):
            term = min(term, cost[f, j])
        size += abs(term)
        total, lost = plus(total, lost, term)
    # A choice that is not the cheapest by rounding alone may be so by what its own prices lost.
    most_paid, weighed = 0.0, free.weighed
    for j in range(choices):
        most_paid = max(most_paid, dearest[j])
    for r in range(weighed.least.size):
        paid = price[choices - 1 + binding + r]
        term = max(paid * weighed.most[r], paid * weighed.least[r])
        most_paid += abs(paid)
        size += abs(term)
        total, lost = plus(total, lost, -term)
    return total + lost - LOST * (1.0 + 0.125 * (binding + weighed.least.size)) * (size + 2.0 * users * most_paid)


@compiled_inside
def refuted(servers: Servers, allowed: Flags, free: Free, price: Floats) -> bool:
    """Whether these prices prove that least shares and numbers of users exceed what there is.

    With mu = (lambda/2)^2 no decision keeps the limits and has an allocation where what users take at least,
    ``sum_i min_j l_ij mu_j + nu``, is more than ``sum_j F_j mu_j + sum_p max(nu u, nu l)``: it would take no more of each
    (Farkas).
    """
    choices, binding, active = allowed.shape[1], free.sizes[BINDING], free.active
    bounded = servers.bounded[0]
    if not bounded and binding == 0:
        return False
    more, size, speed = 0.0, 0.0, np.zeros(choices)
    for j in range(1, choices):
        speed[j] = 0.25 * price[j - 1] * price[j - 1]
        more -= servers.capacity[0, j - 1] * speed[j]
        size += servers.capacity[0, j - 1] * speed[j]
        if bounded:
            for k in range(free.start[j], free.start[j + 1]):
                more += servers.lower[0, free.held[k], j - 1] * speed[j]
    for q in range(binding):
        paid = price[choices - 1 + q]
        more -= max(paid * free.most[q], paid * free.least[q])
        size += abs(paid) * (free.most[q] + active[q, END] - active[q, BEGIN])
    for f in range(free.sizes[SIZE]):
        i, least = free.users[f], np.inf
        for j in range(choices):
            if allowed[i, j]:
                paid = servers.lower[0, i, j - 1] * speed[j] if bounded and j > 0 else 0.0
                for q in range(binding):
                    if active[q, AT] == j and active[q, BEGIN] <= f < active[q, END]:
                        paid += price[choices - 1 + q]
                least = min(least, paid)
        more += least
    return more > 10.0 * ROUNDING * size
