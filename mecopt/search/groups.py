r"""Groups of like users, one within the other, found by sorting: what a search counts where no price tells users apart.

All users are one group. A group is divided in two at the middle of the quantity in which its users differ most, and so on
until the users of a group are equal. Any two groups are then disjoint or nested (the family is laminar), there are at most
:math:`2N - 1` of them, the last ones are single users or equal ones, and with one quantity every division at least halves
the width of a group, the largest difference between its users.

How well the groups fit says how many nodes a search needs. Its proof does not depend on them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

ALL = 0
"""The group of all users."""


class Groups(NamedTuple):
    """Nested groups of N users; a group stands before those that it is divided into."""

    order: Whole
    """Users, each group's side by side, shape ``(users,)``."""
    first: Whole
    """Where a group begins in `order`, shape ``(groups,)``."""
    last: Whole
    """Where it ends: its users are ``order[first[g]:last[g]]``."""
    left: Whole
    """The two groups that it is divided into; -1 where its users are equal."""
    right: Whole


@compiled
def sort_users(key: Floats, users: Whole, first: int, last: int, spare: Whole) -> None:
    """Sort ``users[first:last]`` by rising key in place; equal ones stay as they stand. `spare` is as long as `users`."""
    for begin in range(first, last, 8):
        for k in range(begin + 1, min(begin + 8, last)):
            user, place = users[k], k
            while place > begin and key[users[place - 1]] > key[user]:
                users[place] = users[place - 1]
                place -= 1
            users[place] = user
    length = 8
    while length < last - first:
        for begin in range(first, last - length, 2 * length):
            middle, end = begin + length, min(begin + 2 * length, last)
            if not key[users[middle - 1]] > key[users[middle]]:
                continue
            spare[begin:middle] = users[begin:middle]
            one, other = begin, middle
            for k in range(begin, end):
                if other >= end or (one < middle and not key[spare[one]] > key[users[other]]):
                    users[k] = spare[one]
                    one += 1
                else:
                    users[k] = users[other]
                    other += 1
                if one == middle:
                    break
        length *= 2


@compiled
def groups(quantities: Floats) -> Groups:
    """Divide users into nested groups of like ones.

    Parameters
    ----------
    quantities
        what tells users apart, shape ``(quantities, users)``, infinite values allowed. How far users differ in a quantity
        is measured relative to its largest value in their group.
    """
    count, users = quantities.shape
    order, spare = np.arange(users), np.empty(users, np.int64)
    most = max(2 * users - 1, 1)
    first, last = np.empty(most, np.int64), np.empty(most, np.int64)
    left, right = np.full(most, -1), np.full(most, -1)
    first[ALL], last[ALL] = 0, users
    found, g = 1, 0
    while g < found:
        widest, cut, by = 0.0, 0.0, -1
        for q in range(count):
            low, high, finite = np.inf, -np.inf, -np.inf
            for k in range(first[g], last[g]):
                value = quantities[q, order[k]]
                low, high = min(low, value), max(high, value)
                if value < np.inf:
                    finite = max(finite, value)
            if not low < high:
                continue
            width = (high - low) / max(abs(low), abs(high)) if high < np.inf and low > -np.inf else np.inf
            if width > widest or by < 0:
                widest, by = width, q
                cut = 0.5 * low + 0.5 * high if high < np.inf else finite
                if not low <= cut < high:
                    cut = low
        if by >= 0:
            sort_users(quantities[by], order, first[g], last[g], spare)
            middle = first[g]
            while quantities[by, order[middle]] <= cut:
                middle += 1
            left[g], right[g] = found, found + 1
            first[found], last[found] = first[g], middle
            first[found + 1], last[found + 1] = middle, last[g]
            found += 2
        g += 1
    return Groups(order, first[:found], last[:found], left[:found], right[:found])
