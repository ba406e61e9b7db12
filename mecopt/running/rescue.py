"""One bad item never harms a batch: where an answer of many ends in an exception, halves are answered, down to the bad item.

Methods answer whole batches at once, so an item whose numbers no factorisation survives would take all others with it. What
is raised on the way decides nothing: the batch is divided until the items that cannot be answered stand alone. They become
FAILED, with the exception's own words; the others are answered as in a batch of their own. Where the call has a time limit,
the parts have it once more, shared by their items: what raises late has used up the first one.

A name that does not exist and a module that is missing are no item's failure: they are raised as they are. What else is
raised is remembered until the call ends, so that `SolveFailed` comes with the exception behind it and its traceback.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certified import Statistics, Status
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import MecoptError, SolveFailed
from mecopt.contract.explained import among, settled
from mecopt.contract.fields import AllocationT, DualT
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.running.budget import Budget

Array = NDArray[Any]

Part = Callable[[slice, float | None], Solution]
"""Answers some of the items along one axis within so many seconds."""

SECONDS = tuple(f.name for f in fields(Statistics) if f.name.endswith("_seconds"))


_heard: ContextVar[dict[str, BaseException] | None] = ContextVar("heard", default=None)


class Hearing:
    """Remember the exceptions that become messages meanwhile, by what is said of them."""

    __slots__ = ("_token",)

    def __enter__(self) -> dict[str, BaseException]:
        heard: dict[str, BaseException] = {}
        self._token = _heard.set(heard)
        return heard

    def __exit__(self, *raised: object) -> None:
        _heard.reset(self._token)


def survivable(error: BaseException) -> bool:
    """Whether an exception is the failure of one item: none of ours, no interrupt, no lack of memory, of a name or a module.

    A panic inside compiled Rust is one, although it is no `Exception`; so is a local variable that some path never sets.
    """
    if isinstance(error, UnboundLocalError):
        return True
    if isinstance(error, Exception):
        return not isinstance(error, MecoptError | MemoryError | NameError | ImportError)
    return type(error).__name__ == "PanicException"


def said(name: str, error: BaseException) -> str:
    """Return an exception in one line, and remember it where somebody is `hearing`."""
    words = " ".join(str(error).split())[:200]
    text = f"{name}: {type(error).__name__}: {words}" if words else f"{name}: {type(error).__name__}"
    heard = _heard.get()
    if heard is not None:
        heard.setdefault(text, error)
    return text


def rescued(
    name: str,
    problem: Problem,
    shape: tuple[int, ...],
    whole: Callable[[], Solution],
    parts: Callable[[], tuple[Problem, Part]],
    time_limit: float | None,
) -> Solution:
    """Answer a batch as a whole or, where that raises, in the largest parts that do not.

    Parameters
    ----------
    name
        of the method.
    problem
        the batch.
    shape
        of the answer: of the batch and its candidates.
    whole
        answers everything.
    parts
        returns, where that raises, the instances along one axis, one for each item of the answer, and what answers some.
    time_limit
        seconds that `whole` has, and again all parts together, where it raises.
    """
    try:
        return whole()
    except BaseException as error:
        if not survivable(error):
            raise
        items, part = parts()
        found = _halves(name, items, slice(0, items.instances), part, error, Budget(time_limit))
    return joined(found, shape, problem)


def _halves(
    name: str,
    items: Problem,
    rows: slice,
    part: Part,
    error: BaseException,
    budget: Budget,
) -> list[Solution]:
    if rows.stop - rows.start == 1:
        return [blank(items[rows], name, said(name, error))]
    found, middle = [], (rows.start + rows.stop) // 2
    for half in (slice(rows.start, middle), slice(middle, rows.stop)):
        try:
            found.append(part(half, _share(half, items.instances) * budget.left if budget.limited else None))
        except BaseException as again:
            if not survivable(again):
                raise
            found += _halves(name, items, half, part, again, budget)
    return found


def _share(rows: slice, count: int) -> float:
    """Return what part of the time left is for some items, all before them being done: as much is kept to divide them."""
    size, open_ = rows.stop - rows.start, count - rows.start
    return size / (open_ + size) if size > 1 else 1.0 / open_


def blank(problem: Problem, name: str, text: str) -> Solution:
    """Return what stands for an instance without an answer, along one axis of length 1."""
    space, sizes = problem.decision_space, problem.sizes
    if isinstance(space, OneOf):
        decision = np.zeros((1, problem.users), dtype=np.int8)
    else:
        decision = space.sample(np.random.default_rng(0), (1,))
    status = np.empty(1, dtype=object)
    status[0] = Status.FAILED
    nothing = np.zeros(1, dtype=int)
    return Solution(
        decision=decision,
        allocation=problem.Allocation.stack([None], sizes, (1,)),
        dual=problem.Dual.stack([None], sizes, (1,)),
        objective=np.full(1, np.nan),
        bound=np.full(1, -problem.sign * np.inf),
        gap=np.full(1, np.inf),
        violation=np.full(1, np.inf),
        status=status,
        stats=Statistics(method=name, iterations=nothing, solver_calls=nothing, messages={0: text}),
        problem=problem,
    )


def joined(parts: list[Solution], shape: tuple[int, ...], problem: Problem) -> Solution:
    """Put answers along one axis together again, in the shape of the batch and its candidates.

    Where parts have candidates on further axes, `shape` is that of the batch alone.
    """
    width = math.lcm(*(part.decision.shape[-1] for part in parts))  # beams of some stand several times
    decisions = [np.tile(part.decision, width // part.decision.shape[-1]) for part in parts]
    firsts = np.cumsum([0, *(math.prod(part.shape) for part in parts)])
    stats = [part.stats for part in parts]

    def whole(values: list[Array]) -> Array:
        return np.concatenate(values).reshape((*shape, *values[0].shape[1:]))

    def variables(values: list[Any]) -> Any:
        return type(values[0])(**{name: whole([v.as_dict()[name] for v in values]) for name in values[0].as_dict()})

    def counts(values: list[Array]) -> Array:
        return whole([np.broadcast_to(value, part.shape) for value, part in zip(values, parts, strict=True)])

    claimed = [
        np.full(part.shape, np.nan) if part.stats.claimed_bound is None else part.stats.claimed_bound for part in parts
    ]
    status = whole([np.asarray(part.status, dtype=object) for part in parts])
    return Solution(
        decision=whole(decisions),
        allocation=variables([part.allocation for part in parts]),
        dual=variables([part.dual for part in parts]),
        objective=whole([part.objective for part in parts]),
        bound=whole([part.bound for part in parts]),
        gap=whole([part.gap for part in parts]),
        violation=whole([part.violation for part in parts]),
        status=status if shape else status.item(),
        stats=Statistics(
            method=stats[0].method,
            iterations=counts([one.iterations for one in stats]),
            solver_calls=counts([one.solver_calls for one in stats]),
            **{name: sum(getattr(one, name) for one in stats) for name in SECONDS},
            start_used=all(one.start_used for one in stats),
            messages={
                int(first) + k: text for first, one in zip(firsts, stats, strict=False) for k, text in one.messages.items()
            },
            claimed_bound=None if all(one.claimed_bound is None for one in stats) else whole(claimed),
        ),
        problem=problem,
    )


def returned(
    solution: Solution[AllocationT, DualT], throw: bool, heard: Mapping[str, BaseException]
) -> Solution[AllocationT, DualT]:
    """Return the solution, or raise that items have no answer, from the exception behind the first of them if any."""
    if not throw or settled(solution.status):
        return solution
    undecided = among(solution.status, Status.LIMIT) & np.isnan(np.ravel(solution.objective))
    failed = np.flatnonzero(among(solution.status, Status.FAILED, Status.INFEASIBLE) | undecided).tolist()
    if failed:
        first = failed[0]
        why = solution.stats.messages.get(first, "")
        raise SolveFailed(
            f"{len(failed)} of {max(int(np.prod(solution.shape)), 1)} items have no answer; item {first}: "
            f"{why}. Pass throw=False to keep the others.",
            solution,
        ) from next((error for text, error in heard.items() if text in why), None)
    return solution
