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
- `instance(batch, b) -> data`, where trees of many instances are to be searched one after the other: take those of one.

They are attached to the type of the data with `attach`, so the engine is written once and compiled for each model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mecopt.kernels.arrays import plain
from mecopt.kernels.compiled import by_data, compiled, compiled_freely, compiled_inside
from mecopt.search.families import FREE, Bits, Family, Floats, Small, Whole, copy_bits, everyone, same_bits
from mecopt.search.groups import groups
from mecopt.search.open_nodes import (
    BOUND,
    CLOSED,
    LIMITED,
    LIMITS,
    MOST,
    PARENT,
    PRICE,
    ROOM,
    UNUSED,
    UPPER,
    Answers,
    Flags,
    Start,
    Tree,
    close,
    cutoff_of,
    divide,
    keep,
    least_bound,
    more_room,
    next_node,
    room_for_tree,
)
from mecopt.search.trees import DONE, NODES, SearchTree, searches

MEMORY = 1 << 26
"""Bytes of waiting nodes, about, beyond which the newest one is taken next and not the best."""

UNLIMITED = 1 << 60
"""More nodes than any tree has."""

ITEM, BEGUN, END, WAIT = range(4)
"""The instance whose tree comes next, whether that is begun, the instance to stop before, and how many nodes of a tree may
wait in the heap."""


def instance(batch: Any, b: int) -> Any:
    """Take the data of one instance from those of a batch; compiled code finds the model's own by the type of `batch`."""
    raise NotImplementedError


@compiled_inside
def _alone(data: Any, b: int) -> Any:
    """Return the data of an instance that has its own."""
    return data


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


def attach(
    kind: type, *, model_relax: Any, model_slacks: Any, model_evaluate: Any, model_uses: Any, model_instance: Any = _alone
) -> None:
    """Let the engine use a model's compiled functions for data of the NamedTuple type `kind`.

    Without `model_instance` such data are always those of one instance.
    """
    for generic, kernel in ((relax, model_relax), (slacks, model_slacks), (evaluate, model_evaluate), (uses, model_uses)):
        by_data(generic, kind, kernel)
    by_data(instance, kind, model_instance)
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


@compiled_inside
def _begin(tree: Tree, start: Start, b: int, best: Bits, most_waiting: int) -> None:
    """Prepare the arrays for the root of a tree."""
    nodes, cursor, totals = tree.nodes, tree.cursor, tree.totals
    rows, users = nodes.state.shape
    for k in range(rows):
        nodes.queue[UNUSED, k] = rows - 1 - k
    for k in range(cursor.size):
        cursor[k] = 0
    for k in range(totals.size):
        totals[k] = 0.0
    for i in range(users):
        nodes.state[0, i], tree.used[i] = FREE, 0.0
        if start.idle[b, i]:
            nodes.state[0, i] = best[i] = 0
    nodes.number[0, BOUND], nodes.number[0, PRICE], nodes.whole[0, LIMITED] = -np.inf, start.price[b], 0
    cursor[PARENT], cursor[ROOM], cursor[MOST] = -1, rows, most_waiting
    totals[UPPER], totals[CLOSED] = start.value[b], np.inf


@compiled_freely
def search_trees(
    batch: Any, at: Whole, start: Start, tree: Tree, answers: Answers, gap: float, each: int, most: int, budget: int
) -> None:
    """Search trees until `budget` nodes are priced, or up to one that is open after `each` nodes more, or has no room.

    A tree of `most` nodes is left open, and the next one begun. Everything needed to go on stays in the arrays.
    """
    users = answers.best.shape[1]
    more, less, slope, price = np.empty(users, np.int8), np.empty(users, np.int8), np.empty(2), np.empty(1)
    place = np.empty(users, np.int64)
    nodes, used, cursor, totals = tree.nodes, tree.used, tree.cursor, tree.totals
    while at[ITEM] < at[END] and budget > 0:
        b = at[ITEM]
        data, best = instance(batch, b), answers.best[b]
        if at[BEGUN] == 0:
            _begin(tree, start, b, best, at[WAIT])
            at[BEGUN] = 1
        before, end = cursor[NODES], min(cursor[NODES] + each, most)
        found = groups(used.reshape(1, users))
        _place(found.order, place)
        while cursor[NODES] < end:
            row = next_node(nodes, found.order, cursor, totals, gap)
            if row < 0:
                break
            family = Family(nodes.state[row], place, nodes.limits[row], nodes.whole[row, LIMITED])
            price[0] = nodes.number[row, PRICE]
            bound = _priced(data, family, nodes.number[row, BOUND], price, gap, best, totals, more, less, slope)
            cursor[NODES] += 1
            if bound < np.inf:
                if cursor[NODES] == 1:
                    uses(data, price[0], used)
                    found = groups(used.reshape(1, users))
                    _place(found.order, place)
                divide(found, used, nodes.state[row], nodes.limits[row], more, less, slope, nodes.whole[row])
                keep(nodes, row, bound, price[0], cursor, totals)
        budget -= cursor[NODES] - before
        answers.bound[b], answers.nodes[b], answers.cut[b] = least_bound(tree), cursor[NODES], cursor[DONE] == 0
        if cursor[DONE] == 0 and cursor[NODES] < most:
            return
        at[ITEM], at[BEGUN] = b + 1, 0


@compiled
def _evaluate_some(batch: Any, best: Bits, value: Floats) -> None:
    for b in range(value.size):
        if value[b] < np.inf:
            value[b] = evaluate(instance(batch, b), best[b])


@compiled
def _counted(data: Any, price: Floats, place: Whole, limits: Small) -> float:
    more, less, slope = np.empty(place.size, np.int8), np.empty(place.size, np.int8), np.empty(2)
    state = np.full(place.size, np.int8(FREE))
    one = instance(data, 0)
    return float(relax(one, Family(state, place, limits, limits.shape[0]), price, np.inf, more, less, slope))


@compiled
def _root(data: Any, state: Bits, price: Floats, slack: Floats) -> tuple[Bits, float]:
    more, less, slope = np.empty(state.size, np.int8), np.empty(state.size, np.int8), np.empty(2)
    one = instance(data, 0)
    bound = relax(one, everyone(state), price, np.inf, more, less, slope)
    slacks(one, state, price[0], bound, np.inf, slack)
    return more if evaluate(one, more) < evaluate(one, less) else less, bound


def most_waiting_of(users: int) -> int:
    """Return how many nodes may wait in the heap."""
    return MEMORY // (users + 16 * LIMITS)


def incumbents(data: Any, starts: Sequence[Bits | None] | None, idle: Flags) -> tuple[Bits, Floats]:
    """Return decisions to begin with and their values, which are infinite where an instance has none.

    Users who are idle compute locally.
    """
    count = len(idle)
    best, value = np.zeros(idle.shape, dtype=np.int8), np.full(count, np.inf)
    for b, start in enumerate(starts or ()):
        if start is not None:
            best[b], value[b] = np.where(idle[b], 0, start), 0.0
    if starts is not None:
        _evaluate_some(data, best, value)
    return best, value


class CountTree(SearchTree):
    """The search of one instance with decisions of one bit a user: arrays that `search_trees` moves on.

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
        self.data, self.tree = data, room_for_tree(users)
        self.at = np.array([0, 0, 1, most_waiting_of(users) if most_waiting is None else most_waiting])
        nobody = np.zeros((1, users), dtype=np.bool_) if idle is None else plain(idle, np.bool_)[None]
        best, value = incumbents(data, None if start is None else [start], nobody)
        self.start = Start(price, nobody, value)
        self.answers = Answers(best, np.array([-np.inf]), np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.bool_))
        self._stands(users * choices)

    def _stands(self, choices: int) -> None:
        super().__init__(choices)
        self.item = int(self.at[ITEM])
        self.best, self.cursor = self.answers.best[self.item], self.tree.cursor

    @classmethod
    def of_batch(cls, data: Any, item: int, start: Start, tree: Tree, answers: Answers) -> CountTree:
        """Return the tree of an instance of a batch, to go on by itself."""
        self, users = cls.__new__(cls), answers.best.shape[1]
        self.data, self.start, self.tree, self.answers = data, start, tree, answers
        self.at = np.array([item, 1, item + 1, 0])
        self._stands(2 * users)
        return self

    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes."""
        end = self.nodes + budget
        while not self.done and self.nodes < end:
            if self.at[BEGUN] and not self.cursor[ROOM]:
                self.tree = more_room(self.tree)
            left = end - self.nodes
            search_trees(self.data, self.at, self.start, self.tree, self.answers, gap, left, UNLIMITED, left)

    @property
    def bound(self) -> float:
        """The proved bound: the least over closed parts and over nodes that wait."""
        return float(self.answers.bound[self.item])

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
