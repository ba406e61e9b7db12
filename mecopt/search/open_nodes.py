"""Nodes of a tree that branches on counts, waiting for the best of them to be taken: rows of arrays, with a heap of rows.

A node that was priced waits with the group that it is branched on; its two children are written when it is taken. The node
of least bound comes next, of those about as good the newest, so that a search dives while that costs no bound.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled_inside
from mecopt.search.families import FREE, Bits, Floats, Small, Whole, copy_bits, limit_group, settle
from mecopt.search.groups import ALL, Groups
from mecopt.search.trees import DONE, NODES

Flags = NDArray[np.bool_]

LIMITS = 16
"""Groups that a node limits at most; where it has so many, single users are branched on."""
ROWS_AT_FIRST = 16
"""Rows for nodes that a tree begins with: most need no more."""
LEVELS = 64
"""Parts of what is missing at the root, by which bounds count as about as good."""

PARENT, SIDE, ROOM, WAITING, STACKED, SERIAL, MOST = range(DONE + 1, DONE + 8)
"""Numbers of the cursor that follow `mecopt.search.trees.NODES` and `DONE`: the node that is branched on, and which of its
children comes next; how many rows are unused, wait in the heap and on the stack; how many ever waited in the heap, and how
many may at once."""
UPPER, CLOSED, BASE, UNIT = range(4)
"""Totals: the incumbent's value, the least bound of closed parts, and from where and in what unit bounds are compared."""
BOUND, PRICE = range(2)
LIMITED, FIRST, LAST, CUT = range(4)
_KEYS, ROWS, STACK, UNUSED = range(4)


class Nodes(NamedTuple):
    """Nodes that wait, and room for more: one row each."""

    state: Bits
    number: Floats
    """Bound and price, then prices of limits where there are any, ``(rows, 2 + limits)``."""
    whole: Whole
    """How many groups are limited, where the group begins and ends that is branched on, and the cut, ``(rows, 4)``."""
    limits: Small
    """As `Family.limits`, ``(rows, LIMITS, 4)``."""
    queue: Whole
    """Keys and rows of a heap, a stack of rows that are newer than all of it, and a stack of unused rows, ``(4, rows)``."""


class Tree(NamedTuple):
    """Where a tree stands: everything that is needed to go on."""

    nodes: Nodes
    used: Floats
    """What users use of the resource at the root's price; 0 before."""
    cursor: Whole
    totals: Floats


class Start(NamedTuple):
    """What trees of many instances begin with."""

    price: Floats
    idle: Flags
    """Users who are local from the start, ``(instances, users)``."""
    value: Floats
    """Values of the incumbents, ``(instances,)``; infinite where there is none."""


class Answers(NamedTuple):
    """What is known of many instances."""

    best: Bits
    """The incumbents, ``(instances, users)``."""
    bound: Floats
    nodes: Whole
    cut: Flags
    """Whether the tree is open."""


@compiled_inside
def cutoff_of(upper: float, gap: float) -> float:
    """Return the bound from which on nothing better than the incumbent by more than the gap can be found."""
    return upper - gap * abs(upper) if upper < np.inf else np.inf


@compiled_inside
def close(totals: Floats, bound: float) -> None:
    """Note the bound of a part that is closed; a nan, which must not pass for a proof, bounds nothing."""
    totals[CLOSED] = min(totals[CLOSED], -np.inf if np.isnan(bound) else bound)


@compiled_inside
def _put(queue: Whole, count: int, key: int, row: int) -> None:
    """Add to a heap of `count` rows."""
    k = count
    while k > 0 and queue[_KEYS, (k - 1) // 2] > key:
        queue[_KEYS, k], queue[ROWS, k] = queue[_KEYS, (k - 1) // 2], queue[ROWS, (k - 1) // 2]
        k = (k - 1) // 2
    queue[_KEYS, k], queue[ROWS, k] = key, row


@compiled_inside
def _take(queue: Whole, count: int) -> int:
    """Take the row of the least key from a heap of `count` rows."""
    row, k, size = queue[ROWS, 0], 0, count - 1
    key, last = queue[_KEYS, size], queue[ROWS, size]
    while 2 * k + 1 < size:
        below = 2 * k + 1
        if below + 1 < size and queue[_KEYS, below + 1] < queue[_KEYS, below]:
            below += 1
        if queue[_KEYS, below] >= key:
            break
        queue[_KEYS, k], queue[ROWS, k] = queue[_KEYS, below], queue[ROWS, below]
        k = below
    queue[_KEYS, k], queue[ROWS, k] = key, last
    return int(row)


@compiled_inside
def next_node(nodes: Nodes, order: Whole, cursor: Whole, totals: Floats, gap: float) -> int:
    """Write the next node to price to an unused row and return it; -1 where none is left, or no row is unused."""
    queue, cutoff = nodes.queue, cutoff_of(totals[UPPER], gap)
    if cursor[NODES] == 0:
        return int(queue[UNUSED, cursor[ROOM] - 1])
    while True:
        if cursor[PARENT] >= 0 and cursor[SIDE] < 2 and nodes.number[cursor[PARENT], BOUND] < cutoff:
            break
        if cursor[PARENT] >= 0:
            if cursor[SIDE] < 2:
                close(totals, nodes.number[cursor[PARENT], BOUND])
            queue[UNUSED, cursor[ROOM]] = cursor[PARENT]
            cursor[ROOM] += 1
        cursor[PARENT], cursor[SIDE] = -1, 0
        if cursor[STACKED] > 0:
            cursor[STACKED] -= 1
            cursor[PARENT] = queue[STACK, cursor[STACKED]]
        elif cursor[WAITING] > 0:
            cursor[PARENT] = _take(queue, cursor[WAITING])
            cursor[WAITING] -= 1
        else:
            cursor[DONE] = 1
            return -1
    if cursor[ROOM] == 0:
        return -1
    parent, row = cursor[PARENT], queue[UNUSED, cursor[ROOM] - 1]
    copy_bits(nodes.state[parent], nodes.state[row])
    count, first, last = nodes.whole[parent, LIMITED], nodes.whole[parent, FIRST], nodes.whole[parent, LAST]
    cut = nodes.whole[parent, CUT]
    for j in range(count):
        for part in range(4):
            nodes.limits[row, j, part] = nodes.limits[parent, j, part]
    if last - first == 1:
        nodes.state[row, order[first]] = cursor[SIDE]
    else:
        least, most = cursor[SIDE] * (cut + 1), last - first if cursor[SIDE] == 1 else cut
        count = limit_group(nodes.limits[row], count, first, last, least, most)
    nodes.whole[row, LIMITED] = settle(nodes.state[row], order, nodes.limits[row], count)
    for part in range(nodes.number.shape[1]):
        nodes.number[row, part] = nodes.number[parent, part]
    cursor[SIDE] += 1
    return int(row)


@compiled_inside
def least_bound(tree: Tree) -> float:
    """Return the least bound over closed parts and over nodes that wait."""
    nodes, cursor, bound = tree.nodes, tree.cursor, min(tree.totals[UPPER], tree.totals[CLOSED])
    if cursor[NODES] == 0:
        return -np.inf
    for k in range(cursor[WAITING]):
        bound = min(bound, nodes.number[nodes.queue[ROWS, k], BOUND])
    for k in range(cursor[STACKED]):
        bound = min(bound, nodes.number[nodes.queue[STACK, k], BOUND])
    if cursor[PARENT] >= 0 and cursor[SIDE] < 2:
        bound = min(bound, nodes.number[cursor[PARENT], BOUND])
    return float(bound)


@compiled_inside
def keep(nodes: Nodes, row: int, bound: float, price: float, cursor: Whole, totals: Floats) -> None:
    """Let the node that was priced wait."""
    nodes.number[row, BOUND], nodes.number[row, PRICE] = bound, price
    cursor[ROOM] -= 1
    if cursor[NODES] == 1:
        totals[BASE], totals[UNIT] = bound, (totals[UPPER] - bound) / LEVELS
    if cursor[WAITING] >= cursor[MOST]:
        nodes.queue[STACK, cursor[STACKED]] = row
        cursor[STACKED] += 1
        return
    level = (bound - totals[BASE]) / totals[UNIT]
    cursor[SERIAL] += 1
    _put(nodes.queue, cursor[WAITING], int(min(level, 1e6) if level > 0.0 else 0.0) * (1 << 40) - cursor[SERIAL], row)
    cursor[WAITING] += 1


@compiled_inside
def divide(
    found: Groups, used: Floats, state: Bits, limits: Small, more: Bits, less: Bits, slope: Floats, whole: Whole
) -> None:
    """Choose the group that is branched on, and the cut."""
    waiting, depth, widest = np.empty(found.first.size, np.int64), 1, -1.0
    waiting[0] = ALL
    part = slope[0] / (slope[0] - slope[1]) if slope[0] > slope[1] else 0.5
    for k in range(state.size):  # where nothing tells the two sets apart any user will do
        if state[found.order[k]] == FREE:
            whole[FIRST], whole[LAST], whole[CUT] = k, k + 1, 0
    while depth > 0:
        depth -= 1
        g = waiting[depth]
        first, last = found.first[g], found.last[g]
        high, low, free, single, moved = 0, 0, 0, -1, 0.0
        for k in range(first, last):
            i = found.order[k]
            high += more[i]
            low += less[i]
            free += state[i] == FREE
            if more[i] != less[i]:
                single = k
                moved += used[i] * (more[i] - less[i])
        if single < 0:
            continue
        limited = whole[LIMITED] < LIMITS
        for j in range(whole[LIMITED]):
            limited = limited or (limits[j, 0] == first and limits[j, 1] == last)
        if high == low or not limited:
            if found.left[g] >= 0:
                waiting[depth], waiting[depth + 1] = found.right[g], found.left[g]
                depth += 2
                continue
            free = 1
        if abs(moved) > widest:
            widest = abs(moved)
            if free == 1:
                whole[FIRST], whole[LAST], whole[CUT] = single, single + 1, 0
            else:
                cut = int(np.floor(high + (low - high) * part))
                whole[FIRST], whole[LAST] = first, last
                whole[CUT] = max(min(cut, max(high, low) - 1), min(high, low))


def room_for_tree(users: int) -> Tree:
    """Return arrays for a tree that is not begun."""
    nodes = Nodes(
        np.empty((ROWS_AT_FIRST, users), dtype=np.int8),
        np.empty((ROWS_AT_FIRST, 2)),
        np.zeros((ROWS_AT_FIRST, 4), dtype=np.int64),
        np.empty((ROWS_AT_FIRST, LIMITS, 4), dtype=np.int32),
        np.zeros((4, ROWS_AT_FIRST), dtype=np.int64),
    )
    return Tree(nodes, np.empty(users), np.zeros(9, dtype=np.int64), np.empty(4))


def empty_tree(users: int, price: Floats, prices: int, most_waiting: int) -> Tree:
    """Return a tree of a root that nothing is known of, with so many more prices of nodes."""
    tree = room_for_tree(users)
    rows = len(tree.nodes.state)
    number = np.zeros((rows, 2 + prices))
    number[:, BOUND], number[0, PRICE] = -np.inf, price[0]
    tree.nodes.state[0], tree.used[:] = FREE, 0.0
    tree.nodes.queue[UNUSED] = np.arange(rows - 1, -1, -1)
    tree.cursor[PARENT], tree.cursor[ROOM], tree.cursor[MOST] = -1, rows, most_waiting
    tree.totals[:] = np.inf, np.inf, 0.0, 0.0
    return tree._replace(nodes=tree.nodes._replace(number=number))


def bound_of(tree: Tree) -> float:
    """Return `least_bound`, outside compiled code."""
    nodes, cursor, totals = tree.nodes, tree.cursor, tree.totals
    if cursor[NODES] == 0:
        return -np.inf
    waiting = [*nodes.queue[ROWS, : cursor[WAITING]], *nodes.queue[STACK, : cursor[STACKED]]]
    if cursor[PARENT] >= 0 and cursor[SIDE] < 2:
        waiting.append(cursor[PARENT])
    return float(min(totals[UPPER], totals[CLOSED], *nodes.number[waiting, BOUND]))


def more_room(tree: Tree) -> Tree:
    """Return a tree whose rows are all in use with twice as many."""
    rows = len(tree.nodes.state)
    longer = [np.concatenate([part, np.empty_like(part)]) for part in tree.nodes[:4]]
    queue = np.concatenate([tree.nodes.queue, np.zeros_like(tree.nodes.queue)], axis=1)
    queue[UNUSED, :rows] = np.arange(2 * rows - 1, rows - 1, -1)
    tree.cursor[ROOM] = rows
    return tree._replace(nodes=Nodes(longer[0], longer[1], longer[2], longer[3], queue))
