"""Trees of many instances, one after the other in compiled code: what `mecopt.search.count_tree` does, with less around it.

The data of a batch are a NamedTuple of the type that one instance has, each array with an axis of instances in front. A tree
that is not closed with as much memory and as many nodes as one gets here is begun anew by itself (`mecopt.search.trees`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import by_data, compiled, compiled_inside
from mecopt.running.budget import Budget
from mecopt.search.count_tree import MEMORY, evaluate, price_nodes
from mecopt.search.families import FREE, Bits, Floats, Whole
from mecopt.search.open_nodes import (
    BOUND,
    CLOSED,
    LIMITED,
    LIMITS,
    MOST,
    PARENT,
    PRICE,
    ROOM,
    ROWS,
    SIDE,
    STACK,
    STACKED,
    UNUSED,
    UPPER,
    WAITING,
    Nodes,
)
from mecopt.search.trees import DONE, FIRST_SLICE, NODES, tolerance_of

Flags = NDArray[np.bool_]

ROOMY = 32
"""Rows for the nodes of each tree."""

FEW_NODES = 16
"""Nodes that most trees need no more of; beyond them what goes around a tree takes little of its time."""

AT_ONCE = 256
"""Instances between two looks at the clock and the keyboard."""


def instance(batch: Any, b: int) -> Any:
    """Return the data of one instance; compiled code finds the model's own by the type of `batch`."""
    raise NotImplementedError


def attach_instance(kind: type, model_instance: Any) -> None:
    """Let batches of data of the NamedTuple type `kind` be searched."""
    by_data(instance, kind, model_instance)


@compiled_inside
def _begin(tree: Nodes, cursor: Whole, totals: Floats, used: Floats, price: float) -> None:
    """Prepare the arrays for the root of a tree, as `CountTree` does."""
    rows, users = tree.state.shape
    for i in range(users):
        tree.state[0, i], used[i] = FREE, 0.0
    for k in range(rows):
        tree.queue[UNUSED, k] = rows - 1 - k
    for k in range(cursor.size):
        cursor[k] = 0
    for k in range(totals.size):
        totals[k] = 0.0
    tree.number[0, BOUND], tree.number[0, PRICE], tree.whole[0, LIMITED] = -np.inf, price, 0
    cursor[PARENT], cursor[ROOM], cursor[MOST] = -1, rows, MEMORY // (users + 16 * LIMITS)
    totals[UPPER] = totals[CLOSED] = np.inf


@compiled_inside
def _bound(tree: Nodes, cursor: Whole, totals: Floats) -> float:
    """Return the least bound over closed parts and over nodes that wait."""
    bound = min(totals[UPPER], totals[CLOSED])
    for k in range(cursor[WAITING]):
        bound = min(bound, tree.number[tree.queue[ROWS, k], BOUND])
    for k in range(cursor[STACKED]):
        bound = min(bound, tree.number[tree.queue[STACK, k], BOUND])
    if cursor[PARENT] >= 0 and cursor[SIDE] < 2:
        bound = min(bound, tree.number[cursor[PARENT], BOUND])
    return float(bound)


@compiled
def _search_each(
    batch: Any, part: Whole, price: Floats, idle: Flags, started: Flags, gap: float, best: Bits, bounds: Floats, nodes: Whole
) -> None:
    """Search the instances `part[0]` to `part[1]`, at most `part[2]` nodes each; nodes of trees left open are negative."""
    users = best.shape[1]
    tree = Nodes(
        np.empty((ROOMY, users), np.int8),
        np.empty((ROOMY, 2)),
        np.zeros((ROOMY, 4), np.int64),
        np.empty((ROOMY, LIMITS, 4), np.int32),
        np.zeros((4, ROOMY), np.int64),
    )
    used, cursor, totals = np.empty(users), np.empty(9, np.int64), np.empty(4)
    for b in range(part[0], part[1]):
        data = instance(batch, b)
        _begin(tree, cursor, totals, used, price[b])
        for i in range(users):
            if idle[b, i]:
                tree.state[0, i] = best[b, i] = 0
        if started[b]:
            totals[UPPER] = evaluate(data, best[b])
        price_nodes(data, tree, best[b], used, cursor, totals, gap, part[2])
        bounds[b] = _bound(tree, cursor, totals)
        nodes[b] = cursor[NODES] if cursor[DONE] else -cursor[NODES]


def search_batch(
    batch: Any,
    price: Floats,
    starts: Any,
    idle: Flags,
    *,
    gap: float | None,
    budget: Budget,
    node_limit: int | None,
) -> tuple[Bits, Floats, Whole, Flags, Flags]:
    """Search instances as `mecopt.search.trees.search_all` does, as long as there is time.

    Returns
    -------
    decisions, bounds, nodes, whether a limit of nodes cut the search, and whether it ended at all: else nothing counts
    """
    count, users = idle.shape
    decisions, bounds, nodes = np.zeros((count, users), dtype=np.int8), np.empty(count), np.zeros(count, dtype=np.int64)
    started = np.zeros(count, dtype=np.bool_)
    for k in range(count if starts is not None else 0):
        if starts[k] is not None:
            decisions[k], started[k] = starts[k], True
    most = max(1, min(FEW_NODES, FIRST_SLICE // (2 * users)))
    most = most if node_limit is None else min(most, node_limit)
    for first in range(0, count, AT_ONCE):
        if budget.spent:
            break
        part = np.array([first, min(first + AT_ONCE, count), most])
        _search_each(batch, part, price, np.ascontiguousarray(idle), started, tolerance_of(gap), decisions, bounds, nodes)
    cut = nodes <= 0
    nodes = np.abs(nodes)
    return decisions, bounds, nodes, cut, ~cut | (nodes == (node_limit or -1))
