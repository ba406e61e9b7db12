r"""Branching on counts under limits: the exact search for decisions of one bit a user whose weighted sums are limited.

As `mecopt.search.count_tree`, with one more price for every row of limits (`mecopt.search.limited_data`).

1. *What follows* from the rows is drawn: items that have one choice left are decided, and a node whose rows cannot be kept
   is closed, which proves that no decision of it is allowed.
2. *Price* the node (`mecopt.search.limited_prices`). Its best sets are mended until they keep the limits, and bettered.
3. *Fix* items by their reduced costs. Where the number of all items is limited, a price on it is found for that: the middle
   between the gains of the last one in and the first one out.
4. *Branch* on the outermost group whose count is broken in the relaxed decision, on an item of large weight where none is.

Proof. No allowed decision costs less than the bound at any prices, and the children of a node hold all of its allowed
decisions. So the least bound over closed and open nodes is valid at any time, and infinite only where nodes were closed by
their sums, by counts or by an infinite cost. The tree is finite: a child has fewer numbers that a count can have, or decides
an item.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_freely, compiled_inside
from mecopt.search.count_tree import CountTree, most_waiting_of
from mecopt.search.families import FREE, Bits, Family, Floats, Small, Whole, copy_bits, everyone, free_users
from mecopt.search.groups import Groups, groups
from mecopt.search.limited_data import (
    LimitedData,
    charged_slacks,
    follows,
    item_uses,
    limited_dual,
    value_of,
)
from mecopt.search.limited_moves import bettered, mended
from mecopt.search.limited_prices import best_row_prices
from mecopt.search.open_nodes import (
    BOUND,
    CUT,
    FIRST,
    LAST,
    LIMITED,
    LIMITS,
    PRICE,
    ROOM,
    UPPER,
    Nodes,
    bound_of,
    close,
    cutoff_of,
    empty_tree,
    keep,
    more_room,
    next_node,
)
from mecopt.search.trees import NODES, SearchTree, searches

Flags = NDArray[np.bool_]

BROKEN = 0.02
"""How far from a whole number a count has to be to be branched on."""
TURNS_AT_ROOT, TURNS = 30, 6
"""Prices of rows that are tried at most: at first, and for each row."""


@compiled_inside
def _try(data: LimitedData, state: Bits, candidate: Bits, best: Bits, totals: Floats) -> None:
    """Mend and better a set, and take it as the incumbent if it is better."""
    if not mended(data, state, data.gain, candidate):
        return
    value = value_of(data, candidate)
    if value < totals[UPPER]:
        value = bettered(data, state, data.gain, candidate, value)
        totals[UPPER] = value
        copy_bits(candidate, best)


@compiled_inside
def _without_counts(data: LimitedData, family: Family, price: Floats) -> float:
    """Charge for places where the number of all items is limited; return the bound over all decisions at these prices."""
    items, limits, last = family.state.size, family.limits, family.limited - 1
    users, chosen = np.empty(items, np.int64), np.empty(items, np.int8)
    free = free_users(family.state, users)
    if last >= 0 and limits[last, 1] - limits[last, 0] == items:
        limited_dual(data, family, price[0], np.inf, users, free, chosen)
        count, out, inside, place = 0, -np.inf, np.inf, 0.0
        for g in range(items):
            count += chosen[g]
            if family.state[g] == FREE and chosen[g] == 1:
                inside = min(inside, data.gain[g])
            elif family.state[g] == FREE:
                out = max(out, data.gain[g])
        if count == limits[last, 3] and out > 0.0:
            place = 0.5 * (out + max(inside, 0.0)) if 0.0 < inside < np.inf else out
        elif count == limits[last, 2] and inside < 0.0:
            place = 0.5 * (inside + min(out, 0.0)) if -np.inf < out < 0.0 else inside
        if place != 0.0 and np.isfinite(place):
            for g in range(items):
                data.charge[g] += place
            term = max(place * limits[last, 2], place * limits[last, 3])
            data.paid[0] += term
            data.paid[1] += abs(term) + 2.0 * items * abs(place)
        free = free_users(family.state, users)
    return float(limited_dual(data, everyone(family.state), price[0], np.inf, users, free, chosen)[0])


@compiled_inside
def _fix(data: LimitedData, family: Family, price: Floats, cutoff: float, totals: Floats) -> None:
    """Take from items what would lift the bound to the cutoff."""
    slack, state = np.empty((family.state.size, 2)), family.state
    bound = _without_counts(data, family, price)
    if not np.isfinite(bound):
        return
    paid = data.paid[0]
    charged_slacks(data.inner, data.item, data.charge, state, price[0], bound + paid, cutoff + paid, slack)
    for g in range(state.size):
        for j in range(2):
            rise = 0.0 if np.isnan(slack[g, j]) else slack[g, j]
            if state[g] == FREE and bound + rise >= cutoff:
                close(totals, bound + rise)
                state[g] = 1 - j


@compiled_inside
def _forget(data: LimitedData, price: Floats, least: Floats, most: Floats) -> None:
    """Ask nothing for what a row cannot break."""
    for k in range(least.size):
        if (price[1 + k] > 0.0 and most[k] < data.most[k]) or (price[1 + k] < 0.0 and least[k] > data.least[k]):
            price[1 + k] = 0.0


@compiled_inside
def _priced(
    data: LimitedData, family: Family, above: float, price: Floats, turns: int, gap: float, best: Bits, totals: Floats,
    mix: Floats,
) -> float:  # fmt: skip
    """Price a node and better the incumbent; return its bound, infinite where it is closed."""
    rows, items = data.weight.shape
    least, most, state = np.empty(rows), np.empty(rows), family.state
    more, less = np.empty(items, np.int8), np.empty(items, np.int8)
    if not follows(data, state, least, most):
        close(totals, np.inf)
        return np.inf
    _forget(data, price, least, most)
    cutoff = cutoff_of(totals[UPPER], gap)
    own = best_row_prices(data, family, price, least, most, cutoff, turns, more, less, mix)
    bound = own if np.isnan(own) else max(own, above)
    if bound < cutoff:
        copy = np.empty(items, np.int8)
        for turn in range(3):
            for g in range(items):
                copy[g] = more[g] if turn == 0 else less[g] if turn == 1 else mix[g] > 0.5
            _try(data, state, copy, best, totals)
    cutoff = cutoff_of(totals[UPPER], gap)
    if not bound < cutoff:
        close(totals, bound)
        return np.inf
    _fix(data, family, price, cutoff, totals)
    if not follows(data, state, least, most):
        close(totals, np.inf)
        return np.inf
    for g in range(items):
        if state[g] == FREE:
            return bound
    _forget(data, price, least, most)  # one decision is left: the prices have to prove it, whatever its value is said to be
    own = best_row_prices(data, family, price, least, most, np.inf, 0, more, less, mix)
    bound = own if np.isnan(own) else max(own, bound)
    value = value_of(data, state)
    if value < totals[UPPER]:
        totals[UPPER] = value
        copy_bits(state, best)
    close(totals, bound)
    return np.inf


@compiled_inside
def _divide(data: LimitedData, found: Groups, state: Bits, limits: Small, mix: Floats, whole: Whole) -> None:
    """Choose the group that is branched on and the cut, or the item."""
    for g in range(found.first.size):
        first, last, ones, free, number = found.first[g], found.last[g], 0, 0, 0.0
        for k in range(first, last):
            i = found.order[k]
            ones += state[i] == 1
            free += state[i] == FREE
            number += mix[i] if state[i] == FREE else float(state[i])
        least, most, known = ones, ones + free, whole[LIMITED] < LIMITS
        for j in range(whole[LIMITED]):
            if limits[j, 0] == first and limits[j, 1] == last:
                least, most, known = max(least, limits[j, 2]), min(most, limits[j, 3]), True
        if free > 1 and known and least < most and abs(number - np.rint(number)) > BROKEN:
            whole[FIRST], whole[LAST] = first, last
            whole[CUT] = max(min(int(np.floor(number)), most - 1), least)
            return
    widest = -1.0
    for k in range(state.size):
        i = found.order[k]
        if state[i] == FREE:
            weight = 1e-6
            for row in range(data.weight.shape[0]):
                weight += abs(data.weight[row, i])
            torn = min(mix[i], 1.0 - mix[i]) * (1.0 + weight) + 1e-6 * weight
            if torn > widest:
                widest = torn
                whole[FIRST], whole[LAST], whole[CUT] = k, k + 1, 0


@compiled_freely
def _search(
    data: LimitedData, nodes: Nodes, best: Bits, told: Floats, cursor: Whole, totals: Floats, gap: float, budget: int
) -> None:
    """Price at most `budget` more nodes; everything needed to go on stays in the arrays."""
    rows, items = data.weight.shape
    price, mix, place = np.empty(1 + rows), np.empty(items), np.empty(items, np.int64)
    found = groups(told)
    for k in range(items):
        place[found.order[k]] = k
    end = cursor[NODES] + budget
    while cursor[NODES] < end:
        row = next_node(nodes, found.order, cursor, totals, gap)
        if row < 0:
            return
        family = Family(nodes.state[row], place, nodes.limits[row], nodes.whole[row, LIMITED])
        for k in range(1 + rows):
            price[k] = nodes.number[row, PRICE + k]
        turns = TURNS * rows + (TURNS_AT_ROOT if cursor[NODES] == 0 else 0)
        bound = _priced(data, family, nodes.number[row, BOUND], price, turns, gap, best, totals, mix)
        cursor[NODES] += 1
        if bound < np.inf:
            if cursor[NODES] == 1:
                item_uses(data, price[0], told[0])
                for k in range(rows):
                    for g in range(items):
                        told[1 + k, g] = data.weight[k, g]
                found = groups(told)
                for k in range(items):
                    place[found.order[k]] = k
            _divide(data, found, nodes.state[row], nodes.limits[row], mix, nodes.whole[row])
            for k in range(rows):
                nodes.number[row, PRICE + 1 + k] = price[1 + k]
            keep(nodes, row, bound, price[0], cursor, totals)


@compiled
def _value(data: LimitedData, decision: Bits) -> float:
    return float(value_of(data, decision))


class LimitedTree(SearchTree):
    """The search of one instance under limits on decisions of one bit a user; its nodes decide items.

    Nobody is idle here: the limits may ask for users whose choices tie.
    """

    def __init__(
        self, data: LimitedData, users: int, choices: int, price: Floats, start: Bits | None, idle: Flags | None = None
    ) -> None:
        rows, items = data.weight.shape
        of_items = np.zeros(items, dtype=np.int8)
        if start is not None:
            of_items[data.item] = start
        super().__init__(items * choices)
        self.data, self.tree = data, empty_tree(items, price, rows, most_waiting_of(items))
        self.cursor, self.chosen = self.tree.cursor, np.zeros(items, dtype=np.int8)
        self.told = np.zeros((1 + rows, items))
        if start is not None and (of_items[data.item] == start).all():
            self.chosen[:] = of_items
            self.tree.totals[UPPER] = _value(data, self.chosen)
        if data.counts[0] > 0 or data.counts[1] < items:
            self.tree.nodes.limits[0, 0] = 0, items, *data.counts
            self.tree.nodes.whole[0, LIMITED] = 1

    @property
    def best(self) -> Bits:
        """The incumbent, a decision of the users."""
        return self.chosen[self.data.item]

    @best.setter
    def best(self, chosen: Bits) -> None:
        self.chosen = chosen

    @property
    def bound(self) -> float:
        """The proved bound."""
        return bound_of(self.tree)

    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes."""
        end = self.nodes + budget
        while not self.done and self.nodes < end:
            if not self.cursor[ROOM]:
                self.tree = more_room(self.tree)
            nodes, _, cursor, totals = self.tree
            _search(self.data, nodes, self.chosen, self.told, cursor, totals, gap, end - self.nodes)

    root = staticmethod(CountTree.root)


searches(LimitedData, LimitedTree)
