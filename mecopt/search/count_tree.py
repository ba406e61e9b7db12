r"""Branching on counts: the exact engine for decisions of one bit a user around one priced resource.

Price-and-fix bounds all decisions at once by a price of the shared resource, and takes away from users what would lift that
bound beyond the incumbent (price-and-fix). It ends where users are nearly alike: at the best price they
all tie, nothing is taken away, and holding one of them at a choice changes nothing, since another one takes its place. So
this engine branches on how many of a group of like users offload.

1. *The root* is priced, and users are fixed by their reduced costs.
2. *Two sets tie* at the best price of a node, S' that uses too much of the resource and S'' that uses too little, by
   :math:`\sigma' > 0 > \sigma''`. The mixture of both that uses what there is has
   :math:`c = (\sigma' n'' - \sigma'' n') / (\sigma' - \sigma'')` users of a group J of which the two have :math:`n'` and
   :math:`n''`.
3. *Branch* on the outermost of the nested groups of `mecopt.search.groups` in which the counts of the two sets differ, the
   one that moves most of the resource if there are several: :math:`|S \cap J| \le \lfloor c \rfloor`, or more. A group with
   one free user left is that user: ordinary branching.
4. *Bound* every node by the best price for the decisions that its limits leave, whose best sets sorting finds
   (`mecopt.search.families`). The node of least bound is taken next, of those about as good the newest.

Proof. The two children together hold every decision of a node, and each bound is a Lagrangian one over a family that
contains all of them: the least bound over closed and open nodes is valid at any time. The tree is finite: neither child
holds both sets, so every branching leaves fewer numbers that the counts can have.

It is small where users are alike. Let :math:`W_S(t)` be the least cost of a decision with t times the resource that there
is, convex in t where a fixed decision leaves a convex problem. The best bound of a node is the value at 1 of the convex hull
of all its :math:`W_S`. Where that is none of them, it mixes :math:`W_{S'}(t')`, :math:`t' < 1`, and :math:`W_{S''}(t'')`,
:math:`t'' > 1`, with the same product m of weight and distance from 1. With the difference :math:`\delta` of their slopes at
1 and their least curvature c the mixture is below the mean of both at 1, and that is no less than the cheaper of them, by at
most :math:`m \delta - 2 c m^2 \le \delta^2 / (8c)`. Where all counts agree, S' and S'' differ by exchanges of like users:
:math:`\delta` is of the size of what these differ by, and 0 for equal ones, so that only numbers are searched.

A model supplies compiled functions for its data, a NamedTuple of arrays of one instance, in the sense "minimise":

- `relax(data, family, price, cutoff, more, less, slope) -> bound`: find the best price, starting from the one in the array
  `price` and leaving the best there; write the two sets that tie and by how much each uses too much of the resource, as
  `mecopt.search.one_price.best_price` does for any bound that a price gives. A bound that reaches `cutoff` may be returned
  at once. It must be valid at whatever price it was computed, and is infinite only where no decision left is feasible.
- `slacks(data, state, price, bound, cutoff, slack)`: write to ``slack[i, j]``, for every free user, a valid lower bound on
  how much `bound`, that at the price without limits on counts, rises when it is forced to j; whatever lifts it to `cutoff`
  is enough.
- `evaluate(data, decision) -> value`: the optimal value of one decision, infinite where it is infeasible.
- `uses(data, price, used)`: write what users would use of the resource at a price; like users use nearly the same.

They are attached to the type of the data with `attach`, so the engine is written once and compiled for each model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import by_data, compiled, compiled_inside
from mecopt.search.families import FREE, Bits, Family, Floats, Small, Whole, copy_bits, everyone, same_bits
from mecopt.search.groups import ALL, Groups, groups
from mecopt.search.open_nodes import (
    BOUND,
    CLOSED,
    CUT,
    FIRST,
    LAST,
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
    close,
    cutoff_of,
    keep,
    next_node,
)
from mecopt.search.trees import NODES, SearchTree, searches

Flags = NDArray[np.bool_]

ROWS_AT_FIRST = 8
"""Rows for nodes that a tree begins with: most trees need no more."""
MEMORY = 1 << 26
"""Bytes of waiting nodes, about, beyond which the newest one is taken next and not the best."""


def relax(data: Any, family: Family, price: Floats, cutoff: float, more: Bits, less: Bits, slope: Floats) -> float:
    """Price the relaxation of one node; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def slacks(data: Any, state: Bits, price: float, bound: float, cutoff: float, slack: Floats) -> None:
    """Bound the rise when single users are forced; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def evaluate(data: Any, decision: Bits) -> float:
    """Return the optimal value of a decision; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def uses(data: Any, price: float, used: Floats) -> None:
    """Fill in what users use of the resource at a price; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def attach(kind: type, *, model_relax: Any, model_slacks: Any, model_evaluate: Any, model_uses: Any) -> None:
    """Let the engine use a model's compiled functions for data of the NamedTuple type `kind`."""
    for generic, kernel in ((relax, model_relax), (slacks, model_slacks), (evaluate, model_evaluate), (uses, model_uses)):
        by_data(generic, kind, kernel)
    searches(kind, CountTree)


@compiled_inside
def _fix(state: Bits, bound: float, slack: Floats, cutoff: float, totals: Floats, more: Bits, less: Bits) -> None:
    """Take from users what would lift the bound to the cutoff, in the sets that tie as well."""
    for i in range(state.size):
        for j in range(2):
            rise = 0.0 if np.isnan(slack[i, j]) else slack[i, j]
            if state[i] == FREE and bound + rise >= cutoff:
                close(totals, bound + rise)
                state[i] = more[i] = less[i] = 1 - j


@compiled_inside
def _divide(
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


@compiled_inside
def _better(data: Any, candidate: Bits, best: Bits, totals: Floats) -> None:
    """Take a decision as the incumbent if it is better."""
    value = evaluate(data, candidate)
    if value < totals[UPPER]:
        totals[UPPER] = value
        copy_bits(candidate, best)


@compiled_inside
def _priced(
    data: Any,
    family: Family,
    above: float,
    price: Floats,
    gap: float,
    best: Bits,
    totals: Floats,
    more: Bits,
    less: Bits,
    slope: Floats,
) -> float:
    """Price a node and better the incumbent; return its bound, infinite where it is closed."""
    own = relax(data, family, price, cutoff_of(totals[UPPER], gap), more, less, slope)
    bound = own if np.isnan(own) else max(own, above)
    if bound < cutoff_of(totals[UPPER], gap):
        for side in range(1 if same_bits(more, less) else 2):
            _better(data, less if side == 1 else more, best, totals)
    cutoff = cutoff_of(totals[UPPER], gap)
    if not bound < cutoff:
        close(totals, bound)
        return np.inf
    if family.limited == 0:
        slack = np.empty((best.size, 2))
        slacks(data, family.state, price[0], own, cutoff, slack)
        _fix(family.state, own, slack, cutoff, totals, more, less)
    for i in range(best.size):
        if family.state[i] == FREE:
            return bound
    if family.limited == 0:  # one decision is left: the price has to prove it, whatever `evaluate` said of it
        own = relax(data, family, price, cutoff, more, less, slope)
        bound = own if np.isnan(own) else max(own, bound)
        _better(data, family.state, best, totals)
    close(totals, bound)
    return np.inf


@compiled_inside
def _place(order: Whole, place: Whole) -> None:
    """Fill in where each user stands in the order of the groups."""
    for k in range(order.size):
        place[order[k]] = k


@compiled
def _search(
    data: Any, nodes: Nodes, best: Bits, used: Floats, cursor: Whole, totals: Floats, gap: float, budget: int
) -> None:
    """Price at most `budget` more nodes; everything needed to go on stays in the arrays."""
    users = best.size
    more, less, slope, price = np.empty(users, np.int8), np.empty(users, np.int8), np.empty(2), np.empty(1)
    place = np.empty(users, np.int64)
    found = groups(used.reshape(1, users))
    _place(found.order, place)
    end = cursor[NODES] + budget
    while cursor[NODES] < end:
        row = next_node(nodes, found.order, cursor, totals, gap)
        if row < 0:
            return
        family = Family(nodes.state[row], place, nodes.limits[row], nodes.whole[row, LIMITED])
        price[0] = nodes.number[row, PRICE]
        bound = _priced(data, family, nodes.number[row, BOUND], price, gap, best, totals, more, less, slope)
        cursor[NODES] += 1
        if bound < np.inf:
            if cursor[NODES] == 1:
                uses(data, price[0], used)
                found = groups(used.reshape(1, users))
                _place(found.order, place)
            _divide(found, used, nodes.state[row], nodes.limits[row], more, less, slope, nodes.whole[row])
            keep(nodes, row, bound, price[0], cursor, totals)


@compiled
def _value(data: Any, decision: Bits) -> float:
    return float(evaluate(data, decision))


@compiled
def _counted(data: Any, price: Floats, place: Whole, limits: Small) -> float:
    more, less, slope = np.empty(place.size, np.int8), np.empty(place.size, np.int8), np.empty(2)
    state = np.full(place.size, np.int8(FREE))
    return float(relax(data, Family(state, place, limits, limits.shape[0]), price, np.inf, more, less, slope))


@compiled
def _root(data: Any, state: Bits, price: Floats, slack: Floats) -> tuple[Bits, float]:
    more, less, slope = np.empty(state.size, np.int8), np.empty(state.size, np.int8), np.empty(2)
    bound = relax(data, everyone(state), price, np.inf, more, less, slope)
    slacks(data, state, price[0], bound, np.inf, slack)
    return more if evaluate(data, more) < evaluate(data, less) else less, bound


class CountTree(SearchTree):
    """The search of one instance with decisions of one bit a user: arrays that `_search` moves on.

    Users who are idle are local from the start: their choices tie, and no price could tell them apart. Once `most_waiting`
    nodes wait for the best of them to be taken, by default as many as fit into `MEMORY`, others are taken newest first.
    """

    def __init__(
        self,
        data: Any,
        users: int,
        choices: int,
        price: Floats,
        start: Bits | None,
        idle: Flags | None = None,
        most_waiting: int | None = None,
    ) -> None:
        self.data = data
        self.best = np.zeros(users, dtype=np.int8) if start is None else np.array(start, dtype=np.int8)
        self.arrays = Nodes(
            np.full((ROWS_AT_FIRST, users), FREE, dtype=np.int8),
            np.full((ROWS_AT_FIRST, 2), -np.inf),
            np.zeros((ROWS_AT_FIRST, 4), dtype=np.int64),
            np.empty((ROWS_AT_FIRST, LIMITS, 4), dtype=np.int32),
            np.zeros((4, ROWS_AT_FIRST), dtype=np.int64),
        )
        self.arrays.number[0, PRICE] = price[0]
        self.arrays.queue[UNUSED] = np.arange(ROWS_AT_FIRST - 1, -1, -1)
        if idle is not None and idle.any():
            self.arrays.state[0, idle], self.best[idle] = 0, 0
        self.used = np.zeros(users)
        self.cursor = np.zeros(9, dtype=np.int64)
        self.cursor[PARENT], self.cursor[ROOM] = -1, ROWS_AT_FIRST
        self.cursor[MOST] = MEMORY // (users + 16 * LIMITS) if most_waiting is None else most_waiting
        self.totals = np.array([np.inf if start is None else _value(data, self.best), np.inf, 0.0, 0.0])
        super().__init__(users * choices)

    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes."""
        end = self.nodes + budget
        while not self.done and self.nodes < end:
            if not self.cursor[ROOM]:
                self._make_room()
            _search(self.data, self.arrays, self.best, self.used, self.cursor, self.totals, gap, end - self.nodes)

    def _make_room(self) -> None:
        """Double the number of rows, all in use."""
        rows = len(self.arrays.state)
        longer = [np.concatenate([part, np.empty_like(part)]) for part in self.arrays[:4]]
        queue = np.concatenate([self.arrays.queue, np.zeros_like(self.arrays.queue)], axis=1)
        queue[UNUSED, :rows] = np.arange(2 * rows - 1, rows - 1, -1)
        self.arrays = Nodes(longer[0], longer[1], longer[2], longer[3], queue)
        self.cursor[ROOM] = rows

    @property
    def bound(self) -> float:
        """The proved bound: the least over closed parts and over nodes that wait."""
        if self.nodes == 0:
            return -np.inf
        waiting = [*self.arrays.queue[ROWS, : self.cursor[WAITING]], *self.arrays.queue[STACK, : self.cursor[STACKED]]]
        if self.cursor[PARENT] >= 0 and self.cursor[SIDE] < 2:
            waiting.append(self.cursor[PARENT])
        return float(min(self.totals[UPPER], self.totals[CLOSED], *self.arrays.number[waiting, BOUND]))

    @staticmethod
    def root(data: Any, users: int, choices: int, price: Floats) -> tuple[Bits, float, Floats]:
        """Return the relaxed decision, the bound and the slacks of the root, as the search sees them."""
        slack = np.zeros((users, 2))
        relaxed, bound = _root(data, np.full(users, FREE, dtype=np.int8), price, slack)
        return relaxed, bound, slack

    @staticmethod
    def counted(data: Any, users: int, price: Floats, least: int, most: int) -> float:
        """Return the best bound on decisions in which so many of all users offload."""
        limits = np.array([[0, users, least, most]], dtype=np.int32)
        return float(_counted(data, price, np.arange(users), limits))
