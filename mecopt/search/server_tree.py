r"""Branching on counts for many servers: price-and-fix for users that are nearly alike, and for servers that are.

At the best prices like users tie, so that nothing is fixed and single users tell nothing: whoever is held at a server,
another one takes its place. So a node of this tree says how many users of a group take a choice, first of all users, then,
where they are alike, of the groups that `mecopt.search.groups` finds, and only then which.

1. *Price* the node (`mecopt.search.server_prices`), round the relaxed decision, and better it by local search.
2. *Fix*: a choice whose reduced cost lifts the bound to the incumbent is taken away; so is one that a limit leaves no room
   for.
3. *Go through* the decisions whose loads are near those of the prices, if they are few (`mecopt.search.server_loads`).
4. *Branch*: the relaxed decision sends :math:`n` users of a group to a choice. Where that is broken, no more than
   :math:`\lfloor n \rfloor` may take it, or at least one more has to: the outermost group comes first. Where all counts are
   whole, or users differ, a user that is torn takes its likeliest choice, or does not. Where a tree turns out not to be
   small, what is branched on is tried out before (`mecopt.search.server_probes`).

Proof. The children of a node together hold a decision as good as any of the node's, up to the order of interchangeable
servers (`mecopt.search.server_counts`), and every bound is a Lagrangian one over all decisions that keep the node's limits.
So the least of the bounds at which nodes and choices were closed and of those still open bounds all decisions, wherever the
search stops. It ends, since each child has fewer numbers that its counts can have, or fewer choices. With all counts given
two decisions differ by exchanges of like users only, and what the bound of a node lacks is of second order in what these
differ by, 0 for equal ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_freely, compiled_inside
from mecopt.kernels.servers import costs
from mecopt.search.server_bound import LOST, bound_at, charge
from mecopt.search.server_counts import (
    ABOVE,
    CREDIT,
    DEPTH,
    FAILED,
    FILLED,
    FLIPPED,
    FULL,
    LEADER,
    LEAST,
    MOST,
    NEEDED,
    PRICE,
    ROWS,
    TAKEN,
    TRAIL,
    Node,
    Path,
    come_back,
    enter,
    find_options,
    follows,
    interchangeable,
    keep,
    level_out,
    no_options,
    start_over,
    take,
    take_first,
)
from mecopt.search.server_data import ServersData, prepared
from mecopt.search.server_limits import CHOICE, LAST, NO, NONE, SIZE, YES, Limits, room, set_free
from mecopt.search.server_loads import near_loads
from mecopt.search.server_prices import ENOUGH, PART, best_prices
from mecopt.search.server_probes import NEXT_TAU, keep_prices, prices_of, probe
from mecopt.search.server_rounding import ROUND, SETTLE, SPREAD, decided, rounded, try_out
from mecopt.search.server_rows import keeps, rows_follow
from mecopt.search.trees import DONE, NODES, SearchTree, searches

__all__ = ["ServerTree", "prepared"]

Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

FIRST_TAU = 0.1
"""Where prices are followed from at the root, in parts of a user's cost."""
SMALL = 64
"""After so many nodes a tree is begun again, and options to branch on are tried out."""
FEW, ROUGHLY = 40, 1e-3
"""Local search from any prices takes less time than prices do for so few users; for more of them prices are found first, so
exactly relative to the bound."""
FEW_STEPS, MANY_STEPS = 2_000, 2_000_000
"""Steps through near loads that are tried at first, and at most."""
PRICED = 100
"""Steps that take about as long as pricing one choice that a user has left."""

UPPER, CLOSED = range(2)


@compiled_inside
def _cutoff(values: Floats, gap: float) -> float:
    """Return from where on a bound closes a node."""
    return values[UPPER] - gap * abs(values[UPPER]) if values[UPPER] < np.inf else np.inf


@compiled_freely
def _descend(
    data: ServersData,
    node: Node,
    path: Path,
    trail: Whole,
    best: Bits,
    cursor: Whole,
    values: Floats,
    gap: float,
    budget: int,
) -> None:
    """Search depth first for at most `budget` more nodes; everything needed to go on stays in the arrays.

    What is gone through counts as nodes that take as long, so that a slice of nodes takes no longer than it says.
    """
    servers, allowed = data.servers, node.allowed
    users, choices = allowed.shape
    count, rows, weighed = choices - 1, node.limits.rows.shape[0], data.weighed
    free, trial, bounded = room(users, choices, rows, weighed), np.empty(users, np.int8), servers.bounded[0]
    price, same = np.empty(count + rows + weighed.least.size), np.empty(choices, np.int64)
    cost, last, options = free.cost, cursor[NODES] + budget, no_options()
    cursor[FULL] = 0
    while cursor[NODES] < last:
        known = start_over(node, path, trail, cursor) if cursor[NODES] == SMALL else -np.inf
        depth = cursor[DEPTH]
        if depth == path.bound.size:
            cursor[FULL] = 1
            return
        level = path.what[depth]
        cursor[NODES] += 1
        bound, own, branches = (path.bound[depth - 1] if depth > 0 else known), np.inf, False
        possible = follows(node, trail, cursor)
        taken = NONE - 1
        while possible and weighed.least.size > 0 and taken != cursor[TRAIL]:
            taken = cursor[TRAIL]
            possible = rows_follow(weighed, allowed, trail, cursor) and follows(node, trail, cursor)
        possible = possible and set_free(
            servers, allowed, node.limits, cursor[FILLED], data.rising, node.numbers[PRICE], weighed, free
        )
        size = free.sizes[SIZE]
        if possible and bounded and size > 0:
            for i in range(users):
                trial[i] = -1
            for j in range(choices):
                for k in range(free.start[j], free.start[j + 1]):
                    trial[free.held[k]] = j
            possible = decided(data, trial) < np.inf
        if possible and size == 0:
            own = try_out(data, allowed, free, SETTLE, trial, best, values)
        elif possible:
            prices_of(node, free, price)
            tau = FIRST_TAU if cursor[NODES] == 1 else NEXT_TAU
            if data.polish and not values[UPPER] < np.inf:  # what to compare with tells how exact the prices have to be
                if users > FEW:
                    best_prices(servers, allowed, free, price, tau, np.inf, ROUGHLY)
                    tau = NEXT_TAU
                else:
                    charge(servers, allowed, free, price)
                try_out(data, allowed, free, ROUND, trial, best, values)
            cutoff = _cutoff(values, gap)
            own, _ = best_prices(servers, allowed, free, price, tau, cutoff, PART if cutoff < np.inf else ENOUGH)
            for f in range(size):
                for j in range(choices):
                    cursor[CREDIT] += PRICED if allowed[free.users[f], j] else 0
            if not own >= cutoff and level_out(data, node, free, cursor[FILLED], price, same):
                charge(servers, allowed, free, price)
                own = bound_at(servers, free, price, YES)
            keep_prices(node, free, price)
            if np.isnan(own):  # must not pass for a proof
                own = -np.inf
            if max(own, bound) < cutoff:
                try_out(data, allowed, free, SPREAD, trial, best, values)
        bound, cutoff = max(own, bound), _cutoff(values, gap)
        if possible and bound < cutoff and size > 0:
            torn = 0
            for f in range(size):
                i, low, left = free.users[f], np.inf, 0
                for j in range(choices):
                    low = min(low, cost[f, j])
                for j in range(choices):
                    if allowed[i, j]:
                        if own + (cost[f, j] - low) >= cutoff:
                            values[CLOSED] = min(values[CLOSED], own + (cost[f, j] - low))
                            take(allowed, trail, cursor, i, j)
                            cost[f, j] = np.inf
                        else:
                            left += 1
                torn += left > 1
            branches = True
            find_options(data, node, free, cursor[FILLED], options)
            if data.polish and not bounded and weighed.least.size == 0:
                needed = max(cursor[NEEDED] >> min(max(depth - cursor[FAILED], 0), 30), FEW_STEPS)
                squares = bound_at(servers, free, price, NO) if needed <= cursor[CREDIT] else -np.inf
                if squares > -np.inf:
                    steps = min(cursor[CREDIT], MANY_STEPS)
                    went, pruned = near_loads(servers, free, price, same, squares, gap, steps, best, values)
                    last -= went // (users * choices * PRICED)
                    if went <= steps:  # dear places may have taken digits, and then it proves too little
                        bound = max(bound, pruned)
                        branches = bound < _cutoff(values, gap)
                        cursor[NEEDED], cursor[FAILED] = went, depth
                    else:
                        cursor[CREDIT] -= steps
                        cursor[NEEDED], cursor[FAILED] = 4 * steps, depth
            if branches and torn == 0 and options.sizes[0] == 0:
                bound, branches = max(bound, try_out(data, allowed, free, SETTLE, trial, best, values)), False
            elif branches and (cursor[NODES] <= SMALL or not values[UPPER] < np.inf):
                take_first(options, level)
            elif branches:
                cutoff = _cutoff(values, gap)
                last -= probe(data, node, path, depth, options, free, price, trail, cursor, bound, cutoff)
        if branches:
            level[FLIPPED] = 0
            interchangeable(data, node, cursor[FILLED], level[TAKEN], path.alike[depth])
            path.bound[depth] = bound
            keep(node, path, depth, cursor)
            enter(data, node, path, depth, level[ABOVE] == 1, trail, cursor)
            cursor[DEPTH] += 1
            continue
        values[CLOSED] = min(values[CLOSED], bound)
        while cursor[DEPTH] > 0 and path.what[cursor[DEPTH] - 1, FLIPPED] == 1:
            cursor[DEPTH] -= 1
        if cursor[DEPTH] == 0:
            cursor[DONE] = 1
            break
        depth = cursor[DEPTH] - 1
        level = path.what[depth]
        come_back(node, path, depth, trail, cursor)
        level[FLIPPED] = 1
        enter(data, node, path, depth, level[ABOVE] == 0, trail, cursor)


@compiled
def _root(data: ServersData, price: Floats, least: Floats, most: Floats, slack: Floats) -> tuple[Bits, float]:
    """Return the relaxed decision and the bound where counts are limited; fill how much more each choice costs."""
    users, choices = slack.shape
    rows, relaxed = np.zeros((choices, 3), np.int64), np.zeros(users, np.int8)
    given = np.zeros(2 * choices - 1 + data.weighed.least.size)
    allowed, free = data.servers.cost[0] < np.inf, room(users, choices, choices, data.weighed)
    for j in range(choices):
        rows[j, LAST], rows[j, CHOICE] = users, j
    for j in range(choices - 1):
        given[j] = price[j]
    for i in range(users):
        for j in range(choices):
            slack[i, j] = 0.0
    if not set_free(data.servers, allowed, Limits(rows, least, most), choices, data.rising, price, data.weighed, free):
        return relaxed, np.inf
    bound = best_prices(data.servers, allowed, free, given, FIRST_TAU, np.inf, ENOUGH)[0]
    rounded(free, NO, relaxed)
    for j in range(choices):
        for k in range(free.start[j], free.start[j + 1]):
            for other in range(choices):
                slack[free.held[k], other] = np.inf if other != j else 0.0
    for f in range(free.sizes[SIZE]):
        for j in range(choices):
            slack[free.users[f], j] = free.cost[f, j] - free.cost[f, relaxed[free.users[f]]]
    return relaxed, bound


class ServerTree(SearchTree):
    """The search of one instance: arrays that `_descend` moves on, resumable between slices of nodes.

    Users who are idle have no choice but 0 from the start: their choices tie, and no price could tell them apart.
    """

    def __init__(
        self, data: ServersData, users: int, choices: int, price: Floats, start: Bits | None, idle: Flags | None = None
    ) -> None:
        self.data = data
        idle = np.zeros(users, dtype=np.bool_) if idle is None else idle[data.order]
        allowed = data.servers.cost[0] < np.inf
        allowed[idle, 1:] = False
        allowed[idle, 0] = True
        rows = np.zeros((choices + ROWS, 3), dtype=np.int64)
        numbers = np.zeros((3, 2 * choices - 1 + ROWS + len(data.weighed.least)))
        rows[:choices, LAST], rows[:choices, CHOICE] = users, np.arange(choices)
        numbers[LEAST, :choices] = data.least
        numbers[MOST, :choices], numbers[PRICE, : choices - 1] = data.most, price[: choices - 1]
        marks = np.zeros((2, choices), dtype=np.int64)
        marks[LEADER] = -1
        self.node = Node(allowed, Limits(rows, numbers[LEAST], numbers[MOST]), numbers, marks)
        self.path = self._levels(16)
        self.trail = np.empty(users * choices, dtype=np.int64)
        self.chosen = (
            np.zeros(users, dtype=np.int8) if start is None else np.where(idle, 0, start[data.order]).astype(np.int8)
        )
        self.cursor = np.zeros(9, dtype=np.int64)
        self.cursor[FILLED] = choices
        kept = start is not None and keeps(data.asked, self.chosen)
        self.values = np.array([costs(data.servers, self.chosen[None, None])[0, 0] if kept else np.inf, np.inf])
        super().__init__(users * choices)

    def _levels(self, number: int) -> Path:
        return Path(
            np.zeros((number, 8), dtype=np.int64),
            np.empty(number),
            np.zeros((number, self.node.marks.shape[1]), dtype=np.bool_),
            np.empty((number, *self.node.numbers.shape)),
            np.empty((number, *self.node.marks.shape), dtype=np.int64),
        )

    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes, fewer where decisions are gone through; nothing where all is done."""
        last, full = self.nodes + budget, not self.done
        while full:
            _descend(
                self.data, self.node, self.path, self.trail, self.chosen, self.cursor, self.values, gap, last - self.nodes
            )
            full = bool(self.cursor[FULL])
            if full:
                known, self.path = self.path, self._levels(2 * self.path.bound.size)
                for mine, old in zip(self.path, known, strict=True):
                    mine[: len(old)] = old

    @property
    def best(self) -> Bits:  # type: ignore[override]
        """The incumbent."""
        found = np.empty_like(self.chosen)
        found[self.data.order] = self.chosen
        return found

    @property
    def bound(self) -> float:
        """The proved bound: the least over closed parts and, if the search is not done, over open nodes."""
        upper = float(self.values[UPPER])
        least = min(upper - LOST * upper if upper < np.inf else upper, self.values[CLOSED])
        if not self.done:
            depth = int(self.cursor[DEPTH])
            waiting = self.path.bound[:depth][self.path.what[:depth, FLIPPED] == 0]
            current = self.path.bound[depth - 1] if depth else -np.inf
            least = min(least, current, *waiting)
        return float(least)

    @staticmethod
    def root(data: Any, users: int, choices: int, price: Floats) -> tuple[Bits, float, Floats]:
        """Return the relaxed decision, the bound and the slacks of the root, as the search sees them."""
        slack = np.empty((users, choices))
        found, bound = _root(data, price, np.zeros(choices), data.most, slack)
        relaxed, of_users = np.empty_like(found), np.empty_like(slack)
        relaxed[data.order], of_users[data.order] = found, slack
        return relaxed, bound, of_users

    @staticmethod
    def counted(data: ServersData, least: Floats, most: Floats) -> float:
        """Return the best bound on decisions in which so many users take every choice."""
        users, choices = data.servers.cost.shape[1:]
        return float(_root(data, data.first, least, np.minimum(most, data.most), np.empty((users, choices)))[1])


searches(ServersData, ServerTree)
