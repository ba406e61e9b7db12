r"""Price-and-fix branch and bound, the one exact engine for binary decisions around a priced resource.

For any price of the shared resource the Lagrangian separates over users, which bounds all :math:`2^N` decisions at once.
At the best price

1. the relaxed decision (every user takes its cheaper side) is an incumbent,
2. forcing user :math:`i` to its other side raises the bound by its *slack*; where that passes the incumbent, :math:`i` is
   fixed (reduced-cost fixing),
3. the few users left, the core, are searched depth first, cheapest slack first, each node priced anew. Of identical
   users, which no price can tell apart, an earlier one offloads whenever a later one does.

A model supplies three compiled functions for its data, a NamedTuple of arrays of one instance with the fields `earlier`
and `later` (see `twins`), in the sense "minimise":

- `relax(data, state, price, cutoff, relaxed) -> (bound, price)`: find the best price, users with ``state`` 0 or 1 held and
  those with `FREE` open, starting from the price given; write the relaxed decision. A bound that reaches `cutoff` may be
  returned at once. The bound must be valid at whatever price it was computed.
- `slacks(data, state, price, bound, cutoff, relaxed, slack)`: write for every free user a valid lower bound on how much
  the bound rises when the user is forced to its other side; whatever lifts it to `cutoff` is enough.
- `evaluate(data, decision) -> value`: the optimal value of one decision.

They are attached to the type of the data with `attach`, so the engine below is written once and compiled, with an on-disk
cache, for each model.

The proof is the tree itself: the returned bound is the least of the bounds at which subtrees and fixed users were closed
and, after a limit, of the bounds of the nodes still open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

FREE = -1
SEARCH_ROUNDING = 1e-12
"""Relative difference below which two values count as equal in the search."""

_FIRST_SLICE, _SLICE_SECONDS = 16, 0.02
"""The clock and the keyboard are looked at between slices of nodes, which grow until one takes that long."""

_DEPTH, _TRAIL, _NODES, _DONE = range(4)
_UPPER, _CLOSED, _PRICE = range(3)


def relax(data: Any, state: NDArray[np.int8], price: float, cutoff: float, relaxed: NDArray[np.int8]) -> tuple[float, float]:
    """Price the relaxation of one node; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def slacks(
    data: Any,
    state: NDArray[np.int8],
    price: float,
    bound: float,
    cutoff: float,
    relaxed: NDArray[np.int8],
    slack: NDArray[np.float64],
) -> None:
    """Bound the rise when single users are forced; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def evaluate(data: Any, decision: NDArray[np.int8]) -> float:
    """Return the optimal value of a decision; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def attach(
    kind: type,
    *,
    model_relax: Callable[..., tuple[float, float]],
    model_slacks: Callable[..., None],
    model_evaluate: Callable[..., float],
) -> None:
    """Let the engine use a model's compiled functions for data of the NamedTuple type `kind`."""

    @overload(relax)
    def _relax(data, state, price, cutoff, relaxed):  # type: ignore[no-untyped-def]
        if getattr(data, "instance_class", None) is kind:
            return lambda data, state, price, cutoff, relaxed: model_relax(data, state, price, cutoff, relaxed)
        return None

    @overload(slacks)
    def _slacks(data, state, price, bound, cutoff, relaxed, slack):  # type: ignore[no-untyped-def]
        if getattr(data, "instance_class", None) is kind:
            return lambda data, state, price, bound, cutoff, relaxed, slack: model_slacks(
                data, state, price, bound, cutoff, relaxed, slack
            )
        return None

    @overload(evaluate)
    def _evaluate(data, decision):  # type: ignore[no-untyped-def]
        if getattr(data, "instance_class", None) is kind:
            return lambda data, decision: model_evaluate(data, decision)
        return None


@compiled
def twins(data: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each user the identical one before and after it, or -1.

    Parameters
    ----------
    data
        everything that tells users apart, shape ``(quantities, users)``. Identical users that are not neighbours in the
        order of the first quantity are not found, which costs time and nothing else.
    """
    users = data.shape[1]
    earlier, later = np.full(users, -1), np.full(users, -1)
    order = np.argsort(data[0])
    for k in range(1, users):
        i, j = order[k - 1], order[k]
        same = True
        for q in range(data.shape[0]):
            same = same and data[q, i] == data[q, j]
        if same:
            earlier[j], later[i] = i, j
    return earlier, later


@compiled
def _fix(data: Any, state: NDArray[np.int8], trail: NDArray[np.int64], filled: int, user: int, value: int) -> int:
    """Hold a user at a value, and with it the identical users that this decides; return the length of the trail."""
    while user >= 0 and state[user] == FREE:
        state[user] = value
        trail[filled] = user
        filled += 1
        user = data.earlier[user] if value == 1 else data.later[user]
    return filled


@compiled
def _descend(
    data: Any,
    state: NDArray[np.int8],
    best: NDArray[np.int8],
    trail: NDArray[np.int64],
    level_user: NDArray[np.int64],
    level_trail: NDArray[np.int64],
    level_flipped: NDArray[np.bool_],
    level_bound: NDArray[np.float64],
    cursor: NDArray[np.int64],
    values: NDArray[np.float64],
    gap: float,
    budget: int,
) -> None:
    """Search depth first for at most `budget` more nodes; everything needed to go on stays in the arrays."""
    users = state.size
    relaxed = np.empty(users, np.int8)
    slack = np.empty(users)
    depth, filled, price = cursor[_DEPTH], cursor[_TRAIL], values[_PRICE]
    upper, closed = values[_UPPER], values[_CLOSED]
    last = cursor[_NODES] + budget
    while cursor[_NODES] < last:
        cutoff = upper - gap * abs(upper) if np.isfinite(upper) else np.inf
        own, price = relax(data, state, price, cutoff, relaxed)
        cursor[_NODES] += 1
        bound = max(own, level_bound[depth - 1]) if depth > 0 else own
        branch = -1
        if bound < cutoff:
            value = evaluate(data, relaxed)
            if value < upper:
                upper = value
                best[:] = relaxed
                cutoff = upper - gap * abs(upper)
        if not bound < cutoff:  # a nan, which must not pass for a proof, closes the node without a bound
            closed = min(closed, -np.inf if np.isnan(bound) else bound)
        else:
            slacks(data, state, price, own, cutoff, relaxed, slack)
            smallest = np.inf
            for i in range(users):
                if state[i] != FREE:
                    continue
                if np.isnan(slack[i]):
                    slack[i] = 0.0
                if own + slack[i] >= cutoff:
                    closed = min(closed, own + slack[i])
                    filled = _fix(data, state, trail, filled, i, relaxed[i])
                elif slack[i] < smallest:
                    smallest = slack[i]
                    branch = i
        if branch >= 0 and state[branch] == FREE:
            level_user[depth] = branch
            level_trail[depth] = filled
            level_flipped[depth] = False
            level_bound[depth] = bound
            depth += 1
            filled = _fix(data, state, trail, filled, branch, relaxed[branch])
            continue
        if branch >= 0:
            continue
        while depth > 0 and level_flipped[depth - 1]:
            depth -= 1
        if depth == 0:
            cursor[_DONE] = 1
            break
        user = level_user[depth - 1]
        other = 1 - state[user]
        while filled > level_trail[depth - 1]:
            filled -= 1
            state[trail[filled]] = FREE
        level_flipped[depth - 1] = True
        filled = _fix(data, state, trail, filled, user, other)
    cursor[_DEPTH], cursor[_TRAIL] = depth, filled
    values[_UPPER], values[_CLOSED], values[_PRICE] = upper, closed, price


@compiled
def root(
    data: Any, state: NDArray[np.int8], price: float, cutoff: float
) -> tuple[NDArray[np.int8], float, NDArray[np.float64]]:
    """Return the relaxed decision, the bound and the slacks of one node, as the search sees them."""
    relaxed, slack = np.empty(state.size, np.int8), np.empty(state.size)
    bound, best = relax(data, state, price, np.inf, relaxed)
    slacks(data, state, best, bound, cutoff, relaxed, slack)
    return relaxed, bound, slack


@compiled
def _value(data: Any, decision: NDArray[np.int8]) -> float:
    return float(evaluate(data, decision))


class Tree:
    """The search of one instance: arrays that `_descend` moves on, resumable between slices of nodes."""

    def __init__(self, data: Any, users: int, price: float, start: NDArray[np.int8] | None) -> None:
        self.data = data
        self.state = np.full(users, FREE, dtype=np.int8)
        self.best = np.zeros(users, dtype=np.int8) if start is None else start.astype(np.int8)
        self.levels = (
            np.empty(users, np.int64),
            np.empty(users, np.int64),
            np.empty(users, np.int64),
            np.empty(users, np.bool_),
            np.empty(users),
        )
        self.cursor = np.zeros(4, dtype=np.int64)
        first = np.inf if start is None else _value(data, self.best)
        self.values = np.array([first, np.inf, price])

    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes."""
        _descend(self.data, self.state, self.best, *self.levels, self.cursor, self.values, gap, budget)

    @property
    def done(self) -> bool:
        """Whether the tree is closed."""
        return bool(self.cursor[_DONE])

    @property
    def nodes(self) -> int:
        """How many nodes were priced."""
        return int(self.cursor[_NODES])

    @property
    def bound(self) -> float:
        """The proved bound: the least over closed parts and, if the search is not done, over open nodes."""
        least = min(self.values[_UPPER], self.values[_CLOSED])
        if not self.done:
            depth = int(self.cursor[_DEPTH])
            flipped, bounds = self.levels[3][:depth], self.levels[4][:depth]
            waiting = bounds[~flipped] if depth else np.array([-np.inf])
            current = bounds[-1] if depth else -np.inf
            least = min(least, current, *waiting)
        return float(least)


def price_and_fix(
    instances: Sequence[Any],
    users: int,
    *,
    price: Callable[[Any], float],
    starts: NDArray[np.int8] | None,
    gap: float | None,
    time_limit: float | None,
    node_limit: int | None = None,
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Search every instance to the end, to a limit, or to the relative gap asked for.

    Parameters
    ----------
    instances
        the models' compiled data, one NamedTuple per instance.
    price
        a first price to try for an instance; any positive number is valid.
    starts
        incumbents ``(instances, users)``, or None.
    gap
        None searches until nothing better than rounding can exist.
    time_limit
        seconds for all instances together; each gets its fair share of what is left.

    Returns
    -------
    decisions, bounds (in the sense "minimise"), nodes, and whether a limit cut the search
    """
    count = len(instances)
    decisions = np.zeros((count, users), dtype=np.int8)
    bounds, nodes, cut = np.empty(count), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    tolerance = SEARCH_ROUNDING if gap is None else max(gap * (1.0 - 1e-6), SEARCH_ROUNDING)
    deadline = None if time_limit is None else time.perf_counter() + time_limit
    for k, data in enumerate(instances):
        tree = Tree(data, users, price(data), None if starts is None else starts[k])
        mine = None if deadline is None else (deadline - time.perf_counter()) / (count - k)
        began = time.perf_counter()
        nodes_at_once = _FIRST_SLICE
        while not tree.done:
            sliced = time.perf_counter()
            tree.descend(tolerance, nodes_at_once if node_limit is None else min(nodes_at_once, node_limit - tree.nodes))
            now = time.perf_counter()
            if now - sliced < _SLICE_SECONDS:
                nodes_at_once *= 2
            out_of_time = mine is not None and now - began >= mine
            if not tree.done and (out_of_time or (node_limit is not None and tree.nodes >= node_limit)):
                cut[k] = True
                break
        decisions[k], bounds[k], nodes[k] = tree.best, tree.bound, tree.nodes
    return decisions, bounds, nodes, cut
