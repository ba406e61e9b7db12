r"""Families of decisions of one bit a user: some users decided, and limits on how many users of nested groups offload.

.. math:: F = \{S : \text{who is decided is in or out},\ l_J \le |S \cap J| \le u_J \text{ for every limited group } J\}

Any two limited groups are disjoint or nested. Then sorting finds the best set of a family for gains :math:`y_i` of either
sign, :math:`v = \max_{S \in F} \sum_{i \in S} y_i`. Group by group, inner ones first, the users of J that are still open are
gone through by falling gain: as many are taken as are missing to :math:`l_J`, as many stay open as still fit below
:math:`u_J`, the others are left. In the end who is open and gains offloads.

Proof: let :math:`w_J(k)` be the most that k users of J gain together under the limits within J. For single users it is
concave in k. Where J is made of parts with concave functions, :math:`w_J` has their increments, merged by size, and is
concave, too; its own limits cut off both ends. So a best set takes increments in falling order, those up to :math:`l_J` have
to be taken, and those beyond :math:`u_J` cannot be.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside
from mecopt.search.groups import sort_users

Bits = NDArray[np.int8]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Small = NDArray[np.int32]

FREE = -1
"""The state of a user who is not decided."""

_OPEN, _TAKEN, _LEFT = range(3)


class Family(NamedTuple):
    """Decisions that agree with what is decided and keep all limits."""

    state: Bits
    """What is decided of each user: `FREE`, 0 or 1, shape ``(users,)``."""
    place: Whole
    """Where each user stands in the order of the groups, shape ``(users,)``; not looked at where nothing is limited."""
    limits: Small
    """A row for each limited group, inner ones first: where it begins and ends in that order, l and u."""
    limited: int
    """How many groups are limited: so many rows count."""


@compiled
def everyone(state: Bits) -> Family:
    """Return the family of all decisions that agree with what is decided."""
    return Family(state, np.empty(0, np.int64), np.empty((0, 4), np.int32), 0)


@compiled_inside
def copy_bits(source: Bits, target: Bits) -> None:
    """Copy decisions."""
    for i in range(source.size):
        target[i] = source[i]


@compiled_inside
def same_bits(one: Bits, other: Bits) -> bool:
    """Whether two decisions are the same."""
    same = True
    for i in range(one.size):
        same = same and one[i] == other[i]
    return same


@compiled_inside
def free_users(state: Bits, users: Whole) -> int:
    """Fill in the users who are not decided; return how many they are."""
    count = 0
    for i in range(state.size):
        if state[i] == FREE:
            users[count] = i
            count += 1
    return count


@compiled
def best_set(family: Family, gain: Floats, users: Whole, free: int, chosen: Bits) -> bool:
    """Fill in the decision of the family that gains most; return whether there is any.

    Parameters
    ----------
    users
        the first `free` are those not decided, in any order, on return by falling gain where something is limited. The order
        that a call for other gains left is nearly right for similar ones, and is sorted faster.
    """
    size, limits = family.state.size, family.limits
    for i in range(size):
        chosen[i] = family.state[i]
    mark, loss = np.empty(size, np.int8), np.empty(size)
    for k in range(free):
        mark[users[k]] = _OPEN
        loss[users[k]] = -gain[users[k]]
    if family.limited > 0:
        sort_users(loss, users[:free])
    for j in range(family.limited):
        first, last, least, most = limits[j, 0], limits[j, 1], limits[j, 2], limits[j, 3]
        held = 0
        for i in range(size):
            if first <= family.place[i] < last and (chosen[i] == 1 or (chosen[i] == FREE and mark[i] == _TAKEN)):
                held += 1
        if held > most or least > most:
            return False
        room = most - max(held, least)
        for k in range(free):
            i = users[k]
            if mark[i] == _OPEN and first <= family.place[i] < last:
                if held < least:
                    held += 1
                    mark[i] = _TAKEN
                elif room > 0:
                    room -= 1
                else:
                    mark[i] = _LEFT
        if held < least:
            return False
    for k in range(free):
        i = users[k]
        chosen[i] = mark[i] == _TAKEN or (mark[i] == _OPEN and gain[i] > 0.0)
    return True


@compiled_inside
def limit_group(limits: Small, count: int, first: int, last: int, least: int, most: int) -> int:
    """Limit a group, which stands before those that it lies in; return the number of limits."""
    j = 0
    while j < count and limits[j, 1] - limits[j, 0] < last - first:
        j += 1
    for k in range(j, count):
        if limits[k, 0] == first and limits[k, 1] == last:
            limits[k, 2], limits[k, 3] = max(limits[k, 2], least), min(limits[k, 3], most)
            return count
    for k in range(count, j, -1):
        for part in range(4):
            limits[k, part] = limits[k - 1, part]
    limits[j, 0], limits[j, 1], limits[j, 2], limits[j, 3] = first, last, least, most
    return count + 1


@compiled_inside
def settle(state: Bits, order: Whole, limits: Small, count: int) -> int:
    """Decide users where a limit leaves one choice to all of its group, and drop what limits nothing; return the number."""
    changed = True
    while changed:
        changed, kept = False, 0
        for j in range(count):
            first, last, least, most = limits[j, 0], limits[j, 1], limits[j, 2], limits[j, 3]
            ones, free = 0, 0
            for k in range(first, last):
                ones += state[order[k]] == 1
                free += state[order[k]] == FREE
            if free > 0 and (ones == most or ones + free == least):
                for k in range(first, last):
                    if state[order[k]] == FREE:
                        state[order[k]] = 0 if ones == most else 1
                changed = True
                ones, free = (ones if ones == most else ones + free), 0
            if least > ones or most < ones + free:
                limits[kept, 0], limits[kept, 1], limits[kept, 2], limits[kept, 3] = first, last, least, most
                kept += 1
        count = kept
    return count
