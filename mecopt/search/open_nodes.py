"""Nodes of a tree that branches on counts, waiting for the best of them to be taken: rows of arrays, with a heap of rows.

A node that was priced waits with the group that it is branched on; its two children are written when it is taken. The node
of least bound comes next, of those about as good the newest, so that a search dives while that costs no bound.
"""

from typing import NamedTuple

import numpy as np

from mecopt.kernels.compiled import compiled_inside
from mecopt.search.families import Bits, Floats, Small, Whole, copy_bits, limit_group, settle
from mecopt.search.trees import DONE, NODES

LIMITS = 16
"""Groups that a node limits at most; where it has so many, single users are branched on."""
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
