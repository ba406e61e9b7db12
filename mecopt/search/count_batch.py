"""Trees of many instances, one after the other in compiled code: what `mecopt.search.count_tree` does, with less around it.

Compiled code goes from tree to tree for some milliseconds, then the clock, the keyboard and whoever watches have their turn.
A tree that is not closed within its first slice of nodes goes on where it stands, by slices as every other tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mecopt.kernels.arrays import plain
from mecopt.running import clock
from mecopt.running.budget import Budget, in_passes
from mecopt.running.threads import going_on
from mecopt.search.count_tree import BEGUN, ITEM, UNLIMITED, CountTree, incumbents, most_waiting_of, search_trees
from mecopt.search.families import Bits, Floats, Whole
from mecopt.search.open_nodes import Answers, Flags, Start, room_for_tree
from mecopt.search.trees import FIRST_SLICE, SearchTree, tolerance_of

TURN_SECONDS = 0.005
"""Compiled code is given more nodes at once until they take so long."""


class CountBatch:
    """Trees of a batch, and how far compiled code has come with them."""

    def __init__(
        self,
        batch: Any,
        price: Floats,
        starts: Sequence[Bits | None] | None,
        idle: Flags,
        gap: float,
        node_limit: int | None,
    ) -> None:
        count, users = idle.shape
        self.batch, self.gap, self.most = batch, gap, UNLIMITED if node_limit is None else node_limit
        nobody = plain(idle, np.bool_)
        best, value = incumbents(batch, starts, nobody)
        self.start = Start(price, nobody, value)
        self.answers = Answers(best, np.empty(count), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_))
        self.at, self.passed = np.array([0, 0, count, most_waiting_of(users)]), 0
        self.tree = room_for_tree(users)
        self.nodes_in_turn = self.first_slice = max(1, FIRST_SLICE // (2 * users))

    def descend(self, each: int, most: int, budget: int) -> None:
        """Go from tree to tree until `budget` nodes are priced, or up to one that is open after `each` more."""
        search_trees(self.batch, self.at, self.start, self.tree, self.answers, self.gap, each, most, budget)

    def search(self, item: int, seconds: float) -> SearchTree | None:
        """Search the tree of the next instance, and maybe some that follow; return it if its first slice leaves it open."""
        going_on()
        began, most = clock.now(), self.most if seconds > 0.0 else min(1, self.most)
        self.descend(self.first_slice, most, self.nodes_in_turn)
        open_tree = self.at[BEGUN] == 1  # which ended the turn, whatever was left of it
        if not open_tree and clock.now() - began < TURN_SECONDS:
            self.nodes_in_turn *= 2
        self.passed = int(self.at[ITEM])
        return self._opened(item) if self.passed == item else None

    def _opened(self, item: int) -> SearchTree:
        """Return the tree that compiled code stands in, and let it go on with the next."""
        tree = CountTree.of_batch(self.batch, item, self.start, self.tree, self.answers)
        self.passed = self.at[ITEM] = item + 1
        self.at[BEGUN], self.tree = 0, room_for_tree(self.start.idle.shape[1])
        return tree


def search_batch(
    batch: Any,
    price: Floats,
    starts: Sequence[Bits | None] | None,
    idle: Flags,
    *,
    gap: float | None,
    time_limit: float | None,
    node_limit: int | None,
) -> tuple[Bits, Floats, Whole, Flags]:
    """Search the instances of a batch as `mecopt.search.trees.search_all` does, and return what it does."""
    trees = CountBatch(batch, price, starts, idle, gap=tolerance_of(gap), node_limit=node_limit)
    answers, waiting = trees.answers, dict[int, SearchTree]()

    def searched(k: int, seconds: float) -> bool:
        tree = waiting.pop(k, None)
        if tree is None:
            if k == trees.passed:
                began = clock.now()
                tree = trees.search(k, seconds)
                seconds = max(seconds - (clock.now() - began), 0.0)
            if tree is None:
                return bool(answers.cut[k]) and answers.nodes[k] != node_limit
        out_of_time = tree.search(trees.gap, seconds, node_limit)
        if out_of_time:
            waiting[k] = tree
        return out_of_time

    in_passes(len(idle), Budget(time_limit), searched, anew=False)
    return answers.best, answers.bound, answers.nodes, answers.cut
