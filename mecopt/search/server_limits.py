r"""What is open in a node of `mecopt.search.server_tree`: users with several choices, and limits on their numbers.

A limit says that so many users of a group take a choice, :math:`\underline n_p \le n_p \le \overline n_p`. Users who have
one choice left are held there; limits and loads are counted less what these take.

Where users are nearly alike their number at a server tells its load: if no load of n users is one of n + 1 near the best n,
the server pays for whole numbers only, each with the least cost that loads of so many users can have.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.kernels.servers import Servers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

YES, NO, NONE = np.bool_(True), np.bool_(False), np.int64(0)
"""Constants of numpy's: for each of Python's own a version of what is called with it would be compiled."""

WIDER = 2e-15
"""By what bounds and conclusions widen limits on sums of weights, in parts of the sum of their sizes."""

FIRST, LAST, CHOICE = range(3)
SIZE, BINDING = range(2)
ROW, BEGIN, END, AT, TELLING = range(5)


class Limits(NamedTuple):
    """Limits on the numbers of users, one row each; the first `choices` rows are those of all users."""

    rows: Whole
    """Users of a row are ``rows[p, FIRST]`` to before ``rows[p, LAST]``, at the choice ``rows[p, CHOICE]``."""
    least: Floats
    most: Floats


class Rows(NamedTuple):
    """Limits on sums of weights of choices, one row each; none where `weight` has no row."""

    weight: Floats
    """What the choices of users add to the sum of a row, ``(rows, users, choices)``, the largest of a row about 1."""
    least: Floats
    most: Floats


class Free(NamedTuple):
    """What is open in a node, and what the users held at their choices leave of capacity and limits."""

    users: Whole
    """Users with several choices, in order; the first `sizes[SIZE]` count."""
    cost: Floats
    """What their choices cost at the prices, ``(users, choices)``; infinite where a choice is not left."""
    weight: Floats
    """Their relaxed decision, ``(users, choices)``."""
    held: Whole
    """Users with one choice; those of choice j are ``held[start[j]:start[j + 1]]``."""
    start: Whole
    fixed: Floats
    """What the held cost by themselves, then their work on each server, ``(choices,)``."""
    active: Whole
    """Limits that have a price, ``(rows, 5)``: row, where the free users of its group begin and end, choice, and whether
    loads are told apart by numbers."""
    least: Floats
    """What the limits leave to free users."""
    most: Floats
    lightest: Floats
    """Load of a server with so many free users, those of least work, ``(choices, users + 1)``; filled where numbers tell."""
    heaviest: Floats
    sizes: Whole
    """How many users are free, and how many limits have a price."""
    weighed: Rows
    """Rows of weights, and what the held users and the sums that can be reached leave of their limits."""


@compiled_inside
def plus(total: float, lost: float, term: float) -> tuple[float, float]:
    """Add a term to a sum and what its roundings have lost so far (Neumaier 1974)."""
    after = total + term
    if abs(total) >= abs(term):
        return after, lost + ((total - after) + term)
    return after, lost + ((term - after) + total)


@compiled_inside
def room(users: int, choices: int, rows: int, weighed: Rows) -> Free:
    """Return arrays for a node."""
    return Free(
        np.empty(users, np.int64),
        np.empty((users, choices)),
        np.empty((users, choices)),
        np.empty(users, np.int64),
        np.zeros(choices + 1, np.int64),
        np.zeros(choices),
        np.empty((rows, 5), np.int64),
        np.empty(rows),
        np.empty(rows),
        np.empty((choices, users + 1)),
        np.empty((choices, users + 1)),
        np.zeros(2, np.int64),
        Rows(weighed.weight, np.empty(weighed.least.size), np.empty(weighed.least.size)),
    )


@compiled_inside
def _telling(servers: Servers, allowed: Flags, free: Free, rising: Whole, price: float, j: int, able: int) -> bool:
    """Whether the number of users at server j tells its load: about the best n no load of n users is one of n + 1."""
    users, roots, fixed = free.users.size, servers.root, free.fixed[j]
    inside = np.zeros(users, np.bool_)
    total, least, most = 0.0, np.inf, 0.0
    for f in range(free.sizes[SIZE]):
        i = free.users[f]
        if allowed[i, j]:
            inside[i] = True
            root = roots[0, i]
            total += root
            least, most = min(least, root), max(most, root)
    wanted = 0.5 * servers.capacity[0, j - 1] * price - fixed
    if able < 2 or not least > 0.0 or not wanted * (most - least) < 4.0 * most * least:
        return False
    light, heavy = free.lightest, free.heaviest
    light[j, 0] = heavy[j, 0] = fixed
    low, low_lost, few, high, high_lost, many = fixed, 0.0, 0, fixed, 0.0, 0
    for k in range(users):
        i = rising[k]
        if inside[i]:
            few += 1
            low, low_lost = plus(low, low_lost, roots[0, i])
            light[j, few] = low + low_lost
        i = rising[users - 1 - k]
        if inside[i]:
            many += 1
            high, high_lost = plus(high, high_lost, roots[0, i])
            heavy[j, many] = high + high_lost
    n = min(max(int(min(wanted / total, 1.0) * able), 0), able - 1)
    return light[j, n + 1] >= heavy[j, n]


@compiled_inside
def _set_rest(weighed: Rows, allowed: Flags, only: Whole, rest: Rows) -> bool:
    """Fill in what the held users and the sums that free ones can reach leave of rows; return whether they can be kept."""
    users, choices = allowed.shape
    for r in range(weighed.least.size):
        held, held_lost, low, low_lost, high, high_lost, sizes = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(users):
            least, most, size = np.inf, -np.inf, 0.0
            for j in range(choices):
                if allowed[i, j]:
                    weight = weighed.weight[r, i, j]
                    least, most, size = min(least, weight), max(most, weight), max(size, abs(weight))
            sizes += size
            if only[i] >= 0:
                held, held_lost = plus(held, held_lost, least)
            else:
                low, low_lost = plus(low, low_lost, least)
                high, high_lost = plus(high, high_lost, most)
        held, low, high, doubt = held + held_lost, low + low_lost, high + high_lost, WIDER * sizes
        rest.least[r] = max(weighed.least[r] - held, low) - doubt
        rest.most[r] = min(weighed.most[r] - held, high) + doubt
        if rest.least[r] > rest.most[r]:
            return False
    return True


@compiled_inside
def set_free(
    servers: Servers, allowed: Flags, limits: Limits, rows: int, rising: Whole, price: Floats, weighed: Rows, free: Free
) -> bool:
    """Find who is free and which limits bind; return whether all users have a choice and the limits can be kept."""
    users, choices = allowed.shape
    held, start, fixed, active = free.held, free.start, free.fixed, free.active
    cost_of, root_of, of = servers.cost, servers.root, limits.rows
    size, only = 0, np.empty(users, np.int64)
    for i in range(users):
        left = 0
        for j in range(choices):
            if allowed[i, j]:
                left += 1
                only[i] = j
        if left == 0:
            return False
        if left > 1:
            free.users[size] = i
            size += 1
            only[i] = -1
    filled, cost, cost_lost = 0, 0.0, 0.0
    for j in range(choices):
        start[j] = filled
        load, load_lost = 0.0, 0.0
        for i in range(users):
            if only[i] == j:
                held[filled] = i
                filled += 1
                cost, cost_lost = plus(cost, cost_lost, cost_of[0, i, j])
                load, load_lost = plus(load, load_lost, root_of[0, i])
        fixed[j] = load + load_lost
    start[choices], fixed[0] = filled, cost + cost_lost
    free.sizes[SIZE] = size
    if not _set_rest(weighed, allowed, only, free.weighed):
        return False
    binding, given = 0, 0
    for p in range(rows):
        first, last, choice = of[p, FIRST], of[p, LAST], of[p, CHOICE]
        taken, able, begin, end = NONE, NONE, NONE, NONE
        for k in range(start[choice], start[choice + 1]):
            taken += first <= held[k] < last
        for f in range(size):
            i = free.users[f]
            begin += i < first
            end += i < last
            able += first <= i < last and allowed[i, choice]
        least, most = max(limits.least[p] - taken, 0.0), min(limits.most[p] - taken, float(able))
        if most < 0.0 or least > able:
            return False
        tells = 0 < p < choices and least < most and not servers.bounded[0] and rising.size == users
        tells = tells and _telling(servers, allowed, free, rising, price[p - 1], p, able)
        if able > 0 and (least > 0.0 or most < able or tells):
            active[binding, ROW], active[binding, AT], active[binding, TELLING] = p, choice, tells
            active[binding, BEGIN], active[binding, END] = begin, end
            free.least[binding], free.most[binding] = least, most
            binding += 1
            given += p < choices and least == most
    if given == choices:  # the number at one choice follows from those at all others
        binding -= 1
        for q in range(binding):
            for column in range(active.shape[1]):
                active[q, column] = active[q + 1, column]
            free.least[q], free.most[q] = free.least[q + 1], free.most[q + 1]
    free.sizes[BINDING] = binding
    return True
