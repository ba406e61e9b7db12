r"""Price-and-fix branch and bound, the one exact engine for decisions around priced resources.

For any prices of the shared resources the Lagrangian separates over users, which bounds all :math:`C^N` decisions of N users
with C choices at once. At the best prices

1. the relaxed decision (every user takes its cheapest choice) is an incumbent,
2. forcing user :math:`i` to choice :math:`j` raises the bound by its *slack*; where that passes the incumbent, the choice is
   taken away from the user (reduced-cost fixing),
3. the few users left with more than one choice, the core, are searched depth first, cheapest slack first, each node priced
   anew: a user takes its cheapest choice, or does not. Of identical users, which no price can tell apart, an earlier one
   never takes a smaller choice than a later one.

A model supplies three compiled functions for its data, a NamedTuple of arrays of one instance with the fields `earlier`
and `later` (see `mecopt.search.twins`), in the sense "minimise":

- `relax(data, state, allowed, price, cutoff, relaxed) -> bound`: find the best prices, starting from those in the array
  `price` and leaving the best there; write the relaxed decision. ``allowed[i, j]`` says which choices users have left, and
  ``state[i]`` is the only one left, or `FREE`. A bound that reaches `cutoff` may be returned at once. The bound must be
  valid at whatever prices it was computed; it is infinite only where no decision left is feasible.
- `slacks(data, state, allowed, price, bound, cutoff, relaxed, slack)`: write to ``slack[i, j]``, for every choice left to a
  free user but the relaxed one, a valid lower bound on how much the bound rises when the user is forced to it; whatever
  lifts it to `cutoff` is enough.
- `evaluate(data, decision) -> value`: the optimal value of one decision, infinite where it is infeasible. The function may
  first better the decision in place.

They are attached to the type of the data with `attach`, so the engine below is written once and compiled, with an on-disk
cache, for each model.

The proof is the tree itself: the returned bound is the least of the bounds at which subtrees and choices were closed
and, after a limit, of the bounds of the nodes still open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, overload
from mecopt.search.trees import DONE, NODES, SearchTree, searches

FREE = -1

_DEPTH, _TRAIL = range(DONE + 1, DONE + 3)
_UPPER, _CLOSED = range(2)


Bits = NDArray[np.int8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


def relax(data: Any, state: Bits, allowed: Flags, price: Floats, cutoff: float, relaxed: Bits) -> float:
    """Price the relaxation of one node; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def slacks(
    data: Any,
    state: Bits,
    allowed: Flags,
    price: Floats,
    bound: float,
    cutoff: float,
    relaxed: Bits,
    slack: Floats,
) -> None:
    """Bound the rise when single users are forced; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def evaluate(data: Any, decision: Bits) -> float:
    """Return the optimal value of a decision; compiled code finds the model's own by the type of `data`."""
    raise NotImplementedError


def attach(
    kind: type,
    *,
    model_relax: Callable[..., float],
    model_slacks: Callable[..., None],
    model_evaluate: Callable[..., float],
) -> None:
    """Let the engine use a model's compiled functions for data of the NamedTuple type `kind`."""

    @overload(relax)
    def _relax(data, state, allowed, price, cutoff, relaxed):  # type: ignore[no-untyped-def]
        if getattr(data, "instance_class", None) is kind:
            return lambda data, state, allowed, price, cutoff, relaxed: model_relax(
                data, state, allowed, price, cutoff, relaxed
            )
        return None

    @overload(slacks)
    def _slacks(data, state, allowed, price, bound, cutoff, relaxed, slack):  # type: ignore[no-untyped-def]
        if getattr(data, "instance_class", None) is kind:
            return lambda data, state, allowed, price, bound, cutoff, relaxed, slack: model_slacks(
                data, state, allowed, price, bound, cutoff, relaxed, slack
            )
        return None

    @overload(evaluate)
    def _evaluate(data, decision):  # type: ignore[no-untyped-def]
        if getattr(data, "instance_class", None) is kind:
            return lambda data, decision: model_evaluate(data, decision)
        return None

    searches(kind, Tree)


@compiled
def _take_away(state: Bits, allowed: Flags, trail: NDArray[np.int64], filled: int, user: int, first: int, last: int) -> int:
    """Take the choices first..last away from a user, the last one it has excepted; return the length of the trail."""
    choices, left = allowed.shape[1], 0
    for j in range(choices):
        left += allowed[user, j]
    for j in range(first, last + 1):
        if allowed[user, j] and left > 1:
            allowed[user, j] = False
            trail[filled] = user * choices + j
            filled += 1
            left -= 1
    if left == 1:
        for j in range(choices):
            if allowed[user, j]:
                state[user] = j
    return filled


@compiled
def _narrow(
    data: Any,
    state: Bits,
    allowed: Flags,
    trail: NDArray[np.int64],
    filled: int,
    user: int,
    choice: int,
    hold: bool,
) -> int:
    """Hold a user at a choice, or take it away, and draw the conclusions for identical users; return the trail's length."""
    last = allowed.shape[1] - 1
    if hold:
        filled = _take_away(state, allowed, trail, filled, user, 0, choice - 1)
        filled = _take_away(state, allowed, trail, filled, user, choice + 1, last)
    else:
        filled = _take_away(state, allowed, trail, filled, user, choice, choice)
    i, before = user, -1
    while data.later[i] >= 0 and filled != before:
        most = last
        while not allowed[i, most]:
            most -= 1
        before, i = filled, data.later[i]
        filled = _take_away(state, allowed, trail, filled, i, most + 1, last)
    i, before = user, -1
    while data.earlier[i] >= 0 and filled != before:
        least = 0
        while not allowed[i, least]:
            least += 1
        before, i = filled, data.earlier[i]
        filled = _take_away(state, allowed, trail, filled, i, 0, least - 1)
    return filled


@compiled
def _descend(
    data: Any,
    state: Bits,
    allowed: Flags,
    best: Bits,
    price: Floats,
    trail: NDArray[np.int64],
    level_user: NDArray[np.int64],
    level_choice: NDArray[np.int64],
    level_trail: NDArray[np.int64],
    level_flipped: Flags,
    level_bound: Floats,
    cursor: NDArray[np.int64],
    values: Floats,
    gap: float,
    budget: int,
) -> None:
    """Search depth first for at most `budget` more nodes; everything needed to go on stays in the arrays."""
    users, choices = allowed.shape
    relaxed, candidate = np.empty(users, np.int8), np.empty(users, np.int8)
    slack = np.empty((users, choices))
    depth, filled = cursor[_DEPTH], cursor[_TRAIL]
    upper, closed = values[_UPPER], values[_CLOSED]
    last = cursor[NODES] + budget
    while cursor[NODES] < last:
        cutoff = upper - gap * abs(upper) if np.isfinite(upper) else np.inf
        own = relax(data, state, allowed, price, cutoff, relaxed)
        cursor[NODES] += 1
        bound = max(own, level_bound[depth - 1]) if depth > 0 else own
        branch = -1
        if bound < cutoff:
            candidate[:] = relaxed
            value = evaluate(data, candidate)
            if value < upper:
                upper = value
                best[:] = candidate
                cutoff = upper - gap * abs(upper)
        if not bound < cutoff:  # a nan, which must not pass for a proof, closes the node without a bound
            closed = min(closed, -np.inf if np.isnan(bound) else bound)
        else:
            slacks(data, state, allowed, price, own, cutoff, relaxed, slack)
            smallest = np.inf
            for i in range(users):
                if state[i] != FREE:
                    continue
                for j in range(choices):
                    if j == relaxed[i] or not allowed[i, j]:
                        continue
                    rise = 0.0 if np.isnan(slack[i, j]) else slack[i, j]
                    if own + rise >= cutoff:
                        closed = min(closed, own + rise)
                        filled = _narrow(data, state, allowed, trail, filled, i, j, False)
                    elif rise < smallest:
                        smallest = rise
                        branch = i
            if branch < 0:  # one decision is left: the prices have to prove it, whatever `evaluate` said of it
                leaf = relax(data, state, allowed, price, cutoff, relaxed)
                closed = min(closed, -np.inf if np.isnan(leaf) else max(leaf, bound))
        if branch >= 0:
            choice = relaxed[branch]
            if state[branch] == FREE and allowed[branch, choice]:
                level_user[depth] = branch
                level_choice[depth] = choice
                level_trail[depth] = filled
                level_flipped[depth] = False
                level_bound[depth] = bound
                depth += 1
                filled = _narrow(data, state, allowed, trail, filled, branch, choice, True)
            continue
        while depth > 0 and level_flipped[depth - 1]:
            depth -= 1
        if depth == 0:
            cursor[DONE] = 1
            break
        while filled > level_trail[depth - 1]:
            filled -= 1
            user = trail[filled] // choices
            allowed[user, trail[filled] % choices] = True
            state[user] = FREE
        level_flipped[depth - 1] = True
        filled = _narrow(data, state, allowed, trail, filled, level_user[depth - 1], level_choice[depth - 1], False)
    cursor[_DEPTH], cursor[_TRAIL] = depth, filled
    values[_UPPER], values[_CLOSED] = upper, closed


@compiled
def _root(data: Any, state: Bits, allowed: Flags, price: Floats, cutoff: float) -> tuple[Bits, float, Floats]:
    relaxed, slack = np.empty(state.size, np.int8), np.zeros(allowed.shape)
    bound = relax(data, state, allowed, price, np.inf, relaxed)
    slacks(data, state, allowed, price, bound, cutoff, relaxed, slack)
    return relaxed, bound, slack


@compiled
def _value(data: Any, decision: Bits) -> float:
    return float(evaluate(data, decision))


class Tree(SearchTree):
    """The search of one instance: arrays that `_descend` moves on, resumable between slices of nodes.

    Users who are idle have no choice but 0 from the start: their choices tie, and no price could tell them apart.
    """

    def __init__(
        self, data: Any, users: int, choices: int, price: Floats, start: Bits | None, idle: Flags | None = None
    ) -> None:
        self.data = data
        idle = np.zeros(users, dtype=np.bool_) if idle is None else idle
        self.state = np.where(idle, 0, FREE).astype(np.int8)
        self.allowed = np.ones((users, choices), dtype=np.bool_)
        self.allowed[idle, 1:] = False
        self.best = np.zeros(users, dtype=np.int8) if start is None else np.where(idle, 0, start).astype(np.int8)
        self.price = price
        most = users * (choices - 1)
        self.levels = (
            np.empty(most, np.int64),
            np.empty(most, np.int64),
            np.empty(most, np.int64),
            np.empty(most, np.int64),
            np.empty(most, np.bool_),
            np.empty(most),
        )
        self.cursor = np.zeros(4, dtype=np.int64)
        self.values = np.array([np.inf if start is None else _value(data, self.best), np.inf])
        super().__init__(users * choices)

    def descend(self, gap: float, budget: int) -> None:
        """Search at most `budget` more nodes."""
        _descend(
            self.data,
            self.state,
            self.allowed,
            self.best,
            self.price,
            *self.levels,
            self.cursor,
            self.values,
            gap,
            budget,
        )

    @property
    def bound(self) -> float:
        """The proved bound: the least over closed parts and, if the search is not done, over open nodes."""
        least = min(self.values[_UPPER], self.values[_CLOSED])
        if not self.done:
            depth = int(self.cursor[_DEPTH])
            flipped, bounds = self.levels[4][:depth], self.levels[5][:depth]
            waiting = bounds[~flipped] if depth else np.array([-np.inf])
            current = bounds[-1] if depth else -np.inf
            least = min(least, current, *waiting)
        return float(least)

    @staticmethod
    def root(data: Any, users: int, choices: int, price: Floats) -> tuple[Bits, float, Floats]:
        """Return the relaxed decision, the bound and the slacks of the root, as the search sees them."""
        state, allowed = np.full(users, FREE, dtype=np.int8), np.ones((users, choices), dtype=np.bool_)
        relaxed, bound, slack = _root(data, state, allowed, price, np.inf)
        return relaxed, bound, slack
