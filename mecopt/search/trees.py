"""Searches that can be cut and go on, and the budget of time and nodes that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.running import clock
from mecopt.running.budget import Budget, in_passes
from mecopt.running.threads import going_on

Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

SEARCH_ROUNDING = 1e-12
"""Relative difference below which two values count as equal in the search."""

FIRST_SLICE, _SLICE_SECONDS = 2_000, 0.02
"""The clock and the keyboard are looked at between slices of nodes, which grow until one takes that long; the first has as
many nodes as have so many choices of users together."""


NODES, DONE = range(2)
"""Of a tree's cursor: how many nodes were priced, and whether the tree is closed."""


class SearchTree(ABC):
    """The search of one instance, which compiled code moves on by slices of nodes."""

    best: Bits
    """The incumbent."""
    cursor: NDArray[np.int64]
    """Where compiled code stopped: `NODES`, `DONE`, and whatever else it needs to go on."""

    def __init__(self, choices: int) -> None:
        """Prepare for nodes with so many choices of all users together."""
        self.nodes_at_once = max(1, FIRST_SLICE // choices)

    @abstractmethod
    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes."""

    @property
    def done(self) -> bool:
        """Whether the tree is closed."""
        return bool(self.cursor[DONE])

    @property
    def nodes(self) -> int:
        """How many nodes were priced."""
        return int(self.cursor[NODES])

    @property
    @abstractmethod
    def bound(self) -> float:
        """The proved bound."""

    @staticmethod
    @abstractmethod
    def root(data: Any, users: int, choices: int, price: Floats) -> tuple[Bits, float, Floats]:
        """Return the relaxed decision, the bound and the slacks of the root, as the search sees them."""

    def search(self, gap: float, seconds: float, node_limit: int | None) -> bool:
        """Search for so many seconds, at least to the end of the first slice; return whether they cut the search."""
        began = clock.now()
        while not self.done and (node_limit is None or self.nodes < node_limit):
            going_on()
            sliced = clock.now()
            if self.nodes and sliced - began >= seconds:
                return True
            budget = self.nodes_at_once if seconds > 0.0 else 1
            self.descend(gap, budget if node_limit is None else min(budget, node_limit - self.nodes))
            if clock.now() - sliced < _SLICE_SECONDS:
                self.nodes_at_once *= 2
        return False


_kinds: dict[type, Any] = {}


def searches(kind: type, tree: Any) -> None:
    """Let a class of trees search data of the NamedTuple type `kind`."""
    _kinds[kind] = tree


def tree_of(data: Any) -> Any:
    """Return the class of the trees that search such data."""
    return _kinds[type(data)]


def tolerance_of(gap: float | None) -> float:
    """Return the relative gap to which a search goes on for a gap that is asked for."""
    return SEARCH_ROUNDING if gap is None else max(gap * (1.0 - 1e-6), SEARCH_ROUNDING)


def search_all(
    instances: Sequence[Any],
    users: int,
    choices: int,
    *,
    price: Callable[[Any], Floats],
    starts: Sequence[NDArray[np.int8] | None] | None,
    idle: Flags,
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
        first prices to try for an instance; any positive numbers are valid.
    starts
        an incumbent ``(users,)`` of each instance, or None where it has none.
    idle
        users whose choice 0 is among their best ones whatever the others choose, ``(instances, users)``.
    gap
        None searches until nothing better than rounding can exist.
    time_limit
        seconds for all instances together. Each gets an equal share of what is left, and what easy ones do not use goes
        to those that were cut, which go on where they stopped; every one has its root priced, whatever the limit.

    Returns
    -------
    decisions, bounds (in the sense "minimise"), nodes, and whether a limit cut the search
    """
    count = len(instances)
    decisions = np.zeros((count, users), dtype=np.int8)
    bounds, nodes, cut = np.empty(count), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    tolerance = tolerance_of(gap)
    trees: dict[int, SearchTree] = {}

    def searched(k: int, seconds: float) -> bool:
        tree = trees.pop(k, None)
        if tree is None:
            start = None if starts is None else starts[k]
            tree = tree_of(instances[k])(instances[k], users, choices, price(instances[k]), start, idle[k])
        out_of_time = tree.search(tolerance, seconds, node_limit)
        decisions[k], bounds[k], nodes[k], cut[k] = tree.best, tree.bound, tree.nodes, not tree.done
        if out_of_time:
            trees[k] = tree
        return out_of_time

    in_passes(count, Budget(time_limit), searched, anew=False)
    return decisions, bounds, nodes, cut
