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
def sort_users(key: Floats, users: Whole) -> None:
    """Sort users by rising key in place, equal ones by number; what is nearly sorted takes less (Shell 1959)."""
    step = users.size
    while step > 1:
        step = max(step * 5 // 11, 1)
        for k in range(step, users.size):
            user, place = users[k], k
            value = key[user]
            while place >= step:
                other = users[place - step]
                if key[other] < value or (key[other] == value and other < user):
                    break
                users[place] = other
                place -= step
            users[place] = user


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
    order, most = np.empty(users, np.int64), max(2 * users - 1, 1)
    first, last = np.empty(most, np.int64), np.empty(most, np.int64)
    left, right = np.empty(most, np.int64), np.empty(most, np.int64)
    first[ALL], last[ALL] = 0, users
    for i in range(users):
        order[i] = i
    found, g = 1, 0
    while g < found:
        widest, cut, by = 0.0, 0.0, -1
        left[g] = right[g] = -1
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
            sort_users(quantities[by], order[first[g] : last[g]])
            middle = first[g]
            while quantities[by, order[middle]] <= cut:
                middle += 1
            left[g], right[g] = found, found + 1
            first[found], last[found] = first[g], middle
            first[found + 1], last[found + 1] = middle, last[g]
            found += 2
        g += 1
    return Groups(order, first[:found], last[:found], left[:found], right[:found])
